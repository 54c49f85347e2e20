#include "gui/compare/compare_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "experiments/results/report.hpp"
#include "experiments/results/samples.hpp"
#include "experiments/results/statistics.hpp"
#include "gui/kit/axis.hpp"

namespace violet::gui {

using results::CellData;
using results::RunData;

namespace {

// Metrics whose noise is the band of a row.
constexpr const char* kRowMetrics[kLaneRows] = {"operations_per_s", "unmap.p99",
                                                "mean_stale_pages"};

Result<std::shared_ptr<RunQueries>> openFromDisk(const std::string& path) {
  VIOLET_TRY(auto run, open_run(path));
  return std::shared_ptr<RunQueries>(std::move(run));
}

QString text(const std::string& utf8) { return QString::fromStdString(utf8); }

std::string strategyOf(const CellData& cell) { return results::axis_text(cell.cell, "strategy"); }

// The line's steps are what they are, whatever the columns of the picture.
std::vector<Column> onColumns(const PercentileLine& line, TimeWindow window, std::uint32_t count) {
  std::vector<Column> columns(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const double share = (i + 0.5) / count;
    const Column* step = line.at(window.from + static_cast<Nanos>(share * double(window.length())));
    if (step != nullptr) columns[i] = *step;
  }
  return columns;
}

// Repetitions of a cell, those first whose throughput is nearest to the median.
std::vector<std::uint32_t> byTypical(const CellData& cell) {
  const results::Samples samples = results::samples_of(cell, kRowMetrics[0]);
  if (samples.values.empty()) return {};
  const double median = results::median(samples.values);
  std::vector<std::pair<double, std::uint32_t>> order;
  for (std::size_t i = 0; i < samples.values.size(); ++i) {
    order.emplace_back(std::abs(samples.values[i] - median), samples.repetitions[i]);
  }
  std::sort(order.begin(), order.end());
  std::vector<std::uint32_t> repetitions;
  for (const auto& one : order) repetitions.push_back(one.second);
  return repetitions;
}

// What equal runs differ by, where lanes of other runs are held against the baseline.
results::NoiseHistory historyOf(const std::vector<std::shared_ptr<const RunData>>& runs,
                                const std::vector<Lane>& lanes) {
  std::set<std::string> contenders;
  for (const Lane& lane : lanes) {
    if (lane.run != lanes.front().run) contenders.insert(runs[lane.run]->manifest.run_id);
  }
  if (contenders.empty()) return {};
  const RunData& baseline = *runs[lanes.front().run];
  std::vector<const RunData*> known;
  for (const auto& run : runs) known.push_back(run.get());
  return results::noise_history(baseline.directory.parent_path(), baseline.manifest, contenders,
                                known);
}

// Of what came after the measuring, and of a column that holds some of that, nothing is said.
void cutToLane(std::vector<Column>& columns, TimeWindow relative, Nanos length) {
  const double step = double(relative.length()) / std::max<double>(1, double(columns.size()));
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const double end = double(relative.from) + double(i + 1) * step;
    if (end > double(length) + 1) columns[i] = {};
  }
}

LaneColumns::Columns columnsOf(const Lane& lane, TimeWindow relative, std::uint32_t count,
                               Operation operation) {
  LaneColumns::Columns columns;
  if (!lane.trace) {
    columns.because.fill(lane.because);
    return columns;
  }
  const TimeWindow window{relative.from + lane.origin, relative.to + lane.origin};
  const TimeWindow lane_time{lane.origin, lane.origin + lane.length};
  const TimeSteps steps{window, count, window.length() / std::max(1u, count)};
  Resolution resolution;
  // Of the lane's own time: what follows it is no part of a step.
  columns.rows[2] = columns_within(steps, lane_time, [&](TimeWindow part, std::uint32_t parts) {
    Overview overview = lane.trace->overview(part, parts);
    if (overview.resolution.bin.value_or(0) >= resolution.bin.value_or(0))
      resolution = overview.resolution;
    return std::move(overview.stale_pages);
  });
  // As sampled: of calls on mappings that stay the trace holds some only.
  EngineColumns engine = lane.trace->engine(window, count);
  columns.rows[0] = std::move(engine.workload_per_s);
  columns.because[0] = QStringLiteral("the trace has no samples of the workload's operations");
  columns.because[2] = QStringLiteral("buffers stay reachable by design");
  LatencyQuery query;
  query.window = {window.from, std::clamp(lane.origin + lane.length, window.from, window.to)};
  query.operation = operation;
  query.columns = count;
  LatencyGrid latency = lane.trace->latency(query);
  columns.rows[1] = onColumns(latency.lines[1], window, count);
  const double step = double(window.length()) / std::max(1u, count);
  columns.samples_apart_ns = double(engine.workload_step_ns);
  columns.step_ns = {step, latency.lines[1].step_ns(),
                     std::max(step, double(resolution.bin.value_or(0)))};
  if (latency.because.empty()) {
    latency.because = fmt::format("a 99th percentile takes {} calls", operations_for(99));
  }
  if (std::none_of(columns.rows[1].begin(), columns.rows[1].end(),
                   [](const Column& column) { return column.known(); })) {
    columns.rows[1].clear();
  }
  columns.because[1] = QString::fromStdString(latency.because);
  for (std::vector<Column>& row : columns.rows) cutToLane(row, relative, lane.length);
  return columns;
}

}  // namespace

