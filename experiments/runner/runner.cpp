#include "experiments/runner/runner.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dataplane/eal/eal.hpp"
#include "engine/base/clock.hpp"
#include "engine/base/counted.hpp"
#include "engine/base/files.hpp"
#include "engine/telemetry/segment.hpp"
#include "experiments/results/live_mark.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/noise_history.hpp"
#include "experiments/results/retries.hpp"
#include "experiments/results/table.hpp"
#include "experiments/results/until_ci.hpp"
#include "experiments/runner/cores.hpp"
#include "experiments/runner/host_state.hpp"
#include "experiments/runner/injected_time.hpp"
#include "experiments/runner/interruption.hpp"
#include "experiments/runner/lcore_rings.hpp"
#include "experiments/runner/repetition.hpp"
#include "experiments/runner/testbed.hpp"
#include "experiments/runner/trace_files.hpp"

namespace violet {
namespace {

constexpr double kSetUpSeconds = 0.08;
// Exit codes of the README, for a process that ends itself.
constexpr int kEndedLater = 4;
constexpr int kEndedAtOnce = 130;

double measured_seconds_of(const plans::RunSettings& run) {
  double seconds = run.warmup_s.value_or(0) + run.duration_s.value_or(0);
  seconds += static_cast<double>(run.warmup_operations.value_or(0)) / kAssumedRate;
  seconds += static_cast<double>(run.operations.value_or(0)) / kAssumedRate;
  return seconds + kSetUpSeconds;
}

double value_of(const results::RepetitionRecord& record, std::string_view name) {
  for (const auto& metric : record.metrics) {
    if (metric.name == name) return metric.value.value_or(0);
  }
  return 0;
}

results::Manifest manifest_for(const plans::Plan& plan, const RunOptions& options,
                               const CoreMap& cores, const Eal& eal) {
  results::Manifest manifest = results::host_manifest();
  manifest.plan_name = plan.name;
  manifest.plan_hash = plan.hash();
  manifest.command_line = options.command_line;
  manifest.git_revision = options.revision;
  manifest.drop_counts["events"] = 0;
  manifest.seed = plan.run.seed;
  for (std::uint32_t i = 0; i < plan.run.most(); ++i) {
    manifest.repetition_seeds.push_back(seed_of_repetition(plan.run.seed, i));
  }
  if (plan.run.until_ci_percent) {
    manifest.until_ci = results::until_ci_rule(*plan.run.until_ci_percent, plan.run.repetitions,
                                               plan.run.most_repetitions);
  }
  manifest.threshold_percent = plan.run.threshold_percent;
  manifest.interleaved = plan.run.interleaved;
  if (cores.oversubscribed) manifest.oversubscribed = cores.shared;
  manifest.injected_costs = configured_costs(plan);
  manifest.kept_trace.emplace().budget_mib = plan.run.trace_mib;
  if (!eal.huge_pages()) {
    manifest.hugepages = {"", eal.against_huge_pages()};
  }
  manifest.noise_floor = results::noise_history(options.runs_root, manifest).floor;
  return manifest;
}

Result<results::RunWriter> open_writer(const plans::Plan& plan, const RunOptions& options,
                                       const CoreMap& cores, const Eal& eal) {
  auto manifest = manifest_for(plan, options, cores, eal);
  if (!options.resume.empty()) {
    return results::RunWriter::resume(options.resume, plan.hash(), &manifest);
  }
  results::RunSetup setup;
  setup.root = options.runs_root;
  setup.plan_text = plan.text;
  setup.resolved_json = plans::resolved_json(plan);
  for (const auto& cell : plan.cells) setup.cells.push_back({cell.id, cell.label, cell.settings});
  setup.manifest = std::move(manifest);
  return results::RunWriter::create(std::move(setup));
}

// What there is of a run that was finished and is asked to go on: it is not touched.
Result<std::optional<RunOutcome>> finished_before(const plans::Plan& plan,
                                                  const RunOptions& options) {
  if (options.resume.empty()) return std::nullopt;
  // What cannot be read is for the resume itself to name.
  const auto manifest = results::read_manifest(options.resume);
  if (!manifest || manifest->outcome != "finished" || manifest->plan_hash != plan.hash()) {
    return std::nullopt;
  }
  VIOLET_TRY(const auto run, results::read_run(options.resume));
  RunOutcome outcome{.directory = run.directory, .was_finished = true};
  for (const auto& cell : run.cells) outcome.finished += cell.repetitions.size();
  return outcome;
}

class PlanRun {
 public:
  PlanRun(const plans::Plan& plan, const RunOptions& options, const CoreMap& cores, Eal& eal,
          Interruption& interruption, results::RunWriter writer)
      : plan_(plan),
        options_(options),
        cores_(cores),
        eal_(eal),
        interruption_(interruption),
        writer_(std::move(writer)),
        progress_(results::Progress::on_stderr(options.progress)) {
    if (writer_.manifest().until_ci) narrowing_.emplace(*writer_.manifest().until_ci);
  }

