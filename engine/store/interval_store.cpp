#include "engine/store/interval_store.hpp"

#include <algorithm>
#include <utility>

#include "engine/base/check.hpp"

namespace violet {

namespace {

constexpr std::uint64_t kPermissionMask = (std::uint64_t{1} << kGranuleShift4K) - 1;

}  // namespace

IntervalStore::IntervalStore(const StoreConfig& config, Quiescence& /*quiescence*/,
                             MemoryBudget& budget)
    : max_mappings_(config.max_mappings),
      budget_(budget),
      mappings_(CountingAllocator<std::pair<const std::uint64_t, Rest>>(&bytes_)) {
  VIOLET_CHECK(config.granule_shift >= kGranuleShift4K && config.granule_shift < 64);
}

IntervalStore::~IntervalStore() {
  mappings_.clear();
  settle_budget();
}

void IntervalStore::settle_budget() {
  if (bytes_ > charged_) VIOLET_CHECK(budget_.charge(bytes_ - charged_));
  if (bytes_ < charged_) budget_.release(charged_ - bytes_);
  charged_ = bytes_;
}

MapStatus IntervalStore::map(const Mapping& mapping) {
  VIOLET_DCHECK(gate_.closed());
  const auto next = mappings_.lower_bound(mapping.range.first.value);
  if (next != mappings_.end() && next->second.first <= mapping.range.last.value) {
    return MapStatus::kOverlap;  // D25
  }
  if (mappings_.size() >= max_mappings_) return MapStatus::kNoMemory;
  if (!budget_.charge(kInsertReserve)) return MapStatus::kNoMemory;
  charged_ += kInsertReserve;
  const auto bits = mapping.phys.value | static_cast<std::uint64_t>(mapping.permissions);
  mappings_.emplace_hint(next, mapping.range.last.value, Rest{mapping.range.first.value, bits});
  VIOLET_DCHECK(bytes_ <= charged_);
  settle_budget();
  return MapStatus::kOk;
}

// D33: a mapping reaches over an end of the range.
bool IntervalStore::would_split(IovaRange range) const {
  const auto first = mappings_.lower_bound(range.first.value);
  if (first == mappings_.end() || first->second.first > range.last.value) return false;
  if (first->second.first < range.first.value) return true;
  if (first->first == range.last.value) return false;
  const auto last = mappings_.lower_bound(range.last.value);
  return last != mappings_.end() && last->second.first <= range.last.value &&
         last->first > range.last.value;
}

UnmapStatus IntervalStore::unmap(IovaRange range, UnmapCursor& cursor, std::uint32_t max_mappings) {
  VIOLET_DCHECK(gate_.closed());
  if (!cursor.started && would_split(range)) return UnmapStatus::kWouldSplit;
  cursor.started = true;
  const auto from = mappings_.lower_bound(range.first.value);
  auto to = from;
  std::uint32_t removed = 0;
  const auto inside = [&] { return to != mappings_.end() && to->first <= range.last.value; };
  for (; removed < std::max(max_mappings, 1u) && inside(); ++removed) ++to;
  const bool more = inside();
  if (removed == 1) {
    mappings_.erase(from);
  } else {
    mappings_.erase(from, to);
  }
  cursor.removed += removed;
  settle_budget();
  return more ? UnmapStatus::kMore : UnmapStatus::kDone;  // D34
}

std::optional<Translation> IntervalStore::translate(Iova iova) const {
  gate_.enter();
  const auto found = mappings_.lower_bound(iova.value);
  std::optional<Translation> answer;
  if (found != mappings_.end() && found->second.first <= iova.value) {
    const std::uint64_t bits = found->second.phys_and_permissions;
    answer = Translation{{{found->second.first}, {found->first}},
                         {bits & ~kPermissionMask},
                         static_cast<Permissions>(bits & kPermissionMask)};
  }
  gate_.leave();
  return answer;
}

}  // namespace violet
