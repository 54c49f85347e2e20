// The oracle store is a std::map and nothing clever, so that reading its code is enough to believe
// it. Tests, the fuzzer and the simulation compare the production stores with it.
//
// Threading: owner-only, translate() included; the one store that may not be shared with readers.
// Invariants: those of domain_store.hpp. Extents are whole mappings.
// Limits: charges kMappingCharge for each mapping.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>

#include "engine/store/domain_store.hpp"

namespace violet {

class OracleStore : public DomainStore {
 public:
  static constexpr std::size_t kMappingCharge = 128;

  OracleStore(const StoreConfig& config, Quiescence& /*quiescence*/, MemoryBudget& budget)
      : max_mappings_(config.max_mappings), budget_(budget) {}
  ~OracleStore() override { budget_.release(resident_bytes()); }
  OracleStore(const OracleStore&) = delete;
  OracleStore& operator=(const OracleStore&) = delete;

  bool try_begin_update() override { return true; }
  void end_update() override {}

  MapStatus map(const Mapping& mapping) override {
    const auto next = first_reaching(mapping.range.first);
    if (next != mappings_.end() && next->second.range.overlaps(mapping.range)) {
      return MapStatus::kOverlap;  // D25
    }
    if (mappings_.size() >= max_mappings_) return MapStatus::kNoMemory;
    if (!budget_.charge(kMappingCharge)) return MapStatus::kNoMemory;
    mappings_.emplace(mapping.range.first, mapping);
    return MapStatus::kOk;
  }

  UnmapStatus unmap(IovaRange range, UnmapCursor& cursor, std::uint32_t max_mappings) override {
    auto it = first_reaching(range.first);
    if (!cursor.started) {
      for (auto probe = it; touches(probe, range); ++probe) {
        if (!range.contains(probe->second.range)) return UnmapStatus::kWouldSplit;  // D33
      }
      cursor.started = true;
    }
    for (std::uint32_t removed = 0; touches(it, range); ++removed) {
      if (removed >= std::max(max_mappings, 1u)) return UnmapStatus::kMore;
      it = mappings_.erase(it);
      budget_.release(kMappingCharge);
      ++cursor.removed;
    }
    return UnmapStatus::kDone;  // D34
  }

  bool reclaim(std::uint32_t /*max_pieces*/) override { return true; }
  bool has_garbage() const override { return false; }
  bool any_mapped(IovaRange range) const override {
    return touches(first_reaching(range.first), range);
  }

  std::optional<Translation> translate(Iova iova) const override {
    const auto it = first_reaching(iova);
    if (it == mappings_.end() || !it->second.range.contains(iova)) return std::nullopt;
    return Translation{it->second.range, it->second.phys, it->second.permissions};
  }

  std::uint64_t mapping_count() const override { return mappings_.size(); }
  std::size_t resident_bytes() const override { return mappings_.size() * kMappingCharge; }

 private:
  using Map = std::map<Iova, Mapping>;  // By first address.

  // The first mapping that does not end before `at`.
  Map::const_iterator first_reaching(Iova at) const {
    const auto after = mappings_.upper_bound(at);
    if (after == mappings_.begin()) return after;
    const auto before = std::prev(after);
    return before->second.range.contains(at) ? before : after;
  }
  bool touches(Map::const_iterator it, IovaRange range) const {
    return it != mappings_.end() && it->second.range.overlaps(range);
  }

  Map mappings_;
  std::uint64_t max_mappings_;
  MemoryBudget& budget_;
};

}  // namespace violet
