#include "experiments/query/recorded_run.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <map>
#include <utility>

#include "engine/base/result.hpp"
#include "experiments/query/cell_answers.hpp"

namespace violet::query {
namespace fs = std::filesystem;
namespace {

// That pages are given back: a quarter of a gigabyte, as a rule.
constexpr std::size_t kBlocksBetween = 2048;
// Each process of a run that was resumed has measured the tick's length for itself.
constexpr double kClockError = 1e-3;

class RecordedCell : public CellAnswers {
 public:
  RecordedCell(std::shared_ptr<const EventTrace> trace, const TraceCell& cell)
      : CellAnswers(true), trace_(std::move(trace)), gives_back_(cell.events > kManyEvents) {
    if (gives_back_) events_.set_give_back([this] { trace_->give_back_pages(); });
    for (const std::size_t index : cell.blocks) {
      if (index % kBlocksBetween == 0) trace_->give_back_pages();
      const auto& block = trace_->blocks()[index];
      events_.add(block.lcore, block.events, block.dropped_before);
    }
  }
  std::uint64_t version() const override { return 1; }

  void keep(std::unique_ptr<Aggregation> aggregation) {
    aggregation_ = std::move(aggregation);
    data_.pyramid = aggregation_->pyramid().view();
  }
  void keep(const PyramidFile& file, const PyramidView& view) {
    file_ = file;
    data_.pyramid = view;
  }
  void finish(const TraceCell& cell, const CellInfo& info) {
    data_.base = TimeBase(data_.pyramid.facts.start, trace_->info().ns_per_tick);
    data_.events = &events_;
    data_.kept_until = cell.kept_until;
    data_.info = info;
    describe(data_.pyramid, data_.base, data_.info);
    data_.info.kept_events = events_.size();
    data_.info.kept_until =
        cell.kept_until == ~Ticks{0} ? data_.info.whole.to : data_.base.nanos(cell.kept_until);
  }

 protected:
  std::shared_ptr<void> hold() const override {
    if (gives_back_ && asked_.fetch_add(1, std::memory_order_relaxed) % kAnswers == 0) {
      events_.give_back();
    }
    return nullptr;
  }
  const CellData& data() const override { return data_; }

 private:
  static constexpr std::uint64_t kManyEvents = 8'000'000;  // A quarter of a gigabyte.
  static constexpr unsigned kAnswers = 8;                  // Of at most 45 MB each.

  std::shared_ptr<const EventTrace> trace_;
  bool gives_back_;
  mutable std::atomic<unsigned> asked_{1};
  std::optional<PyramidFile> file_;
  std::unique_ptr<Aggregation> aggregation_;
  KeptEvents events_;
  CellData data_;
};

// Until when all of the cell's events are with the aggregation: nothing later comes before the first event of
// the next block of any lcore.
class Horizon {
 public:
  Horizon(const EventTrace& trace, const std::vector<std::size_t>& blocks) {
    first_after_.resize(blocks.size(), ~Ticks{0});
    Ticks first = ~Ticks{0};
    for (std::size_t i = blocks.size(); i > 0; --i) {
      first_after_[i - 1] = first;
      const auto& events = trace.blocks()[blocks[i - 1]].events;
      if (i % kBlocksBetween == 0) trace.give_back_pages();
      if (!events.empty()) first = std::min(first, events.front().at);
    }
  }
  Ticks after(std::size_t block) const { return first_after_[block]; }

 private:
  std::vector<Ticks> first_after_;
};

Result<std::unique_ptr<Aggregation>> aggregate_cell(const EventTrace& trace, const TraceCell& cell,
                                                    AggregationOptions options, bool verify,
                                                    const OpenProgress& progress) {
  options.ns_per_tick = trace.info().ns_per_tick;
  auto aggregation = std::make_unique<Aggregation>(options);
  const Horizon horizon(trace, cell.blocks);
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < cell.blocks.size(); ++i) {
    if (verify) {
      VIOLET_TRY(trace.verify(cell.blocks[i]));
    }
    const auto& block = trace.blocks()[cell.blocks[i]];
    aggregation->add(block.lcore, block.events, block.dropped_before);
    aggregation->advance(horizon.after(i));
    done += block.events.size();
    if (i % kBlocksBetween == 0) trace.give_back_pages();
    if (i % 16 != 0) continue;
    if (progress.cancel(progress.context)) return fail("opening the cell was cancelled");
    progress.report(
        progress.context,
        static_cast<double>(done) / static_cast<double>(std::max<std::uint64_t>(1, cell.events)));
  }
  aggregation->finish();
  progress.report(progress.context, 1);
  return aggregation;
}

std::string axis(const results::CellRecord& cell, std::string_view name) {
  for (const auto& [key, value] : cell.axes) {
    if (key == name || key == "axes." + std::string(name)) return results::to_text(value);
  }
  return {};
}

// What a reader has to know of a cell whose stored pyramid was of no use.
std::string aggregated_instead(const std::string& why, const TraceCell& cell) {
  std::string notice = why + "; what is shown was computed from the events instead";
  if (cell.not_kept > 0) notice += ", of which the trace keeps the first only";
  return notice;
}

void name_cell(const results::CellRecord& record, CellInfo& info) {
  info.cell_id = record.id;
  info.label = record.label;
  info.strategy = axis(record, "strategy");
  info.workload = axis(record, "workload");
  info.placement = axis(record, "placement");
  info.iotlb = axis(record, "iotlb");
  info.store = axis(record, "store");
}

}  // namespace

