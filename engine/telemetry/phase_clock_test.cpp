#include "engine/telemetry/phase_clock.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>
#include <thread>

#include "engine/base/rng.hpp"
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

// Every round is sampled, and stands for itself.
PhaseClockOptions all_rounds(Hand& hand, Ticks mark_cost = 0) {
  return {.ticks = hand.source(), .mark_cost = mark_cost, .gap = 1};
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
  Ticks long_rounds = 0;
  for (const auto& length : tally.by_length) {
    EXPECT_EQ(std::accumulate(length.of.begin(), length.of.end(), Ticks{0}), length.weighted);
    EXPECT_LE(length.in_long, length.unsampled + length.sampled);
    sum += length.unsampled + length.sampled;
    long_rounds += length.in_long;
  }
  EXPECT_EQ(sum, tally.wall);
  EXPECT_EQ(tally.short_rounds.ticks + long_rounds + tally.own + tally.waited, tally.wall);
  const PhaseEstimate whole = estimate(tally);
  double parts = whole.own + whole.waited + whole.rest + whole.longs;
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
  clock.begin(WorkPhase::kLoop);
  reach_sample();
  hand.work(8);
  clock.enter(WorkPhase::kIdle);
  hand.work(9);
  clock.name(WorkPhase::kDecode);
  hand.work(10);
  clock.enter(WorkPhase::kLoop);
  const PhaseTally tally = clock.end();
  EXPECT_EQ(total_of(tally, WorkPhase::kLoop), 8u);
  EXPECT_EQ(total_of(tally, WorkPhase::kDecode), 19u);
  EXPECT_EQ(total_of(tally, WorkPhase::kIdle), 0u);
  expect_adds_up(tally);
}

