// C1 to C6 over every store and every IOTLB, and the proof that the simulation can fail: broken parts
// are caught.
#include "engine/sim/simulation.hpp"

#include <gtest/gtest.h>

#include "engine/device/all_pairs_testing.hpp"
#include "engine/iotlb/designs.hpp"
#include "engine/store/oracle_store.hpp"

namespace violet {
namespace {

constexpr std::uint64_t kSeeds = 8;
constexpr std::uint64_t kSteps = 20000;

// By the names of store and IOTLB.
class Sim : public testing::TestWithParam<DevicePair> {
 public:
  static SimParts parts() { return sim_parts(GetParam().store, GetParam().iotlb); }
  // Runs every seed; the totals of all of them.
  static SimTotals run_clean(SimOptions options) {
    SimTotals sum;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      options.seed = seed;
      Simulation simulation(parts(), options);
      while (simulation.totals().steps < kSteps && simulation.step()) {
      }
      EXPECT_FALSE(simulation.failure()) << simulation.failure()->text();
      EXPECT_EQ(simulation.bytes_lost(), 0u) << "seed " << seed;
      const SimTotals totals = simulation.totals();
      sum.readers.copies += totals.readers.copies;
      sum.readers.overtaken += totals.readers.overtaken;
      sum.readers.certain += totals.readers.certain;
      sum.readers.hits += totals.readers.hits;
      sum.readers.walks += totals.readers.walks;
      sum.resets += totals.resets;
      freed += simulation.device().counters().domains_freed.value();
    }
    return sum;
  }
  static inline std::uint64_t freed = 0;
};
INSTANTIATE_TEST_SUITE_P(Pairs, Sim, testing::ValuesIn(all_pairs()), pair_name);

TEST_P(Sim, C1_NothingIsTouchedAfterItsRemovalWasAnswered) {
  const SimTotals totals = Sim::run_clean({});
  EXPECT_GT(totals.readers.copies, 1000u);
  EXPECT_GT(totals.readers.overtaken, 50u);  // The hard case did occur.
  EXPECT_GT(totals.resets, 0u);
}

TEST_P(Sim, C2_WhatWasMappedIsFound) {
  SimOptions options;
  options.guest.weights = {3, 0, 10, 5};
  options.guest.pace = 12;
  const SimTotals totals = Sim::run_clean(options);
  EXPECT_GT(totals.readers.certain, 5000u);
  EXPECT_GT(totals.readers.hits, 1000u);
}

TEST_P(Sim, C3_MappingsAreNeverMixedAndPermissionsNeverExceeded) {
  SimOptions options;
  options.guest.pages = 8;  // The same addresses again and again, with other permissions.
  options.guest.domains = 2;
  const SimTotals totals = Sim::run_clean(options);
  EXPECT_GT(totals.readers.copies, 1000u);
}

TEST_P(Sim, C4_AHitNeverTouchesTheStore) {
  SimOptions options;
  options.resets = false;
  options.guest.pace = 12;
  Simulation simulation(parts(), options);
  while (simulation.totals().steps < kSteps && simulation.step()) {
  }
  ASSERT_FALSE(simulation.failure()) << simulation.failure()->text();
  const auto totals = simulation.totals();
  EXPECT_GT(totals.readers.hits, 100u);
  EXPECT_EQ(simulation.watch().walks, totals.readers.walks);
}

TEST_P(Sim, C5_AStalledReaderIsNamedAndStopsNobodyElse) {
  SimOptions options;
  options.resets = false;
  options.guest.max_in_flight = 400;
  options.guest.pace = 1;
  Simulation simulation(parts(), options);
  const auto run = [&](std::uint64_t steps) {
    for (std::uint64_t i = 0; i < steps && simulation.step(); ++i) {
    }
  };
  run(2000);
  simulation.reader(0).stall();
  while (!simulation.reader(0).online()) run(1);
  run(500);
  const auto before = simulation.guest().counts();
  run(3000);
  ASSERT_FALSE(simulation.failure()) << simulation.failure()->text();
  EXPECT_GT(simulation.guest().counts().maps_answered, before.maps_answered + 50);
  EXPECT_GT(simulation.device().counters().parked_now(), 0u);
  ASSERT_FALSE(simulation.device().stalled_readers().empty());
  EXPECT_EQ(simulation.device().stalled_readers().back(), "reader 0");
  simulation.reader(0).release();
  run(20000);
  ASSERT_FALSE(simulation.failure()) << simulation.failure()->text();
  EXPECT_GT(simulation.guest().counts().unmaps_answered, before.unmaps_answered);
}

// Attachments that wait for UNMAPs in slices, of domains that they leave and of domains that they join.
TEST_P(Sim, OrderHoldsWhileUnmapsAreSlicedAndNothingIsLost) {
  SimOptions options;
  options.endpoints = 4;
  options.unmap_slice = 1;
  options.guest.domains = 3;
  options.guest.pages = 64;
  options.guest.max_in_flight = 24;
  options.guest.pace = 2;
  options.guest.removals = 12;
  options.guest.weights = {6, 3, 30, 6};
  Sim::run_clean(options);
}

TEST_P(Sim, C6_DomainsAreFreedOnlyWhenNoReaderIsInside) {
  SimOptions options;
  options.guest.weights = {6, 4, 10, 4};
  Sim::freed = 0;
  const SimTotals totals = Sim::run_clean(options);
  EXPECT_GT(Sim::freed, 500u);
  EXPECT_GT(totals.readers.walks, 1000u);
}

TEST(SimSeeds, TheSameSeedGivesTheSameHistory) {
  const auto fingerprint = [](std::uint64_t seed) {
    SimOptions options;
    options.seed = seed;
    Simulation simulation(sim_parts("radix", "shared-versioned"), options);
    while (simulation.totals().steps < 5000 && simulation.step()) {
    }
    const auto totals = simulation.totals();
    return std::tuple(totals.readers.accesses, totals.readers.hits, totals.readers.walks,
                      totals.readers.copies, simulation.guest().counts().answered);
  };
  EXPECT_EQ(fingerprint(11), fingerprint(11));
  EXPECT_NE(fingerprint(11), fingerprint(12));
}

// --- The simulation can fail: each of these breaks one thing. ---

template <class I>
class Forgetful : public I {  // Invalidates nothing.
 public:
  using I::I;
  InvalidationToken invalidate(DomainTag, IovaRange) override { return 0; }
  InvalidationToken invalidate_domain(DomainTag) override { return 0; }
  bool completed(InvalidationToken) override { return true; }
  std::optional<ReaderId> laggard(InvalidationToken) override { return std::nullopt; }
};

template <class I>
class LateFill : public I {  // Fills what it walked before an invalidation.
 public:
  using I::I;
  using typename I::FillTicket;
  using typename I::Reader;
  void fill(Reader& reader, const FillTicket& /*old*/, DomainTag tag, Iova iova,
            const Translation& translation) noexcept {
    I::fill(reader, I::begin_fill(reader, tag, iova), tag, iova, translation);
  }
};

class Impatient final : public Quiescence {  // Waits for nobody.
 public:
  Result<ReaderId> add_reader(std::string name) override { return real_.add_reader(name); }
  std::size_t reader_count() const override { return real_.reader_count(); }
  const std::string& reader_name(ReaderId reader) const override {
    return real_.reader_name(reader);
  }
  Token start() override { return real_.start(); }
  bool passed(Token /*token*/) override { return true; }
  std::optional<ReaderId> laggard(Token token) override { return real_.laggard(token); }
  void online(ReaderId reader) override { real_.online(reader); }
  void quiescent(ReaderId reader) override { real_.quiescent(reader); }
  void offline(ReaderId reader) override { real_.offline(reader); }

