#include "experiments/plans/plan.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "engine/base/check.hpp"
#include "experiments/plans/resolve.hpp"
#include "experiments/plans/schema.hpp"

namespace violet::plans {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLongestName = 64;

Json to_json(const Value& value) {
  return std::visit([](const auto& inner) { return Json(inner); }, value);
}

// The value of a key that has one: the setting's, or the default.
Value value_of(const Schema& schema, const Settings& settings, std::string_view key) {
  const auto at = settings.by_key.find(std::string(key));
  return at != settings.by_key.end() ? at->second.values.front() : schema.find(key)->spec.initial;
}

class Reader {
 public:
  Reader(const Schema& schema, const Settings& settings) : schema_(schema), settings_(settings) {}

  bool given(std::string_view key) const {
    return settings_.by_key.find(std::string(key)) != settings_.by_key.end();
  }
  std::string text(std::string_view key) const {
    return std::get<std::string>(value_of(schema_, settings_, key));
  }
  bool boolean(std::string_view key) const {
    return std::get<bool>(value_of(schema_, settings_, key));
  }
  std::uint64_t integer(std::string_view key) const {
    return static_cast<std::uint64_t>(std::get<std::int64_t>(value_of(schema_, settings_, key)));
  }
  double real(std::string_view key) const {
    const Value value = value_of(schema_, settings_, key);
    const auto* whole = std::get_if<std::int64_t>(&value);
    return whole != nullptr ? static_cast<double>(*whole) : std::get<double>(value);
  }
  std::optional<std::uint32_t> cpu(std::string_view key) const {
    const auto value = std::get<std::int64_t>(value_of(schema_, settings_, key));
    if (value < 0) return std::nullopt;
    return static_cast<std::uint32_t>(value);
  }

