// CellData holds the events and the pyramid of one cell, and chooses which of them answers a query; CellAnswers asks it.
//
// Threading: the data is immutable while queries run; CellAnswers as CellQueries.
// Invariants: a query reads at most kMostScanned events, or replays at most kMostReplayed of them from a
// checkpoint; what is longer is answered by the pyramid.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "experiments/query/event_search.hpp"
#include "experiments/query/kept_events.hpp"
#include "experiments/query/queries.hpp"
#include "experiments/query/time_base.hpp"
#include "experiments/trace/pyramid.hpp"

namespace violet::query {

inline constexpr std::uint64_t kMostScanned = 1'000'000;
inline constexpr std::uint64_t kMostReplayed = 100'000;
// Below this the events themselves are as cheap as the pyramid, and exact.
inline constexpr std::uint64_t kFewEvents = 50'000;

// More than a screen has: what is asked beyond it is cut.
inline constexpr std::uint32_t kMostColumns = 1 << 14;
inline constexpr std::uint32_t kMostGridCells = 1 << 24;

struct CellData {
  PyramidView pyramid;
  const KeptEvents* events = nullptr;
  TimeBase base;
  CellInfo info;
  // Absolute; what lies in [kept_from, kept_until) is completely in `events`.
  Ticks kept_from = 0, kept_until = ~Ticks{0};

  bool kept(const TickWindow& window) const {
    return kept_from <= window.from && window.to <= kept_until;
  }
  // Whether a bucket of the pyramid is no wider than a column.
  bool fine(const Columns& columns) const {
    return static_cast<double>(pyramid.width()) * base.ns_per_tick() <= columns.width_ns();
  }
  // Whether the events in the window should be read one by one.
  bool scans(const TickWindow& window, bool pyramid_serves) const {
    if (!kept(window)) return false;
    return events->count(window.from, window.to) <= (pyramid_serves ? kFewEvents : kMostScanned);
  }
  // The newest checkpoint that is not after `at` (absolute).
  const Checkpoint* checkpoint(Ticks at) const;
  // From where a replay up to `to` begins that must know the state at `from`; nothing when it would be too
  // long or the events are not there.
  struct ReplayFrom {
    const Checkpoint* checkpoint;  // Null: from the beginning.
    Ticks from;
  };
  std::optional<ReplayFrom> replay(const TickWindow& window, std::uint64_t most) const;
};

// When events are missing, as far as single events tell. What an lcore lost at its end nobody saw come back: it is missing
// until the end of what was recorded, or of what is kept; what was lost behind that the pyramid knows.
inline std::vector<KeptEvents::Gap> gaps_at_end(const CellData& cell) {
  std::vector<KeptEvents::Gap> gaps;
  if (cell.events == nullptr) return gaps;
  for (const KeptEvents::Stream& stream : cell.events->streams()) {
    const Ticks from = stream.blocks.empty() ? cell.kept_from : stream.blocks.back().last;
    if (stream.lost == 0 || from >= cell.kept_until) continue;
    const Ticks end = std::min(cell.base.start() + cell.pyramid.facts.end, cell.kept_until);
    gaps.push_back({from, std::max(from, end), stream.lost});
  }
  return gaps;
}
inline std::vector<KeptEvents::Gap> all_gaps(const CellData& cell) {
  std::vector<KeptEvents::Gap> gaps;
  if (cell.events != nullptr) gaps = cell.events->gaps();
  const auto last = gaps_at_end(cell);
  gaps.insert(gaps.end(), last.begin(), last.end());
  return gaps;
}

// Whether an event of an endpoint counts.
inline bool has_endpoint(const Filter& filter, std::uint32_t endpoint) {
  return filter.endpoints.empty() || std::find(filter.endpoints.begin(), filter.endpoints.end(),
                                               EndpointId{endpoint}) != filter.endpoints.end();
}
constexpr Operation operation_of(const TranslateEvent& event) {
  return event.outcome == TranslateEvent::Outcome::kFault ? Operation::kFault
                                                          : Operation::kTranslate;
}
inline bool has_operation(const Filter& filter, Operation operation) {
  return filter.operations.empty() || std::find(filter.operations.begin(), filter.operations.end(),
                                                operation) != filter.operations.end();
}

// --- The questions (see CellQueries) ---
Overview ask_overview(const CellData& cell, TimeWindow window, std::uint32_t columns);
ChurnGrid ask_churn(const CellData& cell, const ChurnQuery& query);
UsedRanges ask_used_ranges(const CellData& cell);
PageLifetimes ask_page_lifetimes(const CellData& cell, Iova page, Nanos at, std::size_t most);
LatencyGrid ask_latency(const CellData& cell, const LatencyQuery& query);
ExposureColumns ask_exposure(const CellData& cell, const ExposureQuery& query);
EngineColumns ask_engine(const CellData& cell, TimeWindow window, std::uint32_t columns);
FaultLines ask_faults(const CellData& cell, TimeWindow window, std::size_t most);
TopologyState ask_topology(const CellData& cell, Nanos at, std::size_t most_mappings);

// --- Who answers ---

// Passes each question of CellQueries to the function that answers it. Who derives from it says with hold() for how
// long the data stays as it is.
class CellAnswers : public CellQueries {
  // First, because its type is deduced.
  template <class Ask>
  auto held(Ask&& ask) const {
    const std::shared_ptr<void> holding = hold();
    const CellData* asked = &data();
    auto answer = ask(*asked);
    // What was found damaged on the way is not there any more: what was read of it is no answer.
    while (asked != &data()) answer = ask(*(asked = &data()));
    return answer;
  }