// Run open_cells and cells that are open. Only the question that opens touches it, and there is one at a time.
struct CompareModel::OpenCells {
  Opener opener;
  std::atomic<bool> cancelled{false};
  std::map<std::string, std::shared_ptr<RunQueries>> runs;
  struct Key {
    std::string path, id;
    std::uint32_t repetition;
    auto operator<=>(const Key&) const = default;
  };
  std::map<Key, std::shared_ptr<const CellQueries>> cells;

  // Runs that are compared no longer are closed.
  void keepOnly(const std::vector<std::string>& paths) {
    const auto gone = [&paths](const std::string& path) {
      return std::find(paths.begin(), paths.end(), path) == paths.end();
    };
    std::erase_if(cells, [&gone](const auto& one) { return gone(one.first.path); });
    std::erase_if(runs, [&gone](const auto& one) { return gone(one.first); });
  }

  // The first of `wanted` repetitions that has events.
  Result<std::shared_ptr<const CellQueries>> cell(const std::string& path, const std::string& id,
                                                  const std::vector<std::uint32_t>& wanted) {
    auto run = runs.find(path);
    if (run == runs.end()) {
      VIOLET_TRY(auto opened, opener(path));
      run = runs.emplace(path, std::move(opened)).first;
    }
    const auto infos = run->second->cells();
    auto info = infos.end();
    for (const std::uint32_t repetition : wanted) {
      info = std::find_if(infos.begin(), infos.end(), [&](const CellInfo& one) {
        return one.cell_id == id && one.repetition == repetition;
      });
      if (info != infos.end()) break;
    }
    if (info == infos.end()) {
      info = std::find_if(infos.begin(), infos.end(),
                          [&id](const CellInfo& one) { return one.cell_id == id; });
    }
    if (info == infos.end()) {
      const std::string why = run->second->no_cells_because();
      return fail("{}", why.empty() ? "no events of this cell are in the run's trace" : why);
    }
    const Key key{path, id, info->repetition};
    if (const auto known = cells.find(key); known != cells.end()) return known->second;
    OpenProgress progress;
    progress.context = &cancelled;
    progress.cancel = [](void* context) {
      return static_cast<std::atomic<bool>*>(context)->load(std::memory_order_relaxed);
    };
    auto trace = run->second->open_cell(static_cast<std::size_t>(info - infos.begin()), progress);
    if (trace) cells[key] = *trace;
    return trace;
  }
};

QString Lane::shownName() const {
  QString shown = name;
  if (repetitions > 1) {
    shown += QStringLiteral(", rep. %1 of %2").arg(repetition + 1).arg(repetitions);
  }
  return standing.isEmpty() ? shown : QStringLiteral("%1, %2").arg(shown, standing);
}

CompareModel::CompareModel(Session& session, Opener opener, QObject* parent)
    : QObject(parent),
      session_(session),
      open_cells_(std::make_shared<OpenCells>()),
      load_([this](Loaded loaded) { runsLoaded(std::move(loaded)); }),
      open_([this](Opened opened) { cellsOpened(std::move(opened)); }),
      ask_columns_([this](LaneColumns columns) {
        columns_ = std::move(columns);
        emit columnsChanged();
      }),
      ask_differences_([this](std::vector<NamedDifference> rows) {
        differences_ = std::move(rows);
        emit differencesChanged();
      }),
      ask_divergences_([this](std::vector<Divergence> found) {
        divergences_ = std::move(found);
        emit divergencesChanged();
      }) {
  open_cells_->opener = opener ? std::move(opener) : Opener(openFromDisk);
  connect(&session_, &Session::runChanged, this, &CompareModel::reload);
  connect(&session_, &Session::cellsChanged, this, &CompareModel::reload);
  connect(&session_, &Session::windowChanged, this, &CompareModel::askColumns);
  connect(&session_, &Session::cursorChanged, this, &CompareModel::cursorChanged);
  connect(&session_, &Session::cellChanged, this, &CompareModel::followCell);
  reload();
}