  Result<RunOutcome> run() {
    outcome_.directory = writer_.directory();
    VIOLET_TRY(note_stored_errors());
    std::optional<TraceFiles> trace;
    if (traces_within(plan_.run.trace_mib, plan_.cells.size())) {
      VIOLET_TRY(trace, TraceFiles::open(writer_, [this](const std::string& text) { warn(text); }));
      trace_ = &*trace;
    } else if (plan_.run.trace_mib > 0) {
      warn(
          fmt::format("{} MiB of trace are less than {} KiB for each of {} cells: none is kept; "
                      "run.trace_mib = {} is enough",
                      plan_.run.trace_mib, kLeastTraceShare >> 10, plan_.cells.size(),
                      (plan_.cells.size() * kLeastTraceShare >> 20) + 1));
    }
    show();
    prepare_farewell();
    const std::size_t left = steps_left();
    steps_ = left;
    const double each_s = measured_seconds_of(plan_.run);
    for (const auto& cell : plan_.cells) expect_another(cell, each_s);
    progress_.start(plan_.name, left, each_s * static_cast<double>(left),
                    writer_.directory().string());
    log(fmt::format("{}, {} repetitions to measure", options_.command_line, left));
    for_each_step([&](const plans::Cell& cell, std::uint32_t repetition) {
      return run_step(cell, repetition, each_s);
    });
    repeat_until_narrow(each_s);
    const char* how = outcome_.interrupted         ? "interrupted"
                      : !outcome_.failures.empty() ? "failed"
                                                   : "finished";
    log(how);
    outcome_.finished = writer_.finished().size();
    if (narrowing_ && !broken_) static_cast<void>(note_precision());
    const Status closed = with_room([&] { return writer_.close(how); });
    if (broken_) return tl::unexpected<Error>(*broken_);
    VIOLET_TRY(closed);
    outcome_.in_write_ahead_log = writer_.is_in_write_ahead_log();
    progress_.finish(fmt::format("{}: {}", how, outcome_.directory.string()));
    return outcome_;
  }

 private:
  // Wrong data of repetitions before --resume still count.
  Status note_stored_errors() {
    if (options_.resume.empty()) return {};
    VIOLET_TRY(const auto run, results::read_run(writer_.directory()));
    for (const auto& cell : run.cells) {
      for (const auto& record : cell.repetitions) {
        check_data(record, cell.cell.label);
        if (narrowing_) narrowing_->add(record);
        Takes& takes = takes_[{cell.cell.id, record.retry_of.value_or(record.repetition)}];
        ++takes.measured;
        takes.undisturbed = takes.undisturbed || results::what_disturbed(record).empty();
      }
    }
    return {};
  }

  void check_data(const results::RepetitionRecord& record, const std::string& label) {
    if (const double errors = value_of(record, "data_errors"); errors > 0) {
      add_failure(fmt::format("{} #{}: {} operations carried wrong data or failed", label,
                              record.repetition + 1, errors));
    }
    if (const double errors = value_of(record, "dma_errors"); errors > 0) {
      add_failure(fmt::format("{} #{}: {} allowed accesses of the endpoints failed", label,
                              record.repetition + 1, errors));
    }
  }

