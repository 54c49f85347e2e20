#include "experiments/runner/time_breakdown.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "engine/base/clock.hpp"
#include "experiments/results/metric_catalogue.hpp"

namespace violet::time_breakdown_test {
namespace {

using ::testing::HasSubstr;

using ByName = std::map<std::string, results::Metric>;

ByName by_name(const TimeFacts& facts) {
  ByName all;
  for (const auto& metric : time_metrics(facts)) {
    EXPECT_TRUE(all.emplace(metric.name, metric).second) << metric.name;
    EXPECT_NE(results::find_metric(metric.name), nullptr) << metric.name;
    EXPECT_EQ(metric.value.has_value(), metric.because.empty()) << metric.name;
    EXPECT_EQ(metric.better, results::Better::kNeither) << metric.name << " explains, no more";
  }
  return all;
}

// A thread of one length of rounds, a tenth of them sampled; each phase has 10 ticks of its sampled time.
PhaseTally tally_of(std::initializer_list<WorkPhase> phases) {
  PhaseTally tally;
  auto& length = tally.by_length[10];
  for (const WorkPhase phase : phases) {
    length.of[static_cast<std::size_t>(phase)] = 10;
    length.sampled += 10;
    length.rounds_with[static_cast<std::size_t>(phase)] = 10;
  }
  length.unsampled = 9 * length.sampled;
  length.weighted = length.sampled;
  length.sampled_rounds = 10;
  auto& all = tally.short_rounds;
  all.rounds = all.units = 100;
  all.ticks = 10 * length.sampled;
  all.weighted_units = 10;
  all.weighted_ticks = length.sampled;
  all.sampled = 30;  // As few as are told.
  all.unsampled = 70;
  all.other_units = 100;
  all.other_ticks = 10.0 * static_cast<double>(length.sampled);
  tally.rounds = 100;
  tally.sampled_rounds = 10;
  tally.own = 3;
  tally.wall = 10 * length.sampled + tally.own;
  return tally;
}

std::string because_of(const ByName& all, const std::string& name) {
  const auto at = all.find(name);
  return at == all.end() ? "no metric " + name : at->second.because;
}

double ns(const ByName& all, std::string_view name) {
  const auto at = all.find(std::string(name));
  EXPECT_TRUE(at != all.end() && at->second.value) << name;
  return at == all.end() ? -1 : at->second.value.value_or(-1);
}

TEST(TimeBreakdown, PartsOfBothLcoresArePerOperationAndAddUp) {
  TimeFacts facts;
  facts.times.guest = tally_of({WorkPhase::kLoop, WorkPhase::kSpin, WorkPhase::kRequest});
  facts.times.engine = tally_of({WorkPhase::kDecode, WorkPhase::kIdle});
  facts.operations = 4;
  facts.times.guest->price = {20, 0, 0.03, true};
  const ByName all = by_name(facts);
  EXPECT_EQ(all.size(), kWorkPhases + 22);
  EXPECT_EQ(ns(all, "time_engine_waited"), 0) << "it was looked for";
  EXPECT_NEAR(ns(all, "time_spin"), 100 * ns_per_tick() / 4, 1e-9);
  EXPECT_NEAR(ns(all, "time_loop") + ns(all, "time_spin") + ns(all, "time_request") +
                  ns(all, "time_guest_rest") + ns(all, "time_guest_breakdown"),
              ns(all, "time_guest"), 1e-9);
  EXPECT_NEAR(ns(all, "time_decode") + ns(all, "time_idle") + ns(all, "time_engine_rest") +
                  ns(all, "time_engine_breakdown"),
              ns(all, "time_engine"), 1e-9);
  EXPECT_NEAR(ns(all, "time_guest_sum"), 100, 1e-9);
  // A unit is 3 ticks, and of what marks cost it 0.03 are not known.
  EXPECT_NEAR(ns(all, "time_guest_sum_error"), 1, 1e-9);
  EXPECT_NEAR(ns(all, "time_guest_sum_share"), 100.0 * 300 / 303, 1e-9) << "3 are the clock's own";
  EXPECT_EQ(ns(all, "time_guest_long"), 0);
  EXPECT_NEAR(ns(all, "time_guest_mark"), 20 * ns_per_tick(), 1e-9);
  EXPECT_THAT(because_of(all, "time_engine_mark"), HasSubstr("too few rounds"));
  EXPECT_EQ(ns(all, "time_engine_sampled_rounds"), 10);
}

TEST(TimeBreakdown, WhatIsNotThereIsNoZeroAndSaysWhy) {
  TimeFacts facts;
  facts.times.guest = tally_of({WorkPhase::kLoop, WorkPhase::kWorkload});
  facts.times.engine = tally_of({WorkPhase::kIdle});
  facts.operations = 4;
  facts.endpoints_shared = false;
  const ByName all = by_name(facts);
  EXPECT_EQ(because_of(all, "time_request"), "there was no request");
  EXPECT_EQ(because_of(all, "time_store"), "there was no request");
  EXPECT_EQ(because_of(all, "time_spin"), "nothing was waited for");
  EXPECT_EQ(because_of(all, "time_kick"), "no kick was sent");
  EXPECT_EQ(because_of(all, "time_copy"), "nothing was copied");
  EXPECT_EQ(because_of(all, "time_injected"), "nothing was injected on the guest's lcore");
  EXPECT_EQ(because_of(all, "time_endpoints"), "the endpoints have an lcore of their own");
  EXPECT_EQ(because_of(all, "time_asleep"), "this placement does not sleep");
}

TEST(TimeBreakdown, ASumOfFewRoundsIsNotKnown) {
  TimeFacts facts;
  facts.times.guest = tally_of({WorkPhase::kLoop});
  facts.times.guest->short_rounds.sampled = 29;
  facts.operations = 4;
  EXPECT_THAT(because_of(by_name(facts), "time_guest_sum"), HasSubstr("too few"));
  EXPECT_THAT(because_of(by_name(facts), "time_guest_sum_error"), HasSubstr("too few"));
  facts.times.guest->short_rounds.sampled = 30;
  facts.times.guest->short_rounds.unsampled = 29;
  EXPECT_THAT(because_of(by_name(facts), "time_guest_sum"), HasSubstr("too few"));
}

// Ten samples that say 11 ticks where as many of the others took 10: that is one too many, and no part is made less.
TEST(TimeBreakdown, ASumThatIsOffIsShownAsItIs) {
  TimeFacts facts;
  facts.times.guest = tally_of({WorkPhase::kLoop});
  facts.times.guest->short_rounds.weighted_ticks = 11;
  facts.operations = 4;
  EXPECT_NEAR(ns(by_name(facts), "time_guest_sum"), 110, 1e-9);
}

// A round of 3 ms, of which there is one: its time is known, and what it was spent on is not.
TEST(TimeBreakdown, LongRoundsThatNobodySpeaksForAreAPart) {
  TimeFacts facts;
  facts.times.guest = tally_of({WorkPhase::kLoop});
  facts.times.guest->by_length[23].unsampled = 6'000'000;
  facts.times.guest->by_length[23].in_long = 6'000'000;
  facts.times.guest->wall += 6'000'000;
  facts.operations = 4;
  const ByName all = by_name(facts);
  EXPECT_NEAR(ns(all, "time_guest_long"), 1'500'000 * ns_per_tick(), 1e-6);
  EXPECT_EQ(ns(all, "time_guest_rest"), 0);
  EXPECT_NEAR(ns(all, "time_guest_sum"), 100, 1e-9);
  EXPECT_LT(ns(all, "time_guest_sum_share"), 1);
}

// What happened and was not met is not known, which is another thing.
TEST(TimeBreakdown, WhatHappenedAndWasNotSampledIsNotKnown) {
  TimeFacts facts;
  facts.times.guest = tally_of({WorkPhase::kLoop});
  facts.times.guest->by_length[10].rounds_with[static_cast<std::size_t>(WorkPhase::kKick)] = 2;
  facts.operations = 4;
  facts.bytes_copied = 100;
  facts.kicks = 9;
  const ByName all = by_name(facts);
  EXPECT_EQ(because_of(all, "time_copy"), "it is in none of the sampled rounds");
  EXPECT_EQ(because_of(all, "time_kick"), "met too rarely: in 2 of the sampled rounds");
}

TEST(TimeBreakdown, AnEngineOnTheGuestsLcoreIsInThatOnesTime) {
  TimeFacts facts;
  facts.times.guest = tally_of({WorkPhase::kLoop, WorkPhase::kKick, WorkPhase::kStore});
  facts.operations = 1;
  facts.requests = facts.kicks = facts.syncs = 5;
  const ByName all = by_name(facts);
  EXPECT_NEAR(ns(all, "time_store"), 100 * ns_per_tick(), 1e-9);
  EXPECT_THAT(because_of(all, "time_spin"), HasSubstr("there is no spinning"));
  for (const char* name : {"time_engine", "time_engine_rest", "time_engine_sum"}) {
    EXPECT_THAT(because_of(all, name), HasSubstr("runs on the guest's lcore")) << name;
  }
}

TEST(TimeBreakdown, WhereNoneIsWantedOrNothingWasDoneEachMetricSaysSo) {
  for (const auto& [name, metric] : by_name({})) {
    EXPECT_EQ(metric.because, "the plan has run.breakdown = false") << name;
  }
  TimeFacts idle;
  idle.times.guest = tally_of({WorkPhase::kLoop});
  for (const auto& [name, metric] : by_name(idle)) {
    EXPECT_EQ(metric.because, "no operation finished") << name;
  }
}

}  // namespace
}  // namespace violet::time_breakdown_test
