#include "experiments/cli/dry_run.hpp"

#include <fmt/core.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/base/counted.hpp"
#include "experiments/results/progress.hpp"
#include "experiments/results/table.hpp"

namespace violet::cli {
namespace {

using Json = nlohmann::ordered_json;

Json document(Json problems) {
  return {
      {"schema", "violet.dry_run"}, {"version", kDryRunSchema}, {"problems", std::move(problems)}};
}

// Texts of a plan file need not be UTF-8.
std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<unsigned> number_in(std::string_view text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "file:line:column", where the file's name may hold colons.
void add_place(Json& json, std::string_view where) {
  json["line"] = nullptr;
  json["column"] = nullptr;
  const std::size_t column = where.rfind(':');
  if (column == std::string_view::npos || column == 0) return;
  const std::size_t line = where.rfind(':', column - 1);
  if (line == std::string_view::npos) return;
  const auto line_number = number_in(where.substr(line + 1, column - line - 1));
  const auto column_number = number_in(where.substr(column + 1));
  if (!line_number || !column_number) return;
  json["line"] = *line_number;
  json["column"] = *column_number;
}

Json settings_json(const plans::Cell& cell) {
  Json json = Json::object();
  for (const auto& [key, value] : cell.settings) {
    json[key] = std::visit([](const auto& inner) { return Json(inner); }, value);
  }
  return json;
}

}  // namespace

std::string dry_run_text(const plans::Plan& plan, const Estimates& estimates) {
  results::Table table;
  table.title =
      fmt::format("plan {} ({}): {}, {} each", plan.name, plan.hash(),
                  counted(plan.cells.size(), "cell"), counted(plan.run.repetitions, "repetition"));
  table.columns = {{.name = "cell", .is_key = true}, {.name = "settings"}};
  for (const auto& cell : plan.cells) {
    table.rows.push_back({results::Text{cell.id}, results::Text{cell.label}});
  }
  table.notes.push_back(
      fmt::format("would take about {}", results::duration_text(estimates.planned_s)));
  if (plan.run.until_ci_percent) {
    table.notes.push_back(
        fmt::format("and up to {} where no interval of a median of operations_per_s is at most {} "
                    "% of it wide: "
                    "cells are then repeated up to {} times (run.most_repetitions)",
                    results::duration_text(estimates.most_s), *plan.run.until_ci_percent,
                    plan.run.most_repetitions));
  }
  table.notes.push_back(
      plan.run.trace_mib == 0
          ? "no trace would be kept"
          : fmt::format("its trace would take at most {} MiB on disk (run.trace_mib)",
                        plan.run.trace_mib));
  const results::TextStyle style = results::style_for(1);
  std::string text = results::render_text(table, style);
  if (plan.expectations.empty()) return text;
  results::Table expected;
  expected.title = fmt::format("{} on it", counted(plan.expectations.size(), "expectation"));
  expected.columns = {
      {.name = "claim"}, {.name = "class"}, {.name = "expected"}, {.name = "source"}};
  for (const auto& one : plan.expectations) {
    expected.rows.push_back(
        {results::Text{one.claim}, results::Text{std::string(to_text(one.importance))},
         results::Text{results::expected_text(one)}, results::Text{one.source}});
  }
  return text + "\n" + results::render_text(expected, style);
}

std::string dry_run_json(const plans::Plan& plan, const Estimates& estimates) {
  Json json = document(Json::array());
  json["plan"] = {{"name", plan.name}, {"description", plan.description}, {"hash", plan.hash()}};
  json["repetitions"] = plan.run.repetitions;
  json["estimated_s"] = estimates.planned_s;
  if (plan.run.until_ci_percent) {
    json["until_ci"] = {{"percent", *plan.run.until_ci_percent},
                        {"most_repetitions", plan.run.most_repetitions},
                        {"most_estimated_s", estimates.most_s}};
  }
  json["trace_mib"] = plan.run.trace_mib;
  json["varying"] = plan.varying;
  json["cells"] = Json::array();
  for (const auto& cell : plan.cells) {
    json["cells"].push_back(
        {{"id", cell.id}, {"label", cell.label}, {"settings", settings_json(cell)}});
  }
  json["expectations"] = Json::array();
  for (const auto& one : plan.expectations) {
    json["expectations"].push_back(results::to_json(one));
    json["expectations"].back()["expected"] = results::expected_text(one);
  }
  json["notes"] = plan.notes;
  return dump(json);
}

std::string problems_json(const plans::Problems& problems) {
  Json list = Json::array();
  for (const auto& problem : problems) {
    Json json = {{"where", problem.where}};
    add_place(json, problem.where);
    json["message"] = problem.message;
    list.push_back(std::move(json));
  }
  return dump(document(std::move(list)));
}

}  // namespace violet::cli
