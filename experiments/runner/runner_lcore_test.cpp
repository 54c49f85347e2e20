// Whole cells on lcores: what the strategies promise must hold in every placement.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "datasets/importers.hpp"
#include "datasets/manifest.hpp"
#include "datasets/trace_reader.hpp"
#include "engine/base/clock.hpp"
#include "engine/base/test_folder_testing.hpp"
#include "experiments/plans/plan.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/samples.hpp"
#include "experiments/runner/recorded.hpp"
#include "experiments/runner/repetition.hpp"
#include "experiments/runner/runner.hpp"
#include "experiments/runner/trace_files.hpp"
#include "experiments/runner/vocabulary.hpp"
#include "experiments/trace/event_trace.hpp"

namespace violet {
namespace {

namespace fs = std::filesystem;

// The checkout: the test is built from it.
const fs::path kRoot = fs::path(__FILE__).parent_path().parent_path().parent_path();

plans::Plan plan_of(const std::string& text) {
  const auto words = make_vocabulary((kRoot / "datasets").string());
  EXPECT_TRUE(words) << (words ? "" : words.error().message);
  plans::Problems problems;
  auto plan = plans::parse_plan(text, "test.toml", {}, *words, problems);
  EXPECT_TRUE(plan) << plans::to_text(problems);
  return plan.value();
}

std::string plan_text(const std::string& axes, const std::string& run) {
  return "[plan]\nname = 'test'\n[axes]\n" + axes + "\n[run]\n" + run +
         "\n[cores]\nallow_oversubscribed = true\n";
}

Eal& eal(const CoreMap& cores) {
  static Eal* started = Eal::start({.cpus = cores.lcore_cpus()}).value();
  return *started;
}

double value_of(const results::RepetitionRecord& record, const std::string& name) {
  for (const auto& metric : record.metrics) {
    if (metric.name != name) continue;
    EXPECT_TRUE(metric.value) << name << ": " << metric.because;
    return metric.value.value_or(-1);
  }
  ADD_FAILURE() << "no metric " << name;
  return -1;
}

results::RepetitionRecord run_cell(const plans::Plan& plan, const plans::Cell& cell) {
  const auto cores = choose_cores(plan.cores, allowed_cpus()).value();
  auto testbed = Testbed::create({.eal = eal(cores),
                                  .cores = cores,
                                  .cell = cell,
                                  .limits = plan.limits,
                                  .dataset_dir = (kRoot / "datasets").string(),
                                  .seed = 1,
                                  .rogue_every = 4});
  EXPECT_TRUE(testbed) << (testbed ? "" : testbed.error().message);
  auto record = run_repetition(**testbed, {.run = plan.run, .recorder = {}});
  EXPECT_TRUE(record) << cell.label << ": " << (record ? "" : record.error().message);
  return record ? *record : results::RepetitionRecord{};
}

void expect_sound(const results::RepetitionRecord& record, const std::string& label) {
  EXPECT_EQ(value_of(record, "data_errors"), 0) << label;
  EXPECT_EQ(value_of(record, "failed_requests"), 0) << label;
  EXPECT_EQ(value_of(record, "map_failures"), 0) << label;
  EXPECT_EQ(value_of(record, "iova_reuse_violations"), 0) << label;
  EXPECT_EQ(value_of(record, "faults"), 0) << label;
}

// --- Where the time goes ---

const results::Metric& metric_of(const results::RepetitionRecord& record, const std::string& name) {
  static const results::Metric kNone;
  for (const auto& metric : record.metrics) {
    if (metric.name == name) return metric;
  }
  ADD_FAILURE() << "no metric " << name;
  return kNone;
}

// The phases that an lcore has, the rest and the breakdown's own are its time.
void expect_adds_up(const results::RepetitionRecord& record, const results::TimeSide& side,
                    bool engines_lcore, bool engine_has_its_own, const std::string& label) {
  double sum = value_of(record, std::string(side.own)) + value_of(record, std::string(side.rest)) +
               value_of(record, std::string(side.longs)) +
               metric_of(record, std::string(side.waited)).value.value_or(0);
  for (std::size_t i = 0; i < kWorkPhases; ++i) {
    const bool engines = is_engines(static_cast<WorkPhase>(i)) && engine_has_its_own;
    const auto& metric = metric_of(record, results::time_metric(kWorkPhaseInfos[i].name));
    EXPECT_EQ(metric.value.has_value(), metric.because.empty()) << label << " " << metric.name;
    if (engines == engines_lcore) sum += metric.value.value_or(0);
  }
  const double wall = value_of(record, std::string(side.wall));
  EXPECT_NEAR(sum, wall, 1e-6 * wall) << label << " " << side.wall;
}

// What every operation has is in every round of the guest's lcore: so many sampled ones must have met it.
constexpr double kEnoughRounds = 30;

// Where it has no value that is a matter of chance, as long as few rounds were sampled; on a busy machine some are dropped.
bool is_there(const results::RepetitionRecord& record, const std::string& phase) {
  const auto& metric = metric_of(record, "time_" + phase);
  if (metric.value) return true;
  const auto rounds_of = [&](const results::TimeSide& side) {
    return metric_of(record, std::string(side.sampled_rounds)).value;
  };
  bool engines = false;
  for (std::size_t i = 0; i < kWorkPhases; ++i) {
    engines |= is_engines(static_cast<WorkPhase>(i)) && kWorkPhaseInfos[i].name == phase;
  }
  const auto engine_rounds = rounds_of(results::kEngineTime);
  if (engines && engine_rounds) {  // Its rounds are polls, which need not all be alike.
    return metric.because.find("sampled rounds") != std::string::npos;
  }
  return rounds_of(results::kGuestTime).value_or(0) < kEnoughRounds &&
         metric.because.find("sampled rounds") != std::string::npos;
}

TEST(Breakdown, HasThePartsThatACellHasAndNoOther) {
  const auto plan = plan_of(
      plan_text("strategy = ['strict', 'bounce-dynamic', 'off']\nworkload = 'net-rx'\nplacement = "
                "['sidecore', 'samecore', 'kick-thread']\n[costs]\nexit_ns = 0\nwake_ns = 0",
                "repetitions = 1\nwarmup_operations = 100\noperations = 20000"));
  for (const auto& cell : plan.cells) {
    const auto record = run_cell(plan, cell);
    const bool own = cell.placement != "samecore";
    expect_adds_up(record, results::kGuestTime, false, own, cell.label);
    if (own) expect_adds_up(record, results::kEngineTime, true, own, cell.label);
    const bool strict = cell.strategy == "strict", off = cell.strategy == "off";
    for (const char* phase : {"workload", "strategy", "loop", "telemetry", "endpoints"}) {
      EXPECT_TRUE(is_there(record, phase)) << cell.label << " " << phase;
    }
    for (const char* phase : {"request", "answers", "iova_allocate", "store", "invalidate"}) {
      if (strict) {
        EXPECT_TRUE(is_there(record, phase)) << cell.label << " " << phase;
      }
      if (off) {
        EXPECT_FALSE(is_there(record, phase)) << cell.label << " " << phase;
      }
    }
    if (strict || !own) {
      EXPECT_EQ(is_there(record, "spin"), own) << cell.label;
    }
    if (strict || off) {
      EXPECT_EQ(is_there(record, "kick"), strict && cell.placement != "sidecore") << cell.label;
    }
    EXPECT_EQ(is_there(record, "copy"), cell.strategy == "bounce-dynamic") << cell.label;
    EXPECT_EQ(is_there(record, "asleep"), cell.placement == "kick-thread") << cell.label;
    EXPECT_FALSE(is_there(record, "injected")) << cell.label;
    EXPECT_FALSE(is_there(record, "pace")) << cell.label;
    EXPECT_EQ(metric_of(record, "time_engine").value.has_value(), own) << cell.label;
  }
}

TEST(Breakdown, InjectedTimeIsAPartOfItsOwn) {
  const auto plan = plan_of(plan_text(
      "strategy = 'strict'\nworkload = 'net-rx'\nplacement = 'samecore'\n[costs]\nexit_ns = 2000",
      "repetitions = 1\nwarmup_operations = 100\noperations = 20000"));
  const auto record = run_cell(plan, plan.cells.front());
  EXPECT_TRUE(is_there(record, "injected"));
  if (const auto& injected = metric_of(record, "time_injected"); injected.value) {
    EXPECT_GE(*injected.value, 2000) << "an operation has one kick at least";
  }
  expect_adds_up(record, results::kGuestTime, false, false, "samecore");
}

// Calls at their own times: most of the time is waited for the next, whoever polls the endpoints meanwhile.
TEST(Breakdown, APacedTraceWaitsForItsCalls) {
  const auto plan =
      plan_of(plan_text("strategy = 'strict'\nworkload = 'trace:net-rx-strict'\npace = 'paced'\n"
                        "pace_scale = 5\nplacement = 'sidecore'",
                        "repetitions = 1\nwarmup_s = 0\nduration_s = 0.5"));
  const auto record = run_cell(plan, plan.cells.front());
  EXPECT_TRUE(is_there(record, "pace")) << metric_of(record, "time_pace").because;
  expect_adds_up(record, results::kGuestTime, false, true, "paced");
}

TEST(Breakdown, IsLeftOutWhereThePlanWantsNone) {
  const auto plan =
      plan_of(plan_text("strategy = 'strict'\nworkload = 'net-rx'",
                        "repetitions = 1\noperations = 1000\nwarmup_s = 0\nbreakdown = false"));
  const auto record = run_cell(plan, plan.cells.front());
  EXPECT_EQ(metric_of(record, "time_guest").because, "the plan has run.breakdown = false");
  EXPECT_FALSE(metric_of(record, "time_store").value);
}

constexpr const char* kPlacements =
    "placement = ['sidecore', 'samecore', 'kick-thread']\nworkload = ['net-rx', 'nvme-4k']";
constexpr const char* kShort = "repetitions = 1\nwarmup_operations = 100\noperations = 1000";

TEST(Exposure, StrictShowsNoneInEveryPlacementAndTheRogueNeverHits) {
  const auto plan = plan_of(plan_text(std::string("strategy = 'strict'\n") + kPlacements, kShort));
  for (const auto& cell : plan.cells) {
    const auto record = run_cell(plan, cell);
    expect_sound(record, cell.label);
    EXPECT_EQ(value_of(record, "exposure_window.max"), 0) << cell.label;
    EXPECT_EQ(value_of(record, "mean_stale_pages"), 0) << cell.label;
    EXPECT_EQ(value_of(record, "rogue_unexpected_hits"), 0) << cell.label;
    // Attacks were tried, so that their failure means something.
    EXPECT_GT(value_of(record, "rogue_stale_probes"), 0) << cell.label;
    EXPECT_EQ(value_of(record, "rogue_stale_hits"), 0) << cell.label;
  }
}

// The window of lazy is the placement's: with nobody polling between kicks an UNMAP waits for one.
TEST(Exposure, LazyIsExposedUntilSomebodyLooksAtTheQueue) {
  const auto plan =
      plan_of(plan_text(std::string("strategy = 'lazy-percpu'\n") + kPlacements, kShort));
  for (const auto& cell : plan.cells) {
    const auto record = run_cell(plan, cell);
    expect_sound(record, cell.label);
    EXPECT_GT(value_of(record, "exposure_window.p99"), 0) << cell.label;
    EXPECT_GT(value_of(record, "mean_stale_pages"), 0) << cell.label;
    EXPECT_EQ(value_of(record, "rogue_unexpected_hits"), 0) << cell.label;
    EXPECT_EQ(value_of(record, "rogue_unexpected_misses"), 0) << cell.label;
    // Nobody executes an UNMAP before the next kick, and the attack comes first.
    if (cell.placement == "samecore") {
      EXPECT_GT(value_of(record, "rogue_stale_hits"), 0) << cell.label;
    }
  }
}

// A bounce strategy makes more events than rings hold; its ledger must be complete all the same.
TEST(Exposure, BounceAtFullSpeedLosesNoEvent) {
  const auto plan = plan_of(plan_text("strategy = ['bounce-dynamic', 'direct', 'off']",
                                      "repetitions = 1\nwarmup_s = 0.1\nduration_s = 0.6"));
  for (const auto& cell : plan.cells) {
    const auto record = run_cell(plan, cell);
    expect_sound(record, cell.label);
    EXPECT_EQ(value_of(record, "lost_events"), 0) << cell.label;
    EXPECT_GT(value_of(record, "persistent_unmaps"), 1000) << cell.label;
    EXPECT_GT(value_of(record, "mean_mapped_pages"), 0) << cell.label;
    for (const auto& metric : record.metrics) {
      if (metric.name != "mean_stale_pages") continue;
      // Copies only, or all that was ever mapped.
      const bool copies = cell.strategy == "bounce-dynamic";
      EXPECT_EQ(metric.value, copies ? std::optional<double>(0) : std::nullopt) << cell.label;
      EXPECT_EQ(metric.because, copies ? "" : results::kStaysReachable) << cell.label;
    }
  }
}

TEST(Exposure, StrategiesWithPoolsTakeNoMappingAway) {
  const auto plan =
      plan_of(plan_text("strategy = ['bounce-dynamic', 'direct', 'off', 'lazy-single', "
                        "'optimistic']\nworkload = ['net-rx', "
                        "'net-tx', 'nvme-4k', 'mapbench', 'trace:blk-randread-strict']",
                        kShort));
  for (const auto& cell : plan.cells) expect_sound(run_cell(plan, cell), cell.label);
}

// What protects refuses both strays of each operation; what does not, neither. The allowed access always gets through.
TEST(Faults, StraysAreRefusedAndCountedWhereAStrategyProtects) {
  const auto plan = plan_of(plan_text(
      "workload = 'stray'\nplacement = ['sidecore', 'samecore']\n"
      "strategy = ['strict', 'lazy-percpu', 'optimistic', 'bounce-dynamic', 'direct', 'off']",
      "repetitions = 1\nwarmup_operations = 10\noperations = 500"));
  for (const auto& cell : plan.cells) {
    const auto record = run_cell(plan, cell);
    const bool protects = cell.strategy != "direct" && cell.strategy != "off";
    EXPECT_EQ(value_of(record, "data_errors"), 0) << cell.label;
    EXPECT_EQ(value_of(record, "faults"), protects ? 1000 : 0) << cell.label;
  }
}

// A full disk costs the trace, not the measurement.
TEST(Recording, ATraceThatCannotBeWrittenLeavesTheRecordWhole) {
  const auto plan = plan_of(plan_text("strategy = 'strict'", kShort));
  const auto cores = choose_cores(plan.cores, allowed_cpus()).value();
  auto testbed = Testbed::create({.eal = eal(cores),
                                  .cores = cores,
                                  .cell = plan.cells.front(),
                                  .limits = plan.limits,
                                  .dataset_dir = (kRoot / "datasets").string(),
                                  .seed = 1});
  ASSERT_TRUE(testbed) << testbed.error().message;
  const fs::path path = fs::path(testing::TempDir()) / "full.events";
  auto trace = EventTraceWriter::open(path, {});
  ASSERT_TRUE(trace) << trace.error().message;
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{1024, before.rlim_max};
  std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  std::string said;
  const auto record = run_repetition(
      **testbed, {.run = plan.run,
                  .recorder = {},
                  .trace = &*trace,
                  .on_write_error = [&](const Error& error) { said = error.message; }});
  setrlimit(RLIMIT_FSIZE, &before);
  fs::remove(path);
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_NE(said.find("full.events"), std::string::npos) << said;
  EXPECT_FALSE(record->warnings.empty());
  EXPECT_GT(value_of(*record, "operations_per_s"), 0);
}

TEST(Replay, AnImportedTraceIsReplayedByItsPath) {
  const fs::path bundled = kRoot / "datasets/bundled/net-rx-strict.vtrace.zst";
  const auto plan = plan_of(plan_text("workload = 'trace:" + bundled.string() + "'", kShort));
  expect_sound(run_cell(plan, plan.cells.front()), "by path");
}

// The trace's path.
std::string import_log(const fs::path& folder, const std::string& log) {
  const auto path = folder / "one.log";
  std::ofstream(path) << log;
  const auto report = datasets::import_trace(path.string(), folder.string());
  EXPECT_TRUE(report) << (report ? "" : report.error().message);
  return report ? report->trace : std::string();
}

// A log of `maps` pairs of MAP and UNMAP of one buffer, imported; the trace's path. Without accesses.
std::string trace_of_one_buffer(const fs::path& folder, std::uint64_t bytes, int maps, bool timed) {
  std::string log = timed ? "7@1.000000:" : "";
  log += "virtio_iommu_attach domain=1 endpoint=32\n";
  const auto line = [&](int micros, const std::string& what) {
    if (timed) log += fmt::format("7@2.{:06d}:", micros);
    log += fmt::format("virtio_iommu_{} domain=1 virt_start=0x40000000 virt_end={:#x}", what,
                       0x40000000 + bytes - 1);
  };
  for (int i = 0; i < maps; ++i) {
    line(i * 20, "map");
    log += " phys_start=0x40000000 flags=3\n";
    line(i * 20 + 10, "unmap");
    log += "\n";
  }
  return import_log(folder, log);
}

TEST(Replay, MemoryIsThatOfDistinctPagesNotOfMaps) {
  const TestFolder folder;
  const auto trace = trace_of_one_buffer(folder.path(), 64u << 20, 1000, true);
  const auto opened = datasets::open_trace(trace);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(replay_memory_bytes(*opened), 66u << 20);  // And what aligns it.
  rusage before{}, after{};
  getrusage(RUSAGE_SELF, &before);
  for (int i = 0; i < 3; ++i) EXPECT_GT(replay_memory_bytes(*opened), 0u);
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 16 << 10) << "KiB";  // One page a map: 125 MiB.
}

// Of a plan that cannot be run.
std::string problems_of(const std::string& text) {
  const auto words = make_vocabulary((kRoot / "datasets").string());
  plans::Problems problems;
  EXPECT_FALSE(plans::parse_plan(text, "test.toml", {}, words.value(), problems));
  return plans::to_text(problems);
}

TEST(Replay, BuffersThatDoNotFitAreRefusedWithFigures) {
  const TestFolder folder;
  const auto trace = trace_of_one_buffer(folder.path(), 64u << 20, 2, true);
  const auto problems = problems_of(plan_text("workload = 'trace:" + trace + "'", kShort) +
                                    "[limits]\nguest_memory_mib = 100\n");
  for (const char* part : {"needs 66 MiB for its buffers", "at least 130, found 100"}) {
    EXPECT_NE(problems.find(part), std::string::npos) << problems;
  }
}

TEST(Replay, ATraceWithoutAccessesSaysSoAndNotThatItsDevicesBypass) {
  const TestFolder folder;
  const auto trace = trace_of_one_buffer(folder.path(), 4096, 50, true);
  const auto plan =
      plan_of(plan_text("strategy = ['lazy-percpu', 'off']\nworkload = 'trace:" + trace + "'",
                        "repetitions = 1\noperations = 20\nwarmup_operations = 1"));
  for (const auto& cell : plan.cells) {
    const auto record = run_cell(plan, cell);
    const auto& metric = metric_of(record, "iotlb_hit_rate");
    EXPECT_FALSE(metric.value.has_value());
    EXPECT_EQ(metric.because, "the trace has no accesses");
  }
}

TEST(Replay, ATraceWithoutTimesCannotBePaced) {
  const TestFolder folder;
  const auto trace = trace_of_one_buffer(folder.path(), 4096, 3, false);
  const auto problems =
      problems_of(plan_text("pace = 'paced'\nworkload = 'trace:" + trace + "'", kShort));
  EXPECT_NE(problems.find("no pace to keep"), std::string::npos) << problems;
}

// Two functions of one IOMMU group: what one maps the other accesses, in both directions.
std::string trace_of_a_group(const fs::path& folder) {
  std::string log;
  int micros = 0;
  const auto line = [&](const std::string& text) {
    log += fmt::format("7@1.{:06d}:virtio_iommu_{}\n", micros += 10, text);
  };
  for (const int endpoint : {8, 9}) line(fmt::format("attach domain=1 endpoint={}", endpoint));
  for (int i = 0; i < 40; ++i) {
    line("map domain=1 virt_start=0x1000 virt_end=0x1fff phys_start=0x5000 flags=3");
    for (const int endpoint : {9, 8, 9}) {
      line(fmt::format("translate mr=b rid={} addr=0x1000 flag=2", endpoint));
      line(fmt::format("translate_out 0x1000 -> 0x5000 for sid={}", endpoint));
    }
    line("unmap domain=1 virt_start=0x1000 virt_end=0x1fff");
  }
  return import_log(folder, log);
}

TEST(Replay, EndpointsOfOneGroupShareADomainAndAreWaitedFor) {
  const TestFolder folder;
  const auto trace = trace_of_a_group(folder.path());
  const auto opened = datasets::open_trace(trace);
  ASSERT_TRUE(opened) << opened.error().message;
  ASSERT_EQ(opened->endpoints().size(), 2u);
  EXPECT_EQ(replay_groups(*opened), (std::vector<std::uint16_t>{0, 0}));
  const auto plan = plan_of(plan_text(
      "strategy = '*'\nplacement = ['sidecore', 'samecore']\nworkload = 'trace:" + trace + "'",
      "repetitions = 1\noperations = 200\nwarmup_operations = 1"));
  for (const auto& cell : plan.cells) {
    const auto record = run_cell(plan, cell);
    expect_sound(record, cell.label);
    EXPECT_GT(value_of(record, "operations_per_s"), 0) << cell.label;
  }
}

TEST(Replay, EndpointsThatShareNothingHaveADomainEach) {
  const auto trace =
      datasets::open_by_name((kRoot / "datasets").string(), "blk-randread-strict").value();
  const auto groups = replay_groups(trace);
  for (std::size_t i = 0; i < groups.size(); ++i) EXPECT_EQ(groups[i], i);
}

// Half an hour at this pace, and a minute's pause: what ends them is the duration.
TEST(Replay, APacedReplayEndsAtItsDuration) {
  const TestFolder folder;
  const auto gap = folder.path() / "gap.log";
  std::ofstream(gap)
      << "7@1.000000:virtio_iommu_attach domain=1 endpoint=8\n"
         "7@1.000010:virtio_iommu_map domain=1 virt_start=0x1000 virt_end=0x1fff "
         "phys_start=0x5000 flags=3\n"
         "7@1.000020:virtio_iommu_unmap domain=1 virt_start=0x1000 virt_end=0x1fff\n"
         "7@4000.000000:virtio_iommu_map domain=1 virt_start=0x1000 virt_end=0x1fff "
         "phys_start=0x5000 flags=3\n"
         "7@4000.000010:virtio_iommu_unmap domain=1 virt_start=0x1000 virt_end=0x1fff\n";
  const auto report = datasets::import_trace(gap.string(), folder.path().string());
  ASSERT_TRUE(report) << report.error().message;
  const char* kBrief = "repetitions = 1\nwarmup_s = 0.01\nduration_s = 0.1";
  const auto paused =
      plan_of(plan_text("pace = 'paced'\nworkload = 'trace:" + report->trace + "'", kBrief));
  EXPECT_EQ(value_of(run_cell(paused, paused.cells.front()), "operations_per_s"), 0);
  const auto slow = plan_of(plan_text(
      "pace = 'paced'\npace_scale = 0.001\nworkload = 'trace:blk-randread-strict'", kBrief));
  run_cell(slow, slow.cells.front());
}

// A second a kick, a wake-up, a miss: set-up alone would take minutes. A step of mapbench has two kicks, one of net-rx has
// one, and ends within the second that it is given.
TEST(Costs, HoweverLargeTheyAreTheRunEndsWithItsDuration) {
  for (const char* what :
       {"workload = 'mapbench'\nplacement = 'samecore'\n[costs]\nexit_ns = 1000000000",
        "workload = 'mapbench'\nplacement = 'kick-thread'\n[costs]\nwake_ns = 1000000000",
        "placement = 'sidecore'\n[costs]\niotlb_miss_ns = 1000000000"}) {
    const auto plan = plan_of(plan_text(what, "repetitions = 1\nwarmup_s = 0\nduration_s = 0.1"));
    const auto record = run_cell(plan, plan.cells.front());
    const bool told =
        std::any_of(record.warnings.begin(), record.warnings.end(), [](const std::string& text) {
          return text.find("costs were not injected beyond that") != std::string::npos;
        });
    EXPECT_TRUE(told) << what;
  }
}

// What is spun is counted where it is spun, and by its kind: at least what the counted events owe, at most all of
// the time.
TEST(Costs, WhatIsSpunIsMeasuredByItsKind) {
  struct Expected {
    const char* axes;
    const char* kind;
    double owed_ns;  // Of each operation, at least.
  };
  const Expected cases[] = {
      {"placement = 'samecore'\n[costs]\nexit_ns = 3000", "exit", 3000},
      {"placement = 'kick-thread'\n[costs]\nexit_ns = 3000", "exit", 3000},
      {"placement = 'samecore'\n[costs]\nexit_ns = 0\nentry_ns = 3000", "entry", 3000},
      {"placement = 'samecore'\n[costs]\nexit_ns = 0\nexit_pollution_kib = 64", "pollution", 1},
      {"placement = 'kick-thread'\n[costs]\nexit_ns = 0\nwake_ns = 3000", "wake", 1},
      {"placement = 'sidecore'\n[costs]\nhost_map_ns = 3000", "host_map", 3000},
      {"placement = 'sidecore'\n[costs]\nhost_unmap_ns = 3000", "host_unmap", 3000},
      {"placement = 'sidecore'\n[costs]\niotlb_miss_ns = 3000", "iotlb_miss", 1},
      {"placement = 'sidecore'\n[costs]\npacket_ns = 3000", "stack", 3000},
  };
  for (const Expected& one : cases) {
    SCOPED_TRACE(one.axes);
    const auto plan =
        plan_of(plan_text(std::string("strategy = 'strict'\n") + one.axes,
                          "repetitions = 1\nwarmup_operations = 50\noperations = 500"));
    const auto record = run_cell(plan, plan.cells.front());
    expect_sound(record, one.axes);
    const double share = value_of(record, std::string("injected_") + one.kind + "_share") / 100;
    const double spun_ns = share * record.duration_s * 1e9;
    EXPECT_GE(spun_ns, 0.8 * 500 * one.owed_ns) << "a batch may begin before and end behind";
    EXPECT_DOUBLE_EQ(100 * share, value_of(record, "injected_share")) << "nothing else was spun";
  }
}

TEST(Costs, ASidecoreThatIsGivenNoneSpinsNothing) {
  const auto plan = plan_of(plan_text("strategy = 'strict'\nplacement = 'sidecore'", kShort));
  const auto record = run_cell(plan, plan.cells.front());
  EXPECT_EQ(value_of(record, "injected_share"), 0);
  EXPECT_EQ(value_of(record, "injected_exit_share"), 0) << "exits of 1500 ns act where kicks are";
}

TEST(Cores, ARateForEachCpuIsTheRateOverTheCpusThatLcoresHave) {
  for (const char* placement : {"samecore", "sidecore"}) {
    const auto plan = plan_of(plan_text(std::string("placement = '") + placement + "'", kShort));
    const auto record = run_cell(plan, plan.cells.front());
    const auto cores = choose_cores(plan.cores, allowed_cpus()).value();
    std::set<unsigned> cpus = {cores.guest};
    if (plan.cells.front().placement == "sidecore") cpus.insert(cores.engine);
    if (cores.endpoint) cpus.insert(*cores.endpoint);
    EXPECT_EQ(value_of(record, "cpus_used"), static_cast<double>(cpus.size())) << placement;
    EXPECT_DOUBLE_EQ(value_of(record, "operations_per_s_per_cpu"),
                     value_of(record, "operations_per_s") / static_cast<double>(cpus.size()));
  }
}

// A batch of the driver that is larger than the ring: the NIC is given what there is.
TEST(NetRx, ARingSmallerThanItsBatchIsUsed) {
  const auto plan = plan_of(plan_text("workload = 'net-rx'", "repetitions = 1\noperations = 500") +
                            "[workload.net-rx]\nring = 32\nbatch = 64\n");
  expect_sound(run_cell(plan, plan.cells.front()), "net-rx");
}

// NOMEM for a MAP reaches the guest as a fault of its device, and opens no window.
TEST(Limits, RefusedMapsAreWrongDataAndNoExposure) {
  const auto plan =
      plan_of(plan_text("strategy = 'lazy-percpu'", "repetitions = 1\noperations = 100") +
              "[limits]\nmappings = 1\n");
  const auto record = run_cell(plan, plan.cells.front());
  EXPECT_GT(value_of(record, "data_errors"), 0);
  EXPECT_GT(value_of(record, "refused_maps"), 0);
  EXPECT_EQ(value_of(record, "censored_unmaps"), 0);
  EXPECT_EQ(value_of(record, "peak_stale_pages"), 0);
}

TEST(Rings, EveryQueueFormatCarriesAWorkload) {
  const auto plan =
      plan_of(plan_text("strategy = ['strict', 'lazy-percpu']\nqueue = ['split', "
                        "'packed']\nindirect = [false, true]\n"
                        "event_idx = [false, true]\nplacement = ['sidecore', 'kick-thread']",
                        "repetitions = 1\noperations = 200"));
  for (const auto& cell : plan.cells) expect_sound(run_cell(plan, cell), cell.label);
}

TEST(Replay, PacedReplayKeepsTheTracesTimesAndRecordsItsLag) {
  const auto plan =
      plan_of(plan_text("workload = 'trace:net-rx-strict'\npace = 'paced'\npace_scale = 50",
                        "repetitions = 1\noperations = 500"));
  const auto record = run_cell(plan, plan.cells.front());
  std::map<std::string, std::uint64_t> counts;
  for (const auto& histogram : record.histograms) {
    counts[histogram.name] = histogram.histogram.total();
  }
  EXPECT_GT(counts["lag"], 0u);
  // One call may have begun before and ended while it was measured.
  EXPECT_NEAR(static_cast<double>(counts["lag"]),
              static_cast<double>(counts["map_response"] + counts["unmap_response"]), 1);
  EXPECT_EQ(counts["unmap_response"], counts["unmap"]);
  EXPECT_EQ(counts.count("map_corrected"), 0u) << "an open loop omits nothing";
  EXPECT_GT(value_of(record, "replay_speed"), 0);
  EXPECT_EQ(metric_of(record, "steady").because, "a paced trace has the rate of its own times");
}

// It has no schedule of its own: what it omitted is added for the rate that it reached.
TEST(Loops, AClosedOneHasCorrectedLatenciesBesideThePlainOnes) {
  const auto plan =
      plan_of(plan_text("workload = 'net-rx'", "repetitions = 1\noperations = 20000"));
  const auto record = run_cell(plan, plan.cells.front());
  std::map<std::string, const results::StoredHistogram*> all;
  for (const auto& histogram : record.histograms) all[histogram.name] = &histogram.histogram;
  for (const std::string call : {"map", "unmap"}) {
    ASSERT_EQ(all.count(call + "_corrected"), 1u);
    EXPECT_GE(all[call + "_corrected"]->total(), all[call]->total());
    EXPECT_GE(all[call + "_corrected"]->mean(), all[call]->mean());
    EXPECT_NEAR(value_of(record, call + "_interval"),
                record.duration_s * 1e9 / static_cast<double>(all[call]->total()), 1);
  }
  EXPECT_EQ(all.count("lag"), 0u);
  EXPECT_GE(value_of(record, "warm_up"), 0.2e9);  // The plan's default.
}

TEST(Loops, AHandfulOfCallsHasNoSteadyRate) {
  const auto plan = plan_of(plan_text("workload = 'mapbench'", "repetitions = 1\noperations = 99"));
  const auto record = run_cell(plan, plan.cells.front());
  for (const auto& histogram : record.histograms) EXPECT_NE(histogram.name, "map_corrected");
  const auto interval = std::find_if(record.metrics.begin(), record.metrics.end(),
                                     [](const auto& one) { return one.name == "map_interval"; });
  ASSERT_NE(interval, record.metrics.end());
  EXPECT_FALSE(interval->value);
  EXPECT_EQ(interval->because, "fewer than 100 calls have no steady rate");
}

// No strategy keeps up with a thousand times the guest's speed: the backlog must grow from lap to lap.
TEST(Replay, ABacklogIsCarriedIntoTheNextLap) {
  const auto plan =
      plan_of(plan_text("workload = 'trace:net-rx-strict'\npace = 'paced'\npace_scale = 1000",
                        "repetitions = 1\nwarmup_operations = 0\nduration_s = 0.5"));
  const auto record = run_cell(plan, plan.cells.front());
  for (const auto& histogram : record.histograms) {
    if (histogram.name != "lag") continue;
    EXPECT_GT(static_cast<double>(histogram.histogram.max()), 0.6e9 * record.duration_s);
  }
  EXPECT_EQ(value_of(record, "overloaded"), 1);
  EXPECT_LT(value_of(record, "offered_rate_reached"), 99);
}

// --- What a repetition leaves for viewers ---

struct Traced {
  results::RepetitionRecord record;
  std::vector<std::pair<std::uint16_t, Event>> events;  // With their lcore, in the file's order.
  std::uint64_t dropped = 0, not_kept = 0;
  std::uint64_t translations = 0;
  std::uint64_t bytes = 0;  // Of the file.

