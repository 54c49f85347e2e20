// What a hit, a miss with its fill, and an invalidation cost, for every design.
//
// Hit/<design>/<mappings>: passes over one shuffled sequence, alternately through a bounds-checked array
// and through the IOTLB, so that both see the same machine. Counters: ns of either and their ratio, medians
// over the passes. Both sum every translated address, and the sums must agree.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "engine/base/check.hpp"
#include "engine/base/clock.hpp"
#include "engine/base/rng.hpp"
#include "engine/iotlb/designs.hpp"
#include "engine/iotlb/iotlbs.hpp"

namespace violet {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr DomainTag kDomain{1};
// A 32-bit IOVA window, filled downwards from its top as Linux does.
constexpr std::uint64_t kTop = std::uint64_t{1} << 32;

struct Workload {
  explicit Workload(std::size_t mappings)
      : base(kTop - mappings * kPage), phys(mappings), sequence(mappings) {
    Rng rng(mappings);
    std::iota(phys.begin(), phys.end(), std::uint64_t{1});
    shuffle(phys, rng);
    for (auto& frame : phys) frame *= kPage;
    for (std::size_t i = 0; i < mappings; ++i) sequence[i] = base + i * kPage + rng.below(kPage);
    shuffle(sequence, rng);
  }
  static void shuffle(std::vector<std::uint64_t>& items, Rng& rng) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[rng.below(i)]);
  }
  Translation translation(std::uint64_t at) const {
    const std::uint64_t first = at & ~(kPage - 1);
    return {IovaRange::of(first, kPage), {phys[(first - base) / kPage]}, Permissions::kReadWrite};
  }

  std::uint64_t base;
  std::vector<std::uint64_t> phys;
  std::vector<std::uint64_t> sequence;
};

template <class I>
struct Bed {
  explicit Bed(const IotlbConfig& config = {}) : iotlb(config, quiescence) {
    const auto id = quiescence.add_reader("bench").value();
    reader = static_cast<typename I::Reader*>(iotlb.add_reader(id).value());
    quiescence.online(id);
  }
  void fill(const Workload& load, std::uint64_t at) {
    const auto ticket = iotlb.begin_fill(*reader, kDomain, {at});
    iotlb.fill(*reader, ticket, kDomain, {at}, load.translation(at));
  }
  EpochQuiescence quiescence;
  I iotlb;
  typename I::Reader* reader;
};

[[gnu::noinline]] std::uint64_t pass_array(const Workload& load) {
  std::uint64_t sum = 0;
  for (const std::uint64_t at : load.sequence) {
    const std::uint64_t index = (at - load.base) / kPage;
    if (index >= load.phys.size()) [[unlikely]] {
      return 0;
    }
    sum += load.phys[index] + at % kPage;
  }
  return sum;
}

// One lookup() an address. Any miss makes the sum 0, as an index out of bounds does for the array.
template <class I>
[[gnu::noinline]] std::uint64_t pass_single(const Workload& load, I& iotlb,
                                            typename I::Reader& reader) {
  std::uint64_t sum = 0;
  for (const std::uint64_t at : load.sequence) {
    const auto hit = iotlb.lookup(reader, kDomain, {at});
    if (!hit || !allows(hit->permissions, Access::kRead)) [[unlikely]] {
      return 0;
    }
    sum += hit->phys.value;
  }
  return sum;
}

