// What a request costs in the device alone: the queue hands out prepared requests and takes answers.
#include <benchmark/benchmark.h>

#include <vector>

#include "engine/base/check.hpp"
#include "engine/base/rng.hpp"
#include "engine/device/device.hpp"
#include "engine/device/reader_path.hpp"
#include "engine/device/test_rig.hpp"
#include "engine/iotlb/shared_versioned.hpp"
#include "engine/iotlb/targeted.hpp"

namespace violet {
namespace {

// Hands out the requests of a list, over and over, and sums what comes back.
class LoopQueue final : public RequestQueue {
 public:
  template <class Wire>
  void add(const Wire& wire) {
    Request request{};
    request.readable = sizeof(wire);
    request.writable = 4;
    std::memcpy(request.bytes.data(), &wire, sizeof(wire));
    requests_.push_back(request);
  }
  std::size_t size() const { return requests_.size(); }
  std::uint64_t completed() const { return completed_; }
  std::uint64_t failed() const { return failed_; }

  std::size_t pop(std::span<Request> out) override {
    for (auto& request : out) {
      request = requests_[next_];
      next_ = next_ + 1 < requests_.size() ? next_ + 1 : 0;
    }
    return out.size();
  }
  bool write(std::uint32_t, std::uint32_t, std::span<const std::byte>) override { return true; }
  void complete(std::span<const Completion> completions) override {
    completed_ += completions.size();
    for (const auto& completion : completions) failed_ += completion.status != 0;
  }
  bool broken() const override { return false; }

 private:
  std::vector<Request> requests_;
  std::size_t next_ = 0;
  std::uint64_t completed_ = 0;
  std::uint64_t failed_ = 0;
};

void map_unmap(benchmark::State& state, const char* store, const char* iotlb) {
  constexpr std::uint64_t kLive = 65536;
  Rig rig(DevicePair{store, iotlb});
  rig.attach(1, 8);
  for (std::uint64_t page = 0; page < kLive; ++page) {
    rig.map(1, page * kPage, page * kPage + kPage - 1, page * kPage);
  }
  // MAP and UNMAP of pages beside the live ones, so that their number stays the same.
  LoopQueue queue;
  Rng rng(1);
  const bool alternate = state.range(0) == 1;
  std::vector<std::uint64_t> pages;
  for (int i = 0; i < 4096; ++i) pages.push_back(kLive + static_cast<std::uint64_t>(i));
  for (std::size_t i = pages.size(); i > 1; --i) std::swap(pages[i - 1], pages[rng.below(i)]);
  for (const auto page : pages) {
    queue.add(map_wire(1, page * kPage, page * kPage + kPage - 1, page * kPage));
    if (alternate) queue.add(unmap_wire(1, page * kPage, page * kPage + kPage - 1));
  }
  if (!alternate) {
    for (const auto page : pages) queue.add(unmap_wire(1, page * kPage, page * kPage + kPage - 1));
  }
  rig.device->connect(&queue, nullptr);
  for (auto _ : state) rig.device->poll(32);
  VIOLET_CHECK(queue.failed() == 0 && queue.completed() > 0);
  state.SetItemsProcessed(static_cast<std::int64_t>(queue.completed()));
}

// MAP alone: each is refused as an overlap half-way down the store, after all of the device's work.
void idle_poll(benchmark::State& state) {
  Rig rig;
  rig.attach(1, 8);
  for (auto _ : state) benchmark::DoNotOptimize(rig.device->poll(32));
}

template <class I>
void translate_hit(benchmark::State& state, const char* iotlb) {
  const auto pages = static_cast<std::uint64_t>(state.range(0));
  DeviceConfig config = rig_config();
  config.iotlb.entries = 4 * pages;
  Rig rig(DevicePair{"radix", iotlb}, config);
  ReaderPath<I> path(rig.reader->reader());
  rig.attach(1, 8);
  std::vector<Iova> order;
  for (std::uint64_t page = 0; page < pages; ++page) {
    rig.map(1, page * kPage, page * kPage + kPage - 1, page * kPage);
    order.push_back({page * kPage});
  }
  Rng rng(1);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
  const auto endpoint = rig.device->endpoint({8}).value();
  std::uint64_t sum = 0;
  for (auto _ : state) {
    const typename ReaderPath<I>::Section section(path);
    for (const Iova at : order) {
      sum += path.translate(endpoint, at, Access::kRead).phys.value;
    }
  }
  const auto rounds = static_cast<std::uint64_t>(state.iterations());
  VIOLET_CHECK(sum == rounds * (pages * (pages - 1) / 2 * kPage));
  state.SetItemsProcessed(static_cast<std::int64_t>(rounds * pages));
}

BENCHMARK_CAPTURE(map_unmap, shared, "radix", "shared-versioned")->Arg(1)->Arg(0);
BENCHMARK_CAPTURE(map_unmap, targeted, "radix", "targeted-ack")->Arg(1)->Arg(0);
BENCHMARK_CAPTURE(map_unmap, domain, "radix", "generation-domain")->Arg(1)->Arg(0);
BENCHMARK_CAPTURE(map_unmap, locked, "interval", "locked")->Arg(1)->Arg(0);
BENCHMARK(idle_poll);
void translate_hit_shared(benchmark::State& state) {
  translate_hit<SharedVersionedIotlb>(state, "shared-versioned");
}
void translate_hit_targeted(benchmark::State& state) {
  translate_hit<TargetedIotlb>(state, "targeted-ack");
}
BENCHMARK(translate_hit_shared)->Arg(4096)->Arg(65536);
BENCHMARK(translate_hit_targeted)->Arg(4096)->Arg(65536);

}  // namespace
}  // namespace violet
