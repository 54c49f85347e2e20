#include "experiments/linux_guest/recording.hpp"

#include <charconv>
#include <nlohmann/json.hpp>

#include "datasets/importers.hpp"
#include "engine/base/clock.hpp"
#include "experiments/linux_guest/capture_log.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/runner/exposure_metrics.hpp"
#include "experiments/runner/trace_files.hpp"
#include "experiments/trace/aggregation.hpp"
#include "experiments/trace/pyramid_file.hpp"

namespace violet::linux_guest {
namespace {

using results::Better;

constexpr const char* kCell = "guest";
constexpr const char* kReplay = "guest";

SettingAssignments axes(const GuestSetup& guest) {
  return {{"strategy", guest.mode},
          {"placement", guest.placement},
          {"workload", guest.job},
          {"store", guest.store},
          {"iotlb", guest.iotlb},
          {"ring", std::string(guest.packed ? "packed" : "split")},
          {"guest_vcpus", std::int64_t{guest.vcpus}}};
}

results::RunSetup run_setup(const GuestSetup& guest, const RecordingSetup& setup) {
  results::RunSetup run;
  run.root = setup.runs_root;
  run.plan_text = fmt::format(
      "# A real Linux guest, recorded. There is no plan to run again, but the command:\n#   {}\n",
      setup.command_line);
  nlohmann::ordered_json resolved = {{"guest",
                                      {{"mode", guest.mode},
                                       {"placement", guest.placement},
                                       {"job", guest.job},
                                       {"kernel", guest.kernel},
                                       {"memory_mib", guest.memory_mib},
                                       {"vcpus", guest.vcpus},
                                       {"packed", guest.packed},
                                       {"store", guest.store},
                                       {"iotlb", guest.iotlb}}}};
  run.resolved_json = resolved.dump(2) + "\n";
  run.cells = {{kCell, cell_label(guest), axes(guest)}};
  run.manifest = results::host_manifest();
  run.manifest.plan_name = "guest-" + guest.job;
  run.manifest.plan_hash = fmt::format("{:016x}", std::hash<std::string>{}(run.resolved_json));
  run.manifest.command_line = setup.command_line;
  run.manifest.git_revision = setup.revision;
  run.manifest.drop_counts["events"] = 0;
  return run;
}

// A figure of the guest's own, or nothing when it is a word.
std::optional<double> number(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// What the guest's work brought about, by the names that the metrics of plans have.
void add_counts(results::RepetitionRecord& record,
                const std::map<std::string, std::uint64_t>& before,
                const std::map<std::string, std::uint64_t>& after) {
  const auto delta = [&](const char* name) {
    const auto was = before.find(name);
    return static_cast<double>(after.at(name)) -
           (was == before.end() ? 0 : static_cast<double>(was->second));
  };
  const auto add = [&](const char* name, double value) {
    record.metrics.push_back(results::measured(name, value));
  };
  const auto ratio = [&](const char* name, double value, double by) {
    record.metrics.push_back(results::measured_ratio(name, value, by, "nothing was done"));
  };
  const double operations = delta("disk_reads") + delta("disk_writes") + delta("disk_flushes") +
                            delta("nic_sent") + delta("nic_received");
  const double requests = delta("map") + delta("unmap") + delta("attach") + delta("probe");
  // Devices that poll look at their rings all the time, and nearly always hit: that says nothing.
  const double hits =
      delta("disk_iotlb_hits") + delta("nic_iotlb_hits") - delta("polls_not_recorded");
  const double misses = delta("disk_iotlb_misses") + delta("nic_iotlb_misses");
  ratio("operations_per_s", operations, record.duration_s);
  ratio("requests_per_operation", requests, operations);
  ratio("kicks_per_operation", delta("iommu_kicks"), operations);
  ratio("iotlb_hit_rate", 100 * hits, hits < 0 ? 0 : hits + misses);
  add("faults", delta("faults"));
  add("disk_bytes", delta("disk_bytes"));
  add("nic_bytes", delta("nic_bytes"));
  add("data_errors", delta("disk_errors") + delta("nic_errors"));
}

}  // namespace

std::string cell_label(const GuestSetup& guest) {
  return fmt::format("{} {} {}", guest.mode, guest.placement, guest.job);
}

Result<std::unique_ptr<GuestRecording>> GuestRecording::create(const GuestSetup& guest,
                                                               const RecordingSetup& setup) {
  VIOLET_TRY(auto writer, results::RunWriter::create(run_setup(guest, setup)));
  VIOLET_TRY(auto trace, TraceFiles::open(writer, [](const std::string&) {}));
  std::unique_ptr<GuestRecording> recording(
      new GuestRecording(guest, std::move(writer), std::move(trace)));
  recording->show();
  return recording;
}

// Without shared memory it is recorded all the same.
void GuestRecording::show() {
  const SegmentInfo info{.ns_per_tick = ns_per_tick(),
                         .started_ticks = now_ticks(),
                         .started_epoch_s = results::epoch_now_s(),
                         .run_id = writer_.manifest().run_id,
                         .run_directory = std::filesystem::absolute(directory()).string(),
                         .plan = writer_.manifest().plan_name,
                         .cells = 1};
  auto segment = RunSegment::create(info, ring_places());
  if (!segment) {
    not_live_ = segment.error().message;
    return;
  }
  segment_ = std::move(*segment);
  auto mark = results::LiveMark::make(directory(), segment_->fd());
  if (!mark) {
    not_live_ = mark.error().message;
    return;
  }
  live_mark_ = std::move(*mark);
  status_.label = cell_label(guest_);
  status_.step = {1, 1};
  segment_->set_status(status_);
}

Status GuestRecording::start(Machine& machine, unsigned cpu) {
  machine_ = &machine;
  VIOLET_TRY(writer_.begin_repetition(kCell, 0));
  if (!not_live_.empty()) {
    VIOLET_TRY(writer_.note({0, "warning", "no live view: " + not_live_}));
  }
  recorder_ = std::make_unique<Recorder>(
      machine, &writer_, &trace_.events(),
      RecorderOptions{
          .cpu = cpu, .max_events = kMostEvents, .max_trace_bytes = kMostEvents * sizeof(Event)});
  started_ = now_ticks();
  recorder_->start();
  recorder_->begin_sampling();
  return {};
}

void GuestRecording::mark(Phase phase) {
  // A guest may say so again, in its second life or to confuse.
  const bool begins = phase == Phase::kMeasure;
  if ((begins ? work_began_ : work_ended_).load() != 0) return;
  const Ticks now = recorder_->mark(phase);
  (begins ? counts_before_ : counts_after_) = machine_->counts();
  (begins ? work_began_ : work_ended_).store(now);
  if (!segment_) return;
  status_.phase = phase;
  segment_->set_status(status_);
}

Result<GuestResults> GuestRecording::finish(const GuestReport& report) {
  if (GuestCalls* calls = machine_->calls()) calls->before_poll();  // What the last poll left.
  ended_ = now_ticks();
  auto recorded = recorder_->stop();
  auto record = to_record(report);
  if (recorded) {
    Aggregation aggregation({.ns_per_tick = ns_per_tick()});
    recorder_->aggregate_into(aggregation);
    recorded = trace_.pyramids().append(0, 0, aggregation.pyramid());
  }
  if (recorded) recorded = write_replay(report);
  if (!recorded) record.warnings.push_back(recorded.error().message);
  VIOLET_TRY(writer_.finish_repetition(record));
  if (recorder_->dropped() > 0) {
    results::Manifest manifest = writer_.manifest();
    manifest.drop_counts["events"] += recorder_->dropped();
    VIOLET_TRY(writer_.update_manifest(manifest));
  }
  VIOLET_TRY(writer_.close(report.ending == "finished" ? "finished" : "failed"));
  GuestResults results{{}, record.warnings};
  for (const auto& metric : record.metrics) {
    if (metric.value) results.metrics[metric.name] = *metric.value;
  }
  return results;
}

results::RepetitionRecord GuestRecording::to_record(const GuestReport& report) const {
  results::RepetitionRecord record;
  record.cell = kCell;
  // Without a word of the guest, all of it.
  const Ticks begin = work_began_.load() != 0 ? work_began_.load() : started_;
  const Ticks end = work_ended_.load() > begin ? work_ended_.load() : ended_;
  record.duration_s = static_cast<double>(ticks_to_ns(end - begin)) * 1e-9;
  add_counts(record, counts_before_, counts_after_.empty() ? report.counts : counts_after_);
  for (const auto& [name, value] : report.told) {
    if (const auto told = number(value)) {
      record.metrics.push_back({"guest_" + name, "1", *told, "", Better::kNeither});
    }
  }
  record.metrics.push_back(
      results::measured("lost_events", static_cast<double>(recorder_->dropped())));
  record.metrics.push_back(results::measured(results::kInjectedShare, 0));  // Its exits are real.
  if (guest_.mode != "passthrough") {
    record.warnings.push_back("exposure is seen from outside the guest: windows are upper bounds");
  }
  if (is_strict_after_all(report)) {
    record.warnings.push_back("this guest's kernel knows no lazy mode: its domains are strict");
  }
  add_exposure(record,
               {.engine = recorder_->events(kEngineRing),
                .guest = recorder_->events(kGuestRing),
                .probes = {},
                .lost = recorder_->dropped(),
                .begin = begin,
                .end = end,
                // Without translation the devices reach all of it.
                .always_mapped_bytes =
                    guest_.mode == "passthrough" ? std::uint64_t{guest_.memory_mib} << 20 : 0,
                .from_outside = true});
  return record;
}

bool GuestRecording::is_strict_after_all(const GuestReport& report) const {
  const auto domain = report.told.find("domain");
  return guest_.mode == "lazy" && domain != report.told.end() && domain->second == "DMA";
}

// By way of a text log, which the importers' pipeline reads, checks and removes cuts from.
Status GuestRecording::write_replay(const GuestReport& report) {
  const std::filesystem::path log = directory() / "capture.log";
  const Status written =
      write_capture_log(log, {recorder_->events(kEngineRing), recorder_->events(kEndpointRing),
                              recorder_->events(kGuestRing), ns_per_tick()});
  if (!written) return written;
  datasets::ImportOptions options;
  options.importer = "violet-log";
  options.name = kReplay;
  if (guest_.mode == "strict" || is_strict_after_all(report))
    options.mode = datasets::TraceMode::kStrict;
  else if (guest_.mode == "lazy")
    options.mode = datasets::TraceMode::kLazy;
  const auto imported = datasets::import_trace(log.string(), directory().string(), options);
  std::error_code error;
  std::filesystem::remove(log, error);
  if (imported || guest_.mode == "passthrough") return {};  // Without mappings there is no trace.
  return tl::unexpected<Error>(imported.error());
}

}  // namespace violet::linux_guest
