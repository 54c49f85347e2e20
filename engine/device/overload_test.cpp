// What one guest's flood may cost others, and the device: order under slicing, fairness between domains,
// dead domains, and an engine that never waits at a store's lock (C5).
#include <gtest/gtest.h>

#include <vector>

#include "engine/device/all_pairs_testing.hpp"
#include "engine/iotlb/locked_iotlb.hpp"
#include "engine/store/oracle_store.hpp"

namespace violet::overload_test {
namespace {

using protocol::Status;

constexpr std::uint64_t kHigh = 0x4000000;

class Overload : public OnAllPairs {};
INSTANTIATE_TEST_SUITE_P(Pairs, Overload, testing::ValuesIn(all_pairs()), pair_name);

void map_pages(Rig& rig, std::uint32_t domain, std::uint64_t first, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t at = first + 2 * i * kPage;
    ASSERT_EQ(rig.map(domain, at, at + kLast, 0x100000), Status::kOk);
  }
}

int polls_until(Rig& rig, std::uint32_t token, unsigned budget, int most) {
  int polls = 0;
  while (!rig.requests.done(token) && polls < most) {
    rig.device->poll(budget);
    ++polls;
  }
  return polls;
}

// An ATTACH that waited behind another of its endpoint leaves a domain that it did not know of when it
// came: an UNMAP of that domain that came later must find it gone, not be cut in half by it.
TEST_P(Overload, AnAttachThatWaitedLeavesBeforeALaterUnmapOfThatDomain) {
  DeviceConfig config = rig_config();
  config.endpoints = {{{8}, "a", {}}, {{9}, "b", {}}, {{10}, "c", {}}};
  config.unmap_slice = 4;
  Rig rig(config);
  rig.attach(1, 8);
  rig.attach(2, 9);
  map_pages(rig, 1, 0, 20);
  map_pages(rig, 1, 0x1000000, 300);
  map_pages(rig, 2, kHigh, 300);
  rig.requests.push_wire(unmap_wire(1, 0, 0xffffff));
  rig.requests.push_wire(unmap_wire(2, kHigh, ~std::uint64_t{0}));
  for (int i = 0; i < 2; ++i) rig.device->poll(1);
  const auto first = rig.requests.push_wire(attach_wire(1, 10));
  const auto second = rig.requests.push_wire(attach_wire(2, 10));
  polls_until(rig, first, 1, 1000);
  ASSERT_FALSE(rig.requests.done(second));
  const auto detach = rig.requests.push_wire(detach_wire(1, 8));
  const auto unmap = rig.requests.push_wire(unmap_wire(1, 0x1000000, ~std::uint64_t{0}));
  rig.poll_until_idle();
  EXPECT_EQ(rig.requests.status(second), Status::kOk);
  EXPECT_EQ(rig.requests.status(detach), Status::kOk);
  EXPECT_EQ(rig.requests.status(unmap), Status::kNoEnt);
  EXPECT_EQ(rig.device->counters().domains_freed.value(), 1u);
  rig.device->reset();
  rig.requests.forget();
  rig.poll_until_idle();
  EXPECT_EQ(rig.device->memory_used(), 0u);
}

TEST_P(Overload, C5_ALargeUnmapLeavesRoomForThoseOfOtherDomains) {
  Rig rig;
  rig.attach(1, 8);
  rig.attach(2, 9);
  map_pages(rig, 1, 0, 3000);
  map_pages(rig, 2, 0, 20);
  const auto big = rig.requests.push_wire(unmap_wire(1, 0, ~std::uint64_t{0}));
  rig.device->poll(64);
  const auto small = rig.requests.push_wire(unmap_wire(2, 0, kLast));
  EXPECT_LE(polls_until(rig, small, 64, 1000), 2);
  const auto rest = rig.requests.push_wire(unmap_wire(2, 0, ~std::uint64_t{0}));
  EXPECT_LE(polls_until(rig, rest, 64, 1000), 2);
  EXPECT_FALSE(rig.requests.done(big));
  rig.poll_until_idle();
  EXPECT_EQ(rig.requests.status(big), Status::kOk);
}

TEST_P(Overload, C5_TwoLargeUnmapsAdvanceTogether) {
  Rig rig;
  rig.attach(1, 8);
  rig.attach(2, 9);
  map_pages(rig, 1, 0, 4000);
  map_pages(rig, 2, 0, 1000);
  const auto first = rig.requests.push_wire(unmap_wire(1, 0, ~std::uint64_t{0}));
  const auto second = rig.requests.push_wire(unmap_wire(2, 0, ~std::uint64_t{0}));
  polls_until(rig, second, 64, 1000);
  EXPECT_FALSE(rig.requests.done(first));
}

TEST_P(Overload, DeadDomainsDoNotPileUp) {
  DeviceConfig config = rig_config();
  config.limits.domains = 4;
  Rig rig(config);
  std::uint64_t most = 0;
  for (std::uint32_t round = 0; round < 400; ++round) {
    for (std::uint32_t i = 0; i < 64; ++i) {
      rig.requests.push_wire(attach_wire(1 + round * 64 + i, 8));
    }
    rig.device->poll(64);
    const auto& counters = rig.device->counters();
    most = std::max(most, counters.domains_created.value() - counters.domains_freed.value());
  }
  EXPECT_LT(most, 200u);
  rig.poll_until_idle();
  EXPECT_EQ(rig.requests.completed(), rig.requests.pushed());
}

// While a reader holds up every grace period, an ATTACH waits for room instead of taking more memory.
TEST_P(Overload, AnAttachWaitsWhileTooManyDomainsAreDead) {
  DeviceConfig config = rig_config();
  config.limits.domains = 4;
  Rig rig(config);
  {
    const AnyReader::Section section(*rig.reader);
    for (std::uint32_t i = 0; i < 500; ++i) rig.requests.push_wire(attach_wire(1 + i, 8));
    for (int i = 0; i < 50; ++i) rig.device->poll(64);
    EXPECT_LT(rig.device->counters().domains_created.value(), 80u);
  }
  rig.poll_until_idle();
  EXPECT_EQ(rig.requests.completed(), rig.requests.pushed());
  EXPECT_EQ(rig.device->counters().replies_of(Status::kOk).value(), 500u);
}

// A store that counts what makes readers of a locked store and the engine wait for each other.
class CountingStore : public OracleStore {
 public:
  static inline int lookups = 0;
  static inline int updates = 0;

