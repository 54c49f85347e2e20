// Every generator on a mock device: what it maps it unmaps in the end, also when its device is lost on the way.
#include "experiments/workloads/workloads.hpp"

#include <gtest/gtest.h>

#include "experiments/workloads/rig_port_testing.hpp"

namespace violet::workloads_test {
namespace {

// One device on a strategy, and a workload that drives it.
struct Driven {
  explicit Driven(const WorkloadInfo& info)
      : workload(info.make(SettingValues::resolve(info.settings, {}).value(), 1)),
        deadline(&port.stop()),
        guest({.strategy = *rig.strategy,
               .memory = rig.guest.memory,
               .pages = *rig.guest.pages,
               .counters = rig.guest.counters,
               .histograms = histograms,
               .probe = {},
               .deadline = deadline,
               .endpoints = {endpoint_of(info.endpoint)}}) {
    const Status prepared = workload->prepare(guest);
    EXPECT_TRUE(prepared) << (prepared ? "" : prepared.error().message);
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

  StrategyRig rig{{.strategy = "strict"}};
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
    for (int i = 0; i < 1000; ++i)
      EXPECT_EQ(driven.workload->step(driven.guest), StepOutcome::kDone);
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
    for (int i = 0; i < 100; ++i)
      EXPECT_EQ(driven.workload->step(driven.guest), StepOutcome::kDone);
    driven.port.lose_all(~0U);
    driven.step_until_it_waits();
    EXPECT_GT(driven.guest.endpoint(0).model->ring_errors(), 0u);
    driven.port.lose_all(10'000);
    driven.finish();
    EXPECT_FALSE(driven.port.stop()) << "it waited for a device that cannot answer";
    driven.expect_all_unmapped();
  }
}

}  // namespace
}  // namespace violet::workloads_test