CompareModel::~CompareModel() { open_cells_->cancelled.store(true, std::memory_order_relaxed); }

// ---- runs

void CompareModel::reload() {
  const QString path_now = session_.run() != nullptr ? text(session_.run()->path()) : QString();
  if (path_now != session_path_) by_hand_ = false;
  session_path_ = path_now;
  QStringList paths = added_;
  if (!session_path_.isEmpty()) paths.prepend(session_path_);
  paths.removeDuplicates();
  load_.ask([paths] {
    Loaded loaded;
    for (const QString& path : paths) {
      auto run = results::read_run(path.toStdString());
      if (run) {
        loaded.runs.push_back(std::make_shared<const RunData>(std::move(*run)));
      } else if (loaded.error.isEmpty()) {
        loaded.error = text(run.error().message);
      }
    }
    return loaded;
  });
}

const CellData* CompareModel::openCell() const {
  const bool of_session = !runs_.empty() && session_.cell() && !session_path_.isEmpty();
  if (!of_session) return nullptr;
  const std::string id = session_.cell()->info().cell_id;
  for (const CellData& cell : runs_.front()->cells) {
    if (cell.cell.id == id) return &cell;
  }
  return nullptr;
}

void CompareModel::followCell() {
  const CellData* open = openCell();
  if (open == nullptr || by_hand_) return;
  const QString workload = text(results::axis_text(open->cell, "workload"));
  const bool is_lane = std::any_of(lanes_.begin(), lanes_.end(), [open](const Lane& lane) {
    return lane.run == 0 && lane.cell_id == open->cell.id;
  });
  if (workload == workload_ && is_lane) return;
  workload_ = workload;
  chooseLanes();
}

void CompareModel::runsLoaded(Loaded loaded) {
  runs_ = std::move(loaded.runs);
  error_ = loaded.error;
  const CellData* open = by_hand_ ? nullptr : openCell();
  if (open != nullptr) workload_ = text(results::axis_text(open->cell, "workload"));
  if (!workloads().contains(workload_)) workload_ = workloads().value(0);
  emit runsChanged();
  // What was chosen stays where the new results have it too: a live run grows.
  const std::vector<Lane> all = choices();
  std::vector<Lane> kept;
  for (const Lane& lane : lanes_) {
    const auto found = std::find(all.begin(), all.end(), lane);
    if (found != all.end()) kept.push_back(*found);
  }
  if (lanes_.empty() || kept.size() < lanes_.size()) return chooseLanes();
  applyLanes(std::move(kept));
  emit workloadChanged();
  followCell();
}

void CompareModel::addRun(const QString& path) {
  if (!added_.contains(path)) added_ << path;
  reload();
}
void CompareModel::removeAddedRuns() {
  added_.clear();
  reload();
}

QStringList CompareModel::workloads() const {
  QStringList names;
  for (const auto& run : runs_) {
    for (const std::string& name : workloads_of(*run)) names << text(name);
  }
  names.removeDuplicates();
  return names;
}

void CompareModel::setWorkload(const QString& workload) {
  by_hand_ = true;
  if (workload == workload_) return;
  workload_ = workload;
  chooseLanes();
}

Lane CompareModel::laneOf(std::size_t run, const CellData& cell) const {
  Lane lane;
  lane.run = run;
  lane.cell_id = cell.cell.id;
  lane.name = text(cell_name(*runs_[run], cell));
  if (run > 0) lane.name += QStringLiteral(" (run %1)").arg(run + 1);
  lane.strategy = text(strategyOf(cell));
  lane.placement = text(results::axis_text(cell.cell, "placement"));
  lane.because = QStringLiteral("its trace is being opened");
  return lane;
}

