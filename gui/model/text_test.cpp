#include "gui/model/text.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "experiments/query/fake_run_testing.hpp"

namespace violet::gui {
namespace {

TEST(Text, OneOfAThingHasNoPlural) {
  EXPECT_EQ(countedText(0, "call"), QStringLiteral("0 calls"));
  EXPECT_EQ(countedText(1, "call"), QStringLiteral("1 call"));
  EXPECT_EQ(countedText(12345, "event"), QStringLiteral("12,345 events"));
  CellInfo cell;
  EXPECT_EQ(lostText(cell), "0 events");
  cell.lost = 1;
  EXPECT_EQ(lostText(cell), "1 event");
}

TEST(Text, AnAnswerAboutLessOrMoreThanTheWindowSaysSo) {
  constexpr TimeWindow kAsked{100'000'000, 200'000'000};
  const auto about = [&](Nanos from, Nanos to) {
    return Resolution{{from, to}, Nanos{32'000'000}};
  };
  EXPECT_EQ(aboutText({kAsked, {}}, kAsked), "in this window");
  EXPECT_EQ(aboutText(about(98'000'000, 200'000'000), kAsked), "in this window");
  EXPECT_EQ(aboutText(about(96'000'000, 224'000'000), kAsked), "in the 128 ms around it");
  EXPECT_EQ(aboutText(about(128'000'000, 192'000'000), kAsked), "in 64 ms of this window");
  EXPECT_EQ(aboutNote(about(128'000'000, 192'000'000), kAsked), ", in 64 ms of this window");
  EXPECT_EQ(aboutNote({kAsked, {}}, kAsked), "");
}

TEST(Text, OfLessThanABinNothingIsStated) {
  const Resolution bins{{64'000'000, 128'000'000}, Nanos{32'000'000}};
  const auto note = [&](Nanos length, double visible_ns) {
    return resolutionNote(bins, {100'000'000, 100'000'000 + length}, visible_ns);
  };
  EXPECT_EQ(note(10'000, 10), ", no statement below 32 ms here");
  EXPECT_EQ(note(31'999'999, 10), ", no statement below 32 ms here");
  EXPECT_EQ(note(32'000'000, 10), ", in steps of 32 ms") << "a bin and more can be told apart";
  EXPECT_EQ(note(3'200'000'000, 32'000'000), "") << "a pixel is no finer";
  EXPECT_EQ(resolutionNote({bins.about, {}}, {0, 10'000}, 10), "") << "event by event";
}

TEST(Text, OfARunWithoutEventsItSaysWhereTheResultsAre) {
  FakeRun run;
  run.without_events = "no trace was kept: --no-trace";
  EXPECT_EQ(noEventsText(run),
            "no trace was kept: --no-trace; its results are in Compare and Experiment, and in "
            "./violet report");
}

TEST(Text, ARepetitionThatDoesNotCountSaysSo) {
  CellInfo cell;
  cell.repetition = 1;
  EXPECT_EQ(repetitionText(cell), "repetition 2");
  cell.standing = {Standing::Kind::kUnfinished, "not finished, not counted", "it hangs"};
  EXPECT_EQ(repetitionText(cell), "repetition 2 (not finished, not counted)");
}

// Nobody counted what is lost with a mark, or before a viewer came: it is no 1.
TEST(Text, ALossOfUnknownSizeHasNoNumber) {
  CellInfo cell;
  cell.lost_unknown = true;
  EXPECT_TRUE(cell.lossy());
  EXPECT_EQ(lostText(cell), "events, and nobody knows how many");
  cell.lost = 12;
  EXPECT_EQ(lostText(cell), "12 events, and nobody knows how many more");
}

TEST(Text, DurationsHaveThreeDigits) {
  EXPECT_EQ(durationText(621), "621 ns");
  EXPECT_EQ(durationText(2070), "2.07 µs");
  EXPECT_EQ(durationText(1.25e9), "1.25 s");
  EXPECT_EQ(durationText(0), "0 ns");
  EXPECT_EQ(durationText(5000), "5 µs") << "no zeros that say nothing";
  EXPECT_EQ(durationText(std::numeric_limits<double>::quiet_NaN()), "not available");
}

TEST(Text, RoundingNeverShowsAThousand) {
  EXPECT_EQ(countText(999.7), "1.00 k");
  EXPECT_EQ(countText(841), "841");
  EXPECT_EQ(countText(1.234e6), "1.23 M");
  EXPECT_EQ(rateText(4.1e6), "4.1 M/s");
}

TEST(Text, AddressesAreGrouped) {
  EXPECT_EQ(addressText(0xffffe000), "0x0000_ffff_e000");
  EXPECT_EQ(addressText(~std::uint64_t{0}), "0xffff_ffff_ffff_ffff");
}

TEST(Text, TimesCountSinceTheRepetitionBegan) {
  EXPECT_EQ(timeText(1'284'031'000), "00:01.284 031");
  EXPECT_EQ(timeText(61'000'000'007), "01:01.000 000 007");
  EXPECT_EQ(timeText(-1'000), "-00:00.000 001");
}

TEST(Text, WhatIsSmallIsNotZeroAndNearlyAllIsNotAll) {
  EXPECT_EQ(percentText(0), "0 %");
  EXPECT_EQ(percentText(0.00002), "< 0.01 %");
  EXPECT_EQ(percentText(0.00012), "0.012 %");
  EXPECT_EQ(percentText(0.9998), "> 99.9 %");
  EXPECT_EQ(percentText(1), "100 %");
  EXPECT_EQ(injectedText(0.0), "0 %");
  EXPECT_EQ(injectedText(0.002), "< 0.01 %");
  EXPECT_EQ(injectedText(std::nullopt), "not known");
  EXPECT_EQ(countText(0.0041234), "0.00412");
  EXPECT_EQ(countText(0.123), "0.123");
  EXPECT_EQ(countText(2.5e-7), "2.5e-07");
  EXPECT_EQ(rateText(0.004), "0.004 /s");
}

TEST(Text, BytesSharesAndPermissions) {
  EXPECT_EQ(bytesText(4096), "4 KiB");
  EXPECT_EQ(percentText(0.992), "99.2 %");
  EXPECT_EQ(permissionsText(Permissions::kReadWrite), "R/W");
  EXPECT_EQ(permissionsText(Permissions::kNone), "-");
}

}  // namespace
}  // namespace violet::gui
