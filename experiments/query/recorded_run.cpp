#include "experiments/query/recorded_run.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "engine/base/counted.hpp"
#include "engine/base/result.hpp"
#include "experiments/query/recorded_cell.hpp"
#include "experiments/query/recorded_clock.hpp"
#include "experiments/query/repetition_standing.hpp"
#include "experiments/results/live_mark.hpp"
#include "experiments/results/metric_catalogue.hpp"

namespace violet::query {
namespace fs = std::filesystem;
namespace {

// Each process of a run that was resumed has measured the tick's length for itself.
constexpr double kClockError = 1e-3;

// Until when all of the cell's events are with the aggregation: nothing later comes before the first event of
// the next block of any lcore.
class Horizon {
 public:
  Horizon(const EventTrace& trace, const std::vector<std::size_t>& blocks) {
    first_after_.resize(blocks.size(), ~Ticks{0});
    Ticks first = ~Ticks{0};
    for (std::size_t i = blocks.size(); i > 0; --i) {
      first_after_[i - 1] = first;
      const auto& block = trace.blocks()[blocks[i - 1]];
      if (block.count > 0) first = std::min(first, block.first);
    }
  }
  Ticks after(std::size_t block) const { return first_after_[block]; }

 private:
  std::vector<Ticks> first_after_;
};

Result<std::unique_ptr<Aggregation>> aggregate_cell(const BlockCache& cache, const TraceCell& cell,
                                                    AggregationOptions options,
                                                    const OpenProgress& progress) {
  options.ns_per_tick = cache.trace().info().ns_per_tick;
  auto aggregation = std::make_unique<Aggregation>(options);
  const Horizon horizon(cache.trace(), cell.blocks);
  Share share(progress, cell.events);
  for (std::size_t i = 0; i < cell.blocks.size(); ++i) {
    VIOLET_TRY(const HeldEvents held, cache.get(cell.blocks[i]));
    const auto& block = cache.trace().blocks()[cell.blocks[i]];
    aggregation->add(block.lcore, held.events, block.dropped_before);
    aggregation->advance(horizon.after(i));
    VIOLET_TRY(share.done(block.count));
  }
  aggregation->finish();
  progress.report(progress.context, 1);
  return aggregation;
}

// A manifest that cannot be read is for others to name.
Status check_belongs(const EventTraceInfo& trace, const fs::path& file, const fs::path& directory) {
  const auto manifest = results::read_manifest(directory);
  if (!manifest) return {};
  if (trace.run != 0 && trace.run != run_check(manifest->run_id)) {
    return fail(
        "{}: this is the trace of another run than {}, which manifest.json is of; without "
        "it the run's results open",
        file.string(), manifest->run_id);
  }
  // Older traces do not say whose they are.
  const double tick = manifest->ns_per_tick;
  if (tick > 0 && std::abs(trace.ns_per_tick / tick - 1) > kClockError) {
    return fail(
        "{}: offset 16: a tick of {} ns, and manifest.json says {}: the trace is damaged, or "
        "of another run",
        file.string(), trace.ns_per_tick, tick);
  }
  return {};
}

std::string axis(const results::CellRecord& cell, std::string_view name) {
  for (const auto& [key, value] : cell.axes) {
    if (key == name || key == "axes." + std::string(name)) return results::to_text(value);
  }
  return {};
}

std::string and_more(std::size_t damaged) {
  if (damaged < 2) return {};
  return fmt::format(", and neither {} of {} more block{}", damaged == 2 ? "does that" : "do those",
                     damaged - 1, damaged == 2 ? "" : "s");
}

// What a reader has to know of a cell some of whose blocks are damaged.
std::string damage_of(const SoundBlocks& sound) {
  return sound.first_damage->message + and_more(sound.damaged) +
         "; single events are shown of the blocks before it alone, the summary stands for all "
         "others";
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

void label_injected(const results::CellData& data, CellInfo& info) {
  info.injected_because = "this repetition did not end";
  for (const auto& record : data.repetitions) {
    if (record.repetition != info.repetition) continue;
    info.injected_because = "the program that made the run did not measure it";
    for (const auto& metric : record.metrics) {
      if (metric.name != results::kInjectedShare) continue;
      info.injected_percent = metric.value;
      info.injected_because = metric.because;
    }
  }
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
  run->blocks_ = std::make_shared<const BlockCache>(std::move(trace));
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
  if (directory) VIOLET_TRY(check_belongs(trace.info(), file, given));
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
  const auto& kept = results->manifest.kept_trace;
  if (!kept) {
    run->no_cells_because_ = "this run has no trace.events";
  } else {
    run->no_cells_because_ = kept->repetitions == 0 ? results::kept_text(*kept)
                                                    : "the trace.events of this run is missing: " +
                                                          results::kept_text(*kept);
  }
  return run;
}

void RecordedRun::find_cells() {
  cells_ = cells_of(blocks_->trace(), &damaged_marks_);
  const Ticks latest = cells_.empty() ? 0 : cells_.back().start;
  // By the plan: a round measures its cells in an order that was drawn.
  std::stable_sort(cells_.begin(), cells_.end(), [](const TraceCell& a, const TraceCell& b) {
    return std::pair(a.repetition, a.cell) < std::pair(b.repetition, b.cell);
  });
  for (const TraceCell& cell : cells_) {
    CellInfo info;
    info.run_id = name_;
    info.repetition = cell.repetition;
    info.cell_id = cell.marked ? fmt::format("cell-{}", cell.cell) : "trace";
    info.label = cell.marked ? fmt::format("cell {}", cell.cell) : name_;
    const TimeBase base(cell.start, blocks_->trace().info().ns_per_tick);
    const Nanos end = base.nanos(cell.end);
    info.whole = {0, end + 1};
    note_measured(cell.measure ? std::optional(base.nanos(*cell.measure)) : std::nullopt,
                  cell.take_down ? std::optional(base.nanos(*cell.take_down)) : std::nullopt, info);
    info.events = cell.events + cell.not_kept;
    info.kept_events = cell.events;
    info.kept_until = cell.kept_until == ~Ticks{0} ? info.whole.to : base.nanos(cell.kept_until);
    info.lost = cell.lost;
    info.cut_short = cell.start == latest && blocks_->trace().cut_short();
    infos_.push_back(std::move(info));
  }
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
  if (!blocks_->trace().cut_short() && lost.empty() && damaged_marks_.empty()) return;
  std::vector<std::string> parts;
  if (!damaged_marks_.empty()) {
    parts.push_back(
        fmt::format("{}{}", damaged_marks_.front().message, and_more(damaged_marks_.size())));
  }
  if (blocks_->trace().cut_short()) {
    parts.push_back("the file ends in the middle of a block");
    if (!infos_.empty()) {
      parts.push_back(fmt::format("{}, repetition {}, ends early", infos_.back().label,
                                  infos_.back().repetition + 1));
    }
  }
  if (!lost.empty()) parts.push_back("no events are left of " + lost);
  const std::string path = events_path() + ": ";
  damage_ =
      fmt::format("{}{}. ", damaged_marks_.empty() ? path : std::string(), fmt::join(parts, "; "));
  damage_ +=
      run != nullptr
          ? "What is listed can be looked at, and the results in Compare and Experiment are whole"
          : "What is listed can be looked at";
}

// A run whose results cannot be read still has its trace: the cells keep their numbers for names.
void RecordedRun::name_cells(const std::string& directory) {
  const auto run = results::read_run(directory);
  if (!run) {
    find_damage(nullptr);
    damage_ += (damage_.empty() ? "" : "\n") +
               fmt::format(
                   "the run's results cannot be read, so its cells have numbers instead of "
                   "names and no settings: {}",
                   run.error().message);
    return;
  }
  if (!run->manifest.run_id.empty()) name_ = run->manifest.run_id;
  clock_step_ns_ = run->manifest.clock_step_ns;
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    infos_[i].run_id = name_;
    if (cells_[i].marked && cells_[i].cell < run->cells.size()) {
      name_cell(run->cells[cells_[i].cell].cell, infos_[i]);
      label_injected(run->cells[cells_[i].cell], infos_[i]);
      infos_[i].standing = standing_of(*run, run->cells[cells_[i].cell], infos_[i].repetition);
    }
  }
  find_unended(*run);
  find_damage(&*run);
}

// A run that never said that it ended passes for an ended one as soon as its files are read.
void RecordedRun::find_unended(const results::RunData& run) {
  how_ = run.manifest.outcome;
  if (how_ != "running") return;
  how_ = results::find_live(run.directory) ? "goes on" : "died";
  const char* const why =
      how_ == "died" ? "the run died in this cell: it has no end, and neither has its measured time"
                     : "the run goes on in this cell: what came after it was opened is not in here";
  unended_.resize(infos_.size());
  for (std::size_t i = 0; i < infos_.size(); ++i) {
    const std::pair<std::string, std::uint32_t> one(infos_[i].cell_id, infos_[i].repetition);
    if (std::find(run.unfinished.begin(), run.unfinished.end(), one) == run.unfinished.end())
      continue;
    infos_[i].notice = unended_[i] = why;
    if (how_ == "goes on") infos_[i].standing = {};
  }
}

RunProgress RecordedRun::progress() const {
  RunProgress says;
  says.how = how_;
  return says;
}

std::string RecordedRun::events_path() const {
  const bool directory = fs::is_directory(path_);
  return (directory ? fs::path(path_) / "trace.events" : fs::path(path_)).string();
}

std::string RecordedRun::damage() const {
  const std::string found = found_->text();
  return damage_.empty() || found.empty() ? damage_ + found : damage_ + "\n" + found;
}

std::vector<CellInfo> RecordedRun::cells() const {
  const std::lock_guard lock(mutex_);
  return infos_;
}

CellInfo RecordedRun::with_notice(std::size_t index, std::string notice) {
  if (index < unended_.size() && !unended_[index].empty()) {
    notice = notice.empty() ? unended_[index] : unended_[index] + "; " + notice;
  }
  const std::lock_guard lock(mutex_);
  infos_[index].notice = std::move(notice);
  return infos_[index];
}

// For a run that did not measure it. A few of its first blocks have enough calls. One that cannot be read is told of when it is looked at.
std::optional<double> RecordedRun::clock_step_of(std::span<const std::size_t> blocks) const {
  constexpr std::size_t kMostBlocks = 8;
  RecordedClock step;
  for (const std::size_t block : blocks.first(std::min(blocks.size(), kMostBlocks))) {
    if (step.has_enough()) break;
    if (const auto held = blocks_->get(block)) step.add(held->events);
  }
  const auto ticks = step.ticks();
  if (!ticks) return std::nullopt;
  return static_cast<double>(*ticks) * blocks_->trace().info().ns_per_tick;
}

std::optional<StoredPyramid> RecordedRun::stored_pyramid(const TraceCell& cell,
                                                         std::string* why) const {
  if (pyramid_error_) *why = pyramid_error_->message;
  if (!pyramids_ || !cell.marked) return std::nullopt;
  const auto found = pyramids_->find(cell.cell, cell.repetition);
  if (!found) return std::nullopt;
  auto view = pyramids_->read(*found);
  if (!view) {
    *why = view.error().message;
  } else if (view->facts.start != cell.start ||
             std::abs(view->facts.ns_per_tick / blocks_->trace().info().ns_per_tick - 1) >
                 kClockError) {
    *why = "the stored pyramid is of another recording or attempt";
  } else {
    return *std::move(view);
  }
  return std::nullopt;
}

Result<std::shared_ptr<const CellQueries>> RecordedRun::open_cell(std::size_t index,
                                                                  const OpenProgress& progress) {
  if (index >= cells_.size()) {
    return fail("{}: has {}, and no number {}", path_, counted(cells_.size(), "cell"), index);
  }
  const TraceCell& cell = cells_[index];
  VIOLET_TRY(const SoundBlocks sound, check_blocks(*blocks_, cell, progress));
  std::string notice;
  const auto stored = stored_pyramid(cell, &notice);
  if (sound.first_damage) {
    if (!stored) return tl::unexpected<Error>(*sound.first_damage);
    notice = damage_of(sound);
    found_->add(notice);
  }
  auto opened = std::make_shared<RecordedCell>(blocks_, found_, sound.blocks, sound.kept_until);
  if (stored) {
    opened->keep(*stored);
  } else {
    VIOLET_TRY(auto aggregation, aggregate_cell(*blocks_, cell, bounds_, progress));
    opened->keep(std::move(aggregation));
    if (!notice.empty()) notice = aggregated_instead(notice, cell);
  }
  CellInfo info = with_notice(index, std::move(notice));
  info.clock_step_ns = clock_step_ns_ ? clock_step_ns_ : clock_step_of(sound.blocks);
  opened->finish(info);
  return std::shared_ptr<const CellQueries>(std::move(opened));
}

Result<std::unique_ptr<RunQueries>> open_run(const std::string& path) {
  VIOLET_TRY(auto run, RecordedRun::open(path));
  return std::unique_ptr<RunQueries>(std::move(run));
}

}  // namespace violet::query