std::vector<Lane> CompareModel::choices() const {
  std::vector<Lane> lanes;
  for (std::size_t run = 0; run < runs_.size(); ++run) {
    for (const CellData* cell : cells_of(*runs_[run], workload_.toStdString())) {
      lanes.push_back(laneOf(run, *cell));
    }
  }
  return lanes;
}

// The first cells of different strategies that protect by unmapping or copying; then whatever there is. The cell
// that is open has its lane in any case.
void CompareModel::chooseLanes() {
  std::vector<Lane> chosen;
  const std::vector<Lane> all = choices();
  for (const char* wanted : {"strict", "lazy-percpu", "bounce-dynamic"}) {
    const auto found = std::find_if(all.begin(), all.end(), [wanted](const Lane& lane) {
      return lane.strategy == QLatin1String(wanted);
    });
    if (found != all.end()) chosen.push_back(*found);
  }
  for (const Lane& lane : all) {
    if (std::find(chosen.begin(), chosen.end(), lane) == chosen.end()) chosen.push_back(lane);
  }
  if (const CellData* open = openCell(); open != nullptr && chosen.size() > kMostLanes) {
    const auto found = std::find_if(chosen.begin(), chosen.end(), [open](const Lane& lane) {
      return lane.run == 0 && lane.cell_id == open->cell.id;
    });
    if (found != chosen.end() && found - chosen.begin() >= std::ptrdiff_t{kMostLanes})
      std::iter_swap(found, chosen.begin() + (kMostLanes - 1));
  }
  applyLanes(std::move(chosen));
  emit workloadChanged();
}

void CompareModel::setLanes(std::vector<Lane> lanes) {
  by_hand_ = true;
  applyLanes(std::move(lanes));
}

void CompareModel::applyLanes(std::vector<Lane> lanes) {
  if (lanes.size() > kMostLanes) lanes.resize(kMostLanes);
  lanes_ = std::move(lanes);
  plane_ = runs_.empty() ? Plane{} : make_plane(*runs_.front(), workload_.toStdString());
  differences_.clear();
  divergences_.clear();
  columns_ = {};
  ask_divergences_.cancel();
  ask_columns_.cancel();  // They were of other lanes.
  emit lanesChanged();
  askDifferences();
  askFeeds();
}

const CellData* CompareModel::cellOf(const Lane& lane) const {
  if (lane.run >= runs_.size()) return nullptr;
  for (const CellData& cell : runs_[lane.run]->cells) {
    if (cell.cell.id == lane.cell_id) return &cell;
  }
  return nullptr;
}

// ---- cells

void CompareModel::askFeeds() {
  std::vector<std::string> paths;
  std::vector<std::vector<std::uint32_t>> typical;
  std::vector<std::size_t> counts;
  for (const Lane& lane : lanes_) {
    const CellData* cell = cellOf(lane);
    typical.push_back(cell != nullptr ? byTypical(*cell) : std::vector<std::uint32_t>());
    counts.push_back(cell != nullptr ? cell->repetitions.size() : 0);
    const bool of_session = lane.run == 0 && !session_path_.isEmpty();
    paths.push_back(of_session ? session_path_.toStdString() : runs_[lane.run]->directory.string());
  }
  open_.ask([open_cells = open_cells_, lanes = lanes_, paths, typical, counts] {
    open_cells->keepOnly(paths);
    Opened opened{lanes};
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      Lane& lane = opened.lanes[i];
      auto trace = open_cells->cell(paths[i], lane.cell_id, typical[i]);
      if (!trace) {
        lane.because = text(trace.error().message);
        continue;
      }
      lane.trace = *trace;
      lane.because.clear();
      const CellInfo info = lane.trace->info();
      lane.repetition = info.repetition;
      lane.standing = text(info.standing.words);
      lane.repetitions = std::max<std::size_t>(counts[i], info.repetition + 1);
      lane.origin = info.measured.from;
      lane.length = info.measured.length() > 0 ? info.measured.length() : info.whole.length();
    }
    return opened;
  });
}

void CompareModel::cellsOpened(Opened opened) {
  if (opened.lanes != lanes_) return;  // Others were chosen meanwhile.
  lanes_ = std::move(opened.lanes);
  emit lanesChanged();
  askColumns();
  askDivergences();
}

// ---- differences

