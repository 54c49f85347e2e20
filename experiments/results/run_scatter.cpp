#include "experiments/results/run_scatter.hpp"

#include <algorithm>
#include <cmath>

namespace violet::results {
namespace {

double mean_of_values(const RunMedians& cell) {
  double sum = 0;
  for (const auto& [run, value] : cell) sum += value;
  return sum / static_cast<double>(cell.size());
}

double squares_around_mean(const RunMedians& cell) {
  const double mean = mean_of_values(cell);
  double squares = 0;
  for (const auto& [run, value] : cell) squares += (value - mean) * (value - mean);
  return squares;
}

bool is_positive(const RunMedians& cell) {
  return std::all_of(cell.begin(), cell.end(), [](const auto& one) { return one.second > 0; });
}

RunMedians logarithms(RunMedians cell) {
  for (auto& [run, value] : cell) value = std::log(value);
  return cell;
}

}  // namespace

void SharedRuns::add(const RunMedians& cell) {
  if (cell.size() < 2) return;
  const double squares = squares_around_mean(cell);
  const double mean = mean_of_values(cell), unit = std::sqrt(squares);
  constexpr double kRounding = 1e-12;  // Of values that are all the same.
  if (unit <= kRounding * std::abs(mean)) return;
  for (const auto& [run, value] : cell) {
    if (run >= sums_.size()) sums_.resize(run + 1);
    sums_[run] += (value - mean) / unit;
  }
  squares_ += 1;
  ++cells_;
}

double SharedRuns::share() const {
  if (cells_ < 2) return 1;
  const auto k = static_cast<double>(cells_);
  double of_runs = 0;
  for (const double sum : sums_) of_runs += sum * sum / k;
  // Expected of cells that have nothing in common: 1 / k; that have all: 1.
  return std::clamp((k * of_runs / squares_ - 1) / (k - 1), 0.0, 1.0);
}

void RunScatter::add(const RunMedians& cell) {
  if (cell.size() < 2) return;
  const double squares = squares_around_mean(cell);
  squares_ += squares;
  squared_ += squares * squares;
  positive_ = positive_ && is_positive(cell);
  if (positive_) {
    const double of_logarithm = squares_around_mean(logarithms(cell));
    squares_of_logarithm_ += of_logarithm;
    squared_of_logarithm_ += of_logarithm * of_logarithm;
  }
  pooled_ += static_cast<double>(cell.size() - 1);
  ++cells_;
}

void RunScatter::settle(double share) {
  if (cells_ == 0) return;
  const auto k = static_cast<double>(cells_);
  const double beyond = pooled_ / k;
  const double all = positive_ ? squares_of_logarithm_ : squares_;
  const double squared = positive_ ? squared_of_logarithm_ : squared_;
  const double alike = squared > 0 ? std::clamp(all * all / squared, 1.0, k) : k;
  freedom_ = beyond / (1 / alike + (1 - 1 / alike) * share * share);
}

void RunScatter::join(const RunScatter& other) {
  squares_ += other.squares_;
  squares_of_logarithm_ += other.squares_of_logarithm_;
  squared_ += other.squared_;
  squared_of_logarithm_ += other.squared_of_logarithm_;
  pooled_ += other.pooled_;
  cells_ += other.cells_;
  freedom_ += other.freedom_;
  positive_ = positive_ && other.positive_;
}

double RunScatter::of_value() const { return std::sqrt(squares_ / pooled_); }

std::optional<double> RunScatter::of_logarithm() const {
  if (!positive_) return std::nullopt;
  return std::sqrt(squares_of_logarithm_ / pooled_);
}

}  // namespace violet::results
