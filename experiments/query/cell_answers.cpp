#include "experiments/query/cell_answers.hpp"

#include <algorithm>

namespace violet::query {

void describe(const PyramidView& pyramid, const TimeBase& base, CellInfo& info) {
  const PyramidFacts& facts = pyramid.facts;
  const Nanos end = base.since(facts.end);
  info.whole = {0, end == std::numeric_limits<Nanos>::max() ? end : end + 1};
  info.measured = info.whole;
  if (facts.has_measure != 0)
    info.measured.from = std::min(base.since(facts.measure), info.whole.to);
  if (facts.has_take_down != 0) {
    info.measured.to = std::clamp(base.since(facts.take_down), info.measured.from, info.whole.to);
  }
  info.events = facts.events;
  info.lost = facts.lost;
  info.calls_sampled =
      std::any_of(pyramid.buckets.begin(), pyramid.buckets.end(),
                  [](const PyramidBucket& bucket) { return bucket.persistent_unmaps > 0; });
}

}  // namespace violet::query
