#include "gui/observe/heat_map.hpp"

#include <QFontMetricsF>
#include <QPainter>
#include <algorithm>
#include <array>
#include <cmath>

#include "gui/kit/axis.hpp"
#include "gui/kit/theme.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {

namespace {

struct Rgb {
  double r, g, b;
};
// Ten points of cividis (Nuñez, Anderton, Renslow 2018), evenly spaced; linear between them.
constexpr std::array<Rgb, 10> kCividis = {{{0, 34, 78},
                                           {18, 53, 112},
                                           {59, 73, 108},
                                           {87, 93, 109},
                                           {112, 113, 115},
                                           {138, 134, 120},
                                           {165, 156, 116},
                                           {195, 179, 105},
                                           {225, 204, 85},
                                           {254, 232, 56}}};

QRgb cividis(double share) {
  const double at = std::clamp(share, 0.0, 1.0) * (kCividis.size() - 1);
  const std::size_t i = std::min(static_cast<std::size_t>(at), kCividis.size() - 2);
  const double t = at - static_cast<double>(i);
  const Rgb &a = kCividis[i], &b = kCividis[i + 1];
  const auto mix = [t](double x, double y) {
    return static_cast<int>(std::lround(x + t * (y - x)));
  };
  return qRgb(mix(a.r, b.r), mix(a.g, b.g), mix(a.b, b.b));
}

}  // namespace

QRgb heat_colour(double share, bool dark) {
  // The darkest fifth is too close to the dark background, the brightest tenth to paper.
  return dark ? cividis(0.18 + 0.82 * share) : cividis(0.86 - 0.86 * share);
}

QRgb heat_colour(double share) { return heat_colour(share, theme().dark); }

double HeatScale::share(double count) const {
  if (count <= 0) return 0;
  if (most <= 1) return 1;
  return log ? std::log(count) / std::log(most) : (count - 1) / (most - 1);
}

HeatScale HeatScale::of(std::span<const std::uint32_t> counts) {
  HeatScale scale;
  std::uint32_t most = 1;
  for (const std::uint32_t count : counts) most = std::max(most, count);
  scale.most = most <= 1 ? 1 : round_up(most);
  scale.log = scale.most > 20;
  return scale;
}

QImage heat_image(int columns, int rows, const HeatScale& scale,
                  const std::function<std::uint32_t(int, int)>& at, bool dark) {
  QImage image(std::max(1, columns), std::max(1, rows), QImage::Format_ARGB32_Premultiplied);
  image.fill(Qt::transparent);
  std::array<QRgb, 256> colours{};
  for (std::size_t i = 0; i < colours.size(); ++i) colours[i] = heat_colour(double(i) / 255, dark);
  for (int row = 0; row < rows; ++row) {
    auto* line = reinterpret_cast<QRgb*>(image.scanLine(rows - 1 - row));
    for (int column = 0; column < columns; ++column) {
      const std::uint32_t count = at(column, row);
      if (count == 0) continue;
      const double share = std::clamp(scale.share(count), 0.0, 1.0);
      line[column] = colours[static_cast<std::size_t>(share * 255)];
    }
  }
  return image;
}

double draw_heat_legend(QPainter& painter, const QRectF& row, const HeatScale& scale,
                        const QString& unit) {
  painter.save();
  painter.setFont(text_font(8));
  const QFontMetricsF metrics(painter.font());
  QString right = countText(scale.most) + QLatin1Char(' ') + unit;
  if (scale.most <= 1) right.replace(QLatin1String("calls"), QLatin1String("call"));
  const double right_width = metrics.horizontalAdvance(right);
  constexpr double kBar = 64;
  const double bar_left = row.right() - right_width - 5 - kBar;
  for (int i = 0; i < int(kBar); ++i) {
    painter.fillRect(QRectF(bar_left + i, row.center().y() - 4, 1.05, 9),
                     QColor(heat_colour(i / kBar)));
  }
  painter.setPen(theme().muted);
  const double one = metrics.horizontalAdvance(QLatin1Char('1'));
  const auto write = [&](double at, double width, const QString& what) {
    painter.drawText(QRectF(at, row.top(), width + 2, row.height()),
                     Qt::AlignLeft | Qt::AlignVCenter, what);
  };
  if (scale.most > 1) write(bar_left - 5 - one, one, QStringLiteral("1"));
  write(row.right() - right_width, right_width, right);
  painter.restore();
  return bar_left - 5 - one;
}

}  // namespace violet::gui
