// The strategies over the real device and real rings: with the engine polled inline at each kick, and
// with the engine on a thread of its own. The ledger and a rogue endpoint judge each run.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "dataplane/dma/engine_port.hpp"
#include "dataplane/virtqueue/device_queue.hpp"
#include "engine/base/effort_testing.hpp"
#include "engine/base/rng.hpp"
#include "engine/device/device.hpp"
#include "experiments/strategies/strategies.hpp"
#include "experiments/trace/exposure_ledger.hpp"
#include "experiments/trace/probe_agreement.hpp"

namespace violet::real_device_test {
namespace {

constexpr EndpointId kEndpoint{0x28};
constexpr std::size_t kEvents = 1 << 17;
// A rogue probe that took longer says nothing about its time.
constexpr Ticks kDisturbed = 10'000;

struct Case {
  const StrategyInfo* strategy;
  bool threaded;
  RingFormat format;
  SettingAssignments settings = {};
};

// Guest and engine share a thread, or the engine's has not started.
class DirectTransport final : public DeviceTransport {
 public:
  explicit DirectTransport(Device& device) : device_(device) {}
  std::uint64_t offered_features() override { return device_.offered_features(); }
  bool negotiate(std::uint64_t features) override { return device_.negotiate(features); }
  void read_config(std::size_t offset, std::span<std::byte> out) override {
    device_.read_config(offset, out);
  }
  void write_config(std::size_t offset, std::span<const std::byte> bytes) override {
    device_.write_config(offset, bytes);
  }

 private:
  Device& device_;
};

class Machine final : public Doorbell, public SpinHook {
 public:
  explicit Machine(const Case& c) : threaded_(c.threaded) {
    VIOLET_CHECK(memory.allocate({0}, 64 << 20, GuestMemory::Backing::kAnonymous));
    pages = std::make_unique<GuestPages>(memory, GuestPages::Options{.poison = true});
    DeviceConfig config;
    config.input_range = IovaRange::of(0, std::uint64_t{1} << 48);
    config.iotlb.entries = 256;
    config.endpoints = {
        {kEndpoint, "nic", {{IovaRange::of(0xfee00000, 0x100000), protocol::RegionKind::kMsi}}}};
    auto made =
        make_device("radix", "generation-domain", config, quiescence, {}, Probe(&engine_ring));
    VIOLET_CHECK(made);
    engine = std::move(*made);
    make_queues(c.format);
    port = open_port(*engine, kEndpoint, "nic", memory).value();
    transport = std::make_unique<DirectTransport>(*engine);
    auto driver_made = VirtioIommuDriver::create({.pages = *pages,
                                                  .queue = *driver_queue,
                                                  .transport = *transport,
                                                  .doorbell = *this,
                                                  .spin_hook = this,
                                                  .counters = counters});
    VIOLET_CHECK(driver_made);
    driver = std::move(*driver_made);
    StrategyContext context{.driver = *driver,
                            .memory = memory,
                            .pages = *pages,
                            .counters = counters,
                            .probe = Probe(&guest_ring),
                            .cpus = 2,
                            .endpoints = {kEndpoint}};
    strategy = std::move(*make_strategy(c.strategy->name, context, c.settings));
    if (threaded_) thread_ = std::thread([this] { run_engine(); });
  }
  ~Machine() override {
    stop_.store(true, std::memory_order_relaxed);
    if (thread_.joinable()) thread_.join();
  }

  void kick() override {
    if (!threaded_) poll();
  }
  void while_spinning() override {
    if (threaded_) {
      std::this_thread::yield();
    } else {
      poll();
    }
  }

  GuestMemory memory;
  std::unique_ptr<GuestPages> pages;
  EpochQuiescence quiescence;
  EventRing engine_ring{kEvents};
  EventRing guest_ring{kEvents};
  std::unique_ptr<Device> engine;
  std::unique_ptr<DriverQueue> driver_queue;
  std::unique_ptr<RingRequestQueue> device_queue;
  std::unique_ptr<DmaPort> port;
  std::unique_ptr<DirectTransport> transport;
  GuestCounters counters;
  std::unique_ptr<VirtioIommuDriver> driver;
  std::unique_ptr<Strategy> strategy;

 private:
  void make_queues(RingFormat format) {
    const std::uint64_t bytes = QueueLayout::bytes(format, 256);
    const auto layout = QueueLayout::at(format, 256, *pages->allocate_run((bytes + 4095) / 4096));
    driver_queue = std::move(*make_driver_queue(memory, layout, {}));
    device_queue = std::move(*make_request_queue(memory, layout, {}));
    if (threaded_) device_queue->suppress_kicks();
    engine->connect(device_queue.get(), nullptr);
  }
  void poll() {
    while (engine->poll(64) > 0) {
    }
  }
  void run_engine() {
    while (!stop_.load(std::memory_order_relaxed)) {
      if (engine->poll(64) == 0) std::this_thread::yield();
    }
  }

  bool threaded_;
  std::atomic<bool> stop_{false};  // relaxed: the join orders everything else.
  std::thread thread_;
};

// Maps, moves bytes through the IOMMU, unmaps and probes.
class Traffic {
 public:
  Traffic(Machine& machine, std::uint64_t seed) : m_(machine), rng_(seed) {}

