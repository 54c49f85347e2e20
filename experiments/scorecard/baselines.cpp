#include "experiments/scorecard/baselines.hpp"

#include <rte_errno.h>
#include <rte_hash_crc.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <span>

#include "engine/base/rng.hpp"
#include "experiments/scorecard/rings.hpp"

namespace violet::scorecard {
namespace {

void shuffle(std::vector<std::uint64_t>& items, Rng& rng) {
  for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[rng.below(i)]);
}

}  // namespace

Lookups::Lookups(std::size_t mappings)
    : base((std::uint64_t{1} << 32) - mappings * kPage), phys(mappings), sequence(mappings) {
  Rng rng(mappings);
  std::iota(phys.begin(), phys.end(), std::uint64_t{1});
  shuffle(phys, rng);
  for (auto& frame : phys) frame *= kPage;
  for (std::size_t i = 0; i < mappings; ++i) sequence[i] = base + i * kPage + rng.below(kPage);
  shuffle(sequence, rng);
}

[[gnu::noinline]] std::uint64_t pass_array(const Lookups& lookups) {
  std::uint64_t sum = 0;
  for (const std::uint64_t at : lookups.sequence) {
    const std::uint64_t index = (at - lookups.base) / kPage;
    if (index >= lookups.phys.size()) [[unlikely]] {
      return 0;
    }
    sum += lookups.phys[index] + at % kPage;
  }
  return sum;
}

int IntervalTree::compare(gconstpointer a, gconstpointer b, gpointer /*data*/) {
  const auto* const left = static_cast<const IovaRange*>(a);
  const auto* const right = static_cast<const IovaRange*>(b);
  if (left->last < right->first) return -1;
  return right->last < left->first ? 1 : 0;
}

IntervalTree::IntervalTree(const Lookups& lookups)
    : tree_(g_tree_new_full(compare, nullptr, g_free, g_free)) {
  for (const std::uint64_t at : lookups.sequence) {
    const std::uint64_t first = at & ~(kPage - 1);
    auto* const key = g_new(IovaRange, 1);
    auto* const value = g_new(Value, 1);
    *key = IovaRange::of(first, kPage);
    *value = {lookups.phys[(first - lookups.base) / kPage], 3};
    g_tree_insert(tree_, key, value);
  }
}

[[gnu::noinline]] std::uint64_t IntervalTree::pass(const Lookups& lookups) const {
  std::uint64_t sum = 0;
  for (const std::uint64_t at : lookups.sequence) {
    const IovaRange key{{at}, {at}};
    gpointer found_key = nullptr;
    gpointer found_value = nullptr;
    if (g_tree_lookup_extended(tree_, &key, &found_key, &found_value) == 0) return 0;
    const auto* const range = static_cast<const IovaRange*>(found_key);
    const auto* const value = static_cast<const Value*>(found_value);
    if ((value->flags & 1) == 0) return 0;
    sum += value->phys + (at - range->first.value);
  }
  return sum;
}

Result<std::unique_ptr<DpdkHash>> DpdkHash::make(const Lookups& lookups) {
  rte_hash_parameters parameters;
  std::memset(&parameters, 0, sizeof(parameters));
  parameters.name = "violet_scorecard";
  // Twice the keys: a cuckoo table refuses keys before it is full.
  parameters.entries = static_cast<std::uint32_t>(2 * lookups.sequence.size());
  parameters.key_len = sizeof(std::uint64_t);
  parameters.hash_func = rte_hash_crc;
  parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF;
  rte_hash* const hash = rte_hash_create(&parameters);
  if (hash == nullptr) {
    return fail(ErrorKind::kEnvironment, "rte_hash could not be made: {}", rte_strerror(rte_errno));
  }
  std::unique_ptr<DpdkHash> made(new DpdkHash(hash));
  for (const std::uint64_t at : lookups.sequence) {
    const std::uint64_t key = at / kPage;
    const std::uint64_t phys = lookups.phys[(at - lookups.base) / kPage];
    // NOLINTNEXTLINE(performance-no-int-to-ptr): rte_hash keeps one pointer-sized value.
    if (rte_hash_add_key_data(hash, &key, reinterpret_cast<void*>(phys)) != 0) {
      return fail("rte_hash refused a key at half its capacity");
    }
  }
  return made;
}

[[gnu::noinline]] std::uint64_t DpdkHash::pass(const Lookups& lookups) const {
  constexpr std::size_t kMost = RTE_HASH_LOOKUP_BULK_MAX;
  std::array<std::uint64_t, kMost> keys;
  std::array<const void*, kMost> places;
  std::array<void*, kMost> data;
  for (std::size_t i = 0; i < kMost; ++i) places[i] = &keys[i];
  std::uint64_t sum = 0;
  for (std::span<const std::uint64_t> left = lookups.sequence; !left.empty();) {
    const auto burst = left.first(std::min(left.size(), kMost));
    left = left.subspan(burst.size());
    for (std::size_t i = 0; i < burst.size(); ++i) keys[i] = burst[i] / kPage;
    std::uint64_t found = 0;
    const auto count = static_cast<std::uint32_t>(burst.size());
    const int hits = rte_hash_lookup_bulk_data(hash_, places.data(), count, &found, data.data());
    if (hits != static_cast<int>(count)) return 0;
    for (std::size_t i = 0; i < burst.size(); ++i) {
      sum += reinterpret_cast<std::uintptr_t>(data[i]) + burst[i] % kPage;
    }
  }
  return sum;
}

}  // namespace violet::scorecard
