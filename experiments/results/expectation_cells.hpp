// Expectation cells are those of a plan or of a run that an expectation chooses, in the groups in which it judges them.
//
// Threading: pure functions; a CellTable is immutable.
// Invariants: cells that are held against each other agree in every axis that varies and that both have, but for those
// that the expectation itself names. A sidecore has no exits and agrees with every cost of them. The values of a sweep
// ascend where all are numbers, and have the plan's order else.
// Limits: kMostChosenCells cells of one expectation.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "experiments/results/expectation.hpp"

namespace violet::results {

inline constexpr std::size_t kMostChosenCells = 256;

// Cells that are judged together, by their indexes.
struct CellGroup {
  std::string label;                // What tells it from the expectation's other groups.
  std::vector<std::string> values;  // Of `over`, as many as cells; empty without it.
  std::vector<std::size_t> cells;
  std::vector<std::size_t> against;  // Of a ratio or crossover: the partner of each cell.
};
// Where the i-th cell stands on `over`: its value, or its index where that is no number.
double place_of(const CellGroup& group, std::size_t i);
using CellGroups = tl::expected<std::vector<CellGroup>, KeyProblem>;

class CellTable {
 public:
  explicit CellTable(std::span<const SettingAssignments* const> cells);

  // At least one group, or the key to blame.
  CellGroups groups(const Expectation& expectation) const;

  std::size_t size() const { return cells_; }
  // Empty: the cell has no such setting, or it does not act there.
  const std::string& text(std::size_t cell, std::string_view axis) const;
  const std::vector<std::string>& varying() const { return varying_; }
  // Those that the cells have, each once, in their order.
  std::vector<std::string> values_of(std::string_view axis) const;

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> texts_;  // By axis, then by cell.
  std::vector<std::string> varying_;
  std::size_t cells_ = 0;
};

// What a kick costs, which a sidecore gets hardly any of.
bool is_cost_of_exits(std::string_view axis);
// The last part of an axis's name, where a reader knows the rest: "buffers" of "workload.working-set.buffers".
std::string_view short_axis(std::string_view axis);
// A number as settings are written, all of it; nothing for any other text.
std::optional<double> number_of(std::string_view text);

}  // namespace violet::results
