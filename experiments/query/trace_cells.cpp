#include "experiments/query/trace_cells.hpp"

#include <algorithm>
#include <map>

namespace violet::gui {
namespace {

constexpr std::size_t kTraceBlocksBetween = 2048;  // That pages are given back.

using Blocks = std::vector<results::EventTrace::Block>;

std::vector<TraceCell> marks_of(const results::EventTrace& trace) {
  std::vector<TraceCell> cells;
  for (std::size_t i = 0; i < trace.blocks().size(); ++i) {
    const auto& block = trace.blocks()[i];
    if (i % kTraceBlocksBetween == 0) trace.give_back_pages();
    if (block.lcore != kRecorderLcore) continue;
    for (const Event& event : block.events) {
      if (event.kind != EventKind::kMark) continue;
      const MarkEvent mark = MarkEvent::of(event);
      if (mark.phase != Phase::kStart) continue;
      TraceCell cell;
      cell.cell = mark.cell;
      cell.repetition = mark.repetition;
      cell.marked = true;
      cell.start = event.at;
      cells.push_back(cell);
    }
  }
  std::stable_sort(cells.begin(), cells.end(),
                   [](const TraceCell& a, const TraceCell& b) { return a.start < b.start; });
  return cells;
}

// The cell that was running then; what came before the first mark belongs to the first.
TraceCell& running_at(std::vector<TraceCell>& cells, Ticks at) {
  const auto after = std::partition_point(cells.begin(), cells.end(),
                                          [at](const TraceCell& one) { return one.start <= at; });
  return after == cells.begin() ? cells.front() : *(after - 1);
}

void keep_last_of_each(std::vector<TraceCell>& cells) {
  for (std::size_t i = cells.size(); i > 0; --i) {
    const TraceCell& later = cells[i - 1];
    const auto same = [&](const TraceCell& one) {
      return one.cell == later.cell && one.repetition == later.repetition;
    };
    const auto end = cells.begin() + static_cast<std::ptrdiff_t>(i - 1);
    const auto kept = std::remove_if(cells.begin(), end, same);
    i -= static_cast<std::size_t>(end - kept);
    cells.erase(kept, end);
  }
}

}  // namespace

std::vector<TraceCell> cells_of(const results::EventTrace& trace) {
  const Blocks& blocks = trace.blocks();
  std::vector<TraceCell> cells = marks_of(trace);
  if (cells.empty()) {
    cells.emplace_back();
    cells.back().start = ~Ticks{0};
  }
  const bool marked = cells.front().marked;
  TraceCell* current = &cells.front();
  std::map<std::pair<const TraceCell*, std::uint16_t>, Ticks> last_of;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto& block = blocks[i];
    if (i % kTraceBlocksBetween == 0) trace.give_back_pages();
    if (!block.events.empty() && marked) current = &running_at(cells, block.events.back().at);
    if (!block.events.empty() && !marked) {
      current->start = std::min(current->start, block.events.front().at);
    }
    current->blocks.push_back(i);
    current->events += block.events.size();
    current->lost += block.dropped_before;
    current->not_kept += block.not_kept_before;
    Ticks& last = last_of.try_emplace({current, block.lcore}, current->start).first->second;
    if (block.not_kept_before > 0) {
      current->kept_until = std::min(current->kept_until, last);
    }
    if (block.events.empty()) continue;
    last = std::max(last, block.events.back().at);
    current->end = std::max(current->end, block.events.back().at);
  }
  std::erase_if(cells, [](const TraceCell& cell) { return cell.events == 0; });
  keep_last_of_each(cells);
  return cells;
}

}  // namespace violet::gui