  void add_failure(std::string text) {
    log("failed: " + text);
    progress_.note(text);
    outcome_.failures.push_back(std::move(text));
  }
  void log(std::string_view line) { static_cast<void>(writer_.log(line)); }
  void warn(const std::string& text) {
    log("warning: " + text);
    static_cast<void>(writer_.note({writer_.elapsed_s(), "warning", text}));
  }

  // Repetition 0 of every cell, then repetition 1, ...: what drifts on the host touches all alike.
  std::vector<const plans::Cell*> round_of(std::uint32_t repetition) const {
    std::vector<const plans::Cell*> cells;
    for (const std::size_t at : order_of_round(plan_.cells.size(), plan_.run.seed, repetition)) {
      cells.push_back(&plan_.cells[at]);
    }
    return cells;
  }

  template <class Body>
  void for_each_step(Body&& body) {
    if (plan_.run.interleaved) {
      for (std::uint32_t repetition = 0; repetition < plan_.run.repetitions; ++repetition) {
        for (const plans::Cell* cell : round_of(repetition)) {
          if (!body(*cell, repetition)) return;
        }
      }
      return;
    }
    for (const auto& cell : plan_.cells) {
      for (std::uint32_t repetition = 0; repetition < plan_.run.repetitions; ++repetition) {
        if (!body(cell, repetition)) return;
      }
    }
  }

  // Rounds of one repetition more of every cell that is still wide. A failure stops a cell, an interruption all.
  void repeat_until_narrow(double each_s) {
    if (!narrowing_) return;
    for (std::uint32_t round = plan_.run.repetitions; round < plan_.run.most(); ++round) {
      if (outcome_.interrupted || broken_) return;
      // With those that were repeated before a --resume, and may lack a retry.
      std::vector<const plans::Cell*> cells;
      std::size_t wide = 0;
      for (const plans::Cell* cell : round_of(round)) {
        const bool done = writer_.finished().contains({cell->id, round});
        if (!done && !narrowing_->wants(cell->id, round)) continue;
        cells.push_back(cell);
        if (done) continue;
        ++wide;
        ++steps_;
        progress_.add_step(each_s);
        still_wide_.erase(cell->id);
      }
      progress_.may_follow(still_wide_.size(), each_s);
      if (wide > 0) {
        log(fmt::format("repetition {} of {} whose intervals are too wide", round + 1,
                        counted(wide, "cell")));
      }
      for (const plans::Cell* cell : cells) {
        if (!run_step(*cell, round, each_s)) return;
      }
    }
  }

  // Nobody is told that all is done while a cell is wide.
  void expect_another(const plans::Cell& cell, double each_s) {
    if (!narrowing_) return;
    if (narrowing_->wants_another(cell.id)) {
      still_wide_.insert(cell.id);
    } else {
      still_wide_.erase(cell.id);
    }
    progress_.may_follow(still_wide_.size(), each_s);
  }

  // Which cells are narrow by now.
  Status note_precision() {
    results::Manifest manifest = writer_.manifest();
    manifest.until_ci = narrowing_->outcome();
    return with_room([&] { return writer_.update_manifest(manifest); });
  }

  // Those whose first repetition is still to be measured, the one in hand included.
  std::size_t cells_to_trace() const {
    return static_cast<std::size_t>(
        std::count_if(plan_.cells.begin(), plan_.cells.end(), [&](const plans::Cell& cell) {
          return !writer_.finished().contains({cell.id, 0});
        }));
  }

  std::size_t steps_left() {
    std::size_t left = 0;
    for_each_step([&](const plans::Cell& cell, std::uint32_t repetition) {
      left += writer_.finished().count({cell.id, repetition}) == 0;
      return true;
    });
    return left;
  }

  // `number` is that of what is measured now: `repeats`, or the next free one for a retry of it.
  struct Take {
    std::uint32_t number = 0;
    std::uint32_t repeats = 0;
    bool is_retry() const { return number != repeats; }
    std::string text() const {
      return is_retry() ? fmt::format("#{} again", repeats + 1) : fmt::format("#{}", repeats + 1);
    }
  };