// A loop of polls that find nothing is as fast in a sampled round as in others.
TEST(PhaseClock, APhaseThatGoesOnIsNotMarked) {
  Hand hand;
  PhaseClock clock(all_rounds(hand, 3));
  clock.begin(WorkPhase::kIdle);
  reach_sample();
  for (int i = 0; i < 10; ++i) {
    hand.work(5);
    EXPECT_EQ(clock.enter(WorkPhase::kIdle), WorkPhase::kIdle);
  }
  {
    const PhaseScope outer(WorkPhase::kIdle);
    hand.work(7);
  }
  const PhaseTally tally = clock.end();
  EXPECT_EQ(total_of(tally, WorkPhase::kIdle), 57u);
  EXPECT_EQ(tally.own, 0u);
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

TEST(PhaseClock, MarksAreTheBreakdownsOwnAndWhatAPhaseLacksTheOthersGive) {
  Hand hand;
  PhaseClock clock(all_rounds(hand, 6));
  clock.begin(WorkPhase::kLoop);
  reach_sample();
  {
    const PhaseScope scope(WorkPhase::kStore);
    hand.work(100);
  }
  hand.work(2);  // Of the loop, which has one mark: 6 would be owed.
  const PhaseTally tally = clock.end();
  EXPECT_EQ(total_of(tally, WorkPhase::kStore), 90u);
  EXPECT_EQ(total_of(tally, WorkPhase::kLoop), 0u);
  EXPECT_EQ(tally.own, 12u);
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
  // The loop owes 2 for its mark and has nothing: each of the others gives 1 more.
  EXPECT_EQ(total_of(tally, WorkPhase::kStrategy), 27u);
  EXPECT_EQ(total_of(tally, WorkPhase::kCopy), 97u);
  EXPECT_EQ(tally.wall, 1830u);
  EXPECT_EQ(tally.by_length[7].sampled, 124u);
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
  EXPECT_EQ(tally.by_length[7].unsampled, 94u) << "of the 100, three marks are the breakdown's";
  EXPECT_EQ(tally.by_length[7].in_long, 0u);
  EXPECT_EQ(tally.short_rounds.ticks, 94u);
  EXPECT_EQ(tally.sampled_rounds, 0u);
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
      const Ticks mark = PhaseClock::sampling() != nullptr ? 10 : 0;
      hand.work(mark + (is_long ? 100'000 : 100));
      if (is_long) waited += 60'000;
    }
    PhaseClock::round();
  }
  const PhaseTally tally = clock.end();
  expect_adds_up(tally);
  // A round is 10 075 ticks of its own: its 12 marks bear a sample in every second, not in every 120th.
  EXPECT_GT(tally.sampled_rounds, 30'000u);
  EXPECT_EQ(tally.waited, 25'000 * Ticks{60'000});
  const PhaseEstimate whole = estimate(tally);
  EXPECT_NEAR(whole.sum.value_or(0), 1, 0.04);
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
  // Two marks of a round and ten of taking it up, against 100 ticks of work: one in 120.
  EXPECT_NEAR(static_cast<double>(tally.rounds) / static_cast<double>(tally.sampled_rounds), 120,
              15);
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
  length.weighted = 1000;
  length.sampled_rounds = PhaseEstimate::kFewestOfALength;
  length.of[static_cast<std::size_t>(WorkPhase::kWorkload)] = 900;
  length.of[static_cast<std::size_t>(WorkPhase::kCopy)] = 100;
  length.rounds_with[static_cast<std::size_t>(WorkPhase::kWorkload)] = PhaseEstimate::kFewestRounds;
  length.rounds_with[static_cast<std::size_t>(WorkPhase::kCopy)] = PhaseEstimate::kFewestRounds - 1;
  tally.by_length[20].unsampled = 500;
  tally.by_length[20].in_long = 400;
  auto& rare = tally.by_length[12];  // Two rounds of a length say nothing of the others.
  rare.unsampled = 3000;
  rare.sampled = rare.weighted = 200;
  rare.sampled_rounds = PhaseEstimate::kFewestOfALength - 1;
  rare.of[static_cast<std::size_t>(WorkPhase::kSpin)] = 200;
  rare.rounds_with[static_cast<std::size_t>(WorkPhase::kSpin)] = 2 * PhaseEstimate::kFewestRounds;
  tally.short_rounds.ticks = 4300;
  tally.wall = 4700;
  const PhaseEstimate whole = estimate(tally);
  EXPECT_EQ(whole.of[static_cast<std::size_t>(WorkPhase::kWorkload)], 900.0);
  EXPECT_FALSE(whole.of[static_cast<std::size_t>(WorkPhase::kCopy)]);
  EXPECT_FALSE(whole.of[static_cast<std::size_t>(WorkPhase::kSpin)]);
  EXPECT_EQ(whole.rest, 3400.0);
  EXPECT_EQ(whole.longs, 400.0);
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
  tally.short_rounds.ticks = 100;
  tally.short_rounds.units = 1;
  tally.wall = 100;
  tally.rounds = 1;
  const PhaseEstimate whole = estimate(tally);
  EXPECT_EQ(whole.rest, 100.0);
  EXPECT_FALSE(whole.sum);
  EXPECT_FALSE(whole.sum_error);
  for (const auto& of : whole.of) EXPECT_FALSE(of);
}

// --- The sum of the sampled rounds is a check ---

// Plays rounds to a clock, of which each is one unit of `kWorkload`; returns what it says of them.
template <class Length>
PhaseTally play(const PhaseClockOptions& options, Hand& hand, int rounds, Length&& length) {
  PhaseClock clock(options);
  clock.begin(WorkPhase::kLoop);
  for (int i = 0; i < rounds; ++i) {
    {
      const PhaseScope scope(WorkPhase::kWorkload);
      hand.work(length(i));
    }
    PhaseClock::round();
  }
  return clock.end();
}

// Of many seeds: what the sums are on average, and by how much they miss 1, against what they say of their error.
struct Trials {
  double mean = 0, rms = 0, said = 0;
  int beyond = 0;  // By more than 5 %.
};
template <class Play>
Trials trials(int seeds, Play&& play_seed) {
  Trials all;
  for (int seed = 1; seed <= seeds; ++seed) {
    const PhaseTally tally = play_seed(static_cast<std::uint64_t>(seed));
    expect_adds_up(tally);
    const PhaseEstimate whole = estimate(tally);
    EXPECT_TRUE(whole.sum && whole.sum_error);
    const double miss = whole.sum.value_or(0) - 1;
    all.mean += (1 + miss) / seeds;
    all.rms += miss * miss / seeds;
    all.said += *whole.sum_error * *whole.sum_error / seeds;
    all.beyond += std::abs(miss) > 0.05 ? 1 : 0;
  }
  all.rms = std::sqrt(all.rms);
  all.said = std::sqrt(all.said);
  return all;
}

// Lengths as they fall on a machine: most are near 100 ticks, some ten times that, and one in two thousand is a pause of 100
// 000 and more, which all together have a third of the time.
Ticks heavy_tailed(Rng& rng) {
  const std::uint64_t draw = rng.below(2000);
  if (draw == 0) return 100'000 + rng.below(100'000);
  if (draw < 40) return 1000 + rng.below(500);
  return 90 + rng.below(20);
}

