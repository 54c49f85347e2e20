#include "gui/observe/churn_picture.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

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

// The column of a grid that holds the middle of the picture's pixel; nothing beside the grid.
std::optional<std::size_t> column_of(const ChurnAsk& ask, const ChurnQuery& query, double x) {
  const double length = double(ask.window.length()), own = double(query.window.length());
  const double at =
      double(ask.window.from - query.window.from) + (x + 0.5) / std::max(1, ask.columns) * length;
  const double column = at / std::max(own, 1.0) * query.columns;
  if (column < 0 || column >= query.columns) return std::nullopt;
  return static_cast<std::size_t>(column);
}

// Rows of pixels of a band: [first, last) from the top.
std::pair<int, int> pixels_of(const ChurnAsk& ask, const ChurnAxis::Band& band) {
  const double bottom = ask.height * (1 - band.from), top = ask.height * (1 - band.to);
  return {std::max(0, static_cast<int>(std::floor(top + 0.5))),
          std::min(ask.height, static_cast<int>(std::floor(bottom + 0.5)))};
}

// Rows of a grid with anything in them.
std::vector<bool> used_rows(const ChurnGrid& grid) {
  std::vector<bool> used(grid.query.rows);
  for (std::size_t row = 0; row < used.size(); ++row) {
    const std::size_t start = row * grid.query.columns;
    for (std::size_t i = start; i < start + grid.query.columns && !used[row]; ++i) {
      used[row] = grid.operations[i] > 0 || grid.live[i] > 0 || grid.stale[i] > 0;
    }
  }
  return used;
}

// Which row each row of pixels of a band shows. A hairline gets some pixels above and below it, where nothing
// else is: then it can be seen, and pointed at.
void place_rows(ChurnPicture& picture, std::size_t number) {
  constexpr int kRaise = 2;
  constexpr std::ptrdiff_t kFewRows = 4, kManyRows = 64;
  const ChurnAsk& ask = picture.ask;
  const ChurnAxis::Band& band = ask.bands[number];
  const ChurnGrid& grid = picture.grids[number];
  const double bottom = ask.height * (1 - band.from), top = ask.height * (1 - band.to);
  const double rows = grid.query.rows;
  const auto row_at = [&](int y) {
    const double share = (bottom - (y + 0.5)) / (bottom - top);
    return static_cast<std::uint32_t>(std::clamp(share * rows, 0.0, rows - 1));
  };
  const std::vector<bool> used = used_rows(grid);
  const auto count = std::count(used.begin(), used.end(), true);
  const bool raise = count > 0 && count <= kFewRows && std::ssize(used) >= kManyRows;
  const int reach = raise ? static_cast<int>(kRaise * ask.density) : 0;
  picture.raised |= raise;
  const auto [first, last] = pixels_of(ask, band);
  for (int y = first; y < last; ++y) {
    std::uint32_t row = row_at(y);
    for (int away = 1; away <= reach && !used[row]; ++away) {
      for (const int other : {y - away, y + away}) {
        if (other >= first && other < last && used[row_at(other)]) row = row_at(other);
      }
    }
    picture.rows[static_cast<std::size_t>(y)] = row;
  }
}

class Painter {
 public:
  explicit Painter(ChurnPicture& picture)
      : picture_(picture), theme_(picture.ask.dark ? Themes::dark() : Themes::light()) {}

  void band(std::size_t number) {
    const auto [first, last] = pixels_of(picture_.ask, picture_.ask.bands[number]);
    for (int y = first; y < last; ++y) {
      if (const auto row = picture_.rows[static_cast<std::size_t>(y)])
        line(y, picture_.grids[number], *row);
    }
  }

 private:
  void line(int y, const ChurnGrid& grid, std::uint32_t row) {
    auto* pixels = reinterpret_cast<QRgb*>(picture_.image.scanLine(y));
    const std::size_t start = std::size_t{row} * grid.query.columns;
    for (int x = 0; x < picture_.ask.columns; ++x) {
      if (const auto at = column_of(picture_.ask, grid.query, x))
        pixels[x] = pixel(x, y, grid, start + *at);
    }
  }

  QRgb pixel(int x, int y, const ChurnGrid& grid, std::size_t index) const {
    QRgb colour = qRgba(0, 0, 0, 0);
    const ChurnAsk& ask = picture_.ask;
    const auto& counts = ask.colour == ChurnColour::kReuses ? grid.reuses : grid.operations;
    if (counts[index] > 0) {
      colour = heat_colour(std::clamp(picture_.scale.share(counts[index]), 0.0, 1.0), ask.dark);
    } else if (const double live = known_share(grid, grid.live, index).value_or(0);
               ask.live && live > 0) {
      colour = over(colour, theme_.map, 0.14 + 0.16 * std::sqrt(live));
    }
    const double stale = known_share(grid, grid.stale, index).value_or(0);
    return ask.stale && stale > 0 ? hatched(x, y, stale, colour) : colour;
  }

