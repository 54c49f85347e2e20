#include "experiments/results/expectation_cells.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "engine/base/nearest.hpp"

namespace violet::results {
namespace {

bool fits(std::string_view pattern, std::string_view text) {
  if (pattern.ends_with('*')) return text.starts_with(pattern.substr(0, pattern.size() - 1));
  return pattern == text;
}

// By value where all are numbers, else as they are.
void sort_values(std::vector<std::string>& values) {
  const bool numbers = std::all_of(values.begin(), values.end(), [](const std::string& text) {
    return number_of(text).has_value();
  });
  if (!numbers) return;
  std::stable_sort(values.begin(), values.end(), [](const std::string& a, const std::string& b) {
    return *number_of(a) < *number_of(b);
  });
}

}  // namespace

bool is_cost_of_exits(std::string_view axis) {
  return axis == "costs.exit_ns" || axis == "costs.entry_ns" || axis == "costs.exit_pollution_kib";
}

std::string_view short_axis(std::string_view axis) { return axis.substr(axis.rfind('.') + 1); }

std::optional<double> number_of(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

double place_of(const CellGroup& group, std::size_t i) {
  return number_of(group.values[i]).value_or(static_cast<double>(i));
}

CellTable::CellTable(std::span<const SettingAssignments* const> cells) : cells_(cells.size()) {
  std::vector<std::string> order;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const auto& settings = *cells[i];
    const bool sidecore = std::any_of(settings.begin(), settings.end(), [](const auto& setting) {
      return setting.first == "placement" && violet::to_text(setting.second) == "sidecore";
    });
    for (const auto& [axis, value] : settings) {
      const auto [at, fresh] = texts_.try_emplace(axis, cells.size());
      if (fresh) order.push_back(axis);
      if (!(sidecore && is_cost_of_exits(axis))) at->second[i] = violet::to_text(value);
    }
  }
  for (const std::string& axis : order) {
    if (values_of(axis).size() > 1) varying_.push_back(axis);
  }
}

const std::string& CellTable::text(std::size_t cell, std::string_view axis) const {
  static const std::string kNone;
  const auto at = texts_.find(axis);
  return at == texts_.end() ? kNone : at->second[cell];
}

std::vector<std::string> CellTable::values_of(std::string_view axis) const {
  std::vector<std::string> values;
  const auto at = texts_.find(axis);
  if (at == texts_.end()) return values;
  std::set<std::string_view> known;
  for (const std::string& text : at->second) {
    if (!text.empty() && known.insert(text).second) values.push_back(text);
  }
  return values;
}

namespace {

// The groups of one expectation.
class Grouping {
 public:
  Grouping(const CellTable& table, const Expectation& expectation)
      : table_(table), e_(expectation) {
    for (const CellChoice* choice : {&e_.of, &e_.to}) {
      for (const auto& [axis, values] : *choice) named_.insert(axis);
    }
    if (!e_.over.empty()) named_.insert(e_.over);
  }

