#include "experiments/results/run_scatter.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/base/rng.hpp"
#include "experiments/results/student.hpp"

namespace violet::results {
namespace {

double normal_of(Rng& rng) {  // Twelve uniform ones, less their mean: near enough.
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += static_cast<double>(rng() >> 11) * 0x1.0p-53;
  return sum;
}

// Medians of `cells` cells in `runs` runs that scatter by 5 %, of whose variance a run's cells share `shared`.
std::vector<RunMedians> cells_of(std::size_t cells, std::size_t runs, double shared, Rng& rng) {
  std::vector<RunMedians> all(cells);
  for (std::size_t run = 0; run < runs; ++run) {
    const double common = normal_of(rng);
    for (RunMedians& cell : all) {
      const double moved = std::sqrt(shared) * common + std::sqrt(1 - shared) * normal_of(rng);
      cell.emplace_back(run, 100 * std::exp(0.05 * moved));
    }
  }
  return all;
}

RunScatter scatter_of(const std::vector<RunMedians>& cells) {
  SharedRuns shared;
  RunScatter scatter;
  for (const RunMedians& cell : cells) {
    shared.add(cell);
    scatter.add(cell);
  }
  scatter.settle(shared.share());
  return scatter;
}

TEST(RunScatter, OfOneCellIsItsStandardDeviation) {
  const RunScatter scatter = scatter_of({{{0, 100.0}, {3, 110.0}, {7, 120.0}}});
  EXPECT_DOUBLE_EQ(scatter.of_value(), 10);
  EXPECT_DOUBLE_EQ(scatter.freedom(), 2);
  const double a = std::log(100.0), b = std::log(110.0), c = std::log(120.0), m = (a + b + c) / 3;
  EXPECT_NEAR(scatter.of_logarithm().value(),
              std::sqrt(((a - m) * (a - m) + (b - m) * (b - m) + (c - m) * (c - m)) / 2), 1e-12);
}

TEST(RunScatter, HasNoLogarithmWhereAValueIsNotAboveZero) {
  EXPECT_FALSE(scatter_of({{{0, 1.0}, {1, 0.0}}, {{0, 1.0}, {1, 2.0}}}).of_logarithm());
}

// In whatever order the cells come: the scatter of one that is at 0 has another unit.
TEST(RunScatter, IsNoBetterKnownWhereACellIsAtZero) {
  const RunMedians zero{{0, 0.0}, {1, 0.0}, {2, 1.0}};
  const std::vector<RunMedians> others = {{{0, 1000.0}, {1, 1020.0}, {2, 990.0}},
                                          {{0, 1500.0}, {1, 1480.0}, {2, 1530.0}},
                                          {{0, 800.0}, {1, 810.0}, {2, 790.0}}};
  for (const bool first : {true, false}) {
    RunScatter scatter;
    if (first) scatter.add(zero);
    for (const RunMedians& cell : others) scatter.add(cell);
    if (!first) scatter.add(zero);
    scatter.settle(0);
    EXPECT_GE(scatter.freedom(), 2);
    EXPECT_LE(scatter.freedom(), 8) << "four cells of three runs";
  }
}

// What rounding leaves of a constant is no deviation.
TEST(RunScatter, AConstantSaysNothingOfWhatIsShared) {
  SharedRuns shared;
  for (int i = 0; i < 20; ++i) shared.add({{0, 0.1}, {1, 0.1}, {2, 0.1}});
  EXPECT_EQ(shared.share(), 1) << "nothing can tell";
  Rng rng(11);
  for (const RunMedians& cell : cells_of(40, 3, 0, rng)) shared.add(cell);
  EXPECT_LT(shared.share(), 0.2);
}

TEST(RunScatter, OfCellsThatMoveTogetherIsKnownAsOneIs) {
  std::vector<RunMedians> cells;
  for (int cell = 1; cell <= 12; ++cell) {
    cells.push_back({{0, cell * 100.0}, {1, cell * 104.0}, {2, cell * 101.0}, {3, cell * 99.0}});
  }
  SharedRuns shared;
  for (const RunMedians& cell : cells) shared.add(cell);
  EXPECT_NEAR(shared.share(), 1, 1e-9);
  EXPECT_NEAR(scatter_of(cells).freedom(), 3, 1e-6);
}

// Of many cells that have nothing in common each tells something of its own; their sums of squares are of three degrees of
// freedom each, so that a little less than two thirds of them count.
TEST(RunScatter, OfCellsThatMoveAloneIsKnownFromThemAll) {
  Rng rng(5);
  const auto cells = cells_of(200, 4, 0, rng);
  SharedRuns shared;
  for (const RunMedians& cell : cells) shared.add(cell);
  EXPECT_LT(shared.share(), 0.1);
  EXPECT_GT(scatter_of(cells).freedom(), 200);
  EXPECT_LE(scatter_of(cells).freedom(), 600);
}

TEST(RunScatter, TellsWhatIsSharedOnAverage) {
  Rng rng(7);
  for (const double truth : {0.0, 0.5, 1.0}) {
    double sum = 0;
    for (int i = 0; i < 400; ++i) {
      SharedRuns shared;
      for (const RunMedians& cell : cells_of(12, 5, truth, rng)) shared.add(cell);
      sum += shared.share() / 400;
    }
    EXPECT_NEAR(sum, truth, 0.1) << "it cannot fall below 0, nor rise above 1";
  }
}

// What it is for: how often 95 % intervals by it hold the difference of two more runs, 0, in a cell.
TEST(RunScatter, IntervalsHoldWhateverIsShared) {
  Rng rng(9);
  for (const double shared : {0.0, 0.5, 1.0}) {
    for (const std::size_t runs : {2u, 4u}) {
      int held = 0;
      constexpr int kTrials = 2000;
      for (int i = 0; i < kTrials; ++i) {
        const RunScatter scatter = scatter_of(cells_of(12, runs, shared, rng));
        const auto two = cells_of(1, 2, shared, rng);
        const double away = std::abs(std::log(two[0][0].second / two[0][1].second));
        const double reach = student_t(0.05, scatter.freedom()) * *scatter.of_logarithm();
        held += away <= reach * std::sqrt(2.0) ? 1 : 0;
      }
      EXPECT_GT(held, 0.92 * kTrials) << shared << " shared, " << runs << " runs";
      EXPECT_LT(held, kTrials) << "it must be able to miss";
    }
  }
}

TEST(RunScatter, SetsOfRunsShareNothing) {
  RunScatter one = scatter_of({{{0, 100.0}, {1, 110.0}}});
  one.join(scatter_of({{{2, 300.0}, {3, 330.0}, {4, 300.0}}}));
  EXPECT_DOUBLE_EQ(one.freedom(), 3);
  EXPECT_EQ(one.cells(), 2u);
}

}  // namespace
}  // namespace violet::results
