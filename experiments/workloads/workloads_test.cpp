// Every generator on a mock device: what it maps it unmaps in the end, also when its device is lost on the way.
#include "experiments/workloads/workloads.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "experiments/workloads/rig_port_testing.hpp"

namespace violet::workloads_test {
namespace {

// A call of the DMA API, of data and not of rings.
struct Call {
  bool maps = false;
  unsigned cpu = 0;
  std::size_t buffers = 0;
  std::uint64_t page = 0;  // Of the first one.

  bool operator==(const Call&) const = default;
};

// Writes down what a strategy is asked for.
class Witness final : public Strategy {
 public:
  Witness(std::unique_ptr<Strategy> inner, std::vector<Call>& calls)
      : inner_(std::move(inner)), calls_(calls) {}

  Status start() override { return inner_->start(); }
  std::optional<DmaMapping> map(std::uint16_t endpoint, DmaBuffer buffer, DmaDirection direction,
                                unsigned cpu) override {
    calls_.push_back({true, cpu, 1, buffer.phys.value / 4096});
    return inner_->map(endpoint, buffer, direction, cpu);
  }
  bool map_list(std::uint16_t endpoint, std::span<const DmaBuffer> buffers, DmaDirection direction,
                unsigned cpu, std::span<DmaMapping> out) override {
    calls_.push_back({true, cpu, buffers.size(), buffers.front().phys.value / 4096});
    return inner_->map_list(endpoint, buffers, direction, cpu, out);
  }
  void unmap(const DmaMapping& mapping, unsigned cpu) override {
    calls_.push_back({false, cpu, 1, mapping.buffer.phys.value / 4096});
    inner_->unmap(mapping, cpu);
  }
  void unmap_list(std::span<const DmaMapping> mappings, unsigned cpu) override {
    calls_.push_back({false, cpu, mappings.size(), mappings.front().buffer.phys.value / 4096});
    inner_->unmap_list(mappings, cpu);
  }
  void sync_for_device(const DmaMapping& mapping) override { inner_->sync_for_device(mapping); }
  void sync_for_cpu(const DmaMapping& mapping) override { inner_->sync_for_cpu(mapping); }
  std::optional<DmaMapping> map_coherent(std::uint16_t endpoint, DmaBuffer buffer,
                                         unsigned cpu) override {
    return inner_->map_coherent(endpoint, buffer, cpu);
  }
  void unmap_coherent(const DmaMapping& mapping, unsigned cpu) override {
    inner_->unmap_coherent(mapping, cpu);
  }
  void tick(Ticks now) override { inner_->tick(now); }
  void drain() override { inner_->drain(); }
  Status reassign(std::uint16_t endpoint) override { return inner_->reassign(endpoint); }
  std::uint64_t always_mapped_bytes() const override { return inner_->always_mapped_bytes(); }

 private:
  std::unique_ptr<Strategy> inner_;
  std::vector<Call>& calls_;
};

struct DrivenOptions {
  SettingAssignments settings = {};
  std::uint64_t seed = 1;
  unsigned cpus = 1;
};

// One device on a strategy, and a workload that drives it.
struct Driven {
  explicit Driven(const WorkloadInfo& info, const DrivenOptions& options = {})
      : rig({.strategy = "strict", .cpus = options.cpus},
            [&](const StrategyContext& context) {
              auto made = make_strategy("strict", context, {});
              VIOLET_CHECK(made);
              return std::make_unique<Witness>(*std::move(made), calls);
            }),
        workload(info.make(SettingValues::resolve(info.settings, options.settings).value(),
                           options.seed)),
        deadline(&port.stop()),
        guest({.strategy = *rig.strategy,
               .memory = rig.guest.memory,
               .pages = *rig.guest.pages,
               .counters = rig.guest.counters,
               .histograms = histograms,
               .probe = {},
               .cpus = options.cpus,
               .deadline = deadline,
               .endpoints = {endpoint_of(info.endpoint)}}) {
    const Status prepared = workload->prepare(guest);
    EXPECT_TRUE(prepared) << (prepared ? "" : prepared.error().message);
  }