  CellGroups groups() {
    std::vector<std::size_t> all(table_.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    auto within = chosen(all, e_.where, "where");
    if (!within) return tl::unexpected(within.error());
    if (within->size() > kMostChosenCells) {
      return blame("where", fmt::format("expected at most {} cells, found {}: choose fewer",
                                        kMostChosenCells, within->size()));
    }
    CellGroups groups = by_kind(*within);
    if (groups) name(*groups);
    return groups;
  }

 private:
  using Cells = std::vector<std::size_t>;

  static tl::unexpected<KeyProblem> blame(std::string key, std::string message) {
    return tl::unexpected(KeyProblem{std::move(key), std::move(message)});
  }

  CellGroups by_kind(const Cells& within) {
    switch (e_.kind) {
      case ExpectationKind::kValue:
        return one_each(within);
      case ExpectationKind::kRatio:
        return ratios(within);
      case ExpectationKind::kOrder:
        return orders(within);
      default:
        return sweeps(within);
    }
  }

  static CellGroups one_each(const Cells& within) {
    std::vector<CellGroup> groups;
    for (const std::size_t cell : within) groups.push_back({{}, {}, {cell}, {}});
    return groups;
  }

  CellGroups ratios(const Cells& within) {
    auto of = chosen(within, e_.of, "of");
    if (!of) return tl::unexpected(of.error());
    auto to = chosen(within, e_.to, "to");
    if (!to) return tl::unexpected(to.error());
    std::vector<CellGroup> groups;
    for (const std::size_t cell : *of) {
      const auto partner = partner_of(cell, *to, "to");
      if (!partner) return tl::unexpected(partner.error());
      if (*partner) {
        groups.push_back({{}, {}, {cell}, {**partner}});
      } else if (std::find(to->begin(), to->end(), cell) == to->end()) {  // Not "*" over itself.
        return blame("to", none_beside(cell));
      }
    }
    if (groups.empty())
      return blame("to", "expected a cell that agrees with one of 'of' in all else");
    return groups;
  }

  // Each begins at a cell of the first value.
  CellGroups orders(const Cells& within) {
    std::vector<CellGroup> groups;
    for (const std::string& value : e_.order) {
      auto with_value = chosen(within, {{e_.over, {value}}}, "order");
      if (!with_value) return tl::unexpected(with_value.error());
      if (groups.empty()) {
        for (const std::size_t cell : *with_value) groups.push_back({{}, {value}, {cell}, {}});
        continue;
      }
      for (CellGroup& group : groups) {
        const auto partner = partner_of(group.cells.front(), *with_value, "order");
        if (!partner) return tl::unexpected(partner.error());
        if (!*partner) {
          return blame("order", fmt::format("expected a cell with {} = {} beside '{}', found none",
                                            e_.over, value, words_of_cell(group.cells.front())));
        }
        group.cells.push_back(**partner);
        group.values.push_back(value);
      }
    }
    return groups;
  }

  CellGroups sweeps(const Cells& within) {
    auto of = chosen(within, e_.of, "of");
    if (!of) return tl::unexpected(of.error());
    std::vector<std::string> values;
    for (const std::string& value : table_.values_of(e_.over)) {
      if (std::any_of(of->begin(), of->end(),
                      [&](std::size_t cell) { return table_.text(cell, e_.over) == value; })) {
        values.push_back(value);
      }
    }
    if (values.size() < 2) {
      return blame("over", fmt::format("expected an axis with several values among these cells, "
                                       "found {} of {}",
                                       values.size(), e_.over));
    }
    sort_values(values);
    auto groups = swept(*of, values);
    if (!groups) return groups;
    if (const auto problem = one_sided(*groups)) return tl::unexpected(*problem);
    if (e_.kind != ExpectationKind::kCrossover) return groups;
    return with_partners(within, std::move(*groups));
  }

  CellGroups swept(const Cells& of, const std::vector<std::string>& values) {
    std::map<std::string, CellGroup> by_rest;  // By all that varies but `over`.
    std::vector<std::string> order;
    for (const std::string& value : values) {
      for (const std::size_t cell : of) {
        if (table_.text(cell, e_.over) != value) continue;
        std::string rest;
        for (const std::string& axis : table_.varying()) {
          if (axis != e_.over) rest += table_.text(cell, axis) + "\n";
        }
        const auto [at, fresh] = by_rest.try_emplace(rest);
        if (fresh) order.push_back(rest);
        at->second.cells.push_back(cell);
        at->second.values.push_back(value);
      }
    }
    std::vector<CellGroup> groups;
    for (const std::string& rest : order) {
      if (by_rest[rest].cells.size() > 1) groups.push_back(std::move(by_rest[rest]));
    }
    if (groups.empty()) {
      return blame("over",
                   fmt::format("expected cells that differ in {} alone, found none", e_.over));
    }
    return groups;
  }

  // A group in which `between` has no value on one of its sides: nothing would be asked there.
  std::optional<KeyProblem> one_sided(const std::vector<CellGroup>& groups) const {
    if (!e_.between) return std::nullopt;
    for (const CellGroup& group : groups) {
      bool early = false, late = false;
      for (std::size_t i = 0; i < group.cells.size(); ++i) {
        const double place = place_of(group, i);
        early = early || place <= e_.between->low;
        late = late || (place > e_.between->low && place >= e_.between->high);
      }
      if (early && late) continue;
      return KeyProblem{
          "between",
          fmt::format("expected a value of {} {} {}, found none; there are {}", e_.over,
                      early ? "from" : "up to", early ? e_.between->high : e_.between->low,
                      fmt::join(group.values, ", "))};
    }
    return std::nullopt;
  }

  CellGroups with_partners(const Cells& within, std::vector<CellGroup> groups) {
    auto to = chosen(within, e_.to, "to");
    if (!to) return tl::unexpected(to.error());
    for (CellGroup& group : groups) {
      for (const std::size_t cell : group.cells) {
        // Of the same point of the sweep, if it takes part in it.
        Cells there;
        std::copy_if(to->begin(), to->end(), std::back_inserter(there), [&](std::size_t other) {
          const std::string& at = table_.text(other, e_.over);
          return at.empty() || at == table_.text(cell, e_.over);
        });
        const auto partner = partner_of(cell, there, "to");
        if (!partner) return tl::unexpected(partner.error());
        if (!*partner) return blame("to", none_beside(cell));
        group.against.push_back(**partner);
      }
    }
    return groups;
  }

  // A cell that lacks a setting, as a strategy lacks those of others, is not told apart by it in `where`.
  tl::expected<Cells, KeyProblem> chosen(const Cells& from, const CellChoice& choice,
                                         const std::string& key) const {
    Cells cells = from;
    for (const auto& one : choice) {
      const auto& axis = one.first;  // No structured binding, because clang 14 captures none.
      const auto& values = one.second;
      const bool may_lack = key == "where" || is_cost_of_exits(axis);
      std::size_t having = 0;
      std::erase_if(cells, [&](std::size_t cell) {
        const std::string& text = table_.text(cell, axis);
        if (text.empty()) return !may_lack;
        const bool has = std::any_of(values.begin(), values.end(),
                                     [&](const std::string& value) { return fits(value, text); });
        having += has ? 1 : 0;
        return !has;
      });
      const bool acts_nowhere = having == 0 && is_cost_of_exits(axis) && !cells.empty();
      if (having == 0 && !acts_nowhere) return blame(key, none_with(axis, values));
    }
    return cells;
  }

  std::string none_with(const std::string& axis, const std::vector<std::string>& values) const {
    const auto there = table_.values_of(axis);
    std::string message = fmt::format("expected cells with {} = {} here, found none", axis,
                                      fmt::join(values, " or "));
    if (there.empty()) return message + fmt::format("; no cell has a {}", axis);
    const std::size_t shown = std::min<std::size_t>(there.size(), 8);
    message += fmt::format(
        "; there are {}{}",
        fmt::join(there.begin(), there.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
        shown < there.size() ? " and others" : "");
    const std::string guess = values.empty() ? "" : nearest(values.front(), there);
    const bool known = guess.empty() || guess == values.front();
    return known ? message : message + fmt::format(", did you mean '{}'?", guess);
  }

  bool partners(std::size_t a, std::size_t b) const {
    return std::all_of(table_.varying().begin(), table_.varying().end(), [&](const auto& axis) {
      if (named_.contains(axis)) return true;
      const std::string &mine = table_.text(a, axis), &theirs = table_.text(b, axis);
      return mine.empty() || theirs.empty() || mine == theirs;
    });
  }

  std::string none_beside(std::size_t cell) const {
    return fmt::format("expected a cell beside '{}', found none", words_of_cell(cell));
  }

  // Nothing: there is none.
  tl::expected<std::optional<std::size_t>, KeyProblem> partner_of(std::size_t cell,
                                                                  const Cells& among,
                                                                  const char* key) const {
    std::optional<std::size_t> found;
    for (const std::size_t other : among) {
      if (other == cell || !partners(cell, other)) continue;
      if (found) {
        return blame(key,
                     fmt::format("'{}' could be held against '{}' and against '{}': name more "
                                 "of their settings",
                                 words_of_cell(cell), words_of_cell(*found), words_of_cell(other)));
      }
      found = other;
    }
    return found;
  }

  std::string words_of_cell(std::size_t cell) const {
    std::string words;
    for (const std::string& axis : table_.varying()) {
      const std::string& text = table_.text(cell, axis);
      if (!text.empty()) words += fmt::format("{}{}={}", words.empty() ? "" : " ", axis, text);
    }
    return words;
  }

  // By what differs between their first cells.
  void name(std::vector<CellGroup>& groups) const {
    if (groups.size() < 2) return;
    for (const std::string& axis : table_.varying()) {
      const auto text = [&](const CellGroup& group) -> const std::string& {
        return table_.text(group.cells.front(), axis);
      };
      const bool differs = std::any_of(groups.begin(), groups.end(), [&](const CellGroup& group) {
        return text(group) != text(groups.front());
      });
      if (!differs) continue;
      for (CellGroup& group : groups) {
        if (text(group).empty()) continue;
        const bool plain = axis == "strategy" || axis == "placement" || axis == "workload";
        group.label += group.label.empty() ? "" : " ";
        group.label += plain ? text(group) : fmt::format("{}={}", short_axis(axis), text(group));
      }
    }
  }

  const CellTable& table_;
  const Expectation& e_;
  std::set<std::string, std::less<>> named_;
};

}  // namespace

CellGroups CellTable::groups(const Expectation& expectation) const {
  return Grouping(*this, expectation).groups();
}

}  // namespace violet::results
