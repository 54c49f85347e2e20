#include "experiments/plans/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "engine/base/check.hpp"
#include "engine/base/counted.hpp"
#include "experiments/plans/expect.hpp"
#include "experiments/plans/plan_reader.hpp"
#include "experiments/plans/resolve.hpp"
#include "experiments/plans/schema.hpp"

namespace violet::plans {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const SettingValue& value) {
  return std::visit([](const auto& inner) { return Json(inner); }, value);
}

void check_either(const Assignments& assignments, const char* a, const char* b,
                  Problems& problems) {
  const auto first = assignments.by_key.find(a);
  const auto second = assignments.by_key.find(b);
  if (first == assignments.by_key.end() || second == assignments.by_key.end()) return;
  problems.push_back(
      {second->second.where, fmt::format("key '{}': expected either this or '{}' ({}), found both",
                                         b, a, first->second.where)});
}

// Their rate is the trace's, and its interval narrow, however much else varies.
void note_paced_cells(Plan& plan) {
  if (!plan.run.until_ci_percent) return;
  const auto paced = std::count_if(plan.cells.begin(), plan.cells.end(),
                                   [](const Cell& cell) { return cell.pace == Pace::kPaced; });
  if (paced == 0) return;
  plan.notes.push_back(fmt::format(
      "run.until_ci_percent looks at operations_per_s, which paced cells have from their trace: "
      "{} will be narrow early, whatever else varies",
      counted(static_cast<std::uint64_t>(paced), "cell")));
}

void apply_overrides(const Schema& schema, std::span<const std::string> overrides,
                     Assignments& assignments, Problems& problems) {
  for (const std::string& text : overrides) {
    Assignment assignment = read_override(text, problems);
    if (assignment.values.empty()) continue;
    assignment.key = schema.full_path(assignment.key);
    // The other one of a pair gives way, so that --set operations=1000 works on a timed plan.
    for (const auto& [a, b] : {std::pair{"run.duration_s", "run.operations"},
                               std::pair{"run.warmup_s", "run.warmup_operations"}}) {
      if (assignment.key == a) assignments.by_key.erase(b);
      if (assignment.key == b) assignments.by_key.erase(a);
    }
    assignments.by_key.insert_or_assign(assignment.key, assignment);
  }
}

void check_excludes(const Schema& schema, Assignments& assignments, Problems& problems) {
  for (ListedTable& exclude : assignments.excludes) {
    if (exclude.assignments.empty()) {
      problems.push_back({exclude.where, "key 'exclude': expected at least one key, found none"});
    }
    for (Assignment& assignment : exclude.assignments) {
      assignment.key = schema.full_path(assignment.key);
      const Key* key = schema.find(assignment.key);
      if (key != nullptr && !key->may_list) {
        problems.push_back(
            {assignment.where, fmt::format("key '{}': expected a key of the matrix in "
                                           "[[exclude]], found one of the whole plan",
                                           assignment.key)});
        continue;
      }
      // "trace:*" is a pattern here, not a value.
      const bool pattern = assignment.values.size() == 1 &&
                           to_text(assignment.values[0]).find('*') != std::string::npos;
      if (key == nullptr || !pattern) schema.check(assignment, problems);
    }
  }
}

Json settings_json(const Cell& cell) {
  Json json = Json::object();
  for (const auto& [key, value] : cell.settings) json[key] = to_json(value);
  return json;
}

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json run_json(const Plan& plan) {
  const RunSettings& run = plan.run;
  Json json = {{"repetitions", run.repetitions},
               {"warmup_s", or_null(run.warmup_s)},
               {"warmup_operations", or_null(run.warmup_operations)},
               {"duration_s", or_null(run.duration_s)},
               {"operations", or_null(run.operations)},
               {"seed", run.seed},
               {"threshold_percent", run.threshold_percent},
               {"order", run.interleaved ? "interleaved" : "sequential"},
               {"trace_mib", run.trace_mib},
               {"breakdown", run.breakdown}};
  if (run.until_ci_percent) {
    json["until_ci_percent"] = *run.until_ci_percent;
    json["most_repetitions"] = run.most_repetitions;
  }
  return json;
}

