// A churn picture draws operations as a heat map, mapped pages as a green ground, pages that are
// unmapped and still reachable hatched in the alarm colour, and lost events in grey.
//
// Threading: pure; runs on the pool.
// Invariants: A band of addresses is one question, of at most a row a pixel. A pixel in which a
// page was stale for any time shows the alarm colour in its hatching; a pixel without never does.
// Where events were lost there are the calls that were seen, and neither ground nor hatching: what was mapped
// or stale there is not known.
// A column of a grid is drawn as wide as it is: several pixels where the answer is no finer. Where all that
// is mapped lies in a few rows of a whole address space, those rows are drawn higher than they are, over
// empty ones.
#pragma once

#include <QImage>
#include <memory>
#include <vector>

#include "experiments/query/queries.hpp"
#include "gui/model/churn_axis.hpp"
#include "gui/observe/heat_map.hpp"

namespace violet::gui {
using namespace query;

enum class ChurnColour : std::uint8_t { kCalls, kReuses };

struct ChurnAsk {
  TimeWindow window;
  std::vector<ChurnAxis::Band> bands;
  int columns = 1, height = 1;  // Pixels,
  double density = 1;           // and how many of them lie side by side in a pixel of the view.
  Filter filter;                // Its range narrows nothing here: the axis shows addresses.
  ChurnColour colour = ChurnColour::kCalls;
  bool live = true, stale = true;  // Overlays.
  bool dark = true;
};

struct ChurnPicture {
  ChurnAsk ask;
  QImage image;                  // columns x height.
  std::vector<ChurnGrid> grids;  // One a band: for the tool tip.
  // The row of its band's grid that each row of pixels shows, from the top; nothing in a break.
  std::vector<std::optional<std::uint32_t>> rows;
  bool raised = false;  // Rows are drawn higher than they are.
  std::vector<bool> gap;
  HeatScale scale;
  double stale_share = 0;  // Of the squares with anything in them.
  // Of the coarsest grid.
  Resolution resolution;
};

ChurnPicture draw_churn(const CellQueries& trace, const ChurnAsk& ask);

// The place in a grid under a point of its picture, in pixels of the view; nothing in a break.
struct ChurnPoint {
  std::size_t band = 0, index = 0;
  std::uint32_t column = 0, row = 0;
  TimeWindow time;  // What the square is about,
  IovaRange
      range;  // and the addresses whose calls it counts: no fewer than the summary tells apart.
};
std::optional<ChurnPoint> churn_point(const ChurnPicture& picture, double x, double y_from_bottom);
// A share of a square's time, of `grid.live` or `grid.stale`; nothing where events were lost.
std::optional<double> known_share(const ChurnGrid& grid, const std::vector<float>& shares,
                                  std::size_t index);
// What a row of the grid covers.
IovaRange churn_row(const ChurnQuery& query, std::uint32_t row);

}  // namespace violet::gui
