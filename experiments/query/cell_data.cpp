#include "experiments/query/cell_data.hpp"

#include <algorithm>
#include <limits>

namespace violet::query {

const Checkpoint* CellData::checkpoint(Ticks at) const {
  const Ticks relative = at > base.start() ? at - base.start() : 0;
  const auto after =
      std::partition_point(pyramid.checkpoints.begin(), pyramid.checkpoints.end(),
                           [relative](const Checkpoint& one) { return one.at <= relative; });
  return after == pyramid.checkpoints.begin() ? nullptr : &*(after - 1);
}

std::optional<CellData::ReplayFrom> CellData::replay(const TickWindow& window,
                                                     std::uint64_t most) const {
  const Checkpoint* from = checkpoint(window.from);
  const Ticks at = from == nullptr ? 0 : base.start() + from->at;
  if (kept_from > at || window.to > kept_until || events->count(at, window.to) > most) {
    return std::nullopt;
  }
  return ReplayFrom{from, at};
}

void note_measured(std::optional<Nanos> from, std::optional<Nanos> to, CellInfo& info) {
  info.measured = info.whole;
  info.measure_marked = from.has_value();
  if (from) info.measured.from = std::min(*from, info.whole.to);
  if (to) info.measured.to = std::clamp(*to, info.measured.from, info.whole.to);
}

void describe(const PyramidView& pyramid, const TimeBase& base, CellInfo& info) {
  const PyramidFacts& facts = pyramid.facts;
  const Nanos end = base.since(facts.end);
  info.whole = {0, end + 1};
  note_measured(
      facts.has_measure != 0 ? std::optional(base.since(facts.measure)) : std::nullopt,
      facts.has_take_down != 0 ? std::optional(base.since(facts.take_down)) : std::nullopt, info);
  info.events = facts.events;
  info.lost = facts.lost;
  const auto any = [&pyramid](auto has) {
    return std::any_of(pyramid.buckets.begin(), pyramid.buckets.end(), has);
  };
  info.calls_sampled =
      any([](const PyramidBucket& bucket) { return bucket.persistent_unmaps > 0; });
  // As the results' metrics have it (experiments/runner/exposure_metrics.cpp).
  const bool copies = any([](const PyramidBucket& bucket) {
    return bucket.kinds[static_cast<std::size_t>(EventKind::kCopy)] > 0;
  });
  const bool ends =
      any([](const PyramidBucket& bucket) { return bucket.unmaps + bucket.open_unmaps > 0; });
  using Stays = CellInfo::Stays;
  info.stays = !info.calls_sampled ? Stays::kNothing
               : copies            ? Stays::kPool
               : ends              ? Stays::kNothing
                                   : Stays::kBuffers;
}

}  // namespace violet::query
