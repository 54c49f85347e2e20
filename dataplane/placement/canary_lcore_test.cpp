// The whole path in real time: requests through rings in guest memory, the engine on its own lcore, an
// endpoint on another. A page is poisoned the moment its UNMAP comes back; a byte that the endpoint
// writes afterwards is a failure (C1).
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <tuple>

#include "dataplane/dma/engine_port.hpp"
#include "dataplane/eal/eal.hpp"
#include "dataplane/eal/rcu_quiescence.hpp"
#include "dataplane/placement/placement.hpp"
#include "dataplane/virtqueue/driver_queue.hpp"
#include "engine/base/rng.hpp"
#include "engine/iotlb/iotlbs.hpp"
#include "engine/protocol/wire.hpp"
#include "engine/store/stores.hpp"

namespace violet {
namespace {

constexpr std::uint64_t kMemory = 8u << 20;
constexpr std::uint64_t kRings = 0x10000;
constexpr std::uint64_t kEvents = 0x40000;
constexpr std::uint64_t kRequest = 0x80000;
constexpr std::uint64_t kSlow = kRequest + 0x1000;
constexpr std::uint64_t kFaults = kRequest + 0x2000;
constexpr std::uint64_t kPages = 0x100000;
constexpr std::uint64_t kIova = 0xffff0000;
constexpr unsigned kPageCount = 16;
constexpr std::byte kPoison{0x6b};
constexpr EndpointId kNic{0x28};

// Lcore 0 guest, 1 engine, 2 endpoint. With two CPUs the endpoint shares the guest's, and is then
// preempted inside its sections, which is what makes C5 interesting.
Eal& eal() {
  static Eal* started = [] {
    const auto cpus = allowed_cpus();
    const auto cpu = [&](std::size_t i) { return cpus[i % cpus.size()]; };
    const unsigned endpoint_cpu = cpus.size() > 2 ? cpus[2] : cpus[0];
    return Eal::start({.cpus = {cpu(0), cpu(1), endpoint_cpu}}).value();
  }();
  return *started;
}

class Bench {
 public:
  Bench(const std::string& store, const std::string& iotlb, RingFormat format,
        PlacementKind placement) {
    eal();
    quiescence = RcuQuiescence::create(8).value();
    EXPECT_TRUE(memory.allocate({0}, kMemory, GuestMemory::Backing::kAnonymous));
    const auto layout = QueueLayout::at(format, 64, {kRings});
    const auto events = QueueLayout::at(format, 16, {kEvents});
    driver = make_driver_queue(memory, layout, {}).value();
    event_driver =
        make_driver_queue(memory, events,
                          {.features = {}, .use_indirect = false, .single_segment = true})
            .value();
    requests = make_request_queue(memory, layout, {}).value();
    event_queue = make_event_queue(memory, events, {}).value();
    DeviceConfig config;
    config.endpoints.push_back({kNic, "nic", {}});
    config.limits.mappings_per_domain = 4096;
    config.iotlb.entries = 256;
    device = make_device(store, iotlb, config, *quiescence).value();
    device->connect(requests.get(), event_queue.get());
    EXPECT_TRUE(device->negotiate(device->offered_features()));
    port = open_port(*device, kNic, "nic", memory).value();
    place = std::make_unique<Placement>(eal(), *device, *requests, placement, InjectedCosts{});
    EXPECT_TRUE(place->start());
  }
  ~Bench() { place->stop(); }

  template <class R>
  protocol::Status send(const R& request) {
    std::byte* bytes = memory.host({kRequest}, sizeof(R) + 4);
    std::memcpy(bytes, &request, sizeof(R));
    bytes[sizeof(R)] = std::byte{0xff};
    const DriverBuffer buffer{{kRequest}, {kRequest + sizeof(R)}, sizeof(R), 4, 1};
    EXPECT_EQ(driver->add(std::span(&buffer, 1)), 1u);
    driver->publish();
    if (driver->needs_kick()) place->kick();
    UsedBuffer used{};
    const Ticks give_up = now_ticks() + ns_to_ticks(5'000'000'000);
    while (driver->pop_used(std::span(&used, 1)) == 0) {
      if (now_ticks() > give_up) {
        ADD_FAILURE() << "no answer in 5 s";
        return protocol::Status::kDevErr;
      }
      place->wait();
    }
    EXPECT_EQ(used.bytes, 4u);
    return static_cast<protocol::Status>(std::to_integer<std::uint8_t>(bytes[sizeof(R)]));
  }

