// What a mapping costs: map and unmap at random places of a dense population, and random lookups,
// for every store and for the structures they are measured against: the GLib GTree of intervals
// that QEMU uses, and a bare absl::btree_map (insert, erase, find).
//
// Every benchmark adds up what it was answered; the counter `checksum` (the sum modulo 2^32,
// divided by the number of iterations) is the proof that it did the work. `bytes` is per mapping.
#include <absl/container/btree_map.h>
#include <benchmark/benchmark.h>
#include <glib.h>

#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "engine/base/check.hpp"
#include "engine/base/clock.hpp"
#include "engine/base/rng.hpp"
#include "engine/store/interval_store.hpp"
#include "engine/store/stores.hpp"

namespace violet {
namespace {

constexpr std::uint64_t kBase = std::uint64_t{1} << 32;
constexpr std::uint64_t kPage = 4096;

constexpr IovaRange page_range(std::uint64_t index) {
  return IovaRange::of(kBase + index * kPage, kPage);
}
constexpr std::uint64_t phys_of(std::uint64_t index) { return (index * 7 + 3) * kPage; }

class StoreSubject {
 public:
  StoreSubject(const std::string& name, std::size_t population) {
    StoreConfig config;
    config.max_mappings = population;
    store_ = stores().find(name)->make(config, quiescence_, budget_);
  }
  std::uint64_t map(std::uint64_t index) {
    VIOLET_CHECK(store_->try_begin_update());
    const auto status = store_->map({page_range(index), {phys_of(index)}, Permissions::kReadWrite});
    store_->end_update();
    VIOLET_CHECK(status == MapStatus::kOk);
    return store_->mapping_count();
  }
  std::uint64_t unmap(std::uint64_t index) {
    VIOLET_CHECK(store_->try_begin_update());
    UnmapCursor cursor;
    const auto status = store_->unmap(page_range(index), cursor, 64);
    store_->end_update();
    VIOLET_CHECK(status == UnmapStatus::kDone);
    return cursor.removed;
  }
  std::uint64_t lookup(std::uint64_t index) const {
    const Iova iova{kBase + index * kPage + 8};
    const auto found = store_->translate(iova);
    return found ? found->at(iova).value : 0;
  }
  void prefetch(std::uint64_t index) const { store_->prefetch(page_range(index).first); }
  double bytes() const { return static_cast<double>(store_->resident_bytes()); }

 private:
  EpochQuiescence quiescence_;
  MemoryBudget budget_{std::size_t{1} << 30};
  std::unique_ptr<DomainStore> store_;
};

class BtreeSubject {
 public:
  BtreeSubject(const std::string& /*name*/, std::size_t /*population*/) {}
  std::uint64_t map(std::uint64_t index) {
    return static_cast<std::uint64_t>(
        map_.emplace(kBase + index * kPage, Value{kPage, phys_of(index)}).second);
  }
  std::uint64_t unmap(std::uint64_t index) { return map_.erase(kBase + index * kPage); }
  std::uint64_t lookup(std::uint64_t index) const {
    const auto found = map_.find(kBase + index * kPage);
    return found != map_.end() ? found->second.phys + 8 : 0;
  }
  double bytes() const { return static_cast<double>(bytes_); }

 private:
  struct Value {
    std::uint64_t bytes;
    std::uint64_t phys;
  };
  using Allocator = CountingAllocator<std::pair<const std::uint64_t, Value>>;
  std::size_t bytes_ = 0;
  absl::btree_map<std::uint64_t, Value, std::less<>, Allocator> map_{Allocator(&bytes_)};
};

// As QEMU's virtio-iommu has it: a balanced tree whose comparison calls overlapping intervals
// equal.
class GtreeSubject {
 public:
  GtreeSubject(const std::string& /*name*/, std::size_t /*population*/)
      : tree_(g_tree_new_full(compare, nullptr, g_free, g_free)) {}
  ~GtreeSubject() { g_tree_destroy(tree_); }
  GtreeSubject(const GtreeSubject&) = delete;
  GtreeSubject& operator=(const GtreeSubject&) = delete;

  std::uint64_t map(std::uint64_t index) {
    auto* const key = g_new(IovaRange, 1);
    auto* const value = g_new(GuestPhys, 1);
    *key = page_range(index);
    *value = {phys_of(index)};
    g_tree_insert(tree_, key, value);
    return 1;
  }
  std::uint64_t unmap(std::uint64_t index) {
    const IovaRange key = page_range(index);
    return static_cast<std::uint64_t>(g_tree_remove(tree_, &key));
  }
  std::uint64_t lookup(std::uint64_t index) const {
    const std::uint64_t iova = kBase + index * kPage + 8;
    const IovaRange key{{iova}, {iova}};
    const auto* const found = static_cast<const GuestPhys*>(g_tree_lookup(tree_, &key));
    return found != nullptr ? found->value + 8 : 0;
  }
  // A tree node (56), two keys and the allocator's headers.
  double bytes() const { return static_cast<double>(g_tree_nnodes(tree_)) * (64 + 32 + 24); }

