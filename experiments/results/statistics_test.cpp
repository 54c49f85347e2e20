#include "experiments/results/statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "experiments/results/student.hpp"

namespace violet::results {
namespace {

using Values = std::vector<double>;

// Values marked scipy were computed with SciPy 1.10.1 and NumPy 1.24 (Debian 12).
const Values kEight{12.9, 3.1, 7.7, 18.2, 5.5, 9.4, 1.3, 22.6};
const Values kTenA{10.1, 9.8, 10.4, 10.0, 9.7, 10.2, 10.6, 9.9, 10.3, 10.05};

TEST(Percentile, AgreesWithNumpy) {
  const double expected[][2] = {{0, 1.3},     {10, 2.56},  {25, 4.9},    {50, 8.55},
                                {75, 14.225}, {90, 19.52}, {99, 22.292}, {100, 22.6}};
  for (const auto& [percent, value] : expected) {
    EXPECT_NEAR(percentile(kEight, percent), value, 1e-12) << percent;
  }
  EXPECT_TRUE(std::isnan(percentile({}, 50)));
  EXPECT_EQ(percentile(Values{7}, 99), 7);
}

TEST(Deviation, AgreesWithScipyMedianAbsDeviation) {
  EXPECT_NEAR(median_absolute_deviation(kEight), 4.9, 1e-12);
}

// Binomial tails: of 6 values the range holds the median with 1 - 2 / 64 = .969, of 5 with .9375 only.
TEST(MedianInterval, LiesBetweenValuesAndIsNoneForFewerThanSix) {
  EXPECT_FALSE(median_estimate(Values{1, 2, 3, 4, 5}).interval.has_value());
  const auto six = median_estimate(Values{6, 2, 5, 1, 4, 3});
  EXPECT_EQ(six.value, 3.5);
  EXPECT_EQ(six.interval->low, 1);
  EXPECT_EQ(six.interval->high, 6);
  const auto ten = median_estimate(kTenA);  // 1 - 2 * (1 + 10) / 1024 = .979; a rank more has .891.
  EXPECT_EQ(ten.interval->low, 9.8);
  EXPECT_EQ(ten.interval->high, 10.4);
  Values many(2001);
  std::iota(many.begin(), many.end(), 0.0);
  EXPECT_NEAR(median_estimate(many).interval->low, 1000 - 0.98 * std::sqrt(2001.0), 2);
  EXPECT_NEAR(median_estimate(many).interval->high, 1000 + 0.98 * std::sqrt(2001.0), 2);
}

// Tables of the t distribution (Abramowitz and Stegun, table 26.10).
TEST(Student, AgreesWithTheTables) {
  EXPECT_NEAR(student_t(0.05, 1), 12.70620, 1e-4);
  EXPECT_NEAR(student_t(0.05, 3), 3.182446, 1e-6);
  EXPECT_NEAR(student_t(0.05, 8), 2.306004, 1e-6);
  EXPECT_NEAR(student_t(0.001, 20), 3.849516, 1e-6);
  EXPECT_NEAR(student_t(0.05, INFINITY), 1.959964, 1e-6);
  EXPECT_NEAR(student_p(1, 1), 0.5, 1e-12);  // Cauchy: 1 - 2 atan(1) / pi.
  EXPECT_NEAR(student_p(1e6, 1), 2 * 1e-6 / M_PI, 1e-15);
  EXPECT_EQ(student_p(INFINITY, 3), 0);
}

TEST(MeanInterval, IsStudents) {
  const auto mean = mean_estimate(Values{2, 4, 6});  // 4 +- 4.302653 * 2 / sqrt(3).
  EXPECT_EQ(mean.value, 4);
  EXPECT_NEAR(mean.interval->low, 4 - 4.302653 * 2 / std::sqrt(3.0), 1e-5);
  EXPECT_NEAR(mean.interval->high, 4 + 4.302653 * 2 / std::sqrt(3.0), 1e-5);
  EXPECT_FALSE(mean_estimate(Values{2, 4}).interval.has_value());
  EXPECT_TRUE(std::isnan(mean_estimate(Values{}).value));
}

TEST(Outliers, AreNamedNotDropped) {
  const Values values{10, 11, 9, 10, 12, 50, 10, 9};
  const auto found = outliers(values);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].index, 5u);
  EXPECT_EQ(found[0].value, 50);
  EXPECT_GT(found[0].deviations, 3);
  EXPECT_EQ(outliers(Values{5, 5, 5, 5, 5, 5, 5, 5, 5, 6}).size(), 1u);  // MAD is 0.
  EXPECT_TRUE(outliers(Values{5, 5, 5}).empty());
  EXPECT_TRUE(outliers(Values{1, 100}).empty());
}

}  // namespace
}  // namespace violet::results
