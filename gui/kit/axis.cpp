#include "gui/kit/axis.hpp"

#include <algorithm>
#include <cmath>

#include "gui/model/text.hpp"

namespace violet::gui {

double Scale::pixel(double at) const {
  if (!log) return from_px + (at - low) / (high - low) * (to_px - from_px);
  if (at <= 0) return zero_px.value_or(from_px);
  return from_px + std::log(at / low) / std::log(high / low) * (to_px - from_px);
}

double Scale::value(double at) const {
  const double share = (at - from_px) / (to_px - from_px);
  return log ? low * std::pow(high / low, share) : low + share * (high - low);
}

double round_up(double value) {
  if (!(value > 0) || !std::isfinite(value)) return 1;
  const double power = std::pow(10.0, std::floor(std::log10(value)));
  for (const double step : {1.0, 2.0, 5.0}) {
    if (step * power >= value * (1 - 1e-12)) return step * power;
  }
  return 10 * power;
}

double axis_top(double highest, double least) {
  const double wanted = std::max(highest * 1.02, least);
  const double power = std::pow(10.0, std::floor(std::log10(wanted)));
  for (const double step : {1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0}) {
    if (step * power >= wanted * (1 - 1e-9)) return step * power;
  }
  return 10 * power;
}

namespace {

// What is small keeps its digits: 0.005 % is neither 0 nor 0.01 %.
QString share_text(double share) {
  const double percent = share * 100;
  if (percent >= 99.995 && percent < 100) return QStringLiteral("> 99.99 %");
  const bool small = std::abs(percent) < 1;
  const QString number =
      small ? QString::number(percent, 'g', 3) : QString::number(std::round(percent * 100) / 100);
  return number + QStringLiteral(" %");
}

}  // namespace

QString unit_text(Unit unit, double value) {
  switch (unit) {
    case Unit::kNanoseconds:
      return value == 0 ? QStringLiteral("0") : durationText(value);
    case Unit::kCount:
      return countText(value);
    case Unit::kPerSecond:
      return rateText(value);
    case Unit::kShare:
      return share_text(value);
    case Unit::kBytes:
      return bytesText(value);
  }
  return {};
}

std::vector<Tick> linear_ticks(const Scale& scale, Unit unit, double spacing_px) {
  const double pixels = std::abs(scale.to_px - scale.from_px);
  const double length = scale.high - scale.low;
  if (!(length > 0) || pixels < 1) return {};
  double step = round_up(length / std::max(1.0, std::floor(pixels / spacing_px)));
  if (step > length) step = round_up(length / 2);        // Zero alone says nothing.
  if (unit == Unit::kCount) step = std::max(step, 1.0);  // There is no half page.
  std::vector<Tick> ticks;
  const double first = std::ceil(scale.low / step - 1e-9);
  for (double i = first; i * step <= scale.high + length * 1e-9; ++i) {
    ticks.push_back({i * step, unit_text(unit, i * step)});
  }
  return ticks;
}

std::vector<Tick> log_ticks(const Scale& scale, Unit unit, double spacing_px) {
  if (!(scale.low > 0) || !(scale.high > scale.low)) return {};
  const double pixels = std::abs(scale.to_px - scale.from_px);
  const double decades = std::log10(scale.high / scale.low);
  const double decade_px = pixels / decades;
  const int every = std::max(1, static_cast<int>(std::ceil(spacing_px / decade_px)));
  std::vector<Tick> ticks;
  std::vector<int> ranks;  // Labels of a lower one come first: powers of ten that are alike apart.
  const int first = static_cast<int>(std::floor(std::log10(scale.low)));
  for (int power = first; power <= static_cast<int>(std::ceil(std::log10(scale.high))); ++power) {
    for (const int factor : {1, 2, 5}) {
      const double at = factor * std::pow(10.0, power);
      if (at < scale.low * (1 - 1e-9) || at > scale.high * (1 + 1e-9)) continue;
      if (factor != 1 && decade_px <= 40) continue;
      ticks.push_back({at, {}});
      ranks.push_back(factor != 1 ? 2 : power % every == 0 ? 0 : 1);
    }
  }
  std::vector<double> taken;
  for (const int rank : {0, 1, 2}) {
    for (std::size_t i = 0; i < ticks.size(); ++i) {
      const double px = scale.pixel(ticks[i].at);
      const bool free = std::none_of(taken.begin(), taken.end(), [&](double other) {
        return std::abs(other - px) < spacing_px - 1e-6;
      });
      if (ranks[i] != rank || !free) continue;
      ticks[i].label = unit_text(unit, ticks[i].at);
      taken.push_back(px);
    }
  }
  return ticks;
}

std::vector<Tick> ticks_of(const Scale& scale, Unit unit, double spacing_px) {
  return scale.log ? log_ticks(scale, unit, spacing_px) : linear_ticks(scale, unit, spacing_px);
}

TimeSteps round_steps(TimeWindow window, std::uint32_t about) {
  const double wanted = double(std::max<Nanos>(1, window.length())) / std::max(1u, about);
  const Nanos step = std::max<Nanos>(1, static_cast<Nanos>(std::llround(round_up(wanted))));
  const auto floor_of = [step](Nanos at) {
    return (at >= 0 ? at / step : -((-at + step - 1) / step)) * step;
  };
  TimeSteps steps;
  steps.length = step;
  steps.window.from = floor_of(window.from);
  steps.window.to = std::max(floor_of(window.to + step - 1), steps.window.from + step);
  steps.count = static_cast<std::uint32_t>(steps.window.length() / step);
  return steps;
}

namespace {

struct TimeUnit {
  double ns;
  const char* name;
};
// The largest unit that the times reach and that shows a step with three decimals at most.
TimeUnit time_unit(double step_ns, double largest_ns) {
  constexpr TimeUnit kUnits[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}};
  for (const TimeUnit& unit : kUnits) {
    if (largest_ns >= unit.ns && step_ns >= unit.ns * (1e-3 - 1e-12)) return unit;
  }
  return {1, "ns"};
}

int decimals_of(double step) {
  return step >= 1 ? 0 : static_cast<int>(std::ceil(-std::log10(step) - 1e-9));
}

}  // namespace

TimeTicks time_ticks(TimeWindow window, double pixels, double spacing_px) {
  TimeTicks result;
  if (window.length() <= 0 || pixels < 1) return result;
  const double length = static_cast<double>(window.length());
  const double step =
      std::max(1.0, round_up(length / std::max(1.0, std::floor(pixels / spacing_px))));
  const double from = static_cast<double>(window.from), to = static_cast<double>(window.to);
  const double largest = std::max(std::abs(from), std::abs(to));
  // Far from zero the leading digits would be the same on every label.
  const bool far = largest / step > 5000;
  const TimeUnit unit = far ? time_unit(step, step) : time_unit(step, largest);
  double base = 0;
  if (far) {
    const double above = unit.ns * 1000;
    base = std::floor(from / above) * above;
    result.base = timeText(static_cast<Nanos>(base)) + QStringLiteral(" +");
  }
  const int decimals = decimals_of(step / unit.ns);
  for (double i = std::ceil((from - base) / step - 1e-9); base + i * step <= to; ++i) {
    result.ticks.push_back({base + i * step, QString::number(i * step / unit.ns, 'f', decimals) +
                                                 QLatin1Char(' ') + QString::fromUtf8(unit.name)});
  }
  return result;
}

}  // namespace violet::gui
