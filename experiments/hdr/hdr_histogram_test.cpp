#include "experiments/hdr/hdr_histogram.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>
#include <set>
#include <thread>

#include "experiments/hdr/hdr_encoding.hpp"
#include "experiments/hdr/live_histogram.hpp"

namespace violet::results {
namespace {

HdrHistogram with_digits(int digits, std::uint64_t highest = 3'600'000'000'000) {
  return HdrHistogram::make({1, highest, digits}).value();
}

TEST(HdrLayout, RefusesRangesThatCannotBe) {
  EXPECT_FALSE(HdrLayout::make({0, 100, 3}));
  EXPECT_FALSE(HdrLayout::make({1, 1, 3}));
  EXPECT_FALSE(HdrLayout::make({1, 100, 6}));
  EXPECT_FALSE(HdrLayout::make({1, 100, -1}));
  EXPECT_FALSE(HdrLayout::make({1, ~0ULL, 3}));
  EXPECT_FALSE(HdrLayout::make({1ULL << 60, 1ULL << 62, 5}));
  EXPECT_FALSE(HdrLayout::make({1, 1ULL << 62, 5}));  // Too many buckets.
  EXPECT_TRUE(HdrLayout::make({1, 3'600'000'000'000, 5}));
}

// The sizes that the reference implementation gives for these ranges.
TEST(HdrLayout, HasTheReferenceSizes) {
  EXPECT_EQ(HdrLayout::make({1, 3'600'000'000, 3})->counts(), 23'552u);
  EXPECT_EQ(HdrLayout::make({1, 3'600'000'000'000, 3})->counts(), 33'792u);
  EXPECT_EQ(HdrLayout::make({1, 2, 0})->counts(), 3u);
}

TEST(HdrLayout, EveryValueLiesInItsBucketAndTheErrorIsBounded) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    const int digits = *rc::gen::inRange(0, 5);
    const auto lowest = std::uint64_t{1} << *rc::gen::inRange(0, 12);
    const auto layout = HdrLayout::make({lowest, std::uint64_t{1} << 50, digits}).value();
    const std::uint64_t value = seed >> (14 + *rc::gen::inRange(0, 40));
    const std::size_t index = layout.index_of(value);
    RC_ASSERT(index < layout.counts());
    RC_ASSERT(layout.lowest_at(index) <= value);
    RC_ASSERT(value <= layout.highest_at(index));
    RC_ASSERT(layout.index_of(layout.lowest_at(index)) == index);
    RC_ASSERT(layout.index_of(layout.highest_at(index)) == index);
    const double error = static_cast<double>(layout.width_at(index) - 1);
    RC_ASSERT(error <= static_cast<double>(lowest) ||
              error <= static_cast<double>(value) / std::pow(10, digits));
  }));
}

TEST(HdrHistogram, PercentilesOfKnownValues) {
  HdrHistogram h = with_digits(3);
  for (std::uint64_t i = 1; i <= 10'000; ++i) h.record(i);
  EXPECT_EQ(h.total(), 10'000u);
  EXPECT_EQ(h.min(), 1u);
  EXPECT_EQ(h.max(), 10'000u);
  EXPECT_EQ(h.percentile(0), 1u);
  EXPECT_EQ(h.percentile(10), 1000u);
  EXPECT_EQ(h.percentile(50), 5003u);  // The bucket 5000..5003.
  EXPECT_EQ(h.percentile(100), 10'007u);
  EXPECT_NEAR(h.mean(), 5000.5, 5);
  EXPECT_NEAR(h.standard_deviation(), 2886.75, 5);
}

TEST(HdrHistogram, EmptyIsZeroEverywhere) {
  const HdrHistogram h;
  EXPECT_EQ(h.percentile(99), 0u);
  EXPECT_EQ(h.min(), 0u);
  EXPECT_EQ(h.max(), 0u);
  EXPECT_EQ(h.mean(), 0.0);
  EXPECT_TRUE(h.levels().empty());
}

TEST(HdrHistogram, ValuesAboveTheRangeAreCounted) {
  HdrHistogram h = with_digits(2, 1000);
  h.record(~0ULL);
  h.record(5);
  EXPECT_EQ(h.total(), 2u);
  EXPECT_EQ(h.clamped(), 1u);
  EXPECT_EQ(h.max(), ~0ULL);
  EXPECT_GE(h.percentile(100), 1000u);
}

TEST(HdrHistogram, CorrectedRecordingFillsInWhatWasOmitted) {
  HdrHistogram h = with_digits(3);
  h.record_corrected(1000, 250);  // Stands for 1000, 750, 500, 250.
  EXPECT_EQ(h.total(), 4u);
  for (const std::uint64_t value : {1000u, 750u, 500u, 250u}) EXPECT_EQ(h.count_at(value), 1u);
  h.record_corrected(200, 250);
  h.record_corrected(7, 0);
  EXPECT_EQ(h.total(), 6u);
  h.record_corrected(~0ULL, ~0ULL);  // No overflow.
  EXPECT_EQ(h.total(), 7u);
}

TEST(HdrHistogram, CorrectingAfterwardsIsRecordingCorrected) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint8_t>& values) {
    HdrHistogram plain = with_digits(3), recorded = with_digits(3);  // One bucket for each value.
    for (const auto value : values) plain.record(value), recorded.record_corrected(value, 17);
    const HdrHistogram afterwards = plain.corrected(17);
    RC_ASSERT(afterwards.counts() == recorded.counts());
    RC_ASSERT(afterwards.min() == recorded.min() && afterwards.max() == recorded.max());
    RC_ASSERT(plain.corrected(0).counts() == plain.counts());
  }));
  HdrHistogram h = with_digits(3);
  for (int i = 0; i < 999; ++i) h.record(10);
  h.record(
      1'000'000);  // A stop, in which 999 calls of a client that makes one every 1000 were not made.
  EXPECT_EQ(h.percentile(99), 10u);
  EXPECT_NEAR(static_cast<double>(h.corrected(1000).percentile(99)), 981e3, 1e3);
}

TEST(HdrHistogram, AddingEqualsRecordingTogether) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint32_t>& a,
                           const std::vector<std::uint32_t>& b) {
    HdrHistogram one = with_digits(2), two = with_digits(2), both = with_digits(2);
    for (const auto value : a) one.record(value), both.record(value);
    for (const auto value : b) two.record(value), both.record(value);
    one.add(two);
    RC_ASSERT(one.counts() == both.counts());
    RC_ASSERT(one.min() == both.min() && one.max() == both.max() && one.total() == both.total());
    HdrHistogram other = with_digits(4);
    other.add(two);
    RC_ASSERT(other.total() == two.total() && other.max() == two.max() && other.min() == two.min());
  }));
}

