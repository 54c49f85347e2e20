#include "engine/telemetry/phase_clock.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <set>
#include <thread>

#include "engine/telemetry/phase_estimate.hpp"

namespace violet {
namespace {

// Time goes on only when the test says so.
struct Hand {
  Ticks now = 1000;
  TickSource source() {
    return {[](void* hand) noexcept { return static_cast<Hand*>(hand)->now; }, this};
  }
  void work(Ticks ticks) { now += ticks; }
};

// With so large a budget nearly every round is sampled.
PhaseClockOptions all_rounds(Hand& hand, Ticks mark_cost = 0) {
  return {.budget = 1e9, .ticks = hand.source(), .mark_cost = mark_cost};
}

// Empty rounds, until one is sampled.
void reach_sample() {
  for (int i = 0; i < 100 && PhaseClock::sampling() == nullptr; ++i) PhaseClock::round();
  ASSERT_NE(PhaseClock::sampling(), nullptr);
}

Ticks total_of(const PhaseTally& tally, WorkPhase phase) {
  Ticks sum = 0;
  for (const auto& length : tally.by_length) sum += length.of[static_cast<std::size_t>(phase)];
  return sum;
}

// What every tally must add up to.
void expect_adds_up(const PhaseTally& tally) {
  Ticks sum = tally.own + tally.waited;
  for (const auto& length : tally.by_length) {
    EXPECT_EQ(std::accumulate(length.of.begin(), length.of.end(), Ticks{0}), length.sampled);
    sum += length.unsampled + length.sampled;
  }
  EXPECT_EQ(sum, tally.wall);
  const PhaseEstimate whole = estimate(tally);
  double parts = whole.own + whole.waited + whole.rest;
  for (const auto& of : whole.of) parts += of.value_or(0);
  EXPECT_NEAR(parts, whole.wall, 1e-6 * whole.wall + 1e-6);
}

TEST(PhaseClock, AThreadWithoutOneMarksNothing) {
  EXPECT_EQ(PhaseClock::sampling(), nullptr);
  PhaseClock::round();
  const PhaseScope scope(WorkPhase::kStore);
  EXPECT_EQ(PhaseClock::sampling(), nullptr);
}

TEST(PhaseClock, NestedPhasesSubtractFromTheOneAround) {
  Hand hand;
  PhaseClock clock(all_rounds(hand));
  clock.begin(WorkPhase::kLoop);
  reach_sample();
  hand.work(5);
  {
    const PhaseScope outer(WorkPhase::kStrategy);
    hand.work(10);
    {
      const PhaseScope inner(WorkPhase::kIovaAllocate);
      hand.work(100);
      {
        const PhaseScope same(WorkPhase::kStrategy);
        hand.work(1000);
      }
      hand.work(200);
    }
    hand.work(20);
  }
  hand.work(7);
  PhaseClock::round();
  const PhaseTally tally = clock.end();
  EXPECT_EQ(total_of(tally, WorkPhase::kLoop), 12u);
  EXPECT_EQ(total_of(tally, WorkPhase::kStrategy), 1030u);
  EXPECT_EQ(total_of(tally, WorkPhase::kIovaAllocate), 300u);
  expect_adds_up(tally);
}

TEST(PhaseClock, AScopeGoesOnInAnotherPhaseAndReturnsToTheOneAround) {
  Hand hand;
  PhaseClock clock(all_rounds(hand));
  clock.begin(WorkPhase::kLoop);
  reach_sample();
  {
    PhaseScope scope(WorkPhase::kStrategy);
    hand.work(3);
    scope.next(WorkPhase::kTelemetry);
    hand.work(4);
  }
  EXPECT_EQ(clock.current(), WorkPhase::kLoop);
  hand.work(5);
  const PhaseTally tally = clock.end();
  EXPECT_EQ(total_of(tally, WorkPhase::kStrategy), 3u);
  EXPECT_EQ(total_of(tally, WorkPhase::kTelemetry), 4u);
  EXPECT_EQ(total_of(tally, WorkPhase::kLoop), 5u);
  expect_adds_up(tally);
}

// As a poll: what it was is known only when it has found something.
TEST(PhaseClock, APhaseIsNamedBehindItsBeginning) {
  Hand hand;
  PhaseClock clock(all_rounds(hand));
  clock.begin(WorkPhase::kIdle);
  reach_sample();
  hand.work(8);
  clock.enter(WorkPhase::kIdle);
  hand.work(9);
  clock.name(WorkPhase::kDecode);
  hand.work(10);
  clock.enter(WorkPhase::kIdle);
  const PhaseTally tally = clock.end();
  EXPECT_EQ(total_of(tally, WorkPhase::kIdle), 8u);
  EXPECT_EQ(total_of(tally, WorkPhase::kDecode), 19u);
  expect_adds_up(tally);
}

// A poll that finds nothing is the time of who polls.
TEST(PhaseClock, AScopeThatHadNothingToDoGivesItsTimeBack) {
  Hand hand;
  PhaseClock clock(all_rounds(hand));
  clock.begin(WorkPhase::kLoop);
  reach_sample();
  {
    const PhaseScope waits(WorkPhase::kDevice);
    for (const bool found : {false, true, false}) {
      hand.work(1);
      PhaseScope poll(WorkPhase::kEndpoints);
      hand.work(10);
      if (!found) poll.was_nothing();
    }
  }
  EXPECT_EQ(clock.current(), WorkPhase::kLoop);
  const PhaseTally tally = clock.end();
  EXPECT_EQ(total_of(tally, WorkPhase::kDevice), 23u);
  EXPECT_EQ(total_of(tally, WorkPhase::kEndpoints), 10u);
  expect_adds_up(tally);
}

// An operation that is given up leaves its scopes early.
TEST(PhaseClock, AnAbortedOperationLosesNoTime) {
  Hand hand;
  PhaseClock clock(all_rounds(hand));
  clock.begin(WorkPhase::kLoop);
  reach_sample();
  const auto operation = [&](bool fails) {
    const PhaseScope scope(WorkPhase::kWorkload);
    hand.work(10);
    if (fails) return;
    const PhaseScope rest(WorkPhase::kCopy);
    hand.work(50);
  };
  operation(true);
  EXPECT_EQ(clock.current(), WorkPhase::kLoop);
  operation(false);
  const PhaseTally tally = clock.end();  // In the midst of a round.
  EXPECT_EQ(total_of(tally, WorkPhase::kWorkload), 20u);
  EXPECT_EQ(total_of(tally, WorkPhase::kCopy), 50u);
  expect_adds_up(tally);
}

TEST(PhaseClock, MarksAreTheBreakdownsOwnAndNoPhaseOwesMoreThanItHas) {
  Hand hand;
  PhaseClock clock(all_rounds(hand, 6));
  clock.begin(WorkPhase::kLoop);
  reach_sample();
  {
    const PhaseScope scope(WorkPhase::kStore);
    hand.work(100);
  }
  hand.work(2);  // Of the loop, which has two marks: 12 would be owed.
  const PhaseTally tally = clock.end();
  EXPECT_EQ(total_of(tally, WorkPhase::kStore), 94u);
  EXPECT_EQ(total_of(tally, WorkPhase::kLoop), 0u);
  EXPECT_EQ(tally.own, 8u);
  EXPECT_EQ(tally.wall, 102u);
  expect_adds_up(tally);
}

// Others had the CPU for 900 of the long round's 1000 ticks, which fits into the copy alone.
TEST(PhaseClock, WhatWasWaitedIsTakenOffTheLongestStretch) {
  Hand hand;
  Ticks waited = 50;  // Before the clock began.
  PhaseClockOptions options = all_rounds(hand, 2);
  options.waits = {[](void* at) noexcept { return *static_cast<Ticks*>(at); }, &waited};
  options.long_round = 500;
  PhaseClock clock(options);
  clock.begin(WorkPhase::kLoop);
  reach_sample();
  {
    PhaseScope scope(WorkPhase::kStrategy);
    hand.work(30);
    scope.next(WorkPhase::kCopy);
    hand.work(1000);
    waited += 900;
  }
  PhaseClock::round();
  hand.work(800);  // Long, and nobody else had the CPU.
  const PhaseTally tally = clock.end();
  EXPECT_EQ(tally.waited, 900u);
  EXPECT_EQ(total_of(tally, WorkPhase::kStrategy), 28u);
  EXPECT_EQ(total_of(tally, WorkPhase::kCopy), 98u);
  EXPECT_EQ(tally.wall, 1830u);
  EXPECT_EQ(tally.by_length[7].sampled, 126u);
  expect_adds_up(tally);
}

// No stretch holds so long a wait: no phase of the round is believed, and its own 100 ticks are of its length.
TEST(PhaseClock, AWaitThatFitsNoStretchDropsTheSample) {
  Hand hand;
  Ticks waited = 0;
  PhaseClockOptions options = all_rounds(hand, 2);
  options.waits = {[](void* at) noexcept { return *static_cast<Ticks*>(at); }, &waited};
  options.long_round = 500;
  PhaseClock clock(options);
  clock.begin(WorkPhase::kLoop);
  reach_sample();
  {
    PhaseScope scope(WorkPhase::kStrategy);
    hand.work(500);
    scope.next(WorkPhase::kCopy);
    hand.work(500);
    waited += 900;
  }
  const PhaseTally tally = clock.end();
  EXPECT_EQ(tally.waited, 900u);
  EXPECT_EQ(total_of(tally, WorkPhase::kCopy), 0u);
  EXPECT_EQ(total_of(tally, WorkPhase::kStrategy), 0u);
  EXPECT_EQ(tally.by_length[7].unsampled, 92u) << "of the 100, four marks are the breakdown's";
  expect_adds_up(tally);
}

// Every round that is long was waited in, as on a machine that others use: they are sampled as often as the short ones are,
// which cost the same marks.
TEST(PhaseClock, RoundsThatWereWaitedInAreSampledAsOftenAsOthers) {
  Hand hand;
  Ticks waited = 0;
  PhaseClock clock({.budget = 0.01,
                    .ticks = hand.source(),
                    .mark_cost = 10,
                    .waits = {[](void* at) noexcept { return *static_cast<Ticks*>(at); }, &waited},
                    .long_round = 50'000});
  clock.begin(WorkPhase::kLoop);
  for (int i = 1; i <= 100'000; ++i) {
    const bool is_long = i % 4 == 0;
    {
      const PhaseScope scope(is_long ? WorkPhase::kCopy : WorkPhase::kWorkload);
      hand.work(is_long ? 100'000 : 100);
      if (is_long) waited += 60'000;
    }
    PhaseClock::round();
  }
  const PhaseTally tally = clock.end();
  expect_adds_up(tally);
  // A round is 10 075 ticks of its own: its 13 marks bear a sample in every second, not in every 130th.
  EXPECT_GT(tally.sampled_rounds, 30'000u);
  const PhaseEstimate whole = estimate(tally);
  ASSERT_TRUE(whole.sampled_sum);
  EXPECT_NEAR(*whole.sampled_sum / whole.wall, 1, 0.02);
  const auto copied = whole.of[static_cast<std::size_t>(WorkPhase::kCopy)];
  ASSERT_TRUE(copied);
  EXPECT_NEAR(*copied, 25'000 * 40'000.0, 0.01 * 25'000 * 40'000.0);
}

// The thread is preempted while a sample is taken up: nobody may call that the breakdown's cost.
TEST(PhaseClock, WhoPreemptsTheTakingUpOfASampleHadTheCpu) {
  struct Preempted {
    Ticks now = 1000, waited = 0;
    int reads = 0, at = -1;
    TickSource source() {
      return {[](void* of) noexcept {
                auto& self = *static_cast<Preempted*>(of);
                if (self.reads++ == self.at) {
                  self.now += 5000;
                  self.waited += 4900;
                }
                return self.now;
              },
              this};
    }
  } hand;
  PhaseClock clock(
      {.budget = 1e9,
       .ticks = hand.source(),
       .mark_cost = 0,
       .waits = {[](void* of) noexcept { return static_cast<Preempted*>(of)->waited; }, &hand},
       .long_round = 500});
  clock.begin(WorkPhase::kLoop);
  reach_sample();
  hand.now += 10;
  hand.at = hand.reads + 1;  // Behind the round's end, before the next begins.
  PhaseClock::round();
  hand.now += 800;
  const PhaseTally tally = clock.end();
  EXPECT_EQ(tally.waited, 4900u);
  EXPECT_EQ(tally.own, 100u);
  EXPECT_EQ(tally.wall, 5810u) << "810 of the loop";
  expect_adds_up(tally);
}

TEST(PhaseClock, SamplesAsManyRoundsAsTheBudgetBears) {
  Hand hand;
  PhaseClock clock({.budget = 0.01, .ticks = hand.source(), .mark_cost = 10});
  clock.begin(WorkPhase::kLoop);
  for (int i = 0; i < 200'000; ++i) {
    {
      const PhaseScope scope(WorkPhase::kWorkload);
      hand.work(PhaseClock::sampling() != nullptr ? 120 : 100);
    }
    PhaseClock::round();
  }
  const PhaseTally tally = clock.end();
  const auto share = static_cast<double>(tally.own) / static_cast<double>(tally.wall);
  EXPECT_LT(share, 0.01);
  // Three marks of a round and ten of taking it up, against 110 ticks of work: one in 130.
  EXPECT_NEAR(static_cast<double>(tally.rounds) / static_cast<double>(tally.sampled_rounds), 130,
              20);
  expect_adds_up(tally);
}

// One round in a thousand is a thousand times as long, and spends its time otherwise: scaled by their number alone the
// samples would be right only by luck.
TEST(PhaseEstimate, LongRoundsAreScaledByTheirOwnSamples) {
  Hand hand;
  PhaseClock clock({.budget = 0.02, .ticks = hand.source(), .mark_cost = 1});
  clock.begin(WorkPhase::kLoop);
  double copied = 0;
  for (int i = 1; i <= 100'000; ++i) {
    const bool is_long = i % 1000 == 0;
    {
      const PhaseScope scope(is_long ? WorkPhase::kCopy : WorkPhase::kWorkload);
      hand.work(is_long ? 100'000 : 100);
      if (is_long) copied += 100'000;
    }
    PhaseClock::round();
  }
  const PhaseTally tally = clock.end();
  expect_adds_up(tally);
  const PhaseEstimate whole = estimate(tally);
  ASSERT_TRUE(whole.of[static_cast<std::size_t>(WorkPhase::kCopy)]);
  EXPECT_NEAR(*whole.of[static_cast<std::size_t>(WorkPhase::kCopy)], copied, 0.01 * copied);
  EXPECT_LT(whole.rest, 0.01 * whole.wall);
}

TEST(PhaseEstimate, WhatWasMetTooRarelyIsInTheRest) {
  PhaseTally tally;
  auto& length = tally.by_length[7];
  length.unsampled = 900;
  length.sampled = 100;
  length.sampled_rounds = PhaseEstimate::kFewestOfALength;
  length.of[static_cast<std::size_t>(WorkPhase::kWorkload)] = 90;
  length.of[static_cast<std::size_t>(WorkPhase::kCopy)] = 10;
  tally.by_length[20].unsampled = 500;
  auto& rare = tally.by_length[12];  // Two rounds of a length say nothing of the others.
  rare.unsampled = 3000;
  rare.sampled = 200;
  rare.sampled_rounds = PhaseEstimate::kFewestOfALength - 1;
  rare.of[static_cast<std::size_t>(WorkPhase::kSpin)] = 200;
  rare.rounds_with[static_cast<std::size_t>(WorkPhase::kSpin)] = 2 * PhaseEstimate::kFewestRounds;
  tally.wall = 4700;
  tally.rounds = 10;
  tally.sampled_rounds = 5;
  length.rounds_with[static_cast<std::size_t>(WorkPhase::kWorkload)] = PhaseEstimate::kFewestRounds;
  length.rounds_with[static_cast<std::size_t>(WorkPhase::kCopy)] = PhaseEstimate::kFewestRounds - 1;
  const PhaseEstimate whole = estimate(tally);
  EXPECT_EQ(whole.of[static_cast<std::size_t>(WorkPhase::kWorkload)], 900.0);
  EXPECT_FALSE(whole.of[static_cast<std::size_t>(WorkPhase::kCopy)]);
  EXPECT_FALSE(whole.of[static_cast<std::size_t>(WorkPhase::kSpin)]);
  EXPECT_EQ(whole.rest, 3800.0);
  EXPECT_EQ(whole.sampled_sum, 600.0);
  expect_adds_up(tally);
}

// Ten times in one round is one round.
TEST(PhaseEstimate, APhaseIsCountedByRoundsNotByMarks) {
  Hand hand;
  PhaseClock clock(all_rounds(hand));
  clock.begin(WorkPhase::kLoop);
  reach_sample();
  for (int i = 0; i < 10; ++i) {
    const PhaseScope scope(WorkPhase::kKick);
    hand.work(10);
  }
  for (int i = 0; i < 20; ++i) {
    PhaseClock::round();
    hand.work(100);
  }
  const PhaseTally tally = clock.end();
  EXPECT_EQ(tally.rounds_with(WorkPhase::kKick), 1u);
  const PhaseEstimate whole = estimate(tally);
  EXPECT_FALSE(whole.of[static_cast<std::size_t>(WorkPhase::kKick)]);
  EXPECT_TRUE(whole.of[static_cast<std::size_t>(WorkPhase::kLoop)]);
  expect_adds_up(tally);
}

TEST(PhaseEstimate, WithoutASampleNothingIsSaid) {
  PhaseTally tally;
  tally.by_length[7].unsampled = 100;
  tally.wall = 100;
  tally.rounds = 1;
  const PhaseEstimate whole = estimate(tally);
  EXPECT_EQ(whole.rest, 100.0);
  EXPECT_FALSE(whole.sampled_sum);
  for (const auto& of : whole.of) EXPECT_FALSE(of);
}

TEST(PhaseClock, ThreadsHaveTheirOwn) {
  PhaseClock mine;
  mine.begin(WorkPhase::kLoop);
  std::thread other([] {
    EXPECT_EQ(PhaseClock::sampling(), nullptr);
    PhaseClock theirs;
    theirs.begin(WorkPhase::kIdle);
    for (int i = 0; i < 1000; ++i) PhaseClock::round();
    const PhaseTally tally = theirs.end();
    EXPECT_EQ(tally.rounds, 1001u);
    EXPECT_EQ(total_of(tally, WorkPhase::kLoop), 0u);
    expect_adds_up(tally);
  });
  other.join();
  const PhaseTally tally = mine.end();
  EXPECT_EQ(tally.rounds, 1u);
  expect_adds_up(tally);
}

TEST(WorkPhase, EachHasANameOfItsOwnAndAMeaning) {
  std::set<std::string_view> names;
  for (const WorkPhaseInfo& info : kWorkPhaseInfos) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_FALSE(info.meaning.empty()) << info.name;
  }
  EXPECT_EQ(to_text(WorkPhase::kDecode), "decode");
  EXPECT_TRUE(is_engines(WorkPhase::kAsleep));
  EXPECT_FALSE(is_engines(WorkPhase::kLoop));
}

}  // namespace
}  // namespace violet
