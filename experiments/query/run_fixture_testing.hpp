// A run fixture is a small run directory, written as a run writes it, for tests.
//
// Threading: tests only.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/test_folder_testing.hpp"
#include "experiments/results/run_directory.hpp"

namespace violet::query {

struct FixtureCell {
  std::string strategy, workload = "net-rx", placement = "sidecore";
  double operations_per_s = 1000;
  double stale = 0;  // Below zero: not measured.
  bool persistent = false;
  double copied = 0;
  std::optional<double> injected = {};  // Per cent; nothing: as a run of an older program.
  std::string id() const { return fmt::format("{}.{}.{}", strategy, workload, placement); }
};

inline results::RepetitionRecord fixture_record(const FixtureCell& cell, std::uint32_t repetition) {
  using results::Better;
  results::RepetitionRecord record;
  record.cell = cell.id();
  record.repetition = repetition;
  record.duration_s = 1;
  const double wobble = 1 + 0.002 * repetition;
  record.metrics = {
      {"operations_per_s", "op/s", cell.operations_per_s * wobble, {}, Better::kHigher},
      {"persistent_unmaps", "1", cell.persistent ? 10.0 : 0.0, {}, Better::kNeither},
      {"bytes_copied_per_operation", "B", cell.copied, {}, Better::kNeither}};
  if (cell.stale >= 0) {
    record.metrics.push_back(
        {"mean_stale_pages", "pages", cell.stale * wobble, {}, Better::kLower});
  } else {
    record.metrics.push_back(
        {"mean_stale_pages", "pages", {}, "12 events were lost", Better::kLower});
  }
  if (cell.injected) {
    record.metrics.push_back({"injected_share", "%", cell.injected, {}, Better::kNeither});
  }
  results::HdrHistogram unmap;
  for (std::uint64_t i = 0; i < 100; ++i) unmap.record(1000 + i + repetition);
  record.histograms.push_back({"unmap", "ns", unmap, Better::kLower});
  return record;
}

inline results::RunSetup fixture_setup(const std::filesystem::path& root,
                                       const std::vector<FixtureCell>& cells) {
  results::RunSetup setup;
  setup.root = root;
  setup.plan_text = "[plan]\nname = \"t\"\n";
  setup.resolved_json = "{}\n";
  for (const FixtureCell& cell : cells) {
    setup.cells.push_back({cell.id(),
                           fmt::format("strategy={} placement={}", cell.strategy, cell.placement),
                           {{"strategy", cell.strategy},
                            {"workload", cell.workload},
                            {"placement", cell.placement}}});
  }
  setup.manifest.plan_name = "t";
  setup.manifest.plan_hash = "0badcafe";
  setup.manifest.interleaved = true;
  return setup;
}

// The path of a finished run. Empty when it could not be written.
inline std::string write_fixture_run(const std::filesystem::path& root,
                                     const std::vector<FixtureCell>& cells,
                                     std::uint32_t repetitions = 6) {
  auto writer = results::RunWriter::create(fixture_setup(root, cells));
  if (!writer) return {};
  for (std::uint32_t i = 0; i < repetitions; ++i) {
    for (const FixtureCell& cell : cells) {
      if (!writer->begin_repetition(cell.id(), i)) return {};
      if (!writer->finish_repetition(fixture_record(cell, i))) return {};
    }
  }
  const std::string path = writer->directory().string();
  return writer->close("finished") ? path : std::string();
}

// The cells that the plane's tests and pictures need: every place is taken.
inline std::vector<FixtureCell> every_place() {
  return {{"off", "net-rx", "sidecore", 10000, 0, true, 0},
          {"strict", "net-rx", "sidecore", 4000, 0},
          {"strict", "net-rx", "samecore", 2000, 0},
          {"lazy-percpu", "net-rx", "sidecore", 8000, 0.4},
          {"lazy-percpu", "net-rx", "samecore", 6000, 120},
          {"lazy-single", "net-rx", "sidecore", 7000, 2000},
          {"bounce-dynamic", "net-rx", "sidecore", 5000, 0, true, 1500},
          {"direct", "net-rx", "sidecore", 9000, 0, true, 0},
          {"strict", "nvme-4k", "sidecore", 3000, -1}};
}

}  // namespace violet::query