 private:
  EpochQuiescence real_;
};

// Removes what it met before a split, as QEMU does.
class Splitting final : public OracleStore {
 public:
  using OracleStore::OracleStore;
  UnmapStatus unmap(IovaRange range, UnmapCursor& cursor, std::uint32_t limit) override {
    const auto status = OracleStore::unmap(range, cursor, limit);
    if (status != UnmapStatus::kWouldSplit) return status;
    UnmapCursor other{};
    const auto first = translate(range.first);
    if (first && range.contains(first->extent)) OracleStore::unmap(first->extent, other, limit);
    return status;
  }
};

template <class I>
SimParts with_iotlb(const char* store) {
  SimParts parts = sim_parts(store, kDefaultIotlb);
  parts.make_iotlb = iotlb_factory<I>();
  // The path of this very type: the design's own would not call what it overrides.
  parts.open_reader = [](DeviceReader& reader) -> std::unique_ptr<AnyReader> {
    return std::make_unique<AnyReaderOf<I>>(static_cast<I&>(reader.context().iotlb), reader);
  };
  return parts;
}
SimParts impatient(const char* store, const char* iotlb) {
  SimParts parts = sim_parts(store, iotlb);
  parts.make_quiescence = [] { return std::make_unique<Impatient>(); };
  return parts;
}

std::string first_failure(const SimParts& parts, SimOptions options = {}) {
  constexpr std::uint64_t kWithinSeeds = 20;
  for (options.seed = 1; options.seed <= kWithinSeeds; ++options.seed) {
    if (const auto failure = Simulation::run(parts, options, kSteps)) return failure->what;
  }
  return "nothing";
}

using testing::AssertionFailure;
using testing::AssertionResult;
using testing::AssertionSuccess;
AssertionResult starts_with(const std::string& text, const char* prefix) {
  if (text.rfind(prefix, 0) == 0) return AssertionSuccess();
  return AssertionFailure() << "caught: " << text;
}

TEST(SimMutation, AnIotlbThatForgetsToInvalidateIsCaught) {
  EXPECT_TRUE(
      starts_with(first_failure(with_iotlb<Forgetful<SharedVersionedIotlb>>("radix")), "C"));
  EXPECT_TRUE(
      starts_with(first_failure(with_iotlb<Forgetful<GenerationDomainIotlb>>("radix")), "C"));
  EXPECT_TRUE(starts_with(first_failure(with_iotlb<Forgetful<LockedIotlb>>("interval")), "C"));
}

TEST(SimMutation, AFillThatOutlivesAnInvalidationIsCaught) {
  EXPECT_TRUE(starts_with(first_failure(with_iotlb<LateFill<SharedVersionedIotlb>>("radix")), "C"));
  EXPECT_TRUE(
      starts_with(first_failure(with_iotlb<LateFill<GenerationDeviceIotlb>>("radix")), "C"));
}

TEST(SimMutation, ACompletionThatDoesNotWaitIsCaught) {
  EXPECT_TRUE(starts_with(first_failure(impatient("radix", "shared-versioned")), "C"));
  EXPECT_TRUE(starts_with(first_failure(impatient("interval", "locked")), "C"));
}

TEST(SimMutation, ADomainFreedTooEarlyIsCaught) {
  SimOptions options;
  options.guest.weights = {8, 6, 4, 0};
  options.iotlb_entries = 16;
  bool caught = false;
  for (options.seed = 1; options.seed <= 200 && !caught; ++options.seed) {
    const auto failure = Simulation::run(impatient("radix", "shared-versioned"), options, 2000);
    caught = failure && failure->what.rfind("C6", 0) == 0;
  }
  EXPECT_TRUE(caught);
}

TEST(SimMutation, ASplitThatRemovesPartOfItsRangeIsCaught) {
  SimParts broken = sim_parts("radix", "locked");
  broken.make_store = store_factory<Splitting>();
  EXPECT_NE(first_failure(broken), "nothing");
}

TEST(SimMutation, AFailureNamesItsSeedAndItsLastSteps) {
  const SimParts broken = impatient("radix", "shared-versioned");
  SimOptions options;
  options.seed = 3;
  const auto failure = Simulation::run(broken, options, 100000);
  ASSERT_TRUE(failure);
  EXPECT_NE(failure->text().find("seed 3"), std::string::npos);
  EXPECT_NE(failure->history.find("copy"), std::string::npos);
  EXPECT_EQ(Simulation::run(broken, options, 100000)->text(), failure->text());
}

}  // namespace
}  // namespace violet
