// An axis places values on the screen and chooses ticks that are round numbers with units and
// never overlap.
//
// Threading: plain values and pure functions.
// Invariants: Neighbouring labels are at least as far apart as was asked for. A tick's value is 1,
// 2 or 5 times a power of ten of its unit (time, count), or a power of ten (logarithmic).
#pragma once

#include <QString>
#include <algorithm>
#include <optional>
#include <vector>

#include "experiments/query/queries.hpp"

namespace violet::gui {
using namespace query;

// Values to pixels, linear or logarithmic. `from_px` may be larger than `to_px` (y grows upwards).
struct Scale {
  double low = 0, high = 1;
  double from_px = 0, to_px = 1;
  bool log = false;
  std::optional<double> zero_px = {};  // Log: a place of its own for zero, beside the scale.

  double pixel(
      double value) const;  // Not clamped; log: values <= 0 lie at zero's place, or `from_px`.
  double value(double pixel) const;
};

struct Tick {
  double at = 0;
  QString label;  // Empty: a line of the grid only.
};

enum class Unit { kNanoseconds, kCount, kPerSecond, kShare, kBytes };

// "12.5 k/s": one value of the axis, three significant digits.
QString unit_text(Unit unit, double value);

// `spacing_px`: least distance of two labels.
std::vector<Tick> linear_ticks(const Scale& scale, Unit unit, double spacing_px);
std::vector<Tick> log_ticks(const Scale& scale, Unit unit, double spacing_px);
std::vector<Tick> ticks_of(const Scale& scale, Unit unit, double spacing_px);

// The time axis: labels in the unit of the step. Far from zero they count from `base`, which is
// printed once.
struct TimeTicks {
  std::vector<Tick> ticks;
  QString base;  // "1.284 s +", or empty.
};
TimeTicks time_ticks(TimeWindow window, double pixels, double spacing_px);

// Equal steps of a round length, from one of its multiples to another: a sum over each of them says the same in
// a picture of any width, and stays when the window moves.
struct TimeSteps {
  TimeWindow window;  // All of the one that was asked for, and less than a step more at either end.
  std::uint32_t count = 1;
  Nanos length = 1;
};
// From two fifths of `about` steps to two more than that.
TimeSteps round_steps(TimeWindow window, std::uint32_t about);

// A value for each of `steps`, of nothing beyond `within`: of a step that its border cuts the part inside, of one outside
// none. `ask(window, count)` gives one for each of `count` equal parts of `window`, or none at all; then there is none.
template <class Ask>
std::vector<Column> columns_within(const TimeSteps& steps, TimeWindow within, Ask&& ask) {
  std::vector<Column> columns(steps.count);
  bool none = false;
  const auto begin_of = [&](std::uint32_t step) {
    return steps.window.from + steps.length * static_cast<Nanos>(step);
  };
  const auto fill = [&](TimeWindow part, std::uint32_t first, std::uint32_t count) {
    if (count == 0 || part.to <= part.from) return;
    const std::vector<Column> answer = ask(part, count);
    none = none || answer.empty();
    std::copy_n(answer.begin(), std::min<std::size_t>(answer.size(), count),
                columns.begin() + static_cast<std::ptrdiff_t>(first));
  };
  std::uint32_t first = 0, end = steps.count;
  while (first < end && begin_of(first) < within.from) ++first;
  while (end > first && begin_of(end) > within.to) --end;
  if (first > 0) fill({within.from, std::min(begin_of(first), within.to)}, first - 1, 1);
  fill({begin_of(first), begin_of(end)}, first, end - first);
  if (end < steps.count) fill({begin_of(end), within.to}, end, 1);
  return none ? std::vector<Column>{} : columns;
}

// The smallest of 1, 2, 5 times a power of ten that is >= value.
double round_up(double value);
// Where an axis from zero ends: above `highest`, and at `least` (> 0) or more.
double axis_top(double highest, double least);

}  // namespace violet::gui