TEST(PhaseSum, ComesToTheTimeWhereAFewRoundsHaveMuchOfIt) {
  const Trials all = trials(60, [](std::uint64_t seed) {
    Hand hand;
    Rng rng(1000 + seed);
    const PhaseClockOptions options{
        .seed = seed, .ticks = hand.source(), .mark_cost = 0, .gap = 10, .long_round = 5000};
    const PhaseTally tally = play(options, hand, 100'000, [&](int) { return heavy_tailed(rng); });
    EXPECT_GT(static_cast<double>(tally.wall - tally.short_rounds.ticks),
              0.2 * static_cast<double>(tally.wall));
    return tally;
  });
  EXPECT_NEAR(all.mean, 1, 0.01);
  EXPECT_LE(all.beyond, 1) << "of 60";
  EXPECT_NEAR(all.rms / all.said, 1, 0.35) << "it knows by how much it errs";
}

// The same where nothing is called long, and one in fifty is sampled: of the pauses most often none or one too many. It is
// still right on average, but hardly one is near; and it says so.
TEST(PhaseSum, OfRareRoundsSaysThatItErrs) {
  const Trials all = trials(60, [](std::uint64_t seed) {
    Hand hand;
    Rng rng(1000 + seed);
    const PhaseClockOptions options{
        .seed = seed, .ticks = hand.source(), .mark_cost = 0, .gap = 50};
    return play(options, hand, 100'000, [&](int) { return heavy_tailed(rng); });
  });
  EXPECT_NEAR(all.mean, 1, 0.15);
  EXPECT_GT(all.beyond, 40) << "of 60";
  EXPECT_GT(all.said, 0.1);
}

// The chance to be sampled follows what rounds cost. Where they change, those of the rarer sort are not worth less.
TEST(PhaseSum, HoldsWhereRoundsChange) {
  const Trials all = trials(60, [](std::uint64_t seed) {
    Hand hand;
    const PhaseClockOptions options{
        .budget = 0.02, .seed = seed, .ticks = hand.source(), .mark_cost = 4};
    double sampled_late = 0, late = 0;
    const PhaseTally tally = play(options, hand, 40'000, [&](int i) {
      if (i >= 20'000) {
        late += 1;
        sampled_late += PhaseClock::sampling() != nullptr ? 1 : 0;
      }
      const Ticks marks = PhaseClock::sampling() != nullptr ? 4 : 0;  // Within the scope.
      return marks + (i < 20'000 ? 100 : 1000);
    });
    // The long half is sampled more often, and would count for more than a half.
    EXPECT_GT(sampled_late, 0.6 * static_cast<double>(tally.sampled_rounds));
    return tally;
  });
  EXPECT_NEAR(all.mean, 1, 0.02);
  EXPECT_NEAR(all.rms / all.said, 1, 0.35);
}

// Rounds that were waited in and whose phases nobody can tell are counted, sampled or not.
TEST(PhaseSum, HoldsWhereSamplesAreDropped) {
  Ticks waited = 0;
  const Trials all = trials(20, [&](std::uint64_t seed) {
    Hand hand;
    Rng rng(seed);
    const PhaseClockOptions options{
        .seed = seed,
        .ticks = hand.source(),
        .mark_cost = 0,
        .gap = 4,
        .waits = {[](void* at) noexcept { return *static_cast<Ticks*>(at); }, &waited},
        .long_round = 5000};
    PhaseClock clock(options);
    clock.begin(WorkPhase::kLoop);
    int dropped = 0;
    Ticks in_waited = 0;
    for (int i = 0; i < 40'000; ++i) {
      if (rng.below(40) == 0) {  // A fortieth of the rounds, and a third of the time.
        PhaseScope scope(WorkPhase::kWorkload);
        hand.work(3000);
        scope.next(WorkPhase::kStrategy);
        hand.work(3000);
        waited += 4000;  // Fits no stretch.
        in_waited += 2000;
        dropped += PhaseClock::sampling() != nullptr ? 1 : 0;
      } else {
        const PhaseScope scope(WorkPhase::kWorkload);
        hand.work(90 + rng.below(20));
      }
      PhaseClock::round();
    }
    const PhaseTally tally = clock.end();
    EXPECT_GT(dropped, 20);
    EXPECT_EQ(tally.rounds_with(WorkPhase::kStrategy), 0u);
    EXPECT_EQ(estimate(tally).rest, static_cast<double>(in_waited));
    EXPECT_EQ(estimate(tally).longs, 0);
    return tally;
  });
  EXPECT_NEAR(all.mean, 1, 0.015);
  EXPECT_LE(all.beyond, 1) << "of 20";
}

// A clock that takes time to read.
struct SlowClock {
  Ticks now = 1000, read = 0;
  TickSource source() {
    return {[](void* clock) noexcept {
              auto& self = *static_cast<SlowClock*>(clock);
              return self.now += self.read;
            },
            this};
  }
};

void play_rounds(SlowClock& clock_of, int rounds) {
  Rng rng(7);
  for (int i = 0; i < rounds; ++i) {
    const std::uint64_t operations = 1 + rng.below(8);
    for (std::uint64_t k = 0; k < operations; ++k) {
      PhaseScope scope(WorkPhase::kWorkload);
      clock_of.now += 20 + rng.below(10);
      scope.next(WorkPhase::kStrategy);
      clock_of.now += 30;
    }
    PhaseClock::round(operations);
  }
}

PhaseTally play_marked(const PhaseClockOptions& options, SlowClock& clock_of, int rounds) {
  PhaseClock clock(options);
  clock.begin(WorkPhase::kLoop);
  play_rounds(clock_of, rounds);
  return clock.end();
}

// In this code a mark costs 7 ticks, in a loop of marks 20: priced by that, samples would come to half of the time.
TEST(PhaseSum, MarksArePricedAsTheyAreHere) {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    SlowClock slow{.read = 7};
    const PhaseTally tally = play_marked(
        {.seed = seed, .ticks = slow.source(), .mark_cost = 20, .gap = 10}, slow, 20'000);
    expect_adds_up(tally);
    EXPECT_TRUE(tally.price.is_learned);
    EXPECT_NEAR(tally.price.mark, 7, 0.3);
    EXPECT_EQ(tally.price.in_unit, 0);
    EXPECT_NEAR(estimate(tally).sum.value_or(0), 1, 0.02);
    EXPECT_LT(estimate(tally).sum_error.value_or(1), 0.01);
  }
}

// The first rounds are priced by what the warm-up learned, not by the loop's.
TEST(PhaseSum, AClockGoesOnWhereAnotherOneHasLearned) {
  SlowClock slow{.read = 7};
  const PhaseClockOptions cold{.ticks = slow.source(), .mark_cost = 20, .gap = 10};
  PhaseClock before(cold);
  before.begin(WorkPhase::kLoop);
  play_rounds(slow, 20'000);
  before.end();
  PhaseClockOptions warm = cold;
  warm.learned = before.prices();
  warm.seed = 2;
  const auto sum_of = [&](const PhaseClockOptions& options) {
    return estimate(play_marked(options, slow, 600)).sum.value_or(0);
  };
  EXPECT_NEAR(sum_of(warm), 1, 0.05);
  // Of an operation's 24.5 and 30 ticks 13 too many are taken each, in the first half of some 60 sampled rounds.
  EXPECT_LT(sum_of(cold), 0.85);
  EXPECT_EQ(play_marked(cold, slow, 600).priced_before, 0u);
  EXPECT_GT(play_marked(warm, slow, 600).priced_before, 1500u);
}

// A price that holds no longer shows: here reading the clock becomes dearer when the measurement begins.
TEST(PhaseSum, ShowsAPriceThatIsWrong) {
  SlowClock slow{.read = 7};
  PhaseClock before({.ticks = slow.source(), .mark_cost = 20, .gap = 10});
  before.begin(WorkPhase::kLoop);
  play_rounds(slow, 20'000);
  before.end();
  slow.read = 17;
  const PhaseTally tally = play_marked(
      {.seed = 2, .ticks = slow.source(), .mark_cost = 20, .learned = before.prices(), .gap = 10},
      slow, 2000);
  const PhaseEstimate whole = estimate(tally);
  ASSERT_TRUE(whole.sum && whole.sum_error);
  EXPECT_GT(*whole.sum - 1, 0.1);
  EXPECT_GT(*whole.sum - 1, 5 * *whole.sum_error);
}

// --- What a mark costs ---

TEST(MarkPrice, OfFewRoundsIsThatOfTheLoop) {
  MarkPrices prices(20);
  EXPECT_EQ(prices.price().mark, 20);
  for (int i = 0; i < 100; ++i) prices.add_plain(1, 100, 1);
  for (int i = 0; i < 29; ++i) prices.add_marked(1, 114, 1, 2);
  EXPECT_EQ(prices.price().mark, 20);
  EXPECT_FALSE(prices.price().is_learned);
  EXPECT_EQ(prices.price().error, 20) << "half of two marks";
  prices.add_marked(1, 114, 1, 2);
  EXPECT_EQ(prices.price().mark, 7) << "nothing scatters";
  EXPECT_TRUE(prices.price().is_learned);
  EXPECT_EQ(prices.price().error, 0);
}

// Weights say how many rounds one stands for.
TEST(MarkPrice, GoesByWhatRoundsStandFor) {
  MarkPrices prices(20);
  for (int i = 0; i < 40; ++i) {
    prices.add_plain(9, 100, 1);
    prices.add_plain(1, 1000, 1);
    prices.add_marked(9, 114, 1, 2);
    prices.add_marked(1, 1014, 1, 2);
  }
  // The scatter of 190 leaves the loop a part.
  EXPECT_GT(prices.price().mark, 7);
  EXPECT_LT(prices.price().mark, 20);
  MarkPrices more(20);
  for (int i = 0; i < 40'000; ++i) {
    more.add_plain(i % 2 == 0 ? 9 : 1, i % 2 == 0 ? 100 : 1000, 1);
    more.add_marked(i % 2 == 0 ? 9 : 1, i % 2 == 0 ? 114 : 1014, 1, 2);
  }
  EXPECT_NEAR(more.price().mark, 7, 0.3);
}

// Rounds that scatter more than marks cost: the price of the loop is all that is known, and said to be so.
TEST(MarkPrice, OfRoundsThatScatterIsThatOfTheLoop) {
  MarkPrices prices(20);
  Rng rng(3);
  for (int i = 0; i < 200; ++i) {
    prices.add_plain(1, rng.below(100'000), 1);
    prices.add_marked(1, rng.below(100'000), 1, 2);
  }
  EXPECT_FALSE(prices.price().is_learned);
  EXPECT_EQ(prices.price().in_unit, 0);
  EXPECT_NEAR(prices.price().mark, 20, 1);
  EXPECT_NEAR(prices.price().error, 20, 1) << "half of two marks";
}

// A poll that is sampled takes 5 ticks more than the 50 of others, without a mark: that is of the poll, and no mark's.
TEST(PhaseSum, WhatSamplingCostsWithoutMarksIsTakenFromTheLoop) {
  Hand hand;
  PhaseClock clock({.ticks = hand.source(), .mark_cost = 20, .gap = 10});
  clock.begin(WorkPhase::kIdle);
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t polls = 60 + static_cast<std::uint64_t>(i % 5);
    hand.work(polls * (PhaseClock::sampling() != nullptr ? 55 : 50));
    if (i % 500 == 0) {
      const PhaseScope rare(WorkPhase::kDecode);
      hand.work(40);
    }
    PhaseClock::round(polls);
  }
  const PhaseTally tally = clock.end();
  expect_adds_up(tally);
  EXPECT_FALSE(tally.price.is_learned);
  EXPECT_EQ(tally.price.mark, 20);
  EXPECT_NEAR(tally.price.in_unit, 5, 0.1);
  EXPECT_NEAR(estimate(tally).sum.value_or(0), 1, 0.005);
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