  using OracleStore::OracleStore;
  bool try_begin_update() override {
    ++updates;
    return true;
  }
  std::optional<Translation> translate(Iova iova) const override {
    ++lookups;
    return OracleStore::translate(iova);
  }
};

Device::Parts counting() { return {store_factory<CountingStore>(), iotlbs().find("locked")->make}; }

TEST(OverloadStore, C5_TheEngineLooksNothingUpAmongTheReaders) {
  Rig rig(counting());
  rig.attach(1, 8);
  rig.map(1, 0, kLast, 0);
  CountingStore::lookups = 0;
  EXPECT_EQ(rig.unmap(1, 100, 200), Status::kRange);               // Unaligned edges.
  EXPECT_EQ(rig.unmap(1, 2 * kPage + 1, 3 * kPage), Status::kOk);  // The same in a hole.
  EXPECT_EQ(rig.attach(1, 10), Status::kOk);                       // Against two regions.
  EXPECT_EQ(CountingStore::lookups, 0);
}

TEST(OverloadStore, C5_AStoreWithoutGarbageIsNotClosedToItsReaders) {
  Rig rig(counting());
  rig.attach(1, 8);
  rig.map(1, 0, kLast, 0);
  rig.unmap(1, 0, kLast);
  CountingStore::updates = 0;
  for (int i = 0; i < 10; ++i) rig.device->poll(64);
  rig.detach(1, 8);
  rig.poll_until_idle();
  EXPECT_EQ(CountingStore::updates, 0);
  EXPECT_EQ(rig.device->counters().domains_freed.value(), 1u);
}

// As a reader of LockedIotlb that sits in its lock: an invalidation that is not applied at once.
class SlowIotlb : public LockedIotlb {
 public:
  static inline bool held = false;
  static inline InvalidationToken asked = 0;

  using LockedIotlb::LockedIotlb;
  bool completed(InvalidationToken token) override {
    asked = std::max(asked, token);
    return !held && LockedIotlb::completed(token);
  }
};

TEST(OverloadIotlb, AResetSeesPendingInvalidationsThrough) {
  Rig rig(Device::Parts{stores().find("radix")->make, iotlb_factory<SlowIotlb>()});
  rig.attach(1, 8);
  rig.map(1, 0, kLast, 0x5000);
  SlowIotlb::held = true;
  rig.requests.push_wire(unmap_wire(1, 0, kLast));
  rig.device->poll(64);
  rig.device->reset();
  rig.requests.forget();
  for (int i = 0; i < 10; ++i) rig.device->poll(64);
  EXPECT_TRUE(rig.device->resetting());
  SlowIotlb::held = false;
  rig.poll_until_idle();
  EXPECT_FALSE(rig.device->resetting());
  EXPECT_GE(SlowIotlb::asked, 1u);
}

// Requests that cannot run hide none that can, however many they are.
TEST(OverloadDeferred, C5_ManyBlockedRequestsHideNoRunnableOne) {
  using List = DeferredList;
  List list(512);
  const auto push = [&](std::uint32_t domain) {
    List::Entry entry{};
    entry.keys.add(DomainId{domain});
    list.push(entry);
  };
  for (int i = 0; i < 400; ++i) push(1);
  push(2);
  int tried = 0;
  const unsigned finished = list.retry(256, [&](const List::Entry& entry) {
    ++tried;
    return entry.keys.domains[0] == DomainId{2};
  });
  EXPECT_EQ(finished, 1u);
  EXPECT_EQ(tried, 2);
  EXPECT_EQ(list.size(), 400u);
}

}  // namespace
}  // namespace violet::overload_test