// What is measured: that is what a plan's hash is of.
Json plan_json(const Plan& plan) {
  Json json = {{"schema", "violet.plan"}, {"version", kResolvedPlanSchema}};
  json["name"] = plan.name;
  json["description"] = plan.description;
  json["run"] = run_json(plan);
  json["cores"] = {{"allow_oversubscribed", plan.cores.allow_oversubscribed},
                   {"engine", or_null(plan.cores.engine)},
                   {"guest", or_null(plan.cores.guest)},
                   {"endpoint", or_null(plan.cores.endpoint)}};
  json["limits"] = {{"domains", plan.limits.domains},
                    {"mappings", plan.limits.mappings},
                    {"memory_mib", plan.limits.memory_mib},
                    {"guest_memory_mib", plan.limits.guest_memory_mib}};
  json["overrides"] = plan.overrides;
  json["varying"] = plan.varying;
  json["cells"] = Json::array();
  for (const Cell& cell : plan.cells) {
    json["cells"].push_back(
        {{"id", cell.id}, {"label", cell.label}, {"settings", settings_json(cell)}});
  }
  return json;
}

Json expectations_json(const Plan& plan) {
  Json json = Json::array();
  for (const auto& expectation : plan.expectations) json.push_back(results::to_json(expectation));
  return json;
}

// Any bytes may come out of a file name or a message; JSON needs UTF-8.
std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string Plan::hash() const {
  Json json = plan_json(*this);
  if (run.trace_mib == kTraceMib) json["run"].erase("trace_mib");
  if (run.breakdown) json["run"].erase("breakdown");
  const std::uint64_t hash = stable_hash(dump(json, -1));
  return fmt::format("{:08x}", static_cast<std::uint32_t>(hash ^ (hash >> 32)));
}

std::optional<Plan> parse_plan(std::string_view text, std::string_view file,
                               std::span<const std::string> overrides, const Vocabulary& vocabulary,
                               Problems& problems) {
  const std::size_t before = problems.size();
  const Schema schema(vocabulary);
  Assignments assignments = read_assignments(text, file, problems);
  const bool readable = problems.size() == before;
  apply_overrides(schema, overrides, assignments, problems);
  for (auto& [key, assignment] : assignments.by_key) schema.check(assignment, problems);
  check_excludes(schema, assignments, problems);
  auto expectations = read_expectations(schema, assignments.expects, problems);
  check_either(assignments, "run.duration_s", "run.operations", problems);
  check_either(assignments, "run.warmup_s", "run.warmup_operations", problems);
  // After a syntax error everything behind it is missing, and saying so would only distract.
  if (readable) check_name(assignments, file, problems);
  sort_by_place(problems);
  if (problems.size() != before) return std::nullopt;

  const PlanReader read(schema, assignments);
  check_until_ci(read, assignments, problems);
  Plan plan;
  plan.name = read.text("plan.name");
  plan.description = read.text("plan.description");
  plan.run = read_run(read);
  plan.cores = read_cores(read);
  plan.limits = read_limits(read);
  if (read.given("run.most_repetitions") && !plan.run.until_ci_percent) {
    plan.notes.push_back("run.most_repetitions says nothing without run.until_ci_percent");
  }
  plan.text = std::string(text);
  plan.overrides.assign(overrides.begin(), overrides.end());
  resolve_cells(schema, vocabulary, assignments, plan, problems);
  note_paced_cells(plan);
  if (problems.size() == before) add_expectations(std::move(expectations), plan, problems);
  sort_by_place(problems);
  if (problems.size() != before) return std::nullopt;
  return plan;
}

std::optional<Plan> load_plan(const std::filesystem::path& path,
                              std::span<const std::string> overrides, const Vocabulary& vocabulary,
                              Problems& problems) {
  std::ifstream file(path, std::ios::binary);
  std::error_code ignored;
  if (!file || std::filesystem::is_directory(path, ignored)) {
    problems.push_back(
        {path.string(), "cannot be read; ./violet list plans shows those there are"});
    return std::nullopt;
  }
  // A device or a pipe need not end, so no more is read than it takes to see that it is too long.
  std::string text(kLongestPlan + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return parse_plan(text, path.string(), overrides, vocabulary, problems);
}

std::string resolved_json(const Plan& plan) {
  Json json = plan_json(plan);
  if (!plan.expectations.empty()) json["expectations"] = expectations_json(plan);
  return dump(json, 2) + "\n";
}

std::vector<Setting> plan_keys(const Vocabulary& vocabulary) {
  std::vector<Setting> keys;
  const Schema schema(vocabulary);
  for (const Key& key : schema.keys()) keys.push_back(key.spec);
  return keys;
}

}  // namespace violet::plans
