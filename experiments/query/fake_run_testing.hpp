// A fake run answers with the plain values that were put into it, for tests of models and views.
//
// Threading: as CellQueries; the values are set before it is shared.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/query/queries.hpp"

namespace violet::query {

class FakeCell : public CellQueries {
 public:
  CellInfo about;
  std::vector<EventLine> lines;
  TopologyState state;
  float operations_per_s = 1000, stale = 0, p99_ns = 500;
  std::optional<std::uint32_t> silent_at;  // Column in which nothing was done.
  Nanos sampled_every = 0;                 // The workload's operations; 0: as often as asked.

  CellInfo info() const override { return about; }
  std::uint64_t version() const override { return 1; }
  Overview overview(TimeWindow window, std::uint32_t columns) const override {
    return {window, flat(columns, operations_per_s), stale_of(columns), {window, {}}};
  }
  ChurnGrid churn(const ChurnQuery& query) const override {
    ChurnGrid grid;
    grid.query = query;
    return grid;
  }
  UsedRanges used_ranges() const override { return {}; }
  PageLifetimes page_lifetimes(Iova page, Nanos, std::size_t) const override {
    PageLifetimes lifetime;
    lifetime.page = page.value;
    return lifetime;
  }
  LatencyGrid latency(const LatencyQuery& query) const override {
    LatencyGrid grid;
    grid.query = query;
    grid.lines[1].window = query.window;
    grid.lines[1].steps = flat(10, p99_ns);
    return grid;
  }
  ExposureColumns exposure(const ExposureQuery& query) const override {
    ExposureColumns answer;
    answer.query = query;
    answer.stale_pages = stale_of(query.columns);
    return answer;
  }
  EngineColumns engine(TimeWindow window, std::uint32_t columns) const override {
    EngineColumns answer;
    answer.window = window;
    answer.workload_per_s = flat(columns, operations_per_s);
    answer.workload_step_ns = sampled_every;
    for (std::uint32_t i = 0; i < columns; ++i) {  // Nothing is known of other times.
      const Nanos from = window.from + window.length() / columns * i;
      if (!about.whole.contains(from)) answer.workload_per_s[i] = {};
      if (silent_at == i) answer.workload_per_s[i] = {0, 0, 0, 0, false, true};
    }
    return answer;
  }
  FaultLines faults(TimeWindow, std::size_t) const override { return {}; }
  std::uint64_t count_events(TimeWindow window, const Filter& filter) const override {
    return events(window, filter, 0, lines.size()).size();
  }
  std::vector<EventLine> events(TimeWindow window, const Filter& filter, std::uint64_t first,
                                std::size_t most) const override {
    std::vector<EventLine> found;
    for (const EventLine& line : lines) {
      if (!filter.samples && line.event.kind == EventKind::kSample) continue;
      if (window.contains(line.at)) found.push_back(line);
    }
    found.erase(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(
                                                   std::min<std::uint64_t>(first, found.size())));
    if (found.size() > most) found.resize(most);
    return found;
  }
  TopologyState topology(Nanos at, std::size_t) const override {
    TopologyState answer = state;
    answer.at = at;
    return answer;
  }

 private:
  std::vector<Column> stale_of(std::uint32_t columns) const {
    const bool counted = about.stays != CellInfo::Stays::kBuffers;
    return counted ? flat(columns, stale) : std::vector<Column>{};
  }
  static std::vector<Column> flat(std::uint32_t columns, float value) {
    return std::vector<Column>(columns, Column{1, value, value, value, false});
  }
};

class FakeRun : public RunQueries {
 public:
  std::string directory = "fake";
  std::vector<std::shared_ptr<FakeCell>> held;

  std::shared_ptr<FakeCell> add(const std::string& strategy, const std::string& workload,
                                const std::string& placement = "sidecore") {
    auto cell = std::make_shared<FakeCell>();
    cell->about.run_id = directory;
    cell->about.cell_id = strategy + "." + workload + "." + placement;
    cell->about.label = "strategy=" + strategy + " workload=" + workload;
    cell->about.strategy = strategy;
    cell->about.workload = workload;
    cell->about.placement = placement;
    cell->about.whole = {0, 1'000'000'000};
    cell->about.measured = {100'000'000, 900'000'000};
    cell->about.kept_until = cell->about.whole.to;
    held.push_back(cell);
    return cell;
  }
  std::string name() const override { return directory; }
  std::string path() const override { return directory; }
  std::vector<CellInfo> cells() const override {
    std::vector<CellInfo> infos;
    for (const auto& cell : held) infos.push_back(cell->about);
    return infos;
  }
  Result<std::shared_ptr<const CellQueries>> open_cell(std::size_t index,
                                                       const OpenProgress&) override {
    if (index >= held.size()) return fail("there is no cell {}", index);
    return std::shared_ptr<const CellQueries>(held[index]);
  }
  std::string without_events;
  std::string no_cells_because() const override { return without_events; }
  RunProgress says;
  RunProgress progress() const override { return says; }
  // What happens at the next pull, once.
  std::function<void()> next;
  void pull() override {
    if (const auto happens = std::exchange(next, nullptr)) happens();
  }
};

}  // namespace violet::query