// Bursts of kBurst addresses, as an endpoint's port does.
constexpr std::size_t kBurst = 64;
template <class I>
[[gnu::noinline]] std::uint64_t pass_bursts(const Workload& load, I& iotlb,
                                            typename I::Reader& reader) {
  std::uint64_t sum = 0;
  const std::uint64_t* const sequence = load.sequence.data();
  for (std::size_t begin = 0; begin < load.sequence.size(); begin += kBurst) {
    auto burst = iotlb.burst(reader, kDomain);
    for (std::size_t i = 0; i < kBurst; ++i) {
      const auto hit = burst.lookup({sequence[begin + i]});
      if (!hit || !allows(hit->permissions, Access::kRead)) [[unlikely]] {
        return 0;
      }
      sum += hit->phys.value;
    }
  }
  return sum;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

template <class F>
double ns_of(F&& pass, std::size_t lookups) {
  const Ticks start = now_ticks();
  pass();
  return static_cast<double>(now_ticks() - start) * ns_per_tick() / static_cast<double>(lookups);
}

template <class I>
void hit(benchmark::State& state) {
  const auto mappings = static_cast<std::size_t>(state.range(0));
  const Workload load(mappings);
  Bed<I> bed;
  for (const std::uint64_t at : load.sequence) bed.fill(load, at);
  const std::uint64_t expected = pass_array(load);
  std::array<std::vector<double>, 3> ns;
  for (auto _ : state) {
    std::uint64_t sum = 0;
    ns[0].push_back(ns_of([&] { sum = pass_array(load); }, mappings));
    VIOLET_CHECK(sum == expected);
    ns[1].push_back(ns_of([&] { sum = pass_single(load, bed.iotlb, *bed.reader); }, mappings));
    VIOLET_CHECK(sum == expected);
    ns[2].push_back(ns_of([&] { sum = pass_bursts(load, bed.iotlb, *bed.reader); }, mappings));
    VIOLET_CHECK(sum == expected);
    state.SetIterationTime(ns[1].back() * static_cast<double>(mappings) * 1e-9);  // One pass.
  }
  state.counters["array_ns"] = median(ns[0]);
  state.counters["single_ns"] = median(ns[1]);
  state.counters["burst_ns"] = median(ns[2]);
  state.counters["single_ratio"] = median(ns[1]) / median(ns[0]);
  state.counters["burst_ratio"] = median(ns[2]) / median(ns[0]);
  // The undisturbed machine, for comparing builds on a busy host.
  state.counters["array_min"] = *std::min_element(ns[0].begin(), ns[0].end());
  state.counters["single_min"] = *std::min_element(ns[1].begin(), ns[1].end());
  state.counters["burst_min"] = *std::min_element(ns[2].begin(), ns[2].end());
}

// One lookup that misses and the fill after it; the walk itself is an array load here.
template <class I>
void miss_and_fill(benchmark::State& state) {
  const Workload load(static_cast<std::size_t>(state.range(0)));
  IotlbConfig config;
  config.entries = 1024;  // Every lookup of a longer sequence finds its entry evicted.
  Bed<I> bed(config);
  std::size_t next = 0;
  std::uint64_t misses = 0;
  for (auto _ : state) {
    const std::uint64_t at = load.sequence[next];
    if (!bed.iotlb.lookup(*bed.reader, kDomain, {at})) {
      ++misses;
      bed.fill(load, at);
    }
    next = next + 1 == load.sequence.size() ? 0 : next + 1;
  }
  state.counters["miss_rate"] =
      static_cast<double>(misses) / static_cast<double>(state.iterations());
}

// What the engine pays for one page's invalidation, with 16 readers that are offline.
template <class I>
void invalidate(benchmark::State& state) {
  Bed<I> bed;
  for (int i = 0; i < 15; ++i) {
    VIOLET_CHECK(bed.iotlb.add_reader(bed.quiescence.add_reader("idle").value()));
  }
  const Workload load(4096);
  std::size_t next = 0;
  for (auto _ : state) {
    const std::uint64_t at = load.sequence[next] & ~(kPage - 1);
    benchmark::DoNotOptimize(bed.iotlb.invalidate(kDomain, IovaRange::of(at, kPage)));
    next = (next + 1) % load.sequence.size();
  }
}

// A strict guest's life of a page on one core: fill, hit, invalidate, acknowledge.
template <class I>
void page_lifetimes(benchmark::State& state) {
  Bed<I> bed;
  const Workload load(4096);
  std::size_t next = 0;
  std::uint64_t hits = 0;
  for (auto _ : state) {
    const std::uint64_t at = load.sequence[next];
    bed.fill(load, at);
    hits += bed.iotlb.lookup(*bed.reader, kDomain, {at}).has_value() ? 1 : 0;
    const auto token = bed.iotlb.invalidate(kDomain, IovaRange::of(at & ~(kPage - 1), kPage));
    bed.iotlb.quiescent(*bed.reader);
    VIOLET_CHECK(bed.iotlb.completed(token));
    next = (next + 1) % load.sequence.size();
  }
  VIOLET_CHECK(hits == static_cast<std::uint64_t>(state.iterations()));
}

template <class I>
void register_design(const IotlbInfo& kind) {
  const std::string name = kind.name;
  const bool baseline = !kind.wait_free_hits;  // Its list is searched, not indexed: fewer mappings.
  for (const std::int64_t mappings : {4096, 65536}) {
    if (baseline && mappings > 4096) continue;
    benchmark::RegisterBenchmark(("Hit/" + name).c_str(), hit<I>)
        ->Arg(baseline ? 2048 : mappings)
        ->UseManualTime();
  }
  benchmark::RegisterBenchmark(("MissAndFill/" + name).c_str(), miss_and_fill<I>)->Arg(65536);
  benchmark::RegisterBenchmark(("Invalidate/" + name).c_str(), invalidate<I>);
  benchmark::RegisterBenchmark(("PageLife/" + name).c_str(), page_lifetimes<I>);
}

const bool kRegistered = [] {
  EpochQuiescence quiescence;
  for (const auto& kind : iotlbs()) {
    const auto iotlb = kind.make({}, quiescence);
    visit_design(*iotlb, [&]<class I>(I& /*design*/) { register_design<I>(kind); });
  }
  return true;
}();

}  // namespace
}  // namespace violet
