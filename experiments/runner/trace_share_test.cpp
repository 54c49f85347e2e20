#include "experiments/runner/trace_share.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace violet::trace_share_test {
namespace {

std::vector<Event> at_times(std::initializer_list<Ticks> times) {
  std::vector<Event> events;
  for (const Ticks at : times) events.push_back({at, EventKind::kDmaMap, 0, 0, 1, 0, 0});
  return events;
}

TEST(TraceShare, TheEarlyPartEndsAtOneTimeForAllLcores) {
  const auto engine = at_times({10, 20, 30, 40}), guest = at_times({15, 25, 25, 45});
  const std::array<std::span<const Event>, 2> streams{engine, guest};
  EXPECT_EQ(end_of_early_part(streams, 0), 10u);
  EXPECT_EQ(end_of_early_part(streams, 3), 25u);
  // Both at 25 or none: one time for all of them.
  EXPECT_EQ(end_of_early_part(streams, 4), 25u);
  EXPECT_EQ(end_of_early_part(streams, 5), 30u);
  EXPECT_EQ(end_of_early_part(streams, 8), ~Ticks{0});
  EXPECT_EQ(events_before(engine, 30), 2u);
  EXPECT_EQ(events_before(guest, 30), 3u);
}

TEST(TraceShare, EventsLeaveRoomForMarksAndSamples) {
  EXPECT_EQ(TraceShare(0).events_left(), 0u);
  EXPECT_EQ(TraceShare(1 << 10).events_left(), 0u);
  TraceShare share(1 << 20);
  EXPECT_EQ(share.events_left(), (1u << 20) - (1u << 17) - 4096);
  share.took_events(1 << 21);
  EXPECT_EQ(share.events_left(), 0u);
}

// A hundred rounds a second.
TEST(TraceShare, SamplesGoOnForHoursWithinTheirPart) {
  constexpr std::uint64_t kBytes = 1 << 20, kSample = 700, kRounds = 100 * 3600 * 10;
  TraceShare share(kBytes);
  std::uint64_t written = 0, last = 0, in_the_first = 0;
  for (std::uint64_t round = 1; round <= kRounds; ++round) {
    if (!share.due(kSample)) continue;
    share.took_samples(kSample);
    written += kSample;
    last = round;
    if (round <= 46) ++in_the_first;
  }
  EXPECT_LE(written, kBytes / 8);
  EXPECT_EQ(in_the_first, 46u);
  EXPECT_GT(last, kRounds / 2);
}

TEST(TraceShare, WithoutRoomThereAreNoSamples) {
  TraceShare share(100);
  for (int round = 0; round < 1000; ++round) EXPECT_FALSE(share.due(32));
}

}  // namespace
}  // namespace violet::trace_share_test