  // False: stop here.
  bool run_step(const plans::Cell& cell, std::uint32_t repetition, double expected_s) {
    Takes& takes = takes_[{cell.id, repetition}];
    if (writer_.finished().count({cell.id, repetition}) == 0) {
      if (!run_take(cell, {repetition, repetition}, expected_s)) return false;
    }
    // Retries from before a --resume count as well.
    while (takes.measured > 0 && !takes.undisturbed && takes.measured <= options_.retry_disturbed) {
      log(fmt::format("{} #{} is repeated, because the host disturbed it", cell.label,
                      repetition + 1));
      ++steps_;
      progress_.add_step(expected_s);
      const unsigned before = takes.measured;
      if (!run_take(cell, {next_free(cell.id), repetition}, expected_s)) return false;
      if (takes.measured == before) break;  // It failed, which was said.
    }
    return true;
  }

  // Behind the numbers of all repetitions that there may be, and the retries so far.
  std::uint32_t next_free(const std::string& cell) const {
    std::uint32_t next = plan_.run.most();
    for (const auto& [id, number] : writer_.finished()) {
      if (id == cell) next = std::max(next, number + 1);
    }
    return next;
  }

  bool run_take(const plans::Cell& cell, const Take& take, double expected_s) {
    if (interruption_.asked()) return interrupted();
    progress_.begin_step(fmt::format("{} {}", cell.label, take.text()), expected_s, cell.id,
                         take.number);
    const auto done = measure(cell, take, expected_s);
    if (done) expect_another(cell, expected_s);
    progress_.end_step();
    ++steps_done_;
    prepare_farewell();
    // With nothing left to do nothing is interrupted.
    if (done) return interruption_.asked() && steps_done_ < steps_ ? interrupted() : true;
    if (interruption_.now().load(std::memory_order_relaxed)) return interrupted();
    add_failure(fmt::format("{} {}: {}", cell.label, take.text(), done.error().message));
    static_cast<void>(writer_.note({writer_.elapsed_s(), "error", done.error().message, cell.id}));
    return !broken_;
  }

  // What is said if the process has to end itself.
  void prepare_farewell() {
    const std::size_t finished = writer_.finished().size();
    interruption_.farewell(
        fmt::format("violet: ended at once by a signal after {} repetitions, which are in {}; the "
                    "same command with --resume goes on\n",
                    finished, writer_.directory().string()),
        finished == 0 ? kEndedAtOnce : kEndedLater);
  }

  bool interrupted() {
    log("interrupted by a signal");
    outcome_.interrupted = true;
    return false;
  }

  // Makes the run visible to viewers. Without shared memory it runs all the same.
  void show() {
    const SegmentInfo info{.ns_per_tick = ns_per_tick(),
                           .started_ticks = now_ticks(),
                           .started_epoch_s = results::epoch_now_s(),
                           .run_id = writer_.manifest().run_id,
                           .run_directory = std::filesystem::absolute(writer_.directory()).string(),
                           .plan = plan_.name,
                           .cells = static_cast<std::uint32_t>(plan_.cells.size())};
    auto segment = RunSegment::create(info, ring_places());
    if (!segment) return progress_.note("no live view: " + segment.error().message);
    segment_ = std::move(*segment);
    auto mark = results::LiveMark::make(writer_.directory(), segment_->fd());
    if (!mark) return progress_.note("no live view: " + mark.error().message);
    live_mark_ = std::move(*mark);
  }

  void tell_viewers(double share_of_step) {
    if (!segment_) return;
    const double done = static_cast<double>(steps_done_) + std::min(share_of_step, 1.0);
    status_.share = done / static_cast<double>(std::max<std::size_t>(steps_, 1));
    segment_->set_status(status_);
  }

  static double share_of(Ticks step_began, double expected_s) {
    const auto ns = static_cast<double>(ticks_to_ns(now_ticks() - step_began));
    return expected_s > 0 ? ns * 1e-9 / expected_s : 0;
  }

  // What the host was like, and what that makes of the take.
  void add_host(const HostState& before, const Take& take, const std::string& cell,
                results::RepetitionRecord& record) {
    for (auto& metric : host_metrics(before, measure_host(eal_, cores_))) {
      record.metrics.push_back(std::move(metric));
    }
    if (take.is_retry()) {
      record.retry_of = take.repeats;
      record.metrics.push_back(results::measured(results::kRetryOf, take.repeats + 1.0));
    }
    Takes& takes = takes_[{cell, take.repeats}];
    ++takes.measured;
    takes.undisturbed = takes.undisturbed || results::what_disturbed(record).empty();
  }

