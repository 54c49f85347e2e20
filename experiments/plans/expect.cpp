#include "experiments/plans/expect.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "engine/base/nearest.hpp"
#include "experiments/plans/resolve.hpp"
#include "experiments/results/expectation_cells.hpp"

namespace violet::plans {
namespace {

using results::Expectation;

bool is_choice(std::string_view key) { return key == "where" || key == "of" || key == "to"; }

// "where.strategy" -> "where"
std::string first_part(const std::string& key) { return key.substr(0, key.find('.')); }

// The place of a key of a table, or of the table where it has no such key.
Where place_of(const ListedTable& table, const std::string& key) {
  for (const Assignment& assignment : table.assignments) {
    if (assignment.key == key || (is_choice(key) && first_part(assignment.key) == key)) {
      return assignment.where;
    }
  }
  return table.where;
}

// One table.
class ExpectReader {
 public:
  ExpectReader(const Schema& schema, const ListedTable& table, Problems& problems)
      : schema_(schema), table_(table), problems_(problems) {}

  Expectation read() {
    // The axis first: it says what values an order may have.
    for (const Assignment& one : table_.assignments) {
      if (one.key == "over") over(one);
    }
    for (const Assignment& one : table_.assignments) {
      const std::string part = first_part(one.key);
      given_.insert(part);
      if (part != one.key && is_choice(part)) {
        choose(one, part);
      } else {
        plain(one);
      }
    }
    check_given();
    return std::move(e_);
  }

 private:
  template <class... Args>
  void complain(const Where& where, const std::string& key, fmt::format_string<Args...> format,
                Args&&... args) {
    problems_.push_back({where, fmt::format("key 'expect.{}': {}", key,
                                            fmt::format(format, std::forward<Args>(args)...))});
  }

  void check_given() {
    for (const char* key : {"claim", "class", "source", "metric", "kind"}) {
      if (!given_.contains(key)) complain(table_.where, key, "expected this key, found none");
    }
    if (!known_kind_) return;
    for (const auto& problem : results::problems_of(e_, given_)) {
      complain(place_of(table_, problem.key), problem.key, "{}", problem.message);
    }
  }

  void plain(const Assignment& one) {
    if (one.key == "claim" || one.key == "source") {
      text(one, one.key == "claim" ? e_.claim : e_.source);
    } else if (one.key == "class") {
      word(one, {"must", "should", "report"},
           [&](const std::string& text) { e_.importance = *results::importance_from(text); });
    } else if (one.key == "kind") {
      word(one, results::expectation_kinds(), [&](const std::string& text) {
        e_.kind = *results::kind_from(text);
        known_kind_ = true;
      });
    } else if (one.key == "metric") {
      metric(one);
    } else if (one.key == "order") {
      order(one);
    } else if (one.key == "at_least" || one.key == "at_most") {
      number(one, one.key == "at_least" ? e_.at_least : e_.at_most);
    } else if (one.key == "tolerance_percent") {
      std::optional<double> value;
      number(one, value);
      e_.tolerance_percent = value.value_or(0);
    } else if (one.key == "between") {
      between(one);
    } else if (is_choice(one.key)) {
      complain(one.where, one.key,
               "expected a table such as {{ strategy = \"strict\" }}, found a value");
    } else if (one.key != "over") {
      unknown(one);
    }
  }

  void unknown(const Assignment& one) {
    const auto& keys = results::expectation_keys();
    const std::string guess = nearest(first_part(one.key), keys);
    complain(one.where, one.key, "unknown key, expected one of {} in [[expect]]{}",
             fmt::join(keys, ", "),
             guess.empty() ? "" : fmt::format(", did you mean '{}'?", guess));
  }

  const std::string* only_text(const Assignment& one) {
    const auto* text = std::get_if<std::string>(&one.values.front());
    if (text != nullptr && !one.is_list && !text->empty()) return text;
    complain(one.where, one.key, "expected a text, found {}",
             one.is_list       ? "a list"
             : text != nullptr ? "an empty one"
                               : to_text(one.values.front()));
    return nullptr;
  }

  void text(const Assignment& one, std::string& into) {
    if (const std::string* text = only_text(one)) into = *text;
  }

  template <class Take>
  void word(const Assignment& one, const std::vector<std::string>& words, Take&& take) {
    const std::string* text = only_text(one);
    if (text == nullptr) return;
    if (std::find(words.begin(), words.end(), *text) != words.end()) return take(*text);
    const std::string guess = nearest(*text, words);
    complain(one.value_at.front(), one.key, "expected one of {}, found '{}'{}",
             fmt::join(words, ", "), *text,
             guess.empty() ? "" : fmt::format(", did you mean '{}'?", guess));
  }

  void metric(const Assignment& one) {
    const std::string* text = only_text(one);
    if (text == nullptr) return;
    e_.metric = *text;
    const auto& metrics = results::judged_metrics();
    if (std::find(metrics.begin(), metrics.end(), *text) != metrics.end()) return;
    std::vector<std::string> parts;  // Of a distribution.
    for (const std::string& name : metrics) {
      if (name.starts_with(*text + ".")) parts.push_back(name);
    }
    const std::string guess = nearest(*text, metrics);
    const std::string help = !parts.empty() ? fmt::format("one of {}", fmt::join(parts, ", "))
                                            : std::string("a metric (./violet list metrics)");
    complain(one.value_at.front(), one.key, "expected {}, found '{}'{}", help, *text,
             guess.empty() ? "" : fmt::format(", did you mean '{}'?", guess));
  }