  void run(int operations) {
    for (int i = 0; i < operations && !testing::Test::HasFatalFailure(); ++i) {
      if (held_.size() < 24 && rng_.chance(0.55)) {
        map();
      } else if (!held_.empty()) {
        unmap();
      }
      m_.strategy->tick(now_ticks());
    }
    while (!held_.empty() && !testing::Test::HasFatalFailure()) unmap();
    m_.strategy->drain();
  }

 private:
  struct Held {
    DmaMapping mapping;
    GuestPhys run;
    std::uint64_t pages;
    std::byte value;
  };

  void record(EventKind kind, const DmaMapping& mapping) {
    m_.guest_ring.record(dma_event(mapping, kEndpoint).event(kind, now_ticks()));
  }

  void map() {
    Held held;
    const std::uint64_t offset = rng_.below(4096);
    const auto bytes = std::uint32_t(1 + rng_.below(rng_.chance(0.8) ? 4096 : 40000));
    held.pages = (offset + bytes + 4095) / 4096;
    held.run = *m_.pages->allocate_run(held.pages);
    held.value = static_cast<std::byte>(1 + rng_.below(250));
    const DmaBuffer buffer{{held.run.value + offset}, bytes};
    std::memset(m_.memory.host(buffer.phys, bytes), int(held.value), bytes);
    const auto direction = static_cast<DmaDirection>(1 + rng_.below(3));
    const auto mapping = m_.strategy->map(0, buffer, direction, unsigned(rng_.below(2)));
    ASSERT_TRUE(mapping);
    record(EventKind::kDmaMap, *mapping);
    held.mapping = *mapping;
    held_.push_back(held);
    if (direction != DmaDirection::kFromDevice) check_read(held);
  }

  void check_read(const Held& held) {
    std::vector<std::byte> seen(held.mapping.buffer.bytes);
    DmaOp op{held.mapping.iova, held.mapping.buffer.bytes, Access::kRead, seen.data(), {}};
    ASSERT_EQ(m_.port->run({&op, 1}), 1u);
    for (const std::byte b : seen) ASSERT_EQ(b, held.value);
  }

  void unmap() {
    const auto victim = rng_.below(held_.size());
    const Held held = held_[victim];
    held_[victim] = held_.back();
    held_.pop_back();
    const DmaBuffer buffer = held.mapping.buffer;
    const bool writes = held.mapping.direction != DmaDirection::kToDevice;
    if (writes) {
      std::vector<std::byte> data(buffer.bytes, std::byte{0xfe});
      DmaOp op{held.mapping.iova, buffer.bytes, Access::kWrite, data.data(), {}};
      ASSERT_EQ(m_.port->run({&op, 1}), 1u);
    }
    const std::uint64_t revocations = m_.counters.revocations;
    m_.strategy->unmap(held.mapping, unsigned(rng_.below(2)));
    record(EventKind::kDmaUnmap, held.mapping);
    if (writes) {
      const std::byte* bytes = m_.memory.host(buffer.phys, buffer.bytes);
      for (std::uint32_t i = 0; i < buffer.bytes; ++i) ASSERT_EQ(bytes[i], std::byte{0xfe});
    }
    const bool reached = probe(held.mapping);
    // Its last user has gone, and with him the block.
    if (m_.counters.revocations > revocations) {
      ASSERT_FALSE(reached);
    }
    m_.pages->free_run(held.run, held.pages);
    if (writes) attack(held.mapping);
  }

  // The canary of C1: a device that writes on, into memory that has been given back.
  void attack(const DmaMapping& mapping) {
    std::vector<std::byte> data(mapping.buffer.bytes, std::byte{0x5a});
    DmaOp op{mapping.iova, mapping.buffer.bytes, Access::kWrite, data.data(), {}};
    m_.port->run({&op, 1});
  }

  bool probe(const DmaMapping& mapping) {
    const bool reads = mapping.direction != DmaDirection::kFromDevice;
    const Access access = reads ? Access::kRead : Access::kWrite;
    const Ticks before = now_ticks();
    const bool hit = m_.port->probe(mapping.iova, access);
    const Ticks duration = now_ticks() - before;
    if (duration > kDisturbed) return hit;
    m_.guest_ring.record({before + duration / 2, EventKind::kRogueProbe, std::uint8_t(hit ? 1 : 0),
                          0, kEndpoint.value, mapping.iova.value,
                          static_cast<std::uint64_t>(access)});
    return hit;
  }

  Machine& m_;
  Rng rng_;
  std::vector<Held> held_;
};

std::vector<Event> drained(EventRing& ring) {
  std::vector<Event> events(ring.capacity());
  events.resize(ring.drain(events));
  return events;
}

class RealDevice : public testing::TestWithParam<Case> {
 protected:
  void run() {
    Machine machine(GetParam());
    const Status started = machine.strategy->start();
    ASSERT_TRUE(started) << started.error().message;
    Traffic(machine, 7).run(by_effort(GetParam().threaded ? 1000 : 2000));
    ASSERT_TRUE(machine.driver->health());
    counters = machine.counters;
    poison_violations = machine.pages->poison_violations();
    const std::vector<Event> engine = drained(machine.engine_ring);
    const std::vector<Event> guest = drained(machine.guest_ring);
    ASSERT_EQ(machine.engine_ring.dropped() + machine.guest_ring.dropped(), 0u);
    exposure = judge_exposure({.engine = engine, .guest = guest, .ns_per_tick = ns_per_tick()});
    probes = compare_probes(
        {.engine = engine, .probes = guest, .guest = guest, .slack = kDisturbed / 2});
  }