  // What the repetition that begins may take of the trace, in bytes.
  std::uint64_t begin_trace() {
    const std::uint64_t bytes = trace_->share(plan_.run.trace_mib << 20, cells_to_trace());
    trace_->begin_repetition();
    return bytes;
  }

  // What was traced of a repetition in part takes the room that the results need.
  void end_tracing(const Error& error, bool in_part) {
    tracing_ = false;
    if (in_part) trace_->give_up_newest();
    traced_.reset();
    warn(error.message + "; no more events are traced");
  }

  Status measure(const plans::Cell& cell, const Take& take, double expected_s) {
    const std::uint32_t repetition = take.number;
    const auto position = static_cast<std::uint32_t>(&cell - plan_.cells.data());
    status_ = {position, repetition, Phase::kStart, 0, cell.label, {}};
    status_.step = {static_cast<std::uint32_t>(steps_done_ + 1),
                    static_cast<std::uint32_t>(steps_)};
    tell_viewers(0);
    const Ticks began = now_ticks();
    const auto tick = [&] {
      progress_.tick();
      tell_viewers(share_of(began, expected_s));
    };
    const auto entered = [&](Phase phase) {
      status_.phase = phase;
      tell_viewers(share_of(began, expected_s));
    };
    const HostState before = measure_host(eal_, cores_);
    VIOLET_TRY(auto testbed,
               Testbed::create({.eal = eal_,
                                .cores = cores_,
                                .cell = cell,
                                .limits = plan_.limits,
                                .dataset_dir = options_.dataset_dir,
                                .seed = seed_of_repetition(plan_.run.seed, take.repeats),
                                .rings = segment_ ? rings_of(*segment_) : LcoreRings{},
                                .stop = &interruption_.now()}));
    VIOLET_TRY(check_trace(cell, testbed->trace_check()));
    const auto begin = [&] { return writer_.begin_repetition(cell.id, repetition); };
    if (auto begun = with_room(begin); !begun) return broke(begun);
    const bool traces = repetition == 0 && tracing_ && trace_ != nullptr;
    const std::uint64_t trace_bytes = traces ? begin_trace() : 0;
    const double start_s = writer_.elapsed_s();
    const RepetitionSetup setup{
        .run = plan_.run,
        .recorder = {.cpu = cores_.recorder, .cell = position, .repetition = repetition},
        .writer = &writer_,
        .trace = traces ? &trace_->events() : nullptr,
        .pyramids = traces ? &trace_->pyramids() : nullptr,
        .trace_bytes = trace_bytes,
        .on_traced = [&](const Recorder::Traced& traced) { traced_ = traced; },
        .tick = tick,
        .entered = entered,
        .abort = &interruption_.now(),
        .on_write_error = [&](const Error& error) { end_tracing(error, traces); }};
    traced_.reset();
    VIOLET_TRY(auto record, run_repetition(*testbed, setup));
    add_host(before, take, cell.id, record);
    record.cell = cell.id;
    record.repetition = repetition;
    record.start_s = start_s;
    for (const auto& shared : cores_.shared) record.warnings.push_back(shared);
    if (const int nice = ::getpriority(PRIO_PROCESS, 0); nice > 0) {
      record.warnings.push_back(
          fmt::format("the run has nice {}: other programs get the CPUs before it", nice));
    }
    const auto finish = [&] { return writer_.finish_repetition(record); };
    if (auto done = with_room(finish); !done) return broke(done);
    if (narrowing_) narrowing_->add(record);
    log(fmt::format("{} {}: {:.3f} s measured", cell.label, take.text(), record.duration_s));
    check_data(record, cell.label);
    return sum_up(record, cell.label);
  }

  // A path may name another trace by now, also after a --resume; its repetitions are none of this cell.
  Status check_trace(const plans::Cell& cell, const std::string& check) {
    if (check.empty()) return {};
    results::Manifest manifest = writer_.manifest();
    const auto [at, first] = manifest.traces.try_emplace(results::printable(cell.dataset), check);
    if (!first && at->second == check) return {};
    if (!first) {
      return fail(
          "{}: this is not the trace that the run has measured so far (its check is {}, and "
          "was {}): put that one back, or begin a new run",
          cell.dataset, check, at->second);
    }
    const auto save = [&] { return writer_.update_manifest(manifest); };
    if (auto saved = with_room(save); !saved) return broke(saved);
    return {};
  }

