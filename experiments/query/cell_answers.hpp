// Cell answers pass each question of CellQueries to the function over CellData that answers it.
//
// Threading: as CellQueries; who derives from it says with hold() for how long the data stays as it is.
#pragma once

#include <memory>

#include "experiments/query/cell_data.hpp"
#include "experiments/query/event_search.hpp"

namespace violet::query {

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
