// A store history runs MAP and UNMAP on a store and on the oracle side by side, for the random
// tests and the fuzzer. Where the choices come from (a seed, a file of the fuzzer) is the caller's
// business.
//
// Threading: owner-only.
// Invariants: History.1 after every operation both stores gave the same status, the same number of
// mappings, and the same answers at the edges of the operation. History.2 an operation that answers
// kNoMemory has changed nothing. History.3 whatever a store holds, its budget knows.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "engine/store/oracle_store.hpp"
#include "engine/store/stores.hpp"

namespace violet {

// A number below `bound` (at least 1).
using Choose = std::function<std::uint64_t(std::uint64_t bound)>;

struct HistoryShape {
  StoreConfig config;
  std::size_t budget_bytes = std::size_t{64} << 20;
};

// One of the granules and input ranges that a device may be configured with.
inline HistoryShape choose_shape(const Choose& choose) {
  constexpr std::array<unsigned, 4> kShifts = {12, 14, 16, 21};
  constexpr std::array<std::uint64_t, 4> kLasts = {~std::uint64_t{0}, (std::uint64_t{1} << 48) - 1,
                                                   (std::uint64_t{1} << 39) - 1,
                                                   (std::uint64_t{1} << 24) - 1};
  HistoryShape shape;
  shape.config.granule_shift = kShifts[choose(kShifts.size())];
  shape.config.input_range.last = {kLasts[choose(kLasts.size())]};
  constexpr std::array<std::size_t, 3> kBudgets = {64 << 20, 1 << 18, 1 << 14};
  shape.budget_bytes = kBudgets[choose(kBudgets.size())];
  if (choose(4) == 0) shape.config.max_mappings = 1 + choose(16);
  return shape;
}

class History {
 public:
  History(const StoreInfo& kind, const HistoryShape& shape)
      : shift_(shape.config.granule_shift),
        limit_(shape.config.input_range.last.value >> shift_),
        budget_(shape.budget_bytes),
        idle_bytes_(kind.idle_bytes),
        owned_(kind.make(shape.config, quiescence_, budget_)),
        store_(*owned_),
        oracle_(shape.config, quiescence_, oracle_budget_) {}

  // Runs one operation; an empty string, or what differs.
  std::string step(const Choose& choose) {
    switch (choose(8)) {
      case 0:
        store_.reclaim(static_cast<std::uint32_t>(choose(4)));
        return compare_totals("reclaim");
      case 1:
      case 2:
        return unmap(choose_range(choose), choose);
      case 3:
      case 4:
        return unmap(choose_mapped(choose), choose);
      default:
        return map(choose);
    }
  }

  // Removes everything: what the store then holds must be within its kind's idle_bytes.
  std::string finish() {
    const auto all = [](std::uint64_t) { return std::uint64_t{0}; };
    if (auto problem = unmap(IovaRange::all(), all); !problem.empty()) return problem;
    while (!store_.reclaim(16)) {
    }
    if (store_.resident_bytes() <= idle_bytes_) return {};
    return "an empty store holds " + std::to_string(store_.resident_bytes()) + " bytes";
  }

 private:
  template <class Call>
  auto updated(Call call) {
    VIOLET_CHECK(store_.try_begin_update());  // No reader: nothing to wait for.
    const auto result = call();
    store_.end_update();
    return result;
  }

  // Mostly near a few places where nodes of a radix table meet, so that operations meet as well.
  std::uint64_t choose_granule(const Choose& choose) const {
    constexpr std::array<unsigned, 5> kEdges = {0, 9, 18, 27, 36};
    const std::uint64_t edge = std::uint64_t{1} << kEdges[choose(kEdges.size())];
    const std::uint64_t near = choose(40);
    switch (choose(4)) {
      case 0:
        return std::min(limit_, near);
      case 1:
        return limit_ - std::min(limit_, near);
      case 2:
        return std::min(limit_, edge * (1 + choose(3)) + near);
      default:
        return std::min(limit_, edge * (1 + choose(3)) - std::min(edge, near));
    }
  }

  IovaRange choose_range(const Choose& choose) const {
    constexpr std::array<std::uint64_t, 4> kSizes = {1, 8, 600, 1 << 19};
    const std::uint64_t first = choose_granule(choose);
    std::uint64_t last = first + choose(kSizes[choose(kSizes.size())]);
    if (choose(16) == 0) last = choose_granule(choose);
    return range_of(std::min(first, last), std::min(limit_, std::max(first, last)));
  }

  IovaRange choose_mapped(const Choose& choose) const {
    const IovaRange near = choose_range(choose);
    IovaRange range = near;
    if (const auto first = oracle_.translate(near.first)) range.first = first->extent.first;
    if (const auto last = oracle_.translate(near.last)) range.last = last->extent.last;
    return range;
  }