  // Queues an UNMAP of one page and kicks, but does not wait.
  void begin_unmap(std::uint64_t iova, std::uint32_t cookie) {
    protocol::Unmap request{};
    request.head.type = static_cast<std::uint8_t>(protocol::Type::kUnmap);
    request.domain = 1;
    request.virt_start = iova;
    request.virt_end = iova + 4095;
    std::memcpy(memory.host({kSlow}, sizeof(request)), &request, sizeof(request));
    const DriverBuffer buffer{{kSlow}, {kSlow + sizeof(request)}, sizeof(request), 4, cookie};
    ASSERT_EQ(driver->add(std::span(&buffer, 1)), 1u);
    driver->publish();
    if (driver->needs_kick()) place->kick();
  }
  // Waits as a guest does; false when nothing comes back in time.
  bool comes_back(DriverQueue& queue, std::uint64_t within_ns = 2'000'000'000) {
    UsedBuffer used{};
    const Ticks give_up = now_ticks() + ns_to_ticks(within_ns);
    while (queue.pop_used(std::span(&used, 1)) == 0) {
      if (now_ticks() > give_up) return false;
      place->wait();
    }
    return true;
  }
  void fault() {
    std::array<std::byte, 16> data{};
    DmaOp op{{0x123000}, 16, Access::kWrite, data.data(), DmaResult::kOk};
    port->run(std::span(&op, 1));
    EXPECT_EQ(op.result, DmaResult::kFaultMapping);
  }

  protocol::Status attach() {
    protocol::Attach request{};
    request.head.type = static_cast<std::uint8_t>(protocol::Type::kAttach);
    request.domain = 1;
    request.endpoint = kNic.value;
    return send(request);
  }
  protocol::Status map(std::uint64_t iova, std::uint64_t phys) {
    protocol::Map request{};
    request.head.type = static_cast<std::uint8_t>(protocol::Type::kMap);
    request.domain = 1;
    request.virt_start = iova;
    request.virt_end = iova + 4095;
    request.phys_start = phys;
    request.flags = protocol::kMapRead | protocol::kMapWrite;
    return send(request);
  }
  protocol::Status unmap(std::uint64_t iova) {
    protocol::Unmap request{};
    request.head.type = static_cast<std::uint8_t>(protocol::Type::kUnmap);
    request.domain = 1;
    request.virt_start = iova;
    request.virt_end = iova + 4095;
    return send(request);
  }

