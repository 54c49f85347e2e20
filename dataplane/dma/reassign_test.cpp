// An endpoint is given to another domain while accesses of its device are under way or held back (the deferred DMA attack on
// passed-through devices, 2025): none completes in the domain that it has left. A device that holds accesses back and is
// let go later is judged by the domain of that moment, for nothing on the bus says when an access was issued: where the new
// domain has mapped the address, it goes there. Who gives a device away has to reset it first.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "dataplane/dma/engine_port.hpp"
#include "dataplane/dma/replay_endpoint.hpp"
#include "engine/device/all_pairs_testing.hpp"

namespace violet::reassign_test {
namespace {

using protocol::Status;

constexpr std::uint32_t kDevice = 8, kFirst = 1, kSecond = 2;
constexpr std::uint64_t kAddress = 0x10000;
constexpr std::uint64_t kFirstsMemory = 0x4000, kSecondsMemory = 0x8000;
constexpr unsigned kHeld = 16, kRounds = 100;
constexpr std::byte kUntouched{0x5a};  // A replay endpoint writes zeros.

class Reassign : public OnAllPairs {
 protected:
  Reassign() {
    EXPECT_TRUE(memory.allocate({0}, 0x10000, GuestMemory::Backing::kAnonymous));
    port = open_port(*rig.device, {kDevice}, "port lcore", memory).value();
    device = std::make_unique<ReplayEndpoint>(*port);
    for (const std::uint64_t page : {kFirstsMemory, kSecondsMemory}) poison(page);
    // Others keep the domains.
    EXPECT_EQ(rig.attach(kFirst, 9), Status::kOk);
    EXPECT_EQ(rig.attach(kSecond, 10), Status::kOk);
    EXPECT_EQ(rig.map(kFirst, kAddress, kAddress + kLast, kFirstsMemory), Status::kOk);
    EXPECT_EQ(rig.attach(kFirst, kDevice), Status::kOk);
    submit_and_run();  // What an IOTLB may remember it remembers.
    EXPECT_EQ(device->dma_errors(), 0u);
    poison(kFirstsMemory);
  }

  void submit() {
    for (unsigned i = 0; i < kHeld; ++i)
      ASSERT_TRUE(device->submit({kAddress + 64 * i}, 64, Access::kWrite));
  }
  void let_go() {
    while (device->completed() != device->submitted()) device->poll(kHeld);
  }
  void submit_and_run() {
    submit();
    let_go();
  }

  void poison(std::uint64_t page) {
    const auto bytes = bytes_of(page);
    std::fill(bytes.begin(), bytes.end(), kUntouched);
  }
  bool untouched(std::uint64_t page) const {
    const auto bytes = bytes_of(page);
    return std::all_of(bytes.begin(), bytes.end(), [](std::byte one) { return one == kUntouched; });
  }
  std::span<std::byte> bytes_of(std::uint64_t page) const {
    return {memory.host({page}, kPage), kPage};
  }

  Rig rig;
  GuestMemory memory;
  std::unique_ptr<DmaPort> port;
  std::unique_ptr<ReplayEndpoint> device;
};
INSTANTIATE_TEST_SUITE_P(Pairs, Reassign, testing::ValuesIn(all_pairs()), pair_name);

TEST_P(Reassign, D23_WhatWasHeldBackReachesNothingOnceTheEndpointHasLeft) {
  submit();
  ASSERT_EQ(rig.detach(kFirst, kDevice), Status::kOk);
  let_go();
  EXPECT_EQ(device->dma_errors(), kHeld);
  EXPECT_TRUE(untouched(kFirstsMemory));
}

// Detached first, or moved at once, as Linux does.
TEST_P(Reassign, WhatWasHeldBackReachesNeitherDomainWhereTheNextOneHasOtherAddresses) {
  ASSERT_EQ(rig.map(kSecond, 0x20000, 0x20000 + kLast, kSecondsMemory), Status::kOk);
  for (const bool detach : {true, false}) {
    const std::uint64_t refused = device->dma_errors();
    submit();
    if (detach) {
      ASSERT_EQ(rig.detach(kFirst, kDevice), Status::kOk);
    }
    ASSERT_EQ(rig.attach(kSecond, kDevice), Status::kOk);
    let_go();
    EXPECT_EQ(device->dma_errors() - refused, kHeld);
    EXPECT_TRUE(untouched(kFirstsMemory) && untouched(kSecondsMemory));
    ASSERT_EQ(rig.attach(kFirst, kDevice), Status::kOk);
  }
}

TEST_P(Reassign, WhereTheNextDomainHasTheAddressTheAccessIsItsOwn) {
  ASSERT_EQ(rig.map(kSecond, kAddress, kAddress + kLast, kSecondsMemory), Status::kOk);
  submit();
  ASSERT_EQ(rig.attach(kSecond, kDevice), Status::kOk);
  let_go();
  EXPECT_EQ(device->dma_errors(), 0u);
  EXPECT_TRUE(untouched(kFirstsMemory));
  EXPECT_FALSE(untouched(kSecondsMemory));
}

// The device goes on all the time; each page is looked after from the moment on that its domain has lost the endpoint.
TEST_P(Reassign, NoAccessIsUnderWayInADomainThatTheEndpointHasLeft) {
  ASSERT_EQ(rig.map(kSecond, kAddress, kAddress + kLast, kSecondsMemory), Status::kOk);
  std::atomic<bool> stop{false};  // relaxed: the join orders everything else.
  std::thread lcore([&] {
    while (!stop.load(std::memory_order_relaxed)) {
      device->poll(kHeld);
      std::this_thread::yield();
    }
  });
  const auto move_to = [&](std::uint32_t domain) {
    const auto token = rig.requests.push_wire(attach_wire(domain, kDevice));
    while (!rig.requests.done(token)) {
      rig.device->poll(8);
      std::this_thread::yield();
    }
    return rig.requests.status(token).value();
  };
  unsigned left_untouched = 0, wrote = 0;
  for (unsigned round = 0; round < kRounds; ++round) {
    const bool to_first = round % 2 == 1;
    for (unsigned i = 0; i < kHeld; ++i) device->submit({kAddress}, 64, Access::kWrite);
    if (move_to(to_first ? kFirst : kSecond) != Status::kOk) break;
    const std::uint64_t left = to_first ? kSecondsMemory : kFirstsMemory;
    poison(left);
    const std::uint32_t until = device->submitted();
    while (device->completed() != until) std::this_thread::yield();
    left_untouched += untouched(left);
    wrote += !untouched(to_first ? kFirstsMemory : kSecondsMemory);
  }
  stop.store(true, std::memory_order_relaxed);
  lcore.join();
  EXPECT_EQ(left_untouched, kRounds);
  EXPECT_GT(wrote, 0u);
  EXPECT_EQ(device->dma_errors(), 0u);
}

}  // namespace
}  // namespace violet::reassign_test
