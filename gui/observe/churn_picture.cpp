#include "gui/observe/churn_picture.hpp"

#include <algorithm>
#include <cmath>

#include "gui/kit/theme.hpp"

namespace violet::gui {

namespace {

QRgb over(QRgb below, const QColor& above, double alpha) {
  const auto mix = [alpha](int a, int b) { return static_cast<int>(a + alpha * (b - a)); };
  if (qAlpha(below) == 0) {
    return qPremultiply(
        qRgba(above.red(), above.green(), above.blue(), static_cast<int>(alpha * 255)));
  }
  return qRgb(mix(qRed(below), above.red()), mix(qGreen(below), above.green()),
              mix(qBlue(below), above.blue()));
}

// Rows: one a pixel, or one a page where pages are wider than that.
std::uint32_t rows_of(const ChurnAxis::Band& band, int height) {
  const double pages = (static_cast<double>(band.range.size_minus_one()) + 1) / ChurnAxis::kPage;
  const double pixels = std::max(1.0, std::floor((band.to - band.from) * height));
  return static_cast<std::uint32_t>(std::clamp(std::min(pages, pixels), 1.0, 4096.0));
}

std::size_t column_of(const ChurnAsk& ask, const ChurnQuery& query, double x) {
  const double column = x * query.columns / std::max(1, ask.columns);
  return static_cast<std::size_t>(std::clamp(column, 0.0, double(query.columns) - 1));
}

class Painter {
 public:
  explicit Painter(ChurnPicture& picture)
      : picture_(picture), theme_(picture.ask.dark ? Themes::dark() : Themes::light()) {}

  void band(std::size_t number) {
    const ChurnAsk& ask = picture_.ask;
    const ChurnAxis::Band& band = ask.bands[number];
    const ChurnGrid& grid = picture_.grids[number];
    holders_ = picture_.holders[number].data();
    const double bottom = ask.height * (1 - band.from), top = ask.height * (1 - band.to);
    const int first = std::max(0, static_cast<int>(std::floor(top + 0.5)));
    const int last = std::min(ask.height, static_cast<int>(std::floor(bottom + 0.5)));
    const double rows = grid.query.rows;
    for (int y = first; y < last; ++y) {
      const double share = (bottom - (y + 0.5)) / (bottom - top);
      const auto row = static_cast<std::uint32_t>(std::clamp(share * rows, 0.0, rows - 1));
      line(y, grid, row);
    }
  }

 private:
  void line(int y, const ChurnGrid& grid, std::uint32_t row) {
    auto* pixels = reinterpret_cast<QRgb*>(picture_.image.scanLine(y));
    const std::size_t start = std::size_t{row} * grid.query.columns;
    for (int x = 0; x < picture_.ask.columns; ++x) {
      const std::size_t at = column_of(picture_.ask, grid.query, x);
      pixels[x] = pixel(x, y, grid, start + at, start + holders_[at]);
    }
  }

  QRgb pixel(int x, int y, const ChurnGrid& grid, std::size_t index, std::size_t holder) const {
    QRgb colour = qRgba(0, 0, 0, 0);
    const ChurnAsk& ask = picture_.ask;
    const auto& counts = ask.colour == ChurnColour::kReuses ? grid.reuses : grid.operations;
    if (counts[holder] > 0) {
      colour = heat_colour(std::clamp(picture_.scale.share(counts[holder]), 0.0, 1.0), ask.dark);
    } else if (ask.live && grid.live[index] > 0) {
      colour = over(colour, theme_.map, 0.14 + 0.16 * std::sqrt(double(grid.live[index])));
    }
    if (ask.stale && grid.stale[index] > 0)
      colour = hatched(x, y, double(grid.stale[index]), colour);
    return colour;
  }

  // The longer a page was stale in the square, the denser the hatching: every eighth diagonal, or
  // fourth, or two of four.
  QRgb hatched(int x, int y, double share, QRgb colour) const {
    const int diagonal = (x + y) & 7;
    const bool on = share > 0.5    ? (diagonal & 3) < 2
                    : share > 0.02 ? (diagonal & 3) == 0
                                   : diagonal == 0;
    // Whole for what stays stale; pale for a moment of it, which must not hide the calls.
    if (on) return share > 0.02 ? theme_.stale.rgb() : over(colour, theme_.stale, 0.55);
    return share > 0.02 ? over(colour, theme_.stale, 0.2 + 0.25 * share) : colour;
  }