  GuestMemory memory;
  std::unique_ptr<RcuQuiescence> quiescence;
  std::unique_ptr<DriverQueue> driver;
  std::unique_ptr<DriverQueue> event_driver;
  std::unique_ptr<RingRequestQueue> requests;
  std::unique_ptr<RingEventQueue> event_queue;
  std::unique_ptr<Device> device;
  std::unique_ptr<DmaPort> port;
  std::unique_ptr<Placement> place;
};

// Writes into every IOVA over and over; the guest decides which of them are mapped.
void write_flat_out(DmaPort& port, const std::atomic<bool>& stop) {
  std::array<std::byte, 256> data;
  data.fill(std::byte{0xaa});
  std::array<DmaOp, 8> ops{};
  Rng rng(7);
  while (!stop.load(std::memory_order_relaxed)) {
    for (auto& op : ops) {
      op = {{kIova + rng.below(kPageCount) * 4096 + rng.below(3840)},
            static_cast<std::uint32_t>(data.size()),
            Access::kWrite,
            data.data(),
            DmaResult::kOk};
    }
    port.run(ops);
  }
}

bool is_poisoned(const std::byte* page) {
  return std::all_of(page, page + 4096, [](std::byte b) { return b == kPoison; });
}

using Combination = std::tuple<std::string, std::string, RingFormat, PlacementKind>;
class Canary : public ::testing::TestWithParam<Combination> {};

TEST_P(Canary, C1_NoByteIsWrittenAfterUnmapCompletes) {
  const auto& [store, iotlb, format, placement] = GetParam();
  Bench bench(store, iotlb, format, placement);
  ASSERT_EQ(bench.attach(), protocol::Status::kOk);
  std::atomic<bool> stop{false};
  ASSERT_TRUE(eal().launch(2, [&] { write_flat_out(*bench.port, stop); }));

  std::uint64_t written = 0;
  std::uint64_t rounds = 0;
  const Ticks end = now_ticks() + ns_to_ticks(150'000'000);
  for (; now_ticks() < end || (written == 0 && rounds < 100'000); ++rounds) {
    const std::uint64_t slot = rounds % kPageCount;
    std::byte* page = bench.memory.host({kPages + slot * 4096}, 4096);
    if (rounds >= kPageCount) {
      ASSERT_TRUE(is_poisoned(page)) << "a byte arrived after UNMAP, round " << rounds;
    }
    std::memset(page, 0, 4096);
    ASSERT_EQ(bench.map(kIova + slot * 4096, kPages + slot * 4096), protocol::Status::kOk);
    spin_ticks(ns_to_ticks(2'000));
    ASSERT_EQ(bench.unmap(kIova + slot * 4096), protocol::Status::kOk);
    written += std::any_of(page, page + 4096, [](std::byte b) { return b == std::byte{0xaa}; });
    std::memset(page, static_cast<int>(kPoison), 4096);
  }
  stop = true;
  eal().join(2);
  EXPECT_GT(written, 0u) << "the endpoint never wrote, so nothing was tested";
  for (std::uint64_t slot = 0; slot < std::min<std::uint64_t>(rounds, kPageCount); ++slot) {
    EXPECT_TRUE(is_poisoned(bench.memory.host({kPages + slot * 4096}, 4096)));
  }
}

// C2: the first access after MAP comes back finds it, on another lcore and through a cold or warm IOTLB.
TEST_P(Canary, C2_AMappingIsFoundAsSoonAsMapCompletes) {
  const auto& [store, iotlb, format, placement] = GetParam();
  Bench bench(store, iotlb, format, placement);
  ASSERT_EQ(bench.attach(), protocol::Status::kOk);
  for (int round = 0; round < 300; ++round) {
    ASSERT_FALSE(bench.port->probe({kIova}, Access::kWrite)) << round;
    ASSERT_EQ(bench.map(kIova, kPages), protocol::Status::kOk);
    ASSERT_TRUE(bench.port->probe({kIova}, Access::kWrite)) << round;
    ASSERT_EQ(bench.unmap(kIova), protocol::Status::kOk);
  }
}

std::vector<Combination> combinations() {
  std::vector<Combination> all;
  for (const auto& store : stores().names()) {
    for (const auto& iotlb : iotlbs().names()) {
      all.emplace_back(store, iotlb, RingFormat::kSplit, PlacementKind::kSidecore);
    }
  }
  all.emplace_back("radix", "generation-domain", RingFormat::kPacked, PlacementKind::kSidecore);
  for (const auto format : {RingFormat::kSplit, RingFormat::kPacked}) {
    all.emplace_back("radix", "generation-domain", format, PlacementKind::kSamecore);
    all.emplace_back("radix", "generation-domain", format, PlacementKind::kKickThread);
  }
  return all;
}

std::string name_of(const ::testing::TestParamInfo<Combination>& info) {
  const auto& [store, iotlb, format, placement] = info.param;
  std::string name = store + "_" + iotlb + (format == RingFormat::kSplit ? "_split_" : "_packed_") +
                     std::string(to_text(placement));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Lcores, Canary, ::testing::ValuesIn(combinations()), name_of);

// C5: requests of the guest are answered while a reader sits in its section; the UNMAP that must wait
// for it does not hold up the next MAP.
TEST(Lcores, C5_AReaderInItsSectionHoldsOnlyWhatItMust) {
  Bench bench("radix", "generation-domain", RingFormat::kSplit, PlacementKind::kSidecore);
  ASSERT_EQ(bench.attach(), protocol::Status::kOk);
  const auto stuck = bench.quiescence->add_reader("stuck").value();
  ASSERT_EQ(bench.map(kIova, kPages), protocol::Status::kOk);
  bench.quiescence->online(stuck);
  bench.begin_unmap(kIova, 2);
  EXPECT_EQ(bench.map(kIova + 0x10000, kPages), protocol::Status::kOk);
  EXPECT_EQ(bench.driver->in_flight(), 1u) << "the UNMAP came back under a reader";
  const Ticks give_up = now_ticks() + ns_to_ticks(2'000'000'000);
  while (bench.device->stalled_readers().empty() && now_ticks() < give_up) cpu_pause();
  ASSERT_FALSE(bench.device->stalled_readers().empty());
  EXPECT_EQ(bench.device->stalled_readers().front(), "stuck");
  bench.quiescence->offline(stuck);
  UsedBuffer used{};
  while (bench.driver->pop_used(std::span(&used, 1)) == 0 && now_ticks() < give_up) cpu_pause();
  EXPECT_EQ(used.cookie, 2u);
}

class Sleepers : public ::testing::TestWithParam<PlacementKind> {};

// A reader outlasts the engine's patience; nobody kicks when it goes on.
TEST_P(Sleepers, C5_WhatWaitedForAReaderIsAnsweredWithoutAnotherKick) {
  Bench bench("radix", "generation-domain", RingFormat::kSplit, GetParam());
  ASSERT_EQ(bench.attach(), protocol::Status::kOk);
  ASSERT_EQ(bench.map(kIova, kPages), protocol::Status::kOk);
  const auto stuck = bench.quiescence->add_reader("stuck").value();
  bench.quiescence->online(stuck);
  bench.begin_unmap(kIova, 2);
  const std::uint64_t kicks = bench.place->kicks();
  EXPECT_FALSE(bench.comes_back(*bench.driver, 50'000'000)) << "the UNMAP came back under a reader";
  bench.quiescence->offline(stuck);
  EXPECT_TRUE(bench.comes_back(*bench.driver));
  EXPECT_EQ(bench.place->kicks(), kicks);
}

TEST_P(Sleepers, AFaultReachesTheDriverWithoutAKick) {
  Bench bench("radix", "generation-domain", RingFormat::kSplit, GetParam());
  ASSERT_EQ(bench.attach(), protocol::Status::kOk);
  const DriverBuffer buffer{{kFaults}, {kFaults}, 0, 24, 7};
  ASSERT_EQ(bench.event_driver->add(std::span(&buffer, 1)), 1u);
  bench.event_driver->publish();
  spin_ticks(ns_to_ticks(20'000'000));  // The engine sleeps.
  bench.fault();
  EXPECT_TRUE(bench.comes_back(*bench.event_driver));
}

// A guest that broke a ring and kicks on must not keep the engine in a loop.
TEST_P(Sleepers, ABrokenEventRingNeedsAResetAndAResetClearsIt) {
  Bench bench("radix", "generation-domain", RingFormat::kSplit, GetParam());
  ASSERT_EQ(bench.attach(), protocol::Status::kOk);
  const auto layout = QueueLayout::at(RingFormat::kSplit, 16, {kEvents});
  const std::uint16_t too_many = 1000;
  std::memcpy(bench.memory.host({layout.driver.value + 2}, 2), &too_many, sizeof(too_many));
  bench.fault();
  const auto needs_reset = [&] {
    bool needs = false;
    bench.place->control([&] { needs = bench.device->needs_reset(); });
    return needs;
  };
  const Ticks give_up = now_ticks() + ns_to_ticks(2'000'000'000);
  while (!needs_reset() && now_ticks() < give_up) bench.place->wait();
  ASSERT_TRUE(needs_reset());
  bench.begin_unmap(kIova, 2);
  EXPECT_FALSE(bench.comes_back(*bench.driver, 10'000'000));
  bench.place->control([&] {
    bench.device->connect(bench.requests.get(), nullptr);
    bench.device->reset();
    for (int i = 0; i < 1000 && bench.device->resetting(); ++i) bench.device->poll(0);
    EXPECT_FALSE(bench.device->resetting());
    EXPECT_FALSE(bench.device->needs_reset());
  });
}

INSTANTIATE_TEST_SUITE_P(Lcores, Sleepers,
                         ::testing::Values(PlacementKind::kSamecore, PlacementKind::kKickThread,
                                           PlacementKind::kSidecore),
                         [](const auto& placement) {
                           std::string name(to_text(placement.param));
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace violet