  IovaRange range_of(std::uint64_t first, std::uint64_t last) const {
    const std::uint64_t inside = (std::uint64_t{1} << shift_) - 1;
    return {{first << shift_}, {(last << shift_) | inside}};
  }

  std::string map(const Choose& choose) {
    const Mapping mapping{choose_range(choose),
                          {choose(1u << 20) << shift_ << choose(64 - shift_)},
                          static_cast<Permissions>(choose(8))};
    const std::size_t before = store_.resident_bytes();
    const MapStatus status = updated([&] { return store_.map(mapping); });
    const MapStatus expected = oracle_.map(mapping);
    if (status == MapStatus::kNoMemory && expected == MapStatus::kOk) {
      UnmapCursor cursor;
      oracle_.unmap(mapping.range, cursor, 1);
      if (store_.resident_bytes() > before) return "kNoMemory kept memory";
    } else if (status != expected) {
      return "map: status " + std::to_string(static_cast<int>(status)) + ", expected " +
             std::to_string(static_cast<int>(expected)) + at(mapping.range);
    }
    return compare_around("map", mapping.range);
  }

  std::string unmap(IovaRange range, const Choose& choose) {
    const auto slice = static_cast<std::uint32_t>(choose(3) == 0 ? ~0u : 1 + choose(5));
    UnmapCursor cursor;
    UnmapStatus status = UnmapStatus::kMore;
    while (status == UnmapStatus::kMore) {
      const std::uint64_t before = cursor.removed;
      status = updated([&] { return store_.unmap(range, cursor, slice); });
      if (cursor.removed - before > slice) return "unmap: more than a slice" + at(range);
    }
    UnmapCursor expected_cursor;
    const UnmapStatus expected = oracle_.unmap(range, expected_cursor, ~0u);
    if (status != expected || cursor.removed != expected_cursor.removed) {
      return "unmap: status " + std::to_string(static_cast<int>(status)) + ", expected " +
             std::to_string(static_cast<int>(expected)) + at(range);
    }
    return compare_around("unmap", range);
  }

  std::string compare_around(const char* what, IovaRange range) const {
    const std::uint64_t size = range.size_minus_one();
    const std::uint64_t granule = std::uint64_t{1} << shift_;
    for (const std::uint64_t offset :
         {std::uint64_t{0}, granule - 1, granule, granule << 9, size / 2, size, size + 1,
          size + granule, ~std::uint64_t{0}, std::uint64_t{0} - (granule << 9)}) {
      if (auto problem = compare({range.first.value + offset}); !problem.empty()) {
        return std::string(what) + at(range) + ": " + problem;
      }
    }
    for (const std::uint64_t beyond : {std::uint64_t{0}, size, ~std::uint64_t{0}}) {
      const Iova first{range.first.value - (granule << 1)};
      const IovaRange asked{first, {first.value + std::min(beyond, ~first.value)}};
      if (store_.any_mapped(asked) != oracle_.any_mapped(asked)) {
        return std::string(what) + at(range) + ": any_mapped" + at(asked);
      }
    }
    return compare_totals(what);
  }

  std::string compare_totals(const char* what) const {
    if (store_.mapping_count() != oracle_.mapping_count()) return std::string(what) + ": count";
    if (store_.resident_bytes() != budget_.used()) return std::string(what) + ": budget";
    return {};
  }

  std::string compare(Iova iova) const {
    const auto got = store_.translate(iova);
    const auto expected = oracle_.translate(iova);
    const std::string where = " at " + std::to_string(iova.value);
    if (got.has_value() != expected.has_value()) return "found or not" + where;
    if (!got) return {};
    if (got->at(iova) != expected->at(iova)) return "wrong address" + where;
    if (got->permissions != expected->permissions) return "wrong permissions" + where;
    const std::uint64_t inside = (std::uint64_t{1} << shift_) - 1;
    const bool whole = (got->extent.first.value & inside) == 0 &&
                       (got->extent.last.value & inside) == inside &&
                       expected->extent.contains(got->extent) && got->extent.contains(iova);
    return whole ? std::string{} : "wrong extent" + where;
  }

  static std::string at(IovaRange range) {
    return " [" + std::to_string(range.first.value) + ", " + std::to_string(range.last.value) + "]";
  }

  unsigned shift_;
  std::uint64_t limit_;  // The last granule.
  EpochQuiescence quiescence_;
  MemoryBudget budget_;
  MemoryBudget oracle_budget_{~std::size_t{0}};
  std::size_t idle_bytes_;
  std::unique_ptr<DomainStore> owned_;
  DomainStore& store_;
  OracleStore oracle_;
};

}  // namespace violet