  std::size_t count(EventKind kind) const {
    return static_cast<std::size_t>(std::count_if(
        events.begin(), events.end(), [&](const auto& e) { return e.second.kind == kind; }));
  }
};

Traced trace_cell(const std::string& axes, std::uint64_t max_trace_bytes) {
  const auto plan = plan_of(plan_text(axes, "repetitions = 1\nwarmup_s = 0\nduration_s = 0.2"));
  const auto cores = choose_cores(plan.cores, allowed_cpus()).value();
  const TestFolder folder;
  const auto path = folder.path() / "trace.events";
  auto writer = EventTraceWriter::open(path, {ns_per_tick(), now_ticks(), 0});
  auto testbed = Testbed::create({.eal = eal(cores),
                                  .cores = cores,
                                  .cell = plan.cells.front(),
                                  .limits = plan.limits,
                                  .dataset_dir = (kRoot / "datasets").string(),
                                  .seed = 1});
  EXPECT_TRUE(testbed);
  Traced traced;
  auto record = run_repetition(
      **testbed, {.run = plan.run,
                  .recorder = {.max_trace_bytes = max_trace_bytes, .cell = 5, .repetition = 2},
                  .trace = &*writer});
  EXPECT_TRUE(record) << (record ? "" : record.error().message);
  if (record) traced.record = *record;
  const auto stats = (*testbed)->iotlb_stats();
  traced.translations = stats.hits + stats.misses;
  const auto trace = EventTrace::open(path);
  EXPECT_TRUE(trace) << (trace ? "" : trace.error().message);
  for (std::size_t i = 0; i < trace->blocks().size(); ++i) {
    const auto read = trace->read(i);
    EXPECT_TRUE(read) << (read ? "" : read.error().message);
    for (const Event& event : *read) {
      traced.events.emplace_back(trace->blocks()[i].lcore, event);
    }
  }
  traced.bytes = fs::file_size(path);
  traced.dropped = trace->dropped();
  traced.not_kept = trace->not_kept();
  return traced;
}

void expect_marks(const Traced& traced) {
  std::vector<Event> marks;
  for (const auto& [lcore, event] : traced.events) {
    if (event.kind == EventKind::kMark) marks.push_back(event);
  }
  ASSERT_EQ(marks.size(), 4u);
  for (std::size_t i = 0; i < marks.size(); ++i) {
    EXPECT_EQ(marks[i].status, i);  // Phase.
    EXPECT_EQ(marks[i].id, 5u);
    EXPECT_EQ(marks[i].a, 2u);
    EXPECT_GE(marks[i].at, marks[i == 0 ? 0 : i - 1].at);
  }
  const double measured_s = static_cast<double>(marks[2].at - marks[1].at) * ns_per_tick() * 1e-9;
  EXPECT_DOUBLE_EQ(measured_s, traced.record.duration_s);
}

// The counters at the very time at which the measurement ended are a sample.
bool samples_at_the_end(const Traced& traced) {
  Ticks end = 0;
  for (const auto& [lcore, event] : traced.events) {
    if (event.kind == EventKind::kMark && event.status == std::uint8_t(Phase::kTakeDown))
      end = event.at;
  }
  return std::any_of(traced.events.begin(), traced.events.end(), [end](const auto& one) {
    return one.second.kind == EventKind::kSample && one.second.at == end &&
           one.second.id == std::uint32_t(Gauge::kOperations);
  });
}

void expect_samples(const Traced& traced) {
  std::map<std::uint32_t, std::vector<Event>> samples;
  for (const auto& [lcore, event] : traced.events) {
    if (event.kind != EventKind::kSample) continue;
    EXPECT_EQ(lcore, kRecorderLcore);
    samples[event.id].push_back(event);
  }
  ASSERT_EQ(samples.size(), kGauges);
  for (const auto& [gauge, values] : samples) {
    EXPECT_GE(values.size(), 2u);
    for (std::size_t i = 1; i < values.size(); ++i) {
      EXPECT_GE(values[i].at, values[i - 1].at);
      if (gauge == static_cast<std::uint32_t>(Gauge::kQueueDepth)) continue;
      EXPECT_GE(values[i].a, values[i - 1].a) << "a total shrank: gauge " << gauge;
    }
  }
  const auto& operations = samples[static_cast<std::uint32_t>(Gauge::kOperations)];
  EXPECT_GT(operations.back().a, 0u);
}

TEST(Trace, HasMarksSamplesEndpointsAndDurations) {
  const auto traced = trace_cell("strategy = 'strict'\nworkload = 'net-rx'", 32 << 20);
  expect_marks(traced);
  expect_samples(traced);
  EXPECT_EQ(traced.count(EventKind::kEndpoint), 1u);
  std::size_t timed = 0, translated = 0;
  for (const auto& [lcore, event] : traced.events) {
    if (event.kind == EventKind::kDmaUnmap) timed += event.took != 0;
    if (event.kind == EventKind::kTranslate) {
      ++translated;
      EXPECT_LE(event.status, 1);  // No fault in a sound run.
      EXPECT_NE(event.took, 0);
    }
  }
  EXPECT_GT(timed, 0u);
  if (traced.not_kept + traced.dropped == 0) {
    // The probes of the rogue endpoint look up as well and are not sampled.
    EXPECT_GT(translated, 0u);
    EXPECT_LE(translated, traced.translations / kTranslateSampling);
  }
}

// Not always: the recorder may have looked between the end and its mark.
TEST(Trace, RatesEndWhereTheMeasurementDoes) {
  bool found = false;
  for (int attempt = 0; attempt < 4 && !found; ++attempt) {
    found = samples_at_the_end(
        trace_cell("strategy = 'strict'\nworkload = 'net-rx'", kLeastTraceShare));
  }
  EXPECT_TRUE(found);
}

TEST(Trace, TheLimitLeavesOutLcoresEventsAndSaysHowMany) {
  const auto traced = trace_cell("strategy = 'strict'\nworkload = 'net-rx'", kLeastTraceShare);
  expect_marks(traced);
  expect_samples(traced);
  EXPECT_GT(traced.not_kept, 0u);
  EXPECT_LE(traced.bytes, EventTraceWriter::kHeaderBytes + kLeastTraceShare);
  EXPECT_GT(traced.bytes, kLeastTraceShare / 2);
  // The ledger is not concerned: it works from what is in memory.
  if (traced.dropped == 0) {
    EXPECT_EQ(value_of(traced.record, "mean_stale_pages"), 0);
  }
}

}  // namespace
}  // namespace violet