TEST(HdrHistogram, LevelsEndAtAHundredAndNeverStepBack) {
  HdrHistogram h = with_digits(3);
  for (std::uint64_t i = 1; i <= 100'000; ++i) h.record(i % 1000 * i % 7777);
  const auto levels = h.levels(5);
  ASSERT_GT(levels.size(), 20u);
  EXPECT_EQ(levels.front().percentile, 0.0);
  EXPECT_EQ(levels.back().percentile, 100.0);
  EXPECT_EQ(levels.back().count_to, h.total());
  for (std::size_t i = 1; i < levels.size(); ++i) {
    EXPECT_LE(levels[i - 1].value, levels[i].value);
    EXPECT_LT(levels[i - 1].percentile, levels[i].percentile);
  }
  HdrHistogram single = with_digits(3);
  single.record(7);
  EXPECT_EQ(single.levels().back().value, 7u);
}

TEST(HdrEncoding, RoundTripsAnything) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint64_t>& values) {
    HdrHistogram h = with_digits(*rc::gen::inRange(0, 5));
    for (const auto value : values) h.record_n(value >> 24, 1 + (value & 0xffff));
    const auto back = decode(encode(h));
    RC_ASSERT(back.has_value());
    RC_ASSERT(back->counts() == h.counts());
    RC_ASSERT(back->layout() == h.layout());
    RC_ASSERT(back->total() == h.total());
  }));
}

TEST(HdrEncoding, HoldsHugeCounts) {
  HdrHistogram h = with_digits(1);
  h.record_n(5, (1ULL << 62) + 12345);
  h.record_n(70, 1ULL << 55);
  const auto back = decode(encode(h));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->count_at(5), (1ULL << 62) + 12345);
  EXPECT_EQ(back->count_at(70), 1ULL << 55);
}

TEST(HdrEncoding, BeginsAsOtherToolsExpect) {
  HdrHistogram h;
  h.record(1000);
  EXPECT_EQ(encode(h).substr(0, 9), "HISTFAAAA");
}

TEST(HdrEncoding, DamageIsAnError) {
  HdrHistogram h;
  for (std::uint64_t i = 0; i < 5000; ++i) h.record(i * i);
  const std::string text = encode(h);
  EXPECT_FALSE(decode(""));
  EXPECT_FALSE(decode("HIST"));
  EXPECT_FALSE(decode(text.substr(0, text.size() / 2 / 4 * 4)));
  EXPECT_FALSE(decode("%" + text.substr(1)));
  std::string changed = text;
  changed.replace(40, 8, "AAAAAAAA");
  EXPECT_FALSE(decode(changed));
  EXPECT_FALSE(decode(text, 10));  // More counts than the caller allows.
}

TEST(LiveHistogram, SnapshotsAreWholeWhileItGrows) {
  LiveHistogram live;
  constexpr std::uint64_t kValues = 200'000;
  std::thread writer([&] {
    for (std::uint64_t i = 0; i < kValues; ++i) live.record(i % 1000);
  });
  std::uint64_t before = 0;
  while (before < kValues) {
    const HdrHistogram now = live.snapshot();
    ASSERT_GE(now.total(), before);
    before = now.total();
    std::uint64_t sum = 0;
    now.for_each([&](const HdrBucket& bucket) { sum += bucket.count; });
    ASSERT_EQ(sum, now.total());
  }
  writer.join();
  HdrHistogram plain;
  for (std::uint64_t i = 0; i < kValues; ++i) plain.record(i % 1000);
  EXPECT_EQ(live.snapshot().counts(), plain.counts());
  EXPECT_EQ(live.snapshot().max(), 999u);
  EXPECT_EQ(live.snapshot().min(), 0u);
  live.record(~0ULL);
  EXPECT_EQ(live.snapshot().clamped(), 1u);
  live.reset();
  EXPECT_TRUE(live.snapshot().empty());
}

}  // namespace
}  // namespace violet::results
