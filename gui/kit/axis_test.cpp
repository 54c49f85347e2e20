#include "gui/kit/axis.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace violet::gui {
namespace {

TEST(UnitText, ASmallShareIsNotZero) {
  EXPECT_EQ(unit_text(Unit::kShare, 0), "0 %");
  EXPECT_EQ(unit_text(Unit::kShare, 0.00005), "0.005 %");
  EXPECT_EQ(unit_text(Unit::kShare, 9.88e-6), "0.000988 %");
  EXPECT_EQ(unit_text(Unit::kShare, 0.38), "38 %");
  EXPECT_EQ(unit_text(Unit::kShare, 0.99999), "> 99.99 %");
  EXPECT_EQ(unit_text(Unit::kShare, 1), "100 %");
  EXPECT_EQ(unit_text(Unit::kShare, 40.94), "4094 %");
}

// 1, 2 or 5 times a power of ten.
bool is_round(double value) {
  if (value == 0) return true;
  const double mantissa =
      std::abs(value) / std::pow(10.0, std::floor(std::log10(std::abs(value)) + 1e-9));
  return std::abs(mantissa - std::round(mantissa)) < 1e-6;
}

TEST(Axis, LabelsAreAsFarApartAsAsked) {
  for (const double high : {1.0, 7.0, 63.0, 999.0, 12345.0}) {
    const Scale scale{0, high, 0, 300, false};
    const auto ticks = linear_ticks(scale, Unit::kPerSecond, 30);
    for (std::size_t i = 1; i < ticks.size(); ++i) {
      EXPECT_GE(scale.pixel(ticks[i].at) - scale.pixel(ticks[i - 1].at), 30 - 1e-6) << high;
    }
    EXPECT_GE(ticks.size(), 2u) << high;
  }
}

TEST(Axis, StepsAreRound) {
  const auto ticks = linear_ticks({0, 63, 0, 300, false}, Unit::kPerSecond, 30);
  ASSERT_GE(ticks.size(), 2u);
  EXPECT_TRUE(is_round(ticks[1].at - ticks[0].at));
}

TEST(Axis, CountsHaveNoFractions) {
  const auto ticks = linear_ticks({0, 1, 0, 400, false}, Unit::kCount, 20);
  ASSERT_EQ(ticks.size(), 2u);
  EXPECT_EQ(ticks[1].at, 1);
}

TEST(Axis, LogTicksArePowersOfTenWhenCrowded) {
  const auto ticks = log_ticks({10, 1e9, 0, 120, true}, Unit::kNanoseconds, 26);
  for (const Tick& tick : ticks) EXPECT_TRUE(is_round(tick.at));
  for (const Tick& tick : ticks) {
    if (tick.label.isEmpty()) continue;
    EXPECT_NEAR(std::fmod(std::log10(tick.at), 1), 0, 1e-9);
  }
}

TEST(Axis, ALogAxisOfAnyPlaceIsLabelledAndItsLabelsStayApart) {
  for (const double low : {1.0, 8.0, 33.0, 250.0, 480.0}) {
    for (const double span : {10.0, 12.0, 90.0, 4000.0, 1e6}) {
      for (const double pixels : {70.0, 130.0, 220.0, 900.0}) {
        const Scale scale{low, low * span, 0, pixels, true};
        std::vector<double> labels;
        for (const Tick& tick : log_ticks(scale, Unit::kNanoseconds, 56)) {
          if (!tick.label.isEmpty()) labels.push_back(scale.pixel(tick.at));
        }
        EXPECT_GE(labels.size(), pixels < 200 ? 1u : 2u) << low << " * " << span << ", " << pixels;
        for (std::size_t i = 1; i < labels.size(); ++i) EXPECT_GE(labels[i] - labels[i - 1], 55.9);
      }
    }
  }
}

TEST(Axis, LogScaleGoesBothWays) {
  const Scale scale{10, 1e6, 200, 0, true};
  EXPECT_NEAR(scale.value(scale.pixel(12345)), 12345, 1e-6);
  EXPECT_EQ(scale.pixel(10), 200);
  EXPECT_NEAR(scale.pixel(1e6), 0, 1e-9);
}

TEST(TimeAxis, UnitFollowsTheStep) {
  EXPECT_EQ(time_ticks({0, 5'000'000'000}, 900, 92).ticks[1].label, QStringLiteral("1 s"));
  EXPECT_EQ(time_ticks({0, 5'000'000}, 900, 92).ticks[1].label, QStringLiteral("1 ms"));
  EXPECT_EQ(time_ticks({0, 3'000}, 900, 92).ticks[1].label, QStringLiteral("0.5 µs"));
}

TEST(TimeAxis, FarFromZeroLabelsCountFromABase) {
  const TimeTicks near = time_ticks({1'200'000'000, 1'204'000'000}, 900, 92);
  EXPECT_TRUE(near.base.isEmpty()) << "1.201 s says it all";
  const TimeTicks far = time_ticks({3'200'000'000, 3'200'004'000}, 900, 92);
  EXPECT_FALSE(far.base.isEmpty());
  for (const Tick& tick : far.ticks) EXPECT_LT(tick.label.size(), 12) << tick.label.toStdString();
}

TEST(TimeAxis, TicksLieInTheWindowAtAnyZoom) {
  for (Nanos length = 200; length < 20'000'000'000; length *= 3) {
    const TimeWindow window{1'234'567'891, 1'234'567'891 + length};
    const auto ticks = time_ticks(window, 800, 92).ticks;
    ASSERT_GE(ticks.size(), 2u) << length;
    for (const Tick& tick : ticks) {
      EXPECT_GE(tick.at, double(window.from) - 1);
      EXPECT_LE(tick.at, double(window.to) + 1);
    }
  }
}

TEST(AxisTop, LeavesLittleRoomAboveTheHighest) {
  EXPECT_EQ(axis_top(300, 1), 400);
  EXPECT_EQ(axis_top(0, 1), 1);
  EXPECT_EQ(axis_top(0.03, 0.05), 0.05);
  for (double value = 0.11; value < 1e6; value *= 1.37) {
    EXPECT_GT(axis_top(value, 1e-3), value);
    EXPECT_LT(axis_top(value, 1e-3), value * 1.4);
  }
}

TEST(RoundSteps, AreRoundCoverTheWindowAndStayWhenItMoves) {
  for (Nanos length = 150; length < 20'000'000'000; length *= 7) {
    for (const Nanos from : {Nanos{-1'234'567}, Nanos{0}, Nanos{987'654'321}}) {
      const TimeSteps steps = round_steps({from, from + length}, 100);
      EXPECT_EQ(double(steps.length), round_up(double(steps.length)));
      EXPECT_LE(steps.window.from, from);
      EXPECT_GE(steps.window.to, from + length);
      EXPECT_GT(steps.window.from + steps.length, from);
      EXPECT_EQ(steps.window.from % steps.length, 0);
      EXPECT_EQ(steps.window.length(), steps.length * steps.count);
      EXPECT_GE(steps.count, 40u);
      EXPECT_LE(steps.count, 102u);
    }
  }
  EXPECT_EQ(round_steps({3, 3}, 100).count, 1u);
}

// Of each step the part within is asked for, once; a value is the length of what it was asked of.
TEST(RoundSteps, ColumnsOfStepsSayNothingOfWhatLiesBeyond) {
  for (const TimeWindow window :
       {TimeWindow{103, 987}, TimeWindow{100, 1000}, TimeWindow{512, 515}, TimeWindow{50, 60}}) {
    const TimeSteps steps{{100, 1000}, 9, 100};
    const auto columns = columns_within(steps, window, [&](TimeWindow part, std::uint32_t count) {
      EXPECT_GE(part.from, window.from);
      EXPECT_LE(part.to, window.to);
      const auto each = static_cast<float>(part.length()) / static_cast<float>(count);
      return std::vector<Column>(count, Column{1, each, each, each, false});
    });
    ASSERT_EQ(columns.size(), 9u);
    for (std::uint32_t i = 0; i < 9; ++i) {
      const Nanos from = std::max<Nanos>(window.from, 100 + 100 * i),
                  to = std::min<Nanos>(window.to, 200 + 100 * i);
      EXPECT_EQ(columns[i].known(), from < to) << i << " of " << window.from;
      if (from < to) {
        EXPECT_EQ(columns[i].mean, float(to - from)) << i << " of " << window.from;
      }
    }
  }
  EXPECT_TRUE(columns_within({{0, 300}, 3, 100}, {0, 300}, [](TimeWindow, std::uint32_t) {
                return std::vector<Column>{};
              }).empty());
}

TEST(RoundUp, OneTwoFive) {
  EXPECT_EQ(round_up(1), 1);
  EXPECT_EQ(round_up(1.01), 2);
  EXPECT_EQ(round_up(4.2), 5);
  EXPECT_EQ(round_up(51), 100);
  EXPECT_EQ(round_up(0), 1);
}

}  // namespace
}  // namespace violet::gui
