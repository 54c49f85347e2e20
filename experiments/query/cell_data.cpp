#include "experiments/query/cell_data.hpp"

#include <algorithm>

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

}  // namespace violet::query