std::vector<CellInfo> cells_of_plan(const std::string& directory) {
  std::vector<CellInfo> cells;
  const auto run = results::read_run(directory);
  if (!run) return cells;
  for (const auto& cell : run->cells) name_cell(cell.cell, cells.emplace_back());
  return cells;
}

std::unique_ptr<RecordedRun> RecordedRun::over(EventTrace trace, std::string name) {
  auto run = std::make_unique<RecordedRun>();
  run->name_ = std::move(name);
  run->path_ = run->name_;
  run->trace_ = std::make_shared<const EventTrace>(std::move(trace));
  run->find_cells();
  return run;
}

Result<std::unique_ptr<RecordedRun>> RecordedRun::open(const std::string& path) {
  std::error_code error;
  const fs::path given(path);
  const bool directory = fs::is_directory(given, error);
  const fs::path file = directory ? given / "trace.events" : given;
  if (!fs::exists(file, error)) {
    return directory ? without_trace(path) : fail("{}: is not there", path);
  }
  VIOLET_TRY(auto trace, EventTrace::open(file));
  const fs::path canonical = fs::canonical(given, error), named = error ? given : canonical;
  auto run = over(std::move(trace), named.filename().string());
  run->path_ = named.string();
  const fs::path pyramids = file.parent_path() / "trace.pyramid";
  if (fs::exists(pyramids, error)) {
    auto stored = PyramidFile::open(pyramids);
    if (stored) {
      run->pyramids_ = std::move(*stored);
    } else {
      run->pyramid_error_ = stored.error();
    }
  }
  if (directory) run->name_cells(run->path_);
  if (!directory) run->find_damage(nullptr);
  return run;
}

Result<std::unique_ptr<RecordedRun>> RecordedRun::without_trace(const std::string& directory) {
  std::error_code error;
  const fs::path canonical = fs::canonical(directory, error);
  const auto results = results::read_run(directory);
  if (error || !results) {
    return fail("{}: has no trace.events, and its results cannot be read: {}", directory,
                error ? error.message() : results.error().message);
  }
  auto run = std::make_unique<RecordedRun>();
  run->path_ = canonical.string();
  run->name_ =
      results->manifest.run_id.empty() ? canonical.filename().string() : results->manifest.run_id;
  run->no_cells_because_ = "this run recorded no events; its results are in Compare and Experiment";
  return run;
}

void RecordedRun::find_cells() {
  cells_ = cells_of(*trace_);
  for (const TraceCell& cell : cells_) {
    CellInfo info;
    info.run_id = name_;
    info.repetition = cell.repetition;
    info.cell_id = cell.marked ? fmt::format("cell-{}", cell.cell) : "trace";
    info.label = cell.marked ? fmt::format("cell {}", cell.cell) : name_;
    const TimeBase base(cell.start, trace_->info().ns_per_tick);
    const Nanos end = base.nanos(cell.end);
    info.whole = {0, end == std::numeric_limits<Nanos>::max() ? end : end + 1};
    info.measured = info.whole;
    info.events = cell.events + cell.not_kept;
    info.kept_events = cell.events;
    info.kept_until = cell.kept_until == ~Ticks{0} ? info.whole.to : base.nanos(cell.kept_until);
    info.lost = cell.lost;
    infos_.push_back(std::move(info));
  }
  if (!infos_.empty()) infos_.back().cut_short = trace_->cut_short();
}

namespace {

// "strict (repetitions 1 and 2), lazy-percpu (repetition 1)", of so many at most.
std::string lost_cells(const std::vector<TraceCell>& kept, const results::RunData& run) {
  constexpr std::size_t kMostNamed = 6;
  // Later ones were not recorded: a run records its first repetition (runner.cpp).
  std::uint32_t recorded = 0;
  for (const TraceCell& one : kept) recorded = std::max(recorded, one.repetition);
  std::vector<std::string> names;
  for (std::size_t cell = 0; cell < run.cells.size(); ++cell) {
    std::vector<std::string> repetitions;
    for (const auto& one : run.cells[cell].repetitions) {
      if (one.repetition > recorded) continue;
      const bool there = std::any_of(kept.begin(), kept.end(), [&](const TraceCell& trace) {
        return trace.cell == cell && trace.repetition == one.repetition;
      });
      if (!there) repetitions.push_back(std::to_string(one.repetition + 1));
    }
    if (repetitions.empty()) continue;
    names.push_back(fmt::format("{} (repetition{} {})", run.cells[cell].cell.label,
                                repetitions.size() > 1 ? "s" : "", fmt::join(repetitions, ", ")));
  }
  const std::size_t more = names.size() - std::min(names.size(), kMostNamed);
  names.resize(names.size() - more);
  std::string text = fmt::format("{}", fmt::join(names, ", "));
  return more > 0 ? fmt::format("{} and {} more", text, more) : text;
}

}  // namespace