  // The longer a page was stale in the square, the denser the hatching: every eighth diagonal, or
  // fourth, or two of four. Beside each there is a line of the background: the alarm colour alone can hardly
  // be told from the yellow of many calls.
  QRgb hatched(int x, int y, double share, QRgb colour) const {
    const double density = picture_.ask.density;
    const int diagonal = static_cast<int>((x + y) / density) & 7;
    const int within = share > 0.02 ? diagonal & 3 : diagonal;
    const int lines = share > 0.5 ? 2 : 1;
    if (within < lines) return theme_.stale.rgb();
    if (within == lines) return over(colour, theme_.panel, 0.8);
    return share > 0.02 ? over(colour, theme_.stale, 0.2 + 0.25 * share) : colour;
  }

  ChurnPicture& picture_;
  const Theme& theme_;
};

}  // namespace

namespace {

// Sums over times as short as one turn through a ring beat with it. What is a sum anyway may be one over
// some pixels.
ChurnGrid grid_of(const CellQueries& trace, ChurnQuery query) {
  constexpr std::uint32_t kOver = 4;
  ChurnGrid grid = trace.churn(query);
  if (grid.resolution.exact() || grid.query.columns < query.columns / kOver ||
      query.columns < 4 * kOver) {
    return grid;
  }
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
    if (picture.grids.size() == 1 ||
        grid.resolution.bin.value_or(0) > picture.resolution.bin.value_or(0)) {
      picture.resolution = grid.resolution;
    }
    const HeatScale scale =
        HeatScale::of(ask.colour == ChurnColour::kReuses ? grid.reuses : grid.operations);
    if (scale.most >= picture.scale.most) picture.scale = scale;
    for (std::size_t x = 0; x < picture.gap.size(); ++x) {
      const auto at = column_of(ask, grid.query, double(x));
      if (at && grid.gap[*at]) picture.gap[x] = true;
    }
  }
  picture.rows.resize(static_cast<std::size_t>(picture.image.height()));
  for (std::size_t i = 0; i < ask.bands.size(); ++i) place_rows(picture, i);
  Painter painter(picture);
  for (std::size_t i = 0; i < ask.bands.size(); ++i) painter.band(i);
  return picture;
}

namespace {

// In a row that is lower than the summary's bands stand the calls of the whole band.
IovaRange counted_range(const ChurnGrid& grid, const IovaRange& row) {
  const std::uint64_t band = grid.band_bytes;
  if (grid.resolution.exact() || band <= ChurnAxis::kPage) return row;
  if ((band & (band - 1)) != 0) return IovaRange::all();
  return {{row.first.value & ~(band - 1)}, {row.last.value | (band - 1)}};
}

}  // namespace

std::optional<ChurnPoint> churn_point(const ChurnPicture& picture, double x, double y_from_bottom) {
  const double share = y_from_bottom * picture.ask.density / std::max(1, picture.ask.height);
  for (std::size_t i = 0; i < picture.ask.bands.size(); ++i) {
    const ChurnAxis::Band& band = picture.ask.bands[i];
    if (share < band.from || share >= band.to) continue;
    const ChurnQuery& query = picture.grids[i].query;
    ChurnPoint point;
    point.band = i;
    const auto y = static_cast<std::ptrdiff_t>(std::ceil(picture.ask.height * (1 - share))) - 1;
    const auto shown = picture.rows[static_cast<std::size_t>(
        std::clamp(y, std::ptrdiff_t{0}, std::ssize(picture.rows) - 1))];
    if (!shown) return std::nullopt;
    point.row = *shown;
    const auto column = column_of(picture.ask, query, x * picture.ask.density);
    if (!column) return std::nullopt;
    point.column = static_cast<std::uint32_t>(*column);
    point.index = std::size_t{point.row} * query.columns + point.column;
    const double step = double(query.window.length()) / query.columns;
    const auto edge = [&](double number) {
      return query.window.from + static_cast<Nanos>(std::llround(number * step));
    };
    point.time = {edge(double(*column)), edge(double(*column) + 1)};
    point.range = counted_range(picture.grids[i], churn_row(query, point.row));
    return point;
  }
  return std::nullopt;
}

std::optional<double> known_share(const ChurnGrid& grid, const std::vector<float>& shares,
                                  std::size_t index) {
  if (grid.gap[index % grid.query.columns]) return std::nullopt;
  return double(shares[index]);
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
