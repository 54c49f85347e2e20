#include "experiments/query/event_search.hpp"

#include <algorithm>

#include "experiments/query/cell_data.hpp"

namespace violet::query {
namespace {

std::uint32_t count_matches(std::span<const Event> events, const EventMatcher& matches) {
  return static_cast<std::uint32_t>(std::count_if(events.begin(), events.end(), matches));
}

}  // namespace

EventMatcher::EventMatcher(const CellData& cell, const Filter& filter)
    : filter_(filter),
      takes_all_(!filter.range && filter.endpoints.empty() && filter.operations.empty()) {
  if (filter.endpoints.empty()) return;
  for (const AttachRecord& one : cell.pyramid.ever_attached) {
    if (!has_endpoint(filter, one.endpoint)) continue;
    if (std::find(domains_.begin(), domains_.end(), one.domain) == domains_.end()) {
      domains_.push_back(one.domain);
    }
  }
}

bool EventMatcher::operator()(const Event& event) const {
  return (filter_.operations.empty() || by_operation(event)) &&
         (filter_.endpoints.empty() || by_owner(event)) && (!filter_.range || by_address(event)) &&
         (filter_.samples || event.kind != EventKind::kSample);
}

bool EventMatcher::by_operation(const Event& event) const {
  switch (event.kind) {
    case EventKind::kDmaMap:
    case EventKind::kMapDone:
    case EventKind::kMapTarget:
      return has_operation(filter_, Operation::kMap);
    case EventKind::kDmaUnmap:
    case EventKind::kUnmapExecuted:
    case EventKind::kUnmapCompleted:
      return has_operation(filter_, Operation::kUnmap);
    case EventKind::kTranslate:
      return has_operation(filter_, operation_of(TranslateEvent::of(event)));
    case EventKind::kFault:
      return has_operation(filter_, Operation::kFault);
    default:
      return false;
  }
}

bool EventMatcher::by_owner(const Event& event) const {
  switch (traits_of(event.kind).owner) {
    case EventOwner::kDomain:
      return std::find(domains_.begin(), domains_.end(), event.id) != domains_.end();
    case EventOwner::kEndpoint:
      return has_endpoint(filter_, event.id);
    default:
      return false;
  }
}

bool EventMatcher::by_address(const Event& event) const {
  const std::optional<IovaRange> range = addresses_of(event);
  return range && filter_.range->overlaps(*range);
}

std::shared_ptr<EventSearch::Matches> EventSearch::matches_of(const CellData& cell,
                                                              const Filter& filter) const {
  const std::lock_guard lock(mutex_);
  for (const auto& one : known_) {
    if (one->filter == filter && one->of == cell.events) return one;
  }
  auto fresh = std::make_shared<Matches>();
  fresh->filter = filter;
  fresh->of = cell.events;
  for (const KeptEvents::Stream& stream : cell.events->streams()) {
    fresh->counts.emplace_back(stream.blocks.size(), kUnknown);
  }
  known_.push_front(fresh);
  if (known_.size() > kMostFilters) known_.pop_back();
  return fresh;
}

std::uint64_t EventSearch::count(const CellData& cell, Ticks from, Ticks to,
                                 const EventMatcher& matches, Matches* known) const {
  std::uint64_t total = 0;
  const auto& streams = cell.events->streams();
  for (std::size_t i = 0; i < streams.size(); ++i) {
    const std::uint64_t begin = cell.events->lower_bound(streams[i], from);
    const std::uint64_t end = cell.events->lower_bound(streams[i], to);
    if (begin >= end) continue;
    if (matches.all_of(streams[i].lcore)) {
      total += end - begin;
      continue;
    }
    for (std::size_t index = KeptEvents::block_of(streams[i], begin);
         index < streams[i].blocks.size() && streams[i].blocks[index].before < end; ++index) {
      const KeptEvents::Block& block = streams[i].blocks[index];
      const std::uint64_t from_place = std::max(begin, block.before);
      const std::uint64_t to_place = std::min(end, block.before + block.count);
      const auto matching = [&] {
        const HeldEvents held = cell.events->hold(block);
        return count_matches(held.events.subspan(from_place - block.before, to_place - from_place),
                             matches);
      };
      if (to_place - from_place < block.count || known == nullptr) {
        total += matching();
        continue;
      }
      std::uint32_t& remembered = known->counts[i][index];
      if (remembered == kUnknown) remembered = matching();
      total += remembered;
    }
  }
  return total;
}

std::uint64_t EventSearch::count(const CellData& cell, TimeWindow window,
                                 const Filter& filter) const {
  const TickWindow ticks(cell.base, window);
  if (filter.empty()) return cell.events->count(ticks.from, ticks.to);
  const EventMatcher matches(cell, filter);
  if (!remembers_) return count(cell, ticks.from, ticks.to, matches, nullptr);
  const auto known = matches_of(cell, filter);
  const std::lock_guard lock(known->mutex);
  return count(cell, ticks.from, ticks.to, matches, known.get());
}

std::vector<EventLine> EventSearch::lines(const CellData& cell, TimeWindow window,
                                          const Filter& filter, std::uint64_t first,
                                          std::size_t most) const {
  const TickWindow ticks(cell.base, window);
  const EventMatcher matches(cell, filter);
  const auto known = remembers_ && !filter.empty() ? matches_of(cell, filter) : nullptr;
  std::unique_lock<std::mutex> lock;
  if (known != nullptr) lock = std::unique_lock(known->mutex);
  const auto before = [&](Ticks to) {
    return filter.empty() ? cell.events->count(ticks.from, to)
                          : count(cell, ticks.from, to, matches, known.get());
  };
  // The last moment with at most `first` matches before it.
  Ticks low = ticks.from, high = ticks.to;
  while (low < high) {
    const Ticks middle = low + (high - low) / 2 + ((high - low) % 2);
    if (before(middle) <= first) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  std::uint64_t skip = first - std::min(first, before(low));
  std::vector<EventLine> out;
  if (most == 0 || low >= ticks.to) return out;
  cell.events->merge_places(low, ticks.to,
                            [&](std::size_t stream, std::uint64_t position, const Event& event) {
                              const std::uint16_t lcore = cell.events->streams()[stream].lcore;
                              if (!matches.all_of(lcore) && !matches(event)) return true;
                              if (skip > 0) {
                                --skip;
                                return true;
                              }
                              EventLine line;
                              line.number = cell.events->number_of(stream, position);
                              line.at = cell.base.nanos(event.at);
                              line.event = event;
                              line.lcore = lcore;
                              line.took_ns = cell.base.length_ns(event.duration());
                              out.push_back(line);
                              return out.size() < most;
                            });
  return out;
}

}  // namespace violet::query