void CompareModel::askDifferences() {
  ask_differences_.ask([runs = runs_, lanes = lanes_] {
    std::vector<NamedDifference> rows;
    const results::NoiseHistory history = historyOf(runs, lanes);
    const auto cell = [&runs](const Lane& lane) -> const CellData* {
      for (const CellData& one : runs[lane.run]->cells) {
        if (one.cell.id == lane.cell_id) return &one;
      }
      return nullptr;
    };
    for (std::size_t i = 1; i < lanes.size(); ++i) {
      const CellData* baseline = cell(lanes[0]);
      const CellData* contender = cell(lanes[i]);
      if (baseline == nullptr || contender == nullptr) continue;
      auto more = measure_differences(*runs[lanes[0].run], *baseline, *runs[lanes[i].run],
                                      *contender, lanes[i].name.toStdString(), history);
      rows.insert(rows.end(), std::make_move_iterator(more.begin()),
                  std::make_move_iterator(more.end()));
    }
    judge_together(rows);
    sort_by_importance(rows);
    return rows;
  });
}

std::optional<double> CompareModel::noise(LaneRow row, std::size_t lane) const {
  if (lane == 0 || lane >= lanes_.size()) return std::nullopt;
  const std::string contender = lanes_[lane].name.toStdString();
  std::string metric = kRowMetrics[static_cast<std::size_t>(row)];
  if (row == LaneRow::kLatency && latency_ == Operation::kMap) metric = "map.p99";
  for (const NamedDifference& one : differences_) {
    if (one.contender == contender && one.difference.metric == metric) {
      return one.difference.visible;
    }
  }
  return std::nullopt;
}

void CompareModel::askDivergences() {
  ask_divergences_.ask([lanes = lanes_, open_cells = open_cells_] {
    std::vector<Divergence> found;
    const auto cancelled = [&open_cells] {
      return open_cells->cancelled.load(std::memory_order_relaxed);
    };
    for (std::size_t i = 1; i < lanes.size(); ++i) {
      if (lanes[0].trace && lanes[i].trace) {
        found.push_back(findDivergence(*lanes[0].trace, *lanes[i].trace, 1'000'000, cancelled));
        continue;
      }
      Divergence unknown;
      unknown.because = lanes[0].trace ? lanes[i].because : lanes[0].because;
      found.push_back(unknown);
    }
    return found;
  });
}

bool CompareModel::settled() const {
  return !load_.busy() && !open_.busy() && !ask_columns_.busy() && !ask_differences_.busy() &&
         !ask_divergences_.busy();
}

std::optional<std::size_t> CompareModel::sessionCell(const std::string& cell_id) const {
  if (session_.run() == nullptr) return std::nullopt;
  const auto infos = session_.run()->cells();
  for (std::size_t i = 0; i < infos.size(); ++i) {
    if (infos[i].cell_id == cell_id) return i;
  }
  return std::nullopt;
}

// ---- the lanes over one time axis

Nanos CompareModel::origin() const {
  return session_.cell() ? session_.cell()->info().measured.from : 0;
}

TimeWindow CompareModel::window() const {
  if (session_.cell()) {
    return {session_.window().from - origin(), session_.window().to - origin()};
  }
  Nanos longest = Session::kShortestWindow;
  for (const Lane& lane : lanes_) longest = std::max(longest, lane.length);
  return {0, longest};
}

std::optional<Nanos> CompareModel::cursor() const {
  if (!session_.cell()) return own_cursor_;
  if (!session_.cursor()) return std::nullopt;
  return *session_.cursor() - origin();
}

void CompareModel::setCursor(std::optional<Nanos> relative) {
  own_cursor_ = relative;
  if (!session_.cell()) {
    emit cursorChanged();
  } else if (relative) {
    session_.setCursor(*relative + origin());
  } else {
    session_.setCursor(std::nullopt);
  }
}

void CompareModel::setLatency(Operation operation) {
  if (operation == latency_) return;
  latency_ = operation;
  askColumns();
}

void CompareModel::askColumns() {
  // Shorter ones show the scheduler's noise and hide what differs.
  constexpr std::uint32_t kSteps = 160;
  if (lanes_.empty()) return;
  ask_columns_.ask([lanes = lanes_, steps = round_steps(window(), kSteps), operation = latency_] {
    LaneColumns columns;
    columns.window = steps.window;
    columns.step = steps.length;
    columns.latency = operation;
    for (const Lane& lane : lanes) {
      columns.lanes.push_back(columnsOf(lane, steps.window, steps.count, operation));
    }
    return columns;
  });
}

}  // namespace violet::gui