 private:
  static int compare(gconstpointer a, gconstpointer b, gpointer /*data*/) {
    const auto* const left = static_cast<const IovaRange*>(a);
    const auto* const right = static_cast<const IovaRange*>(b);
    if (left->last < right->first) return -1;
    return right->last < left->first ? 1 : 0;
  }
  GTree* tree_;
};

// One populated subject per size, filled once in random order and left as it was found.
template <class Subject>
struct Populated {
  Populated(const std::string& name, std::size_t size) : order(size), subject(name, size) {
    std::iota(order.begin(), order.end(), 0u);
    Rng rng(size);
    for (std::size_t i = size; i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
    for (const auto index : order) subject.map(index);
    for (std::size_t i = size; i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
  }
  static Populated& of(const std::string& name, std::int64_t size) {
    static std::map<std::pair<std::string, std::int64_t>, std::unique_ptr<Populated>> cache;
    auto& entry = cache[{name, size}];
    if (!entry) entry = std::make_unique<Populated>(name, static_cast<std::size_t>(size));
    return *entry;
  }

  std::vector<std::uint32_t> order;
  Subject subject;
};

void report(benchmark::State& state, std::uint64_t checksum, double bytes) {
  state.counters["checksum"] = benchmark::Counter(static_cast<double>(checksum & 0xffffffff),
                                                  benchmark::Counter::kAvgIterations);
  state.counters["bytes"] = bytes / static_cast<double>(state.range(0));
}

// One unmap and one map of the same random page.
template <class Subject>
void map_unmap(benchmark::State& state, const std::string& name) {
  auto& populated = Populated<Subject>::of(name, state.range(0));
  const std::size_t mask = populated.order.size() - 1;
  std::uint64_t checksum = 0;
  std::size_t i = 0;
  for (auto _ : state) {
    const auto index = populated.order[i++ & mask];
    checksum += populated.subject.unmap(index);
    checksum += populated.subject.map(index);
  }
  report(state, checksum, populated.subject.bytes());
}

// The same by an engine that looks at its burst of requests ahead of executing them.
template <class Subject>
void map_unmap_burst(benchmark::State& state, const std::string& name) {
  constexpr std::size_t kAhead = 8;
  auto& populated = Populated<Subject>::of(name, state.range(0));
  const std::size_t mask = populated.order.size() - 1;
  std::uint64_t checksum = 0;
  std::size_t i = 0;
  for (auto _ : state) {
    populated.subject.prefetch(populated.order[(i + kAhead) & mask]);
    const auto index = populated.order[i++ & mask];
    checksum += populated.subject.unmap(index);
    checksum += populated.subject.map(index);
  }
  report(state, checksum, populated.subject.bytes());
}

// The two halves apart: a batch of random pages goes, then comes back.
template <class Subject>
void batches(benchmark::State& state, const std::string& name) {
  constexpr std::size_t kBatch = 512;
  auto& populated = Populated<Subject>::of(name, state.range(0));
  const std::size_t mask = populated.order.size() - 1;
  std::uint64_t checksum = 0;
  std::size_t start = 0;
  Ticks unmap_ticks = 0;
  Ticks map_ticks = 0;
  for (auto _ : state) {
    const Ticks begin = now_ticks();
    for (std::size_t i = 0; i < kBatch; ++i) {
      checksum += populated.subject.unmap(populated.order[(start + i) & mask]);
    }
    const Ticks middle = now_ticks();
    for (std::size_t i = 0; i < kBatch; ++i) {
      checksum += populated.subject.map(populated.order[(start + i) & mask]);
    }
    map_ticks += now_ticks() - middle;
    unmap_ticks += middle - begin;
    start += kBatch;
  }
  const double operations = static_cast<double>(state.iterations()) * kBatch;
  state.counters["unmap_ns"] = static_cast<double>(ticks_to_ns(unmap_ticks)) / operations;
  state.counters["map_ns"] = static_cast<double>(ticks_to_ns(map_ticks)) / operations;
  report(state, checksum, populated.subject.bytes());
}

// Each lookup begins when the one before has answered, as a DMA waits for its address.
template <class Subject>
void lookup(benchmark::State& state, const std::string& name) {
  auto& populated = Populated<Subject>::of(name, state.range(0));
  const std::size_t mask = populated.order.size() - 1;
  std::uint64_t checksum = 0;
  std::size_t i = 0;
  for (auto _ : state) {
    checksum += populated.subject.lookup(populated.order[i++ & mask] ^ (checksum & 1));
  }
  report(state, checksum, populated.subject.bytes());
}

template <class Subject>
void register_subject(const std::string& name) {
  const auto add = [&](const char* what, void (*run)(benchmark::State&, const std::string&)) {
    auto* const bench = benchmark::RegisterBenchmark(
        (what + ("/" + name)).c_str(), [run, name](benchmark::State& state) { run(state, name); });
    bench->Arg(1 << 10)->Arg(1 << 16)->Arg(1 << 20);
  };
  add("map_unmap", map_unmap<Subject>);
  if constexpr (requires(const Subject& subject) { subject.prefetch(0); }) {
    add("map_unmap_burst", map_unmap_burst<Subject>);
  }
  add("batches", batches<Subject>);
  add("lookup", lookup<Subject>);
}

const bool registered = [] {
  for (const auto& name : stores().names()) register_subject<StoreSubject>(name);
  register_subject<BtreeSubject>("absl_btree");
  register_subject<GtreeSubject>("gtree");
  return true;
}();

}  // namespace
}  // namespace violet
