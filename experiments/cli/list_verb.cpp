#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "engine/base/check.hpp"
#include "experiments/cli/plan_loading.hpp"
#include "experiments/cli/verbs.hpp"
#include "experiments/hdr/percentile_support.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/samples.hpp"
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
  return fmt::format("{} = {}{}", setting.name, violet::to_text(setting.initial), range);
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

Result<Table> plan_table(const Places& places) {
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

Result<Table> metric_table(const Places& /*places*/) {
  constexpr const char* kBetter[] = {"lower", "higher", ""};  // By Better.
  Table table;
  table.title = "metrics";
  table.columns = {{.name = "name", .is_key = true},
                   {.name = "unit"},
                   {.name = "better"},
                   {.name = "what it is", .audience = results::Audience::kPeople},
                   {.name = "what it is", .audience = results::Audience::kPrograms},
                   {.name = "in older runs", .audience = results::Audience::kPrograms}};
  const auto add = [&](const results::MetricInfo& metric, const std::string& name,
                       const std::string& meaning) {
    const std::string former = fmt::format("{}", fmt::join(metric.former_names(), ", "));
    table.rows.push_back({Text{name}, Text{std::string(metric.unit)},
                          Text{kBetter[static_cast<std::size_t>(metric.better)]},
                          Text{meaning + (former.empty() ? "" : "; in older runs " + former)},
                          Text{meaning}, Text{former}});
  };
  for (const auto& metric : results::metric_catalogue()) {
    const std::string name(metric.name), meaning(metric.meaning);
    if (!metric.is_distribution) {
      add(metric, name, meaning);
      continue;
    }
    static constexpr results::MetricInfo kCount{"count", "1", results::Better::kNeither, ""};
    add(kCount, results::count_name(name), meaning + ": how many there were");
    add(metric, results::mean_name(name), "the same, mean");
    add(metric, results::percentile_name(name, 50), "the same, median");
    for (const double percent : results::kPercentiles) {
      if (percent == 50) continue;
      add(metric, results::percentile_name(name, percent),
          fmt::format("the same, {}th percentile; of fewer than {} it is n/a", percent,
                      operations_for(percent)));
    }
  }
  table.notes.push_back("they are of the measured time where they name no other");
  return table;
}

Result<Table> strategy_table(const Places& places) {
  VIOLET_TRY(const auto words, make_vocabulary(places.datasets));
  return choice_table("strategies", words.strategies);
}

Result<Table> workload_table(const Places& places) {
  VIOLET_TRY(const auto words, make_vocabulary(places.datasets));
  auto choices = words.workloads;
  for (const auto& dataset : words.datasets) {
    choices.push_back({"trace:" + dataset.name, dataset.summary, {}});
  }
  return choice_table("workloads", choices);
}

Result<Table> iotlb_table(const Places& places) {
  VIOLET_TRY(const auto words, make_vocabulary(places.datasets));
  return choice_table("IOTLB designs", words.iotlbs);
}

Result<Table> dataset_table(const Places& places) {
  VIOLET_TRY(const auto words, make_vocabulary(places.datasets));
  return choice_table("datasets", words.datasets);
}

Result<Table> cost_table(const Places& places) {
  VIOLET_TRY(const auto words, make_vocabulary(places.datasets));
  Table table;
  table.title = "injected costs";
  table.columns = {{.name = "key", .is_key = true}, {.name = "default"}, {.name = "what it is"}};
  for (const Setting& setting : plans::plan_keys(words)) {
    if (!setting.name.starts_with("costs.")) continue;
    table.rows.push_back(
        {Text{setting.name}, Text{violet::to_text(setting.initial)}, Text{setting.help}});
  }
  table.notes.push_back("_ns: nanoseconds. What they really took is in every run: injected_share");
  return table;
}

struct List {
  const char* name;
  Result<Table> (*table)(const Places& places);
};
constexpr List kLists[] = {{"strategies", strategy_table}, {"workloads", workload_table},
                           {"iotlbs", iotlb_table},        {"metrics", metric_table},
                           {"plans", plan_table},          {"datasets", dataset_table},
                           {"costs", cost_table}};

}  // namespace

const std::vector<std::string>& list_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const List& list : kLists) all.emplace_back(list.name);
    return all;
  }();
  return names;
}

int list_verb(const Places& places, const std::string& what, results::Format format) {
  const auto* list = std::find_if(std::begin(kLists), std::end(kLists),
                                  [&](const List& one) { return what == one.name; });
  VIOLET_CHECK(list != std::end(kLists));
  const auto table = list->table(places);
  if (!table) return complain(table.error());
  return print(results::render(*table, format, results::style_for(1)));
}

}  // namespace violet::cli
