#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

#include "engine/base/foreign_json.hpp"
#include "experiments/plans/plan.hpp"
#include "experiments/plans/plan_reader.hpp"
#include "experiments/plans/resolve.hpp"
#include "experiments/results/expectation.hpp"

namespace violet::plans {
namespace {

using ResolvedJson = nlohmann::ordered_json;

// A plan that was resolved, read key by key and checked as a plan file is.
class ResolvedReader {
 public:
  ResolvedReader(std::string_view file, const Vocabulary& vocabulary, Problems& problems)
      : file_(file), vocabulary_(vocabulary), schema_(vocabulary), problems_(problems) {}

  Plan read(const ResolvedJson& json) {
    Plan plan;
    const Assignments whole = assignments_of_the_plan(json);
    if (!problems_.empty()) return plan;
    const PlanReader reader(schema_, whole);
    plan.name = reader.text("plan.name");
    plan.description = reader.text("plan.description");
    plan.run = read_run(reader);
    plan.cores = read_cores(reader);
    plan.limits = read_limits(reader);
    plan.overrides = texts_of(json, "overrides");
    plan.varying = texts_of(json, "varying");
    const ResolvedJson cells = member(json, "cells");
    if (!cells.is_array() || cells.empty()) add_problem(std::string(file_), "it has no cells");
    for (const ResolvedJson& cell : cells) add_cell(cell, whole, plan);
    add_expectations(member(json, "expectations"), plan);
    return plan;
  }

 private:
  void add_expectations(const ResolvedJson& json, Plan& into) {
    if (json.is_null()) return;
    auto read = results::expectations_from_json(nlohmann::json(json), file_);
    if (read) {
      into.expectations = std::move(*read);
    } else {
      add_problem(std::string(file_), read.error().message);
    }
  }

  static ResolvedJson member(const ResolvedJson& json, const char* key) {
    return json.is_object() && json.contains(key) ? json[key] : ResolvedJson();
  }
  static std::vector<std::string> texts_of(const ResolvedJson& json, const char* key) {
    std::vector<std::string> texts;
    for (const ResolvedJson& text : member(json, key)) {
      if (text.is_string()) texts.push_back(text.get<std::string>());
    }
    return texts;
  }

  // Of thousands of cells with one fault, one says it.
  void add_problem(const std::string& where, const std::string& message) {
    const bool known = std::any_of(problems_.begin(), problems_.end(),
                                   [&](const Problem& one) { return one.message == message; });
    if (!known) problems_.push_back({where, message});
  }

  void assign(const std::string& key, const ResolvedJson& value, const Where& where,
              Assignments& into) {
    Assignment assignment{key, false, {}, where, {where}};
    if (value.is_boolean()) assignment.values = {value.get<bool>()};
    if (value.is_string()) assignment.values = {value.get<std::string>()};
    if (value.is_number_float()) assignment.values = {value.get<double>()};
    const bool fits = value.is_number_integer() &&
                      (!value.is_number_unsigned() || value.get<std::uint64_t>() <= kMostWhole);
    if (fits) assignment.values = {value.get<std::int64_t>()};
    if (assignment.values.empty()) {
      add_problem(where,
                  fmt::format("key '{}': expected a value, found {}", key,
                              value.dump(-1, ' ', false, ResolvedJson::error_handler_t::replace)));
      return;
    }
    Problems found;
    const bool sound = schema_.check(assignment, found);
    if (sound && assignment.values.size() != 1) {
      add_problem(where, fmt::format("key '{}': expected one value, found a pattern", key));
    } else if (sound) {
      into.by_key.insert_or_assign(key, assignment);
    }
    for (const Problem& one : found) add_problem(one.where, one.message);
  }

  Assignments assignments_of_the_plan(const ResolvedJson& json) {
    Assignments whole;
    for (const char* key : {"name", "description"}) {
      assign(fmt::format("plan.{}", key), member(json, key), std::string(file_), whole);
    }
    for (const char* table : {"run", "cores", "limits"}) {
      const ResolvedJson settings = member(json, table);
      for (const auto& [key, value] : settings.items()) {
        if (value.is_null()) continue;  // The other one of a pair, or the runner's choice.
        assign(fmt::format("{}.{}", table, key), value, std::string(file_), whole);
      }
    }
    check_name(whole, file_, problems_);
    if (problems_.empty()) check_until_ci(PlanReader(schema_, whole), whole, problems_);
    return whole;
  }

  // The one cell of a matrix in which nothing varies.
  void add_cell(const ResolvedJson& json, const Assignments& whole, Plan& into) {
    const ResolvedJson id = member(json, "id"), label = member(json, "label");
    const Where where =
        fmt::format("{}: cell {}", file_, id.is_string() ? id.get<std::string>() : "without id");
    Assignments settings = whole;
    const std::size_t before = problems_.size();
    const ResolvedJson stored = member(json, "settings");
    for (const auto& [key, value] : stored.items()) {
      assign(schema_.full_path(key), value, where, settings);
    }
    if (problems_.size() != before) return;
    Plan one;
    one.limits = into.limits;
    Problems found;
    resolve_cells(schema_, vocabulary_, settings, one, found);
    for (const Problem& problem : found) add_problem(where, problem.message);
    if (one.cells.size() != 1 || !found.empty()) return;
    Cell& cell = one.cells.front();
    if (!ids_.insert(cell.id).second) {
      add_problem(where, "a cell with the same settings stands before it");
      return;
    }
    note_new_settings(stored, cell, into);
    if (label.is_string()) cell.label = label.get<std::string>();
    into.cells.push_back(std::move(cell));
  }

  static void note_new_settings(const ResolvedJson& stored, const Cell& cell, Plan& into) {
    for (const auto& [key, value] : cell.settings) {
      if (stored.contains(key)) continue;
      std::string note =
          fmt::format("the run was made before there was a setting '{}'; its default is used, {}",
                      key, to_text(value));
      if (std::find(into.notes.begin(), into.notes.end(), note) == into.notes.end()) {
        into.notes.push_back(std::move(note));
      }
    }
  }

  static constexpr auto kMostWhole =
      static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  std::string_view file_;
  const Vocabulary& vocabulary_;
  const Schema schema_;
  Problems& problems_;
  std::set<std::string> ids_;
};

}  // namespace

std::optional<Plan> parse_resolved(std::string_view text, std::string_view file,
                                   const Vocabulary& vocabulary, Problems& problems) {
  ResolvedJson json;
  if (const Status parsed = parse_json(text, file, json); !parsed) {
    problems.push_back({std::string(file), parsed.error().message});
    return std::nullopt;
  }
  if (!json.is_object() || !json.contains("schema") || json["schema"] != "violet.plan" ||
      !json.contains("version") || json["version"] != kResolvedPlanSchema) {
    problems.push_back(
        {std::string(file), fmt::format("not a resolved plan of version {}", kResolvedPlanSchema)});
    return std::nullopt;
  }
  Problems found;
  Plan plan = ResolvedReader(file, vocabulary, found).read(json);
  if (found.empty()) return plan;
  problems.insert(problems.end(), found.begin(), found.end());
  return std::nullopt;
}

}  // namespace violet::plans