  static std::optional<double> as_number(const SettingValue& value) {
    if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
    if (const auto* real = std::get_if<double>(&value)) return *real;
    return std::nullopt;
  }

  void number(const Assignment& one, std::optional<double>& into) {
    into = one.is_list ? std::nullopt : as_number(one.values.front());
    if (into) return;
    given_.insert(one.key);
    complain(one.where, one.key, "expected a number, found {}",
             one.is_list ? "a list" : to_text(one.values.front()));
  }

  void between(const Assignment& one) {
    const auto low = as_number(one.values.front()), high = as_number(one.values.back());
    if (one.values.size() == 2 && low && high) {
      e_.between = results::Interval{*low, *high};
    } else {
      complain(one.where, one.key, "expected two numbers [low, high], values of over");
    }
  }

  // A key of the matrix, in full; null when it is none.
  const Key* axis(const Assignment& one, const std::string& given, const std::string& path) {
    const Key* key = schema_.find(path);
    if (key != nullptr && key->may_list) return key;
    if (key != nullptr) {
      complain(one.where, one.key,
               "expected a key of the matrix, found '{}', which is one of the "
               "whole plan",
               given);
      return nullptr;
    }
    std::vector<std::string> names;
    for (const Key& other : schema_.keys()) {
      if (other.may_list) names.push_back(short_key(other.spec.name));
    }
    const std::string guess = nearest(given, names);
    complain(one.where, one.key, "expected a key of the matrix, found '{}'{}", given,
             guess.empty() ? "" : fmt::format(", did you mean '{}'?", guess));
    return nullptr;
  }

  void over(const Assignment& one) {
    const std::string* text = only_text(one);
    if (text == nullptr) return;
    over_ = axis(one, *text, schema_.full_path(*text));
    if (over_ != nullptr) e_.over = short_key(over_->spec.name);
  }

  // Values as cells have them; patterns such as "trace:*" stay what they are.
  std::vector<std::string> values(const Assignment& one, const Key& key) {
    Assignment checked = one;
    checked.key = key.spec.name;
    checked.is_list = false;
    const auto pattern = [](const SettingValue& value) { return to_text(value).ends_with('*'); };
    std::vector<std::string> texts;
    if (std::any_of(one.values.begin(), one.values.end(), pattern)) {
      for (const SettingValue& value : one.values) texts.push_back(to_text(value));
      return texts;
    }
    if (!schema_.check(checked, problems_)) return {};
    for (const SettingValue& value : one.values) {
      texts.push_back(to_text(as_described(key.spec, value)));
    }
    return texts;
  }

  void order(const Assignment& one) {
    if (over_ != nullptr) e_.order = values(one, *over_);
  }

  void choose(const Assignment& one, const std::string& part) {
    const std::string given = one.key.substr(part.size() + 1);
    const Key* key = axis(one, given, schema_.full_path(given));
    if (key == nullptr) return;
    auto& choice = part == "where" ? e_.where : part == "of" ? e_.of : e_.to;
    choice.emplace_back(short_key(key->spec.name), values(one, *key));
  }

  const Schema& schema_;
  const ListedTable& table_;
  Problems& problems_;
  Expectation e_;
  std::set<std::string> given_;
  const Key* over_ = nullptr;
  bool known_kind_ = false;
};

}  // namespace

std::vector<PlacedExpectation> read_expectations(const Schema& schema,
                                                 const std::vector<ListedTable>& tables,
                                                 Problems& problems) {
  std::vector<PlacedExpectation> expectations;
  for (const ListedTable& table : tables) {
    if (expectations.size() == results::kMostExpectations) {
      problems.push_back(
          {table.where, fmt::format("key 'expect': expected at most {} of them, found "
                                    "more",
                                    results::kMostExpectations)});
      break;
    }
    const std::size_t before = problems.size();
    Expectation expectation = ExpectReader(schema, table, problems).read();
    if (problems.size() == before) expectations.push_back({std::move(expectation), &table});
  }
  return expectations;
}

void add_expectations(std::vector<PlacedExpectation> expectations, Plan& plan, Problems& problems) {
  if (expectations.empty()) return;
  std::vector<const SettingAssignments*> settings;
  for (const Cell& cell : plan.cells) settings.push_back(&cell.settings);
  const results::CellTable table(settings);
  for (PlacedExpectation& placed : expectations) {
    const auto groups = table.groups(placed.expectation);
    if (!groups) {
      const auto& [key, message] = groups.error();
      const Where where = place_of(*placed.table, key);
      if (plan.overrides.empty()) {
        problems.push_back({where, fmt::format("key 'expect.{}': {}", key, message)});
      } else {
        plan.notes.push_back(
            fmt::format("{}: this expectation will not be judged: {}", where, message));
      }
    }
    plan.expectations.push_back(std::move(placed.expectation));
  }
}

}  // namespace violet::plans