  // A step may wait, where the machine is busy; what is done does not depend on that.
  void run(int operations) {
    for (int done = 0, steps = 0; done < operations; ++steps) {
      ASSERT_LT(steps, 10 * operations + 10'000);
      const StepOutcome outcome = workload->step(guest);
      ASSERT_NE(outcome, StepOutcome::kEnd);
      done += outcome == StepOutcome::kDone ? 1 : 0;
    }
  }
  // As it is asked to: until the device answers no more.
  void step_until_it_waits() {
    while (workload->step(guest) == StepOutcome::kDone) continue;
  }
  void finish() {
    workload->finish(guest);
    rig.strategy->drain();
  }
  void expect_all_unmapped() const {
    EXPECT_EQ(rig.guest.counters.maps, rig.guest.counters.unmaps);
    EXPECT_GT(rig.guest.counters.maps, 0u);
    EXPECT_EQ(rig.guest.counters.map_failures, 0u);
  }

  GuestEndpoint endpoint_of(EndpointKind kind) {
    switch (kind) {
      case EndpointKind::kNic:
        return {.id = EndpointId{0}, .model = &nic, .nic = &nic};
      case EndpointKind::kBlock:
        return {.id = EndpointId{0}, .model = &block, .block = &block};
      case EndpointKind::kReplay:
        break;
    }
    return {.id = EndpointId{0}, .model = &replay, .replay = &replay};
  }

  std::vector<Call> calls;
  StrategyRig rig;
  RigPort port{rig, EndpointId{0}};
  NicModel nic{port};
  BlockModel block{port, 8 << 20};
  ReplayEndpoint replay{port};
  GuestHistograms histograms;
  std::unique_ptr<Workload> workload;
  Deadline deadline;
  Guest guest;
};

TEST(Workloads, WhatTheyMapTheyUnmapInTheEnd) {
  for (const auto& info : workloads()) {
    SCOPED_TRACE(info.name);
    Driven driven(info);
    driven.run(1000);
    driven.finish();
    driven.expect_all_unmapped();
    EXPECT_EQ(driven.workload->data_errors(), 0u);
  }
}

// Nothing that was posted is answered then, and the run has an end all the same.
TEST(Workloads, ADeviceThatCannotReachItsRingsIsNotWaitedFor) {
  for (const auto& info : workloads()) {
    if (info.endpoint == EndpointKind::kReplay) continue;  // It has none.
    SCOPED_TRACE(info.name);
    Driven driven(info);
    driven.run(100);
    driven.port.lose_all(~0U);
    driven.step_until_it_waits();
    EXPECT_GT(driven.guest.endpoint(0).model->ring_errors(), 0u);
    driven.port.lose_all(10'000);
    driven.finish();
    EXPECT_FALSE(driven.port.stop()) << "it waited for a device that cannot answer";
    driven.expect_all_unmapped();
  }
}

const WorkloadInfo& workload_called(std::string_view name) {
  return *workloads().require(std::string(name)).value();
}

std::vector<Call> calls_of(std::string_view name, const DrivenOptions& options = {},
                           int operations = 3000) {
  Driven driven(workload_called(name), options);
  driven.calls.clear();  // Of filling a ring.
  driven.run(operations);
  EXPECT_EQ(driven.workload->data_errors(), 0u) << name;
  return driven.calls;
}

// Unmaps between two maps.
struct Bursts {
  double mean = 0;
  std::size_t longest = 0;
};

Bursts bursts_in(const std::vector<Call>& calls) {
  std::size_t bursts = 0, unmaps = 0, length = 0, longest = 0;
  for (const Call& call : calls) {
    if (!call.maps) {
      bursts += length == 0;
      ++unmaps;
      longest = std::max(longest, ++length);
    } else {
      length = 0;
    }
  }
  return {bursts == 0 ? 0 : static_cast<double>(unmaps) / static_cast<double>(bursts), longest};
}

// As in the bundled traces: unmaps between two maps, mean, within what 300 to 7,000 draws scatter.
TEST(Bursts, DriversUnmapAsManyAtATimeAsTheTracedOnes) {
  const Bursts rx = bursts_in(calls_of("net-rx", {}, 20'000));
  EXPECT_NEAR(rx.mean, 42.2, 4);
  EXPECT_LE(rx.longest, 64u) << "NAPI's budget";
  const Bursts tx = bursts_in(calls_of("net-tx", {}, 20'000));
  EXPECT_NEAR(tx.mean, 35.4, 4);
  EXPECT_LE(tx.longest, 64u);
  EXPECT_NEAR(bursts_in(calls_of("nvme-4k", {}, 20'000)).mean, 1.61, 0.1);
  EXPECT_NEAR(bursts_in(calls_of("nvme-4k", {.settings = {{"burst", 4.7}}}, 20'000)).mean, 4.7,
              0.3);
  // e1000e posts 16 at a time, also within a poll.
  const Bursts e1000e =
      bursts_in(calls_of("net-rx", {.settings = {{"batch", std::int64_t{16}}}}, 20'000));
  EXPECT_NEAR(e1000e.mean, 14.8, 1.5);
  EXPECT_EQ(e1000e.longest, 16u);
}

TEST(Bursts, ARingOrBudgetBelowTheMeanIsTheMost) {
  for (const char* setting : {"ring", "budget"}) {
    const auto calls = calls_of("net-rx", {.settings = {{setting, std::int64_t{8}}}});
    EXPECT_EQ(bursts_in(calls).longest, 8u) << setting;
  }
  EXPECT_EQ(bursts_in(calls_of("net-tx", {.settings = {{"window", std::int64_t{1}}}})).longest, 1u);
  EXPECT_EQ(bursts_in(calls_of("nvme-4k", {.settings = {{"depth", std::int64_t{1}}}})).longest, 1u);
}

TEST(Seeds, EqualOnesMakeTheSameCallsAndOthersDoNot) {
  for (const char* name : {"net-rx", "net-tx", "nvme-4k"}) {
    EXPECT_EQ(calls_of(name, {.seed = 7}), calls_of(name, {.seed = 7})) << name;
    EXPECT_NE(calls_of(name, {.seed = 7}), calls_of(name, {.seed = 8})) << name;
  }
}

// Neighbouring buffers of a ring lie anywhere.
TEST(Pages, AreScattered) {
  for (const char* name : {"net-rx", "net-tx", "nvme-4k"}) {
    std::size_t next_to = 0, maps = 0;
    std::uint64_t before = 0;
    for (const Call& call : calls_of(name)) {
      if (!call.maps) continue;
      ++maps;
      next_to += call.page == before + 1;
      before = call.page;
    }
    EXPECT_LT(next_to * 20, maps) << name;
  }
}

// A buffer of four pages is a list of four, and its data arrives in each of them.
TEST(Pages, OfALargeBufferAreOneList) {
  for (const std::int64_t bytes : {8192, 16384, 10240}) {
    const auto calls = calls_of("nvme-4k", {.settings = {{"io_bytes", bytes}}});
    for (const Call& call : calls) {
      ASSERT_EQ(call.buffers, static_cast<std::size_t>((bytes + 4095) / 4096));
    }
  }
}

// The oldest ends, one that lives briefly takes what is free, the oldest begins anew.
TEST(IovaStress, RenewsTheOldestOfItsRingAroundABriefOne) {
  const auto calls = calls_of("iova-stress", {.settings = {{"ring", std::int64_t{3}}}}, 6);
  ASSERT_EQ(calls.size(), 24u);
  std::set<std::uint64_t> ring;
  for (std::size_t i = 0; i < calls.size(); i += 4) {
    EXPECT_FALSE(calls[i].maps);
    EXPECT_TRUE(calls[i + 1].maps && calls[i + 2].maps);
    EXPECT_FALSE(calls[i + 3].maps);
    EXPECT_EQ(calls[i].page, calls[i + 2].page);
    EXPECT_EQ(calls[i + 1].page, calls[1].page);
    EXPECT_EQ(calls[i].page, calls[(i + 12) % 24].page) << "in turn";
    ring.insert(calls[i].page);
  }
  EXPECT_EQ(ring.size(), 3u);
}

TEST(IovaStress, MixedSizesAreDrawnAndOthersAreNot) {
  for (const bool mixed : {false, true}) {
    Driven driven(workload_called("iova-stress"),
                  {.settings = {{"pages", std::int64_t{8}}, {"mixed", mixed}}});
    driven.run(1000);
    // A buffer of a power of two is one MAP; of the eight sizes four are more.
    EXPECT_EQ(driven.rig.guest.counters.map_requests > driven.rig.guest.counters.maps, mixed);
  }
}

// Nothing on the bus says when an access was issued: what a device holds back reaches what its next owner has mapped at the
// same address, unless the device is reset before it is given away.
TEST(Reassign, WhatADeviceHeldBackReachesItsNextOwnerUnlessItWasReset) {
  for (const bool reset : {true, false}) {
    Driven driven(workload_called("reassign"), {.settings = {{"reset", reset}}});
    driven.run(10);
    const auto held = driven.workload->held_back();
    ASSERT_TRUE(held);
    EXPECT_GE(held->accesses, 10u * 16);
    EXPECT_EQ(held->hits, reset ? 0 : held->accesses);
    driven.finish();
    EXPECT_EQ(driven.workload->data_errors(), 0u) << "what was given back was written";
    driven.expect_all_unmapped();
    std::size_t attached = 0, detached = 0;
    for (const auto& logged : driven.rig.guest.device.log()) {
      attached += logged.type == protocol::Type::kAttach;
      detached += logged.type == protocol::Type::kDetach;
    }
    EXPECT_EQ(attached, 10u);
    EXPECT_EQ(detached, 10u);
  }
}

// Who waits for a device, or for a call's time, works on nothing: polls that find nothing and timers that have nothing to
// do are part of the waiting.
TEST(GuestPhases, WaitingIsWaitingWhoeverIsPolledMeanwhile) {
  Driven driven(workload_called("reassign"));
  driven.guest.endpoint(0).shared = true;
  Ticks time = 0;
  PhaseClock clock({.budget = 1e9,
                    .ticks = {[](void* at) noexcept { return ++*static_cast<Ticks*>(at); }, &time},
                    .mark_cost = 0});
  clock.begin(WorkPhase::kLoop);
  while (PhaseClock::sampling() == nullptr) PhaseClock::round();
  int looks = 0;
  EXPECT_TRUE(driven.guest.pump_until([&] { return ++looks > 5; }));
  looks = 0;
  EXPECT_TRUE(driven.guest.pump_a_while([&] { return ++looks > 5; }, WorkPhase::kPace));
  const PhaseTally waited = clock.end();
  EXPECT_EQ(waited.rounds_with(WorkPhase::kDevice), 1u);
  EXPECT_EQ(waited.rounds_with(WorkPhase::kPace), 1u);
  EXPECT_EQ(waited.rounds_with(WorkPhase::kEndpoints), 0u);
  EXPECT_EQ(waited.rounds_with(WorkPhase::kStrategy), 0u);
  clock.begin(WorkPhase::kLoop);
  while (PhaseClock::sampling() == nullptr) PhaseClock::round();
  ASSERT_TRUE(driven.guest.endpoint(0).replay->submit(Iova{0}, 64, Access::kRead));
  driven.guest.pump();
  const PhaseTally worked = clock.end();
  EXPECT_EQ(worked.rounds_with(WorkPhase::kEndpoints), 1u);
  EXPECT_EQ(worked.rounds_with(WorkPhase::kStrategy), 1u);
  EXPECT_EQ(worked.rounds_with(WorkPhase::kDevice), 0u);
}

TEST(CompletionCpu, IsThatOfTheSubmitterOrTheFirst) {
  for (const char* name : {"net-tx", "nvme-4k", "iova-stress"}) {
    for (const char* cpu : {"submitter", "first"}) {
      std::map<std::uint64_t, unsigned> mapped_on;
      std::set<unsigned> unmapped_on;
      for (const Call& call :
           calls_of(name, {.settings = {{"completion_cpu", std::string(cpu)}}, .cpus = 4})) {
        if (call.maps) {
          mapped_on[call.page] = call.cpu;
          continue;
        }
        unmapped_on.insert(call.cpu);
        const auto mapped = mapped_on.find(call.page);
        if (mapped == mapped_on.end()) continue;  // Before we looked.
        EXPECT_EQ(call.cpu, std::string_view(cpu) == "first" ? 0 : mapped->second) << name;
      }
      EXPECT_EQ(unmapped_on.size(), std::string_view(cpu) == "first" ? 1u : 4u) << name << cpu;
    }
  }
}

// A poll is one CPU's, and the next one's is another.
TEST(CompletionCpu, OfAReceivedPacketIsThatOfItsPoll) {
  std::set<unsigned> cpus;
  const auto calls = calls_of("net-rx", {.cpus = 4});
  for (std::size_t i = 1; i < calls.size(); ++i) {
    cpus.insert(calls[i].cpu);
    const bool new_poll = !calls[i].maps && calls[i - 1].maps;
    if (new_poll) continue;
    EXPECT_EQ(calls[i].cpu, calls[i - 1].cpu);
  }
  EXPECT_EQ(cpus.size(), 4u);
}

}  // namespace
}  // namespace violet::workloads_test
