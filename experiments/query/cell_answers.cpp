#include "experiments/query/cell_answers.hpp"

#include <algorithm>

namespace violet::query {

void note_measured(std::optional<Nanos> from, std::optional<Nanos> to, CellInfo& info) {
  info.measured = info.whole;
  info.measure_marked = from.has_value();
  if (from) info.measured.from = std::min(*from, info.whole.to);
  if (to) info.measured.to = std::clamp(*to, info.measured.from, info.whole.to);
}

void describe(const PyramidView& pyramid, const TimeBase& base, CellInfo& info) {
  const PyramidFacts& facts = pyramid.facts;
  const Nanos end = base.since(facts.end);
  info.whole = {0, end == std::numeric_limits<Nanos>::max() ? end : end + 1};
  note_measured(
      facts.has_measure != 0 ? std::optional(base.since(facts.measure)) : std::nullopt,
      facts.has_take_down != 0 ? std::optional(base.since(facts.take_down)) : std::nullopt, info);
  info.events = facts.events;
  info.lost = facts.lost;
  info.calls_sampled =
      std::any_of(pyramid.buckets.begin(), pyramid.buckets.end(),
                  [](const PyramidBucket& bucket) { return bucket.persistent_unmaps > 0; });
}

}  // namespace violet::query