 public:
  explicit CellAnswers(bool remembers) : search_(remembers) {}

  CellInfo info() const override {
    return held([](const CellData& cell) { return cell.info; });
  }
  Overview overview(TimeWindow window, std::uint32_t columns) const override {
    return held([&](const CellData& cell) { return ask_overview(cell, window, columns); });
  }
  ChurnGrid churn(const ChurnQuery& query) const override {
    return held([&](const CellData& cell) { return ask_churn(cell, query); });
  }
  UsedRanges used_ranges() const override {
    return held([](const CellData& cell) { return ask_used_ranges(cell); });
  }
  PageLifetimes page_lifetimes(Iova page, Nanos at, std::size_t most) const override {
    return held([&](const CellData& cell) { return ask_page_lifetimes(cell, page, at, most); });
  }
  LatencyGrid latency(const LatencyQuery& query) const override {
    return held([&](const CellData& cell) { return ask_latency(cell, query); });
  }
  ExposureColumns exposure(const ExposureQuery& query) const override {
    return held([&](const CellData& cell) { return ask_exposure(cell, query); });
  }
  EngineColumns engine(TimeWindow window, std::uint32_t columns) const override {
    return held([&](const CellData& cell) { return ask_engine(cell, window, columns); });
  }
  FaultLines faults(TimeWindow window, std::size_t most) const override {
    return held([&](const CellData& cell) { return ask_faults(cell, window, most); });
  }
  std::uint64_t count_events(TimeWindow window, const Filter& filter) const override {
    return held([&](const CellData& cell) { return search_.count(cell, window, filter); });
  }
  std::vector<EventLine> events(TimeWindow window, const Filter& filter, std::uint64_t first,
                                std::size_t most) const override {
    return held(
        [&](const CellData& cell) { return search_.lines(cell, window, filter, first, most); });
  }
  TopologyState topology(Nanos at, std::size_t most_mappings) const override {
    return held([&](const CellData& cell) { return ask_topology(cell, at, most_mappings); });
  }

 protected:
  // Keeps data() as it is while the result lives, but that it may become another one: the same cell without events.
  virtual std::shared_ptr<void> hold() const = 0;
  virtual const CellData& data() const = 0;

 private:
  EventSearch search_;
};

// From when to when was measured, as marks say; `whole` is known already. Without a mark of the beginning nothing is.
void note_measured(std::optional<Nanos> from, std::optional<Nanos> to, CellInfo& info);
// What the pyramid knows of a cell's times and counts.
void describe(const PyramidView& pyramid, const TimeBase& base, CellInfo& info);

}  // namespace violet::query