  // Results go before traces: on a full disk these are given up, the newest first, until what `store` writes fits.
  template <class Store>
  Status with_room(Store&& store) {
    Status stored = store();
    bool gave_up = false;
    while (!stored && trace_ != nullptr && lacks_room(writer_.directory()) &&
           trace_->give_up_newest()) {
      gave_up = true;
      tracing_ = false;
      stored = store();
    }
    gave_up_ = gave_up_ || gave_up;
    if (gave_up)
      warn("the disk is full: traces were given up for the results, and no more events are traced");
    return stored;
  }

  // What cannot be stored need not be measured.
  Status broke(const Status& status) {
    broken_ = status.error();
    return status;
  }

  // What the manifest says of all repetitions together.
  Status sum_up(const results::RepetitionRecord& record, const std::string& label) {
    results::Manifest manifest = writer_.manifest();
    if (!manifest.injected) manifest.injected.emplace();
    manifest.injected->add(record);
    if (gave_up_) manifest.kept_trace.reset();
    if (traced_ && manifest.kept_trace) {
      ++manifest.kept_trace->repetitions;
      manifest.kept_trace->seen += traced_->seen;
      manifest.kept_trace->kept += traced_->kept;
    }
    if (const auto lost = static_cast<std::uint64_t>(value_of(record, "lost_events")); lost > 0) {
      manifest.drop_counts["events"] += lost;
      manifest.drop_counts["events, " + label] += lost;
    }
    const auto save = [&] { return writer_.update_manifest(manifest); };
    if (auto saved = with_room(save); !saved) return broke(saved);
    return {};
  }

  const plans::Plan& plan_;
  const RunOptions& options_;
  const CoreMap& cores_;
  Eal& eal_;
  Interruption& interruption_;
  results::RunWriter writer_;
  std::set<std::string> still_wide_;  // Cells of which another round is to be measured.
  results::Progress progress_;
  TraceFiles* trace_ = nullptr;             // Lives as long as run(); null: no trace is kept.
  std::optional<Recorder::Traced> traced_;  // Of the repetition in hand.
  bool tracing_ = true;
  bool gave_up_ = false;  // Traces that were counted as kept.
  std::unique_ptr<RunSegment> segment_;
  std::optional<results::LiveMark> live_mark_;  // Gone before the segment.
  SegmentStatus status_;
  std::size_t steps_ = 0, steps_done_ = 0;
  // Of a repetition of the plan and its retries, by cell and number.
  struct Takes {
    unsigned measured = 0;
    bool undisturbed = false;
  };
  std::map<std::pair<std::string, std::uint32_t>, Takes> takes_;
  std::optional<results::RepeatUntilNarrow> narrowing_;
  RunOutcome outcome_;
  std::optional<Error> broken_;  // Results could not be written.
};

}  // namespace

double estimated_seconds(const plans::Plan& plan) {
  return measured_seconds_of(plan.run) * static_cast<double>(plan.cells.size()) *
         plan.run.repetitions;
}

double most_seconds(const plans::Plan& plan) {
  return measured_seconds_of(plan.run) * static_cast<double>(plan.cells.size()) * plan.run.most();
}

Result<RunOutcome> run_plan(const plans::Plan& plan, const RunOptions& options) {
  Interruption interruption;  // Before there is anything that a signal could leave half made.
  VIOLET_TRY(auto before, finished_before(plan, options));
  if (before) return *std::move(before);
  VIOLET_TRY(auto cores, choose_cores(plan.cores, allowed_cpus()));
  VIOLET_TRY(auto eal, Eal::start({.cpus = cores.lcore_cpus(),
                                   .stop = [&] { return interruption.asked(); }}));
  VIOLET_TRY(auto writer, open_writer(plan, options, cores, *eal));
  return PlanRun(plan, options, cores, *eal, interruption, std::move(writer)).run();
}

}  // namespace violet
