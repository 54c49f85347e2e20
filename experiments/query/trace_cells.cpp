#include "experiments/query/trace_cells.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace violet::query {
namespace {

class BlockCheck {
 public:
  BlockCheck(const BlockCache& cache, const TraceCell& cell, const OpenProgress& progress)
      : cache_(cache), cell_(cell), share_(progress, cell.events) {}

  // Which cell a damaged block belonged to is as uncertain as its times. A recorder writes one cell after the other, so
  // that it is that of the sound blocks around it.
  Result<SoundBlocks> run() {
    if (cell_.blocks.empty()) return SoundBlocks{{}, cell_.kept_until, {}, 0};
    const auto [first, last] = std::minmax_element(cell_.blocks.begin(), cell_.blocks.end());
    for (std::size_t i = *first; i <= *last; ++i) VIOLET_TRY(look_at(i));
    for (std::size_t i = *first; i > 0; --i) {
      VIOLET_TRY(const bool damaged, look_at(i - 1));
      if (!damaged) break;
    }
    for (std::size_t i = *last + 1; i < cache_.trace().blocks().size(); ++i) {
      VIOLET_TRY(const bool damaged, look_at(i));
      if (!damaged) break;
    }
    return outcome();
  }

 private:
  // Whether it is damaged.
  Result<bool> look_at(std::size_t block) {
    VIOLET_TRY(share_.done(cache_.trace().blocks()[block].count));
    const Status sound = cache_.check(block);
    if (sound) return false;
    ++damaged_;
    if (block < first_damaged_) {
      first_damaged_ = block;
      first_damage_ = sound.error();
    }
    return true;
  }

  SoundBlocks outcome() const {
    if (!first_damage_) return {cell_.blocks, cell_.kept_until, {}, 0};
    SoundBlocks sound{{}, cell_.kept_until, first_damage_, damaged_};
    // All is there until the first of the lcores ends.
    std::map<std::uint16_t, Ticks> last_of;
    for (const std::size_t index : cell_.blocks) {
      const auto& block = cache_.trace().blocks()[index];
      Ticks& last = last_of.try_emplace(block.lcore, cell_.start).first->second;
      if (index >= first_damaged_) continue;
      sound.blocks.push_back(index);
      if (block.count > 0) last = std::max(last, block.last);
    }
    for (const auto& [lcore, last] : last_of) sound.kept_until = std::min(sound.kept_until, last);
    return sound;
  }

  const BlockCache& cache_;
  const TraceCell& cell_;
  Share share_;
  std::size_t first_damaged_ = ~std::size_t{0}, damaged_ = 0;
  std::optional<Error> first_damage_;
};

}  // namespace

Result<SoundBlocks> check_blocks(const BlockCache& cache, const TraceCell& cell,
                                 const OpenProgress& progress) {
  return BlockCheck(cache, cell, progress).run();
}

namespace {

using Blocks = std::vector<EventTrace::Block>;

// To the newest start of the cell that the mark names.
void add_mark(const MarkEvent& mark, Ticks at, std::vector<TraceCell>& cells) {
  if (mark.phase == Phase::kStart) {
    TraceCell& cell = cells.emplace_back();
    cell.cell = mark.cell;
    cell.repetition = mark.repetition;
    cell.marked = true;
    cell.start = at;
    return;
  }
  const auto begun = std::find_if(cells.rbegin(), cells.rend(), [&](const TraceCell& one) {
    return one.cell == mark.cell && one.repetition == mark.repetition;
  });
  if (begun == cells.rend()) return;
  if (mark.phase == Phase::kMeasure) begun->measure = at;
  if (mark.phase == Phase::kTakeDown) begun->take_down = at;
}

std::vector<TraceCell> marks_of(const EventTrace& trace, std::vector<Error>* damaged) {
  std::vector<TraceCell> cells;
  for (std::size_t i = 0; i < trace.blocks().size(); ++i) {
    if (trace.blocks()[i].lcore != kRecorderLcore) continue;
    const auto events = trace.read(i);
    if (!events) {
      damaged->push_back(events.error());
      continue;
    }
    for (const Event& event : *events) {
      if (event.kind == EventKind::kMark) add_mark(MarkEvent::of(event), event.at, cells);
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

std::vector<TraceCell> cells_of(const EventTrace& trace, std::vector<Error>* damaged) {
  const Blocks& blocks = trace.blocks();
  std::vector<TraceCell> cells = marks_of(trace, damaged);
  if (cells.empty()) {
    cells.emplace_back();
    cells.back().start = ~Ticks{0};
  }
  const bool marked = cells.front().marked;
  TraceCell* current = &cells.front();
  std::map<std::pair<const TraceCell*, std::uint16_t>, Ticks> last_of;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto& block = blocks[i];
    if (block.count > 0 && marked) current = &running_at(cells, block.last);
    if (block.count > 0 && !marked) current->start = std::min(current->start, block.first);
    current->blocks.push_back(i);
    current->events += block.count;
    current->lost += block.dropped_before;
    current->not_kept += block.not_kept_before;
    Ticks& last = last_of.try_emplace({current, block.lcore}, current->start).first->second;
    if (block.not_kept_before > 0) {
      current->kept_until = std::min(current->kept_until, last);
    }
    if (block.count == 0) continue;
    last = std::max(last, block.last);
    current->end = std::max(current->end, block.last);
  }
  // A stored pyramid may know more than a file that was cut: from where any lcore's events end on, it answers.
  if (trace.cut_short() && current->not_kept == 0) {
    Ticks known = current->end;
    for (const auto& [key, last] : last_of) {
      const bool guest = key.first == current && key.second != kRecorderLcore;
      if (guest) known = std::min(known, last);
    }
    current->kept_until = std::min(current->kept_until, known);
  }
  std::erase_if(cells, [](const TraceCell& cell) { return cell.events == 0; });
  keep_last_of_each(cells);
  return cells;
}

}  // namespace violet::query