  ChurnPicture& picture_;
  const Theme& theme_;
  const std::uint32_t* holders_ = nullptr;
};

}  // namespace

std::vector<std::uint32_t> churn_holders(const ChurnGrid& grid) {
  std::vector<std::uint32_t> holders(grid.query.columns), filled;
  for (std::uint32_t x = 0; x < grid.query.columns; ++x) {
    holders[x] = x;
    bool some = false;
    for (std::size_t at = x; at < grid.operations.size() && !some; at += grid.query.columns) {
      some = grid.operations[at] > 0;
    }
    if (some) filled.push_back(x);
  }
  if (grid.exact || filled.size() < 2) return holders;
  std::vector<std::uint32_t> steps;
  for (std::size_t i = 1; i < filled.size(); ++i) steps.push_back(filled[i] - filled[i - 1]);
  std::nth_element(steps.begin(), steps.begin() + std::ptrdiff_t(steps.size() / 2), steps.end());
  const std::uint32_t usual = steps[steps.size() / 2];
  for (std::size_t i = 0; i < filled.size(); ++i) {
    const std::uint32_t next = i + 1 < filled.size() ? filled[i + 1] : grid.query.columns;
    // A longer pause is a pause of the run.
    const std::uint32_t end = std::min(next, filled[i] + usual + 1);
    for (std::uint32_t x = filled[i]; x < end; ++x) holders[x] = filled[i];
  }
  return holders;
}

namespace {

// Sums over times as short as one turn through a ring beat with it. What is a sum anyway may be one over
// some pixels.
ChurnGrid grid_of(const CellQueries& trace, ChurnQuery query) {
  constexpr std::uint32_t kOver = 4;
  ChurnGrid grid = trace.churn(query);
  if (grid.exact || query.columns < 4 * kOver) return grid;
  query.columns /= kOver;
  return trace.churn(query);
}

}  // namespace

ChurnPicture draw_churn(const CellQueries& trace, const ChurnAsk& ask) {
  ChurnPicture picture;
  picture.ask = ask;
  picture.image = QImage(std::max(1, ask.columns), std::max(1, ask.height),
                         QImage::Format_ARGB32_Premultiplied);
  picture.image.fill(Qt::transparent);
  picture.scale.most = 1;
  picture.gap.resize(static_cast<std::size_t>(std::max(1, ask.columns)));
  for (const ChurnAxis::Band& band : ask.bands) {
    ChurnQuery query{ask.window, band.range, static_cast<std::uint32_t>(ask.columns),
                     rows_of(band, ask.height), ask.filter};
    query.filter.range.reset();
    picture.grids.push_back(grid_of(trace, query));
    const ChurnGrid& grid = picture.grids.back();
    picture.holders.push_back(churn_holders(grid));
    const HeatScale scale =
        HeatScale::of(ask.colour == ChurnColour::kReuses ? grid.reuses : grid.operations);
    if (scale.most >= picture.scale.most) picture.scale = scale;
    for (std::size_t x = 0; x < picture.gap.size(); ++x) {
      if (grid.gap[column_of(ask, grid.query, double(x))]) picture.gap[x] = true;
    }
  }
  Painter painter(picture);
  for (std::size_t i = 0; i < ask.bands.size(); ++i) painter.band(i);
  return picture;
}

std::optional<ChurnPoint> churn_point(const ChurnPicture& picture, double x, double y_from_bottom) {
  const double share = y_from_bottom / std::max(1, picture.ask.height);
  for (std::size_t i = 0; i < picture.ask.bands.size(); ++i) {
    const ChurnAxis::Band& band = picture.ask.bands[i];
    if (share < band.from || share >= band.to) continue;
    const ChurnQuery& query = picture.grids[i].query;
    ChurnPoint point;
    point.band = i;
    const double rows = query.rows;
    point.row = static_cast<std::uint32_t>(
        std::clamp((share - band.from) / (band.to - band.from) * rows, 0.0, rows - 1));
    point.column = static_cast<std::uint32_t>(column_of(picture.ask, query, x));
    point.index = std::size_t{point.row} * query.columns + point.column;
    point.counts = std::size_t{point.row} * query.columns + picture.holders[i][point.column];
    point.range = churn_row(query, point.row);
    return point;
  }
  return std::nullopt;
}

IovaRange churn_row(const ChurnQuery& query, std::uint32_t row) {
  const long double size = static_cast<long double>(query.range.size_minus_one()) + 1;
  const auto edge = [&](std::uint32_t number) {
    return static_cast<std::uint64_t>(size * number / query.rows);
  };
  const std::uint64_t base = query.range.first.value;
  const std::uint64_t last =
      row + 1 >= query.rows ? query.range.last.value : base + edge(row + 1) - 1;
  return {{base + edge(row)}, {std::max(last, base + edge(row))}};
}

}  // namespace violet::gui