  void expect_no_exposure() const {
    EXPECT_EQ(poison_violations, 0u);
    EXPECT_EQ(exposure.window.upper.max_ns, 0);
    EXPECT_EQ(exposure.peak_stale_pages.upper, 0u);
    EXPECT_EQ(exposure.reowned_pages.upper, 0u);
  }

  GuestCounters counters;
  std::uint64_t poison_violations = 0;
  ExposureReport exposure;
  ProbeAgreement probes;
};

TEST_P(RealDevice, MovesEveryByteAndExposesWhatItSays) {
  run();
  const AfterUnmap after = GetParam().strategy->after_unmap;
  EXPECT_EQ(counters.failed_requests, 0u);
  EXPECT_EQ(exposure.iova_reuse_violations, 0u);
  EXPECT_EQ(exposure.unmatched_events, 0u);
  EXPECT_EQ(exposure.censored_unmaps > 0, after == AfterUnmap::kForgotten);
  EXPECT_EQ(probes.unexpected_hits, 0u);
  EXPECT_EQ(probes.unexpected_misses, 0u);
  switch (after) {
    case AfterUnmap::kNothing:
      EXPECT_GT(exposure.unmaps, 100u);
      EXPECT_EQ(probes.hits, 0u);
      return expect_no_exposure();
    case AfterUnmap::kCopies:
      EXPECT_GT(exposure.persistent_unmaps, by_effort(300u));
      EXPECT_GT(counters.bytes_copied, 0u);
      return expect_no_exposure();
    case AfterUnmap::kBuffers:
      EXPECT_EQ(exposure.unmaps, 0u);
      EXPECT_GT(exposure.persistent_unmaps, by_effort(300u));
      EXPECT_EQ(counters.bytes_copied, 0u);
      EXPECT_GT(poison_violations, 0u);
      return;
    case AfterUnmap::kForgotten:
      EXPECT_EQ(exposure.unmaps, 0u);
      EXPECT_GT(exposure.mean_stale_pages.lower, by_effort(100));
      EXPECT_EQ(probes.hit_rate(), 1);
      EXPECT_GT(poison_violations, 0u);
      return;
    case AfterUnmap::kUntilTimer:
      if (GetParam().threaded) return;
      // Inline the engine looks at the queue when it is kicked, so every window lasts until then.
      EXPECT_GT(exposure.window.lower.p50_ns, 0);
      EXPECT_GT(exposure.mean_stale_pages.lower, 0);
      EXPECT_GT(probes.hit_rate(), 0.9);
      EXPECT_GT(poison_violations, 0u);
      return;
    case AfterUnmap::kUntilAnswered:
    case AfterUnmap::kUntilNeeded:
      return;
  }
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  std::string name = info.param.strategy->name + (info.param.threaded ? "_threaded" : "_inline") +
                     (info.param.format == RingFormat::kSplit ? "_split" : "_packed");
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
}

// Inline and on a thread, each ring format with both.
std::vector<Case> cases() {
  std::vector<Case> all;
  for (const StrategyInfo& info : strategies()) {
    const bool odd = all.size() % 4 == 0;
    all.push_back({&info, false, odd ? RingFormat::kSplit : RingFormat::kPacked});
    all.push_back({&info, true, odd ? RingFormat::kPacked : RingFormat::kSplit});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Strategies, RealDevice, testing::ValuesIn(cases()), case_name);

// Traffic goes on while its memory is revoked: each revocation ends, nothing reaches the block from then on (Traffic
// looks), and the next use registers it again. One block is all of memory.
class Revocation : public RealDevice {};

TEST_P(Revocation, EndsUnderTrafficAndRegistrationBeginsAgain) {
  run();
  // There is one block: to be revoked twice it was registered twice.
  EXPECT_GT(counters.revocations, 1u);
  EXPECT_EQ(counters.failed_requests, 0u);
  EXPECT_EQ(exposure.iova_reuse_violations, 0u);
  EXPECT_EQ(probes.unexpected_hits, 0u);
  EXPECT_EQ(probes.unexpected_misses, 0u);
}

std::vector<Case> revocations() {
  const StrategyInfo* const registered = strategies().find("registered");
  const SettingAssignments often{{"block_kib", std::int64_t{65536}}, {"revoke_per_s", 1e5}};
  return {{registered, false, RingFormat::kSplit, often},
          {registered, true, RingFormat::kPacked, often}};
}

INSTANTIATE_TEST_SUITE_P(Strategies, Revocation, testing::ValuesIn(revocations()), case_name);

}  // namespace
}  // namespace violet::real_device_test
