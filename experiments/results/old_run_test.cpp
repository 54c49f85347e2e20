// A run that an older program left (revision d2e6057, `violet run smoke`, its trace taken away): it must stay readable,
// with the names that its metrics had.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "engine/base/files.hpp"
#include "engine/base/test_folder_testing.hpp"
#include "experiments/hdr/percentile_support.hpp"
#include "experiments/results/compare.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/report.hpp"
#include "experiments/results/run_directory.hpp"
#include "experiments/results/samples.hpp"

namespace violet::results {
namespace {

namespace fs = std::filesystem;

const fs::path kOldRun = fs::path(__FILE__).parent_path() / "old_runs" / "smoke";

RunData old_run() {
  auto run = read_run(kOldRun);
  EXPECT_TRUE(run) << (run ? "" : run.error().message);
  return run ? std::move(*run) : RunData();
}

// The same figures as a program of today writes them.
Result<RunData> fresh_run(const RunData& old, const fs::path& root) {
  RunSetup setup{.root = root, .plan_text = "", .resolved_json = "{}", .cells = {}, .manifest = {}};
  setup.manifest = host_manifest();
  setup.manifest.plan_name = old.manifest.plan_name;
  setup.manifest.plan_hash = old.manifest.plan_hash;
  for (const CellData& data : old.cells) setup.cells.push_back(data.cell);
  VIOLET_TRY(auto writer, RunWriter::create(std::move(setup)));
  for (const CellData& data : old.cells) {
    for (RepetitionRecord record : data.repetitions) {
      VIOLET_TRY(writer.begin_repetition(record.cell, record.repetition));
      for (Metric& metric : record.metrics) {
        metric.name = std::string(current_metric_name(metric.name));
      }
      VIOLET_TRY(writer.finish_repetition(record));
    }
  }
  VIOLET_TRY(writer.close("finished"));
  return read_run(writer.directory());
}

TEST(OldRun, IsReadWithTheNamesThatItHas) {
  const RunData run = old_run();
  ASSERT_EQ(run.cells.size(), 2u);
  for (const CellData& cell : run.cells) {
    ASSERT_EQ(cell.repetitions.size(), 2u);
    std::set<std::string> stored;
    for (const Samples& samples : samples_of(cell)) stored.insert(samples.name);
    for (const MetricInfo& metric : metric_catalogue()) {
      if (metric.is_distribution) continue;  // Newer than the run.
      for (const auto name : metric.former_names()) {
        const std::string former(name), today(metric.name);
        EXPECT_EQ(stored.count(former), 1u) << former;
        EXPECT_EQ(stored.count(today), 0u) << today;
        EXPECT_EQ(samples_of(cell, today).values, samples_of(cell, former).values) << today;
      }
    }
  }
}

TEST(OldRun, EveryMetricOfItIsInTheCatalogue) {
  for (const CellData& cell : old_run().cells) {
    for (const Samples& samples : samples_of(cell)) {
      const MetricInfo* info = find_metric(samples.name);
      ASSERT_NE(info, nullptr) << samples.name;
      if (samples.name.ends_with(kCountSuffix))
        continue;  // Of calls, whatever their durations are in.
      EXPECT_EQ(info->better, samples.better) << samples.name;
      if (info->name != "operations_per_s") {
        EXPECT_EQ(info->unit, samples.unit) << samples.name;
      }
    }
  }
}

// Intervals were too narrow then and two repetitions have none now; everything else stays.
void drop_intervals(nlohmann::json& document) {
  for (auto& cell : document["cells"]) {
    for (auto& metric : cell["summary"]) metric.erase("interval");
  }
}

// Then the means and the counts of latencies were in the repetitions alone.
void drop_means(nlohmann::json& document) {
  for (auto& cell : document["cells"]) {
    for (const char* name : {"map.mean", "unmap.mean", "map.count", "unmap.count"}) {
      EXPECT_EQ(cell["summary"].erase(name), 1u) << name;
    }
  }
}

// Then percentiles were said of however few calls; now they are null, and the count of calls is beside them.
void drop_unsupported(const nlohmann::json& now, nlohmann::json& then) {
  std::size_t dropped = 0;
  for (std::size_t i = 0; i < now["cells"].size(); ++i) {
    const auto& cell = now["cells"][i];
    for (const auto& [name, entry] : cell["summary"].items()) {
      if (name.find(".p9") == std::string::npos || !entry["median"].is_null()) continue;
      then["cells"][i]["summary"][name] = entry;
      ++dropped;
    }
    for (std::size_t j = 0; j < cell["repetitions"].size(); ++j) {
      for (const auto& [name, histogram] : cell["repetitions"][j]["histograms"].items()) {
        for (const auto& [percent, value] : histogram["percentiles"].items()) {
          if (!value.is_null()) continue;
          EXPECT_LT(histogram["count"], operations_for(std::stod(percent)));
          then["cells"][i]["repetitions"][j]["histograms"][name]["percentiles"][percent] = nullptr;
        }
      }
    }
  }
  EXPECT_EQ(dropped, 12u) << "p99, p99.9 and p99.99 of 200 calls, in two cells";
}

// The columns of a table without quotes, but for the ends of intervals.
std::map<std::string, std::vector<std::string>> columns_without_intervals(const std::string& csv) {
  std::vector<std::string> names;
  std::map<std::string, std::vector<std::string>> columns;
  std::stringstream lines(csv);
  for (std::string line; std::getline(lines, line);) {
    std::stringstream fields(line.substr(0, line.find('\r')));
    std::size_t i = 0;
    for (std::string field; std::getline(fields, field, ','); ++i) {
      const bool is_head = columns.empty() && names.size() == i;
      if (is_head) names.push_back(field);
      if (!is_head && !names[i].ends_with(" low") && !names[i].ends_with(" high")) {
        columns[names[i]].push_back(field);
      }
    }
  }
  return columns;
}

TEST(OldRun, IsExportedAsTheProgramThatMadeItDid) {
  const RunData run = old_run();
  std::string json;
  ASSERT_TRUE(write_results_json(run, [&json](std::string_view piece) -> Status {
    json += piece;
    return {};
  }));
  EXPECT_FALSE(run.checked);
  EXPECT_THAT(report(run).notes, testing::Contains(testing::HasSubstr("are not protected")));
  auto now = nlohmann::json::parse(json);
  auto then = nlohmann::json::parse(read_whole_file(kOldRun / "results.json").value());
  drop_intervals(now);
  drop_means(now);
  drop_intervals(then);
  drop_unsupported(now, then);
  EXPECT_EQ(now.dump(1), then.dump(1));
  const std::string csv = render(run, report(run), Format::kCsv);
  const std::string old_csv = read_whole_file(kOldRun / "export.csv").value();
  auto columns = columns_without_intervals(csv);
  EXPECT_FALSE(columns.empty());
  for (const char* name : {"map.mean [ns]", "unmap.mean [ns]", "map.count", "unmap.count"}) {
    EXPECT_EQ(columns.erase(name), 1u) << name << ": tables had no means and counts then";
  }
  auto old_columns = columns_without_intervals(old_csv);
  for (const char* name : {"map.p99 [ns]", "unmap.p99 [ns]"}) {
    EXPECT_THAT(columns[name], testing::Each("")) << "of 200 calls";
    columns.erase(name);
    EXPECT_EQ(old_columns.erase(name), 1u);
  }
  EXPECT_EQ(columns, old_columns);
}

TEST(OldRun, ComparesWithAFreshOneByTodaysNames) {
  const TestFolder folder;
  const RunData old = old_run();
  auto fresh = fresh_run(old, folder.path());
  ASSERT_TRUE(fresh) << fresh.error().message;
  std::set<std::string> missing;
  for (const MetricInfo& metric : metric_catalogue()) {
    if (metric.is_distribution) continue;  // Newer than the run.
    if (!metric.former_names().empty() && metric.better != Better::kNeither) {
      missing.emplace(metric.name);
    }
  }
  ASSERT_FALSE(missing.empty());
  const RunData runs[] = {old, std::move(*fresh)};
  const auto comparison = compare(runs, {});
  ASSERT_TRUE(comparison) << comparison.error().message;
  EXPECT_EQ(comparison->gap(), "");
  for (const Difference& d : comparison->contrasts.front().differences) {
    missing.erase(d.metric);
    EXPECT_EQ(current_metric_name(d.metric), d.metric);
    EXPECT_EQ(d.baseline.samples, d.contender.samples) << d.metric;
    EXPECT_NE(d.verdict, Verdict::kWorse) << d.metric;
  }
  EXPECT_TRUE(missing.empty()) << *missing.begin();
}

}  // namespace
}  // namespace violet::results