// `run`: its results; null where there are none to read.
void RecordedRun::find_damage(const results::RunData* run) {
  const bool marked =
      std::all_of(cells_.begin(), cells_.end(), [](const TraceCell& one) { return one.marked; });
  const std::string lost = run != nullptr && marked ? lost_cells(cells_, *run) : std::string();
  if (!trace_->cut_short() && lost.empty()) return;
  damage_ = fmt::format(
      "{}: ",
      (fs::is_directory(path_) ? fs::path(path_) / "trace.events" : fs::path(path_)).string());
  std::vector<std::string> parts;
  if (trace_->cut_short()) {
    parts.push_back("the file ends in the middle of a block");
    if (!infos_.empty()) {
      parts.push_back(fmt::format("{}, repetition {}, ends early", infos_.back().label,
                                  infos_.back().repetition + 1));
    }
  }
  if (!lost.empty()) parts.push_back("no events are left of " + lost);
  damage_ += fmt::format("{}. ", fmt::join(parts, "; "));
  damage_ +=
      run != nullptr
          ? "What is listed can be looked at, and the results in Compare and Experiment are whole"
          : "What is listed can be looked at";
}

// A run whose results cannot be read still has its trace: the cells keep their numbers for names.
void RecordedRun::name_cells(const std::string& directory) {
  const auto run = results::read_run(directory);
  if (!run) return find_damage(nullptr);
  if (!run->manifest.run_id.empty()) name_ = run->manifest.run_id;
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    infos_[i].run_id = name_;
    if (cells_[i].marked && cells_[i].cell < run->cells.size()) {
      name_cell(run->cells[cells_[i].cell].cell, infos_[i]);
    }
  }
  find_damage(&*run);
}

std::vector<CellInfo> RecordedRun::cells() const {
  const std::lock_guard lock(mutex_);
  return infos_;
}

CellInfo RecordedRun::with_notice(std::size_t index, std::string notice) {
  const std::lock_guard lock(mutex_);
  infos_[index].notice = std::move(notice);
  return infos_[index];
}

std::optional<PyramidView> RecordedRun::stored_pyramid(const TraceCell& cell,
                                                       std::string* why) const {
  if (pyramid_error_) *why = pyramid_error_->message;
  if (!pyramids_ || !cell.marked) return std::nullopt;
  const auto found = pyramids_->find(cell.cell, cell.repetition);
  if (!found) return std::nullopt;
  const auto view = pyramids_->read(*found);
  if (!view) {
    *why = view.error().message;
  } else if (view->facts.start != cell.start ||
             std::abs(view->facts.ns_per_tick / trace_->info().ns_per_tick - 1) > kClockError) {
    *why = "the stored pyramid is of another recording or attempt";
  } else {
    return *view;
  }
  return std::nullopt;
}

Result<std::shared_ptr<const CellQueries>> RecordedRun::open_cell(std::size_t index,
                                                                  const OpenProgress& progress) {
  if (index >= cells_.size()) {
    return fail("{}: has {} cells, and no number {}", path_, cells_.size(), index);
  }
  const TraceCell& cell = cells_[index];
  auto opened = std::make_shared<RecordedCell>(trace_, cell);
  std::string why;
  const auto stored = stored_pyramid(cell, &why);
  if (stored) {
    opened->keep(*pyramids_, *stored);
  } else {
    VIOLET_TRY(auto aggregation, aggregate_cell(*trace_, cell, bounds_, verify_, progress));
    opened->keep(std::move(aggregation));
  }
  trace_->give_back_pages();
  opened->finish(cell, with_notice(index, why.empty() ? why : aggregated_instead(why, cell)));
  return std::shared_ptr<const CellQueries>(std::move(opened));
}

Result<std::unique_ptr<RunQueries>> open_run(const std::string& path) {
  VIOLET_TRY(auto run, RecordedRun::open(path));
  return std::unique_ptr<RunQueries>(std::move(run));
}

namespace {

constexpr std::size_t kTraceBlocksBetween = 2048;  // That pages are given back.

using Blocks = std::vector<EventTrace::Block>;

std::vector<TraceCell> marks_of(const EventTrace& trace) {
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

std::vector<TraceCell> cells_of(const EventTrace& trace) {
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
