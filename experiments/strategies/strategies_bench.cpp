// What the model itself costs: every strategy over a queue that answers at once, and the IOVA allocators
// alone. Real requests cost what the ring and the engine add.
#include <benchmark/benchmark.h>

#include <vector>

#include "engine/base/check.hpp"
#include "engine/base/rng.hpp"
#include "experiments/guest/mock_device.hpp"
#include "experiments/strategies/strategies.hpp"

namespace violet {
namespace {

// Everything added is answered OK by the next pop_used().
class InstantQueue final : public DriverQueue {
 public:
  explicit InstantQueue(const GuestMemory& memory) : base_(memory.regions()[0].host) {}
  std::size_t add(std::span<const DriverBuffer> buffers) override {
    for (const DriverBuffer& buffer : buffers) {
      base_[buffer.writable.value + buffer.writable_bytes - sizeof(protocol::Tail)] = std::byte{0};
      used_[count_++] = {buffer.cookie, buffer.writable_bytes};
    }
    return buffers.size();
  }
  void publish() override {}
  bool needs_kick() override { return false; }
  std::size_t pop_used(std::span<UsedBuffer> out) override {
    std::size_t taken = 0;
    while (taken < out.size() && count_ > 0) out[taken++] = used_[--count_];
    return taken;
  }
  void suppress_interrupts() override {}
  bool arm_interrupts() override { return false; }
  std::size_t capacity() const override { return used_.size(); }
  std::size_t in_flight() const override { return count_; }

 private:
  std::byte* base_;
  std::vector<UsedBuffer> used_{256};
  std::size_t count_ = 0;
};

struct Bench {
  explicit Bench(std::string_view name) : device(MockDevice::Options{}) {
    VIOLET_CHECK(memory.allocate({0}, 64 << 20, GuestMemory::Backing::kAnonymous));
    pages = std::make_unique<GuestPages>(memory);
    queue = std::make_unique<InstantQueue>(memory);
    driver = std::move(*VirtioIommuDriver::create({.pages = *pages,
                                                   .queue = *queue,
                                                   .transport = device,
                                                   .doorbell = device,
                                                   .counters = counters}));
    StrategyContext context{.driver = *driver,
                            .memory = memory,
                            .pages = *pages,
                            .counters = counters,
                            .endpoints = {EndpointId{0}}};
    strategy = std::move(*make_strategy(name, context, {}));
    VIOLET_CHECK(strategy->start());
    for (int i = 0; i < 256; ++i) buffers.push_back({*pages->allocate(), 2048});
  }

  MockDevice device;
  GuestMemory memory;
  std::unique_ptr<GuestPages> pages;
  std::unique_ptr<InstantQueue> queue;
  GuestCounters counters;
  std::unique_ptr<VirtioIommuDriver> driver;
  std::unique_ptr<Strategy> strategy;
  std::vector<DmaBuffer> buffers;
};

// 256 buffers in flight, first in first out, as a NIC's ring has them. One iteration is one map and
// one unmap.
void map_unmap(benchmark::State& state, std::string_view name) {
  Bench bench(name);
  std::vector<DmaMapping> ring;
  for (const DmaBuffer buffer : bench.buffers) {
    ring.push_back(*bench.strategy->map(0, buffer, DmaDirection::kToDevice, 0));
  }
  std::size_t at = 0;
  for (auto _ : state) {
    bench.strategy->unmap(ring[at], 0);
    ring[at] = *bench.strategy->map(0, bench.buffers[at], DmaDirection::kToDevice, 0);
    benchmark::DoNotOptimize(ring[at]);
    at = (at + 1) % ring.size();
  }
  VIOLET_CHECK(bench.counters.failed_requests == 0 && bench.driver->health());
}

// As many addresses live, a random one freed and one allocated.
void iova_churn(benchmark::State& state, std::string_view name) {
  auto allocator = std::move(*make_iova_allocator(name, IovaConfig{}));
  std::vector<std::uint64_t> live(4096);
  for (auto& pfn : live) pfn = *allocator->allocate(1, 0xfffff, 0, true);
  Rng rng(1);
  for (auto _ : state) {
    auto& pfn = live[rng.below(live.size())];
    allocator->free(pfn, 1, 0);
    pfn = *allocator->allocate(1, 0xfffff, 0, true);
    benchmark::DoNotOptimize(pfn);
  }
}

const int kRegistered = [] {
  for (const auto& info : strategies()) {
    benchmark::RegisterBenchmark(("map_unmap/" + std::string(info.name)).c_str(),
                                 [name = info.name](auto& state) { map_unmap(state, name); });
  }
  for (const auto& info : iova_allocators()) {
    benchmark::RegisterBenchmark(("iova_churn/" + std::string(info.name)).c_str(),
                                 [name = info.name](auto& state) { iova_churn(state, name); });
  }
  return 0;
}();

}  // namespace
}  // namespace violet
