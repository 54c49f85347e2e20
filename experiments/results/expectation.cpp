#include "experiments/results/expectation.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/results/expectation_cells.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/samples.hpp"
#include "experiments/results/table_json.hpp"

namespace violet::results {
namespace {

using Keys = std::vector<std::string_view>;

// What a kind needs beside claim, class, metric and kind, and what else it knows. "limit": at_least, at_most or both.
struct KindRule {
  ExpectationKind kind;
  std::string_view name;
  Keys needed, known;
};

const std::vector<KindRule>& kind_rules() {
  static const std::vector<KindRule> kRules = {
      {ExpectationKind::kOrder, "order", {"over", "order"}, {"tolerance_percent"}},
      {ExpectationKind::kRatio, "ratio", {"of", "to", "limit"}, {}},
      {ExpectationKind::kValue, "value", {"limit"}, {}},
      {ExpectationKind::kRising, "rising", {"over"}, {"tolerance_percent"}},
      {ExpectationKind::kFalling, "falling", {"over"}, {"tolerance_percent"}},
      {ExpectationKind::kFlat, "flat", {"over", "tolerance_percent"}, {}},
      {ExpectationKind::kKnee, "knee", {"over", "between", "tolerance_percent"}, {}},
      {ExpectationKind::kCrossover, "crossover", {"over", "of", "to"}, {"between"}},
      {ExpectationKind::kCollapse, "collapse", {"over", "at_most"}, {}},
  };
  return kRules;
}

const KindRule& rule_of(ExpectationKind kind) {
  return *std::find_if(kind_rules().begin(), kind_rules().end(),
                       [&](const KindRule& rule) { return rule.kind == kind; });
}

constexpr std::array<std::string_view, 3> kImportances = {"must", "should", "report"};

bool has_key(const Keys& keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

bool is_of_every_kind(std::string_view key) {
  constexpr std::string_view kAll[] = {"claim", "class", "source", "metric", "kind", "where"};
  return std::find(std::begin(kAll), std::end(kAll), key) != std::end(kAll);
}

bool knows(const KindRule& rule, std::string_view key) {
  const bool limit = key == "at_least" || key == "at_most";
  return is_of_every_kind(key) || has_key(rule.needed, key) || has_key(rule.known, key) ||
         (limit && has_key(rule.needed, "limit"));
}

void check_limits(const Expectation& e, std::vector<KeyProblem>& problems) {
  const auto finite = [&](const char* key, std::optional<double> value, double least) {
    if (!value || (std::isfinite(*value) && *value >= least)) return;
    problems.push_back(
        {key, fmt::format("expected a number of {} or more, found {}", least, *value)});
  };
  finite("at_least", e.at_least, 0);
  finite("at_most", e.at_most, 0);
  finite("tolerance_percent", e.tolerance_percent, 0);
  if (e.at_least && e.at_most && *e.at_least > *e.at_most) {
    problems.push_back({"at_least", fmt::format("expected at most at_most ({}), found {}",
                                                *e.at_most, *e.at_least)});
  }
  const bool ordered =
      !e.between || (std::isfinite(e.between->low) && std::isfinite(e.between->high) &&
                     e.between->low <= e.between->high);
  if (!ordered) {
    problems.push_back(
        {"between", fmt::format("expected two values of over, the smaller one first, "
                                "found {} and {}",
                                e.between->low, e.between->high)});
  }
  if (e.kind == ExpectationKind::kCollapse && e.at_most && !(*e.at_most < 1)) {
    problems.push_back(
        {"at_most",
         fmt::format("expected the part that a collapse leaves, below 1, found {}", *e.at_most)});
  }
}

// They stand in a column of a table.
void check_texts(const Expectation& e, std::vector<KeyProblem>& problems) {
  const auto bounded = [&](const char* key, const std::string& text) {
    if (text.size() <= kLongestClaim) return;
    problems.push_back(
        {key, fmt::format("expected at most {} bytes, found {}", kLongestClaim, text.size())});
  };
  bounded("claim", e.claim);
  bounded("source", e.source);
}

// Each value makes a cell of every group.
void check_order(const Expectation& e, std::vector<KeyProblem>& problems) {
  if (e.order.size() == 1) problems.push_back({"order", "expected two values or more, found one"});
  if (e.order.size() > kMostChosenCells) {
    problems.push_back({"order", fmt::format("expected at most {} values, found {}",
                                             kMostChosenCells, e.order.size())});
    return;
  }
  std::set<std::string_view> known;
  for (const std::string& value : e.order) {
    if (known.insert(value).second) continue;
    problems.push_back({"order", fmt::format("expected each value once, found '{}' twice", value)});
    return;
  }
}

std::string choice_words(const CellChoice& choice) {
  std::string words;
  for (const auto& [axis, values] : choice) {
    if (!words.empty()) words += ' ';
    // The names of these say what they are.
    const bool plain = axis == "strategy" || axis == "placement" || axis == "workload";
    words += plain ? fmt::format("{}", fmt::join(values, " | "))
                   : fmt::format("{}={}", short_axis(axis), fmt::join(values, " | "));
  }
  return words;
}

std::string limits_words(const Expectation& e) {
  if (e.at_least && e.at_most) {
    return *e.at_least == *e.at_most ? fmt::format("{}", *e.at_least)
                                     : fmt::format("{} to {}", *e.at_least, *e.at_most);
  }
  if (e.at_most && *e.at_most == 0) return "0";
  return e.at_least ? fmt::format("at least {}", *e.at_least)
                    : fmt::format("at most {}", e.at_most.value_or(0));
}

std::string shape_words(const Expectation& e) {
  const std::string slack =
      e.tolerance_percent > 0 ? fmt::format(" within {} %", e.tolerance_percent) : "";
  switch (e.kind) {
    case ExpectationKind::kRising:
      return fmt::format("rises with {}{}", short_axis(e.over), slack);
    case ExpectationKind::kFalling:
      return fmt::format("falls with {}{}", short_axis(e.over), slack);
    case ExpectationKind::kFlat:
      return fmt::format("the same{} for every {}", slack, short_axis(e.over));
    case ExpectationKind::kKnee:
      return fmt::format("the same{} up to {} = {}, no longer from {} on", slack,
                         short_axis(e.over), e.between->low, e.between->high);
    case ExpectationKind::kCollapse:
      return fmt::format("one step of {} leaves {} or less of it", short_axis(e.over), *e.at_most);
    default:
      return {};
  }
}

std::string crossover_words(const Expectation& e) {
  const std::string sides = fmt::format("{} above {}", choice_words(e.of), choice_words(e.to));
  if (!e.between)
    return fmt::format("{} at the least {}, below at the largest", sides, short_axis(e.over));
  return fmt::format("{} up to {} = {}, below from {} on", sides, short_axis(e.over),
                     e.between->low, e.between->high);
}

// --- JSON ---

using OrderedJson = nlohmann::ordered_json;

OrderedJson choice_json(const CellChoice& choice) {
  OrderedJson json = OrderedJson::object();
  for (const auto& [axis, values] : choice) json[axis] = values;
  return json;
}

std::string text_member(const nlohmann::json& json, const char* key) {
  const auto at = json.find(key);
  return at != json.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::optional<double> number_member(const nlohmann::json& json, const char* key) {
  const auto at = json.find(key);
  return at != json.end() && at->is_number() ? std::optional(at->get<double>()) : std::nullopt;
}

std::vector<std::string> texts_in(const nlohmann::json& json) {
  std::vector<std::string> texts;
  if (!json.is_array()) return texts;
  for (const auto& one : json) {
    if (one.is_string()) texts.push_back(one.get<std::string>());
  }
  return texts;
}

CellChoice choice_member(const nlohmann::json& json, const char* key) {
  CellChoice choice;
  const auto at = json.find(key);
  if (at == json.end() || !at->is_object()) return choice;
  for (const auto& [axis, values] : at->items()) choice.emplace_back(axis, texts_in(values));
  return choice;
}

Result<Expectation> expectation_from_json(const nlohmann::json& json, std::string_view file) {
  if (!json.is_object()) return fail("{}: an expectation is no object", file);
  Expectation e;
  const auto kind = kind_from(text_member(json, "kind"));
  const auto importance = importance_from(text_member(json, "class"));
  if (!kind || !importance) return fail("{}: an expectation of no known kind or class", file);
  e.kind = *kind;
  e.importance = *importance;
  e.claim = text_member(json, "claim");
  e.source = text_member(json, "source");
  e.metric = text_member(json, "metric");
  e.where = choice_member(json, "where");
  e.of = choice_member(json, "of");
  e.to = choice_member(json, "to");
  e.over = text_member(json, "over");
  if (json.contains("order")) e.order = texts_in(json["order"]);
  e.at_least = number_member(json, "at_least");
  e.at_most = number_member(json, "at_most");
  e.tolerance_percent = number_member(json, "tolerance_percent").value_or(0);
  const auto between = json.find("between");
  if (between != json.end() && between->is_array() && between->size() == 2 &&
      (*between)[0].is_number() && (*between)[1].is_number()) {
    e.between = Interval{(*between)[0].get<double>(), (*between)[1].get<double>()};
  }
  std::set<std::string> given = {"claim", "class", "source", "metric", "kind"};
  for (const auto& [key, value] : json.items()) given.insert(key);
  if (e.order.empty()) given.erase("order");
  if (!e.between) given.erase("between");
  if (!e.at_least) given.erase("at_least");
  if (!e.at_most) given.erase("at_most");
  const auto problems = problems_of(e, given);
  if (problems.empty()) return e;
  return fail("{}: an expectation's {}: {}", file, problems.front().key, problems.front().message);
}

}  // namespace

const std::vector<std::string>& expectation_keys() {
  static const std::vector<std::string> kKeys = {
      "claim", "class", "source", "metric",   "kind",    "where",   "of",
      "to",    "over",  "order",  "at_least", "at_most", "between", "tolerance_percent"};
  return kKeys;
}

const std::vector<std::string>& expectation_kinds() {
  static const std::vector<std::string> kKinds = [] {
    std::vector<std::string> kinds;
    for (const KindRule& rule : kind_rules()) kinds.emplace_back(rule.name);
    return kinds;
  }();
  return kKinds;
}

std::string_view to_text(ExpectationKind kind) { return rule_of(kind).name; }

std::string_view to_text(Importance importance) {
  return kImportances[static_cast<std::size_t>(importance)];
}

std::optional<ExpectationKind> kind_from(std::string_view text) {
  for (const KindRule& rule : kind_rules()) {
    if (rule.name == text) return rule.kind;
  }
  return std::nullopt;
}

std::optional<Importance> importance_from(std::string_view text) {
  const auto at = std::find(kImportances.begin(), kImportances.end(), text);
  if (at == kImportances.end()) return std::nullopt;
  return static_cast<Importance>(at - kImportances.begin());
}

std::vector<KeyProblem> problems_of(const Expectation& e, const std::set<std::string>& given) {
  std::vector<KeyProblem> problems;
  const KindRule& rule = rule_of(e.kind);
  for (const std::string_view key : rule.needed) {
    const bool limit = key == "limit";
    const bool missing = limit ? given.count("at_least") + given.count("at_most") == 0
                               : given.count(std::string(key)) == 0;
    if (!missing) continue;
    problems.push_back({limit ? "at_least" : std::string(key),
                        fmt::format("expected this key{}, which a {} needs, found none",
                                    limit ? " or at_most" : "", rule.name)});
  }
  for (const std::string& key : given) {
    if (!knows(rule, key)) {
      problems.push_back({key, fmt::format("a {} has no such key, leave it out", rule.name)});
    }
  }
  if (e.kind == ExpectationKind::kOrder) check_order(e, problems);
  const bool equal_means_something =
      e.kind != ExpectationKind::kFlat && e.kind != ExpectationKind::kKnee;
  if (!equal_means_something && given.count("tolerance_percent") > 0 && e.tolerance_percent <= 0) {
    problems.push_back({"tolerance_percent", "expected more than 0, as nothing measured is equal"});
  }
  check_limits(e, problems);
  check_texts(e, problems);
  return problems;
}

const std::vector<std::string>& judged_metrics() {
  static const std::vector<std::string> kMetrics = [] {
    std::vector<std::string> names;
    for (const MetricInfo& info : metric_catalogue()) {
      const std::string name(info.name);
      if (!info.is_distribution) {
        names.push_back(name);
        continue;
      }
      names.push_back(mean_name(name));
      for (const double percent : kPercentiles) names.push_back(percentile_name(name, percent));
    }
    return names;
  }();
  return kMetrics;
}

std::string expected_text(const Expectation& e) {
  const std::string at = choice_words(e.where);
  const std::string what = e.metric + (at.empty() ? "" : " of " + at);
  switch (e.kind) {
    case ExpectationKind::kOrder: {
      const std::string slack =
          e.tolerance_percent > 0 ? fmt::format(", within {} %", e.tolerance_percent) : "";
      return fmt::format("{}: {}{}", what, fmt::join(e.order, " > "), slack);
    }
    case ExpectationKind::kRatio:
      return fmt::format("{}, {} over {}: {}", what, choice_words(e.of), choice_words(e.to),
                         limits_words(e));
    case ExpectationKind::kValue:
      return fmt::format("{}: {}", what, limits_words(e));
    case ExpectationKind::kCrossover:
      return fmt::format("{}: {}", what, crossover_words(e));
    default:
      return fmt::format("{}: {}", what, shape_words(e));
  }
}

nlohmann::ordered_json to_json(const Expectation& e) {
  OrderedJson json = {{"claim", e.claim},
                      {"class", to_text(e.importance)},
                      {"source", e.source},
                      {"kind", to_text(e.kind)},
                      {"metric", e.metric}};
  if (!e.where.empty()) json["where"] = choice_json(e.where);
  if (!e.of.empty()) json["of"] = choice_json(e.of);
  if (!e.to.empty()) json["to"] = choice_json(e.to);
  if (!e.over.empty()) json["over"] = e.over;
  if (!e.order.empty()) json["order"] = e.order;
  if (e.at_least) json["at_least"] = number(*e.at_least);
  if (e.at_most) json["at_most"] = number(*e.at_most);
  if (e.tolerance_percent > 0) json["tolerance_percent"] = number(e.tolerance_percent);
  if (e.between) json["between"] = {number(e.between->low), number(e.between->high)};
  return json;
}

Result<std::vector<Expectation>> expectations_from_json(const nlohmann::json& json,
                                                        std::string_view file) {
  if (!json.is_array()) return fail("{}: its expectations are no list", file);
  if (json.size() > kMostExpectations) {
    return fail("{}: {} expectations, and {} are the most", file, json.size(), kMostExpectations);
  }
  std::vector<Expectation> expectations;
  for (const auto& one : json) {
    VIOLET_TRY(auto expectation, expectation_from_json(one, file));
    expectations.push_back(std::move(expectation));
  }
  return expectations;
}

}  // namespace violet::results
