#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "experiments/cli/plan_loading.hpp"
#include "experiments/cli/verbs.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/table.hpp"
#include "experiments/runner/vocabulary.hpp"

namespace violet::cli {
namespace {

using results::Table;
using results::Text;

std::string setting_text(const Setting& setting) {
  std::string range;
  if (!setting.choices.empty()) {
    range = fmt::format(" ({})", fmt::join(setting.choices, ", "));
  } else if (!std::holds_alternative<bool>(setting.initial) &&
             !std::holds_alternative<std::string>(setting.initial)) {
    range = fmt::format(" ({} to {})", setting.least, setting.most);
  }
  return fmt::format("{} = {}{}", setting.name, to_text(setting.initial), range);
}

// A row a choice, then a row for each of its settings.
Table choice_table(const std::string& title, const std::vector<RegistryEntry>& choices) {
  Table table;
  table.title = title;
  table.columns = {{.name = "name", .is_key = true}, {.name = "parameter"}, {.name = "what it is"}};
  for (const auto& choice : choices) {
    table.rows.push_back({Text{choice.name}, Text{""}, Text{choice.summary}});
    for (const Setting& setting : choice.settings) {
      table.rows.push_back({Text{""}, Text{setting_text(setting)}, Text{setting.help}});
    }
  }
  return table;
}

Table plan_table(const Places& places) {
  namespace fs = std::filesystem;
  Table table;
  table.title = "plans";
  table.columns = {{.name = "name", .is_key = true}, {.name = "cells"}, {.name = "what it is"}};
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(places.plans, error)) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    const auto plan = load_named_plan(places, file.string(), {});
    table.rows.push_back(
        {Text{file.stem().string()}, Text{plan ? std::to_string(plan->cells.size()) : "-"},
         Text{plan ? plan->description : "cannot be run: " + plan.error().message}});
  }
  table.notes.push_back("./violet run NAME runs one; --dry-run shows its cells");
  return table;
}

Table metric_table() {
  constexpr const char* kBetter[] = {"lower", "higher", ""};  // By Better.
  Table table;
  table.title = "metrics";
  table.columns = {{.name = "name", .is_key = true},
                   {.name = "unit"},
                   {.name = "better"},
                   {.name = "what it is"},
                   {.name = "in older runs"}};
  for (const auto& metric : results::metric_catalogue()) {
    table.rows.push_back({Text{std::string(metric.name)}, Text{std::string(metric.unit)},
                          Text{kBetter[static_cast<std::size_t>(metric.better)]},
                          Text{std::string(metric.meaning)},
                          Text{fmt::format("{}", fmt::join(metric.former_names(), ", "))}});
  }
  table.notes.push_back("of latencies there are percentiles, as map.p50 and map.p99.9");
  return table;
}

Result<Table> list_table(const Places& places, const std::string& what) {
  if (what == "plans") return plan_table(places);
  if (what == "metrics") return metric_table();
  VIOLET_TRY(const auto words, make_vocabulary(places.datasets));
  if (what == "strategies") return choice_table("strategies", words.strategies);
  if (what == "workloads") {
    auto choices = words.workloads;
    for (const auto& dataset : words.datasets) {
      choices.push_back({"trace:" + dataset.name, dataset.summary, {}});
    }
    return choice_table("workloads", choices);
  }
  if (what == "iotlbs") return choice_table("IOTLB designs", words.iotlbs);
  if (what == "datasets") return choice_table("datasets", words.datasets);
  return fail(
      ErrorKind::kUsage,
      "'{}' cannot be listed: there are strategies, workloads, iotlbs, metrics, plans, datasets",
      what);
}

}  // namespace

int list_verb(const Places& places, const std::string& what, const std::string& format_name) {
  const auto format = results::format_from(format_name);
  if (!format) return complain(format.error());
  const auto table = list_table(places, what);
  if (!table) return complain(table.error());
  return print(results::render(*table, *format, results::style_for(1)));
}

}  // namespace violet::cli
