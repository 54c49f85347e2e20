// A run scatter is how much the medians of equal runs differ, from several cells of the same runs.
//
// Cells of one run are no witnesses of their own: what befell the run (where its memory lay, what else the host did) befell
// all of them. So a scatter that is pooled over k cells of R runs is not known from k (R - 1) degrees of freedom, but from as
// many as its own variance says: (R - 1) / (1 / k + (1 - 1 / k) rho^2), where rho is the share of the variance that the
// cells of a run have in common. It is what a mean of k variances comes to whose values correlate by rho, by Satterthwaite's
// rule (Biometrics Bulletin 2, 1946). rho is estimated from the cells: how far the sums of their deviations, each
// in units of its own, move with the runs. Cells that scatter more than others count for more, so that k is the number that
// as many equal ones would have: (sum s)^2 / sum s^2 of the cells' sums of squares s, which errs to the low side.
//
// Threading: values.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace violet::results {

// Number of the run, and the cell's median in it.
using RunMedians = std::vector<std::pair<std::size_t, double>>;

// Of one metric, over all cells of one set of equal runs.
class SharedRuns {
 public:
  void add(const RunMedians& cell);
  // rho, 0 to 1; 1 where one cell, or none that scatters, cannot tell.
  double share() const;

 private:
  std::vector<double>
      sums_;  // By run: of the cells' deviations, each divided by its root mean square.
  double squares_ = 0;
  std::size_t cells_ = 0;
};

// The scatter itself, of some of these cells.
class RunScatter {
 public:
  void add(const RunMedians& cell);
  // Another set of equal runs, which share nothing with these.
  void join(const RunScatter& other);
  // Of the cells so far, when all of a set of runs are in and none of another set.
  void settle(double share);

  std::size_t cells() const { return cells_; }
  // In the unit of the values, and of their logarithms; nothing where some are not above 0.
  double of_value() const;
  std::optional<double> of_logarithm() const;
  double freedom() const { return freedom_; }

 private:
  double squares_ = 0, squares_of_logarithm_ = 0;
  double squared_ = 0, squared_of_logarithm_ = 0;  // Of the cells' sums of squares, the squares.
  double pooled_ = 0;  // Degrees of freedom, were every cell alone in its runs.
  std::size_t cells_ = 0;
  double freedom_ = 0;
  bool positive_ = true;
};

}  // namespace violet::results