 private:
  const Schema& schema_;
  const Settings& settings_;
};

RunSettings read_run(const Reader& read) {
  RunSettings run;
  run.repetitions = static_cast<std::uint32_t>(read.integer("run.repetitions"));
  run.seed = read.integer("run.seed");
  run.threshold_percent = read.real("run.threshold_percent");
  run.interleaved = read.text("run.order") == "interleaved";
  if (read.given("run.warmup_operations")) {
    run.warmup_operations = read.integer("run.warmup_operations");
  } else {
    run.warmup_s = read.real("run.warmup_s");
  }
  if (read.given("run.operations")) {
    run.operations = read.integer("run.operations");
  } else {
    run.duration_s = read.real("run.duration_s");
  }
  return run;
}

void check_either(const Settings& settings, const char* a, const char* b, Problems& problems) {
  const auto first = settings.by_key.find(a);
  const auto second = settings.by_key.find(b);
  if (first == settings.by_key.end() || second == settings.by_key.end()) return;
  problems.push_back(
      {second->second.where, fmt::format("key '{}': expected either this or '{}' ({}), found both",
                                         b, a, first->second.where)});
}

void check_name(const Settings& settings, std::string_view file, Problems& problems) {
  const auto at = settings.by_key.find("plan.name");
  if (at == settings.by_key.end()) {
    problems.push_back({fmt::format("{}:1:1", file),
                        "key 'plan.name': expected a name, found none; add [plan] name = \"...\""});
    return;
  }
  const auto* name = std::get_if<std::string>(&at->second.values.front());
  if (name == nullptr) return;  // Reported as a wrong type.
  const bool fits = !name->empty() && name->size() <= kLongestName && name->front() != '-';
  const bool plain =
      name->find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  if (fits && plain) return;
  problems.push_back(
      {at->second.value_at.front(),
       fmt::format("key 'plan.name': expected 1 to {} of a-z, 0-9 and '-', found '{}'",
                   kLongestName, *name)});
}

void apply_overrides(const Schema& schema, std::span<const std::string> overrides,
                     Settings& settings, Problems& problems) {
  for (const std::string& text : overrides) {
    Setting setting = read_override(text, problems);
    if (setting.values.empty()) continue;
    setting.key = schema.full_path(setting.key);
    // The other one of a pair gives way, so that --set operations=1000 works on a timed plan.
    for (const auto& [a, b] : {std::pair{"run.duration_s", "run.operations"},
                               std::pair{"run.warmup_s", "run.warmup_operations"}}) {
      if (setting.key == a) settings.by_key.erase(b);
      if (setting.key == b) settings.by_key.erase(a);
    }
    settings.by_key.insert_or_assign(setting.key, setting);
  }
}

void check_excludes(const Schema& schema, Settings& settings, Problems& problems) {
  for (Exclude& exclude : settings.excludes) {
    if (exclude.settings.empty()) {
      problems.push_back({exclude.where, "key 'exclude': expected at least one key, found none"});
    }
    for (Setting& setting : exclude.settings) {
      setting.key = schema.full_path(setting.key);
      const Key* key = schema.find(setting.key);
      if (key != nullptr && !key->may_list) {
        problems.push_back({setting.where, fmt::format("key '{}': expected a key of the matrix in "
                                                       "[[exclude]], found one of the whole plan",
                                                       setting.key)});
        continue;
      }
      // "trace:*" is a pattern here, not a value.
      const bool pattern =
          setting.values.size() == 1 && to_text(setting.values[0]).find('*') != std::string::npos;
      if (key == nullptr || !pattern) schema.check(setting, problems);
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
  return {{"repetitions", run.repetitions},
          {"warmup_s", or_null(run.warmup_s)},
          {"warmup_operations", or_null(run.warmup_operations)},
          {"duration_s", or_null(run.duration_s)},
          {"operations", or_null(run.operations)},
          {"seed", run.seed},
          {"threshold_percent", run.threshold_percent},
          {"order", run.interleaved ? "interleaved" : "sequential"}};
}

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

// Any bytes may come out of a file name or a message; JSON needs UTF-8.
std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

const Value& Parameters::at(std::string_view name) const {
  const auto found = values_.find(name);
  VIOLET_CHECK(found != values_.end() && "no such parameter in the vocabulary");
  return found->second;
}

std::int64_t Parameters::integer(std::string_view name) const {
  return std::get<std::int64_t>(at(name));
}

double Parameters::real(std::string_view name) const {
  const auto* whole = std::get_if<std::int64_t>(&at(name));
  return whole != nullptr ? static_cast<double>(*whole) : std::get<double>(at(name));
}

bool Parameters::boolean(std::string_view name) const { return std::get<bool>(at(name)); }

const std::string& Parameters::text(std::string_view name) const {
  return std::get<std::string>(at(name));
}

bool Parameters::has(std::string_view name) const { return values_.find(name) != values_.end(); }

std::string Plan::hash() const {
  const std::uint64_t hash = stable_hash(dump(plan_json(*this), -1));
  return fmt::format("{:08x}", static_cast<std::uint32_t>(hash ^ (hash >> 32)));
}

std::optional<Plan> parse_plan(std::string_view text, std::string_view file,
                               std::span<const std::string> overrides, const Vocabulary& vocabulary,
                               Problems& problems) {
  const std::size_t before = problems.size();
  const Schema schema(vocabulary);
  Settings settings = read_settings(text, file, problems);
  const bool readable = problems.size() == before;
  apply_overrides(schema, overrides, settings, problems);
  for (auto& [key, setting] : settings.by_key) schema.check(setting, problems);
  check_excludes(schema, settings, problems);
  check_either(settings, "run.duration_s", "run.operations", problems);
  check_either(settings, "run.warmup_s", "run.warmup_operations", problems);
  // After a syntax error everything behind it is missing, and saying so would only distract.
  if (readable) check_name(settings, file, problems);
  sort_by_place(problems);
  if (problems.size() != before) return std::nullopt;

  const Reader read(schema, settings);
  Plan plan;
  plan.name = read.text("plan.name");
  plan.description = read.text("plan.description");
  plan.run = read_run(read);
  plan.cores = {read.boolean("cores.allow_oversubscribed"), read.cpu("cores.engine"),
                read.cpu("cores.guest"), read.cpu("cores.endpoint")};
  plan.limits = {read.integer("limits.domains"), read.integer("limits.mappings"),
                 read.integer("limits.memory_mib"), read.integer("limits.guest_memory_mib")};
  plan.text = std::string(text);
  plan.overrides.assign(overrides.begin(), overrides.end());
  resolve_cells(schema, vocabulary, settings, plan, problems);
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
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return parse_plan(text, path.string(), overrides, vocabulary, problems);
}

std::string resolved_json(const Plan& plan) { return dump(plan_json(plan), 2) + "\n"; }

std::optional<double> measured_seconds(const Plan& plan) {
  if (!plan.run.duration_s || !plan.run.warmup_s) return std::nullopt;
  const double each = *plan.run.duration_s + *plan.run.warmup_s;
  return each * plan.run.repetitions * static_cast<double>(plan.cells.size());
}

std::vector<Parameter> plan_keys(const Vocabulary& vocabulary) {
  std::vector<Parameter> keys;
  const Schema schema(vocabulary);
  for (const Key& key : schema.keys()) keys.push_back(key.spec);
  return keys;
}

}  // namespace violet::plans
