// The half of CompareModel that lays the lanes over one time axis.
#include <algorithm>
#include <utility>

#include "gui/compare/compare_model.hpp"

namespace violet::gui {
namespace {

LaneColumns::Columns columnsOf(const Lane& lane, TimeWindow relative, std::uint32_t count,
                               Operation operation) {
  LaneColumns::Columns columns;
  if (!lane.feed) {
    columns.because.fill(lane.because);
    return columns;
  }
  const TimeWindow window{relative.from + lane.origin, relative.to + lane.origin};
  Overview overview = lane.feed->overview(window, count);
  // As sampled: of calls on mappings that stay the trace holds some only.
  columns.rows[0] = lane.feed->engine(window, count).workload_per_s;
  columns.because[0] = QStringLiteral("its trace has no samples of the workload's operations");
  columns.rows[2] = std::move(overview.stale_pages);
  LatencyQuery query;
  query.window = window;
  query.operation = operation;
  query.columns = count;
  LatencyGrid latency = lane.feed->latency(query);
  columns.rows[1] = std::move(latency.p99);
  columns.because[1] = QString::fromStdString(latency.because);
  return columns;
}

}  // namespace

Nanos CompareModel::origin() const {
  return session_.cell() ? session_.cell()->info().measured.from : 0;
}

TimeWindow CompareModel::window() const {
  if (session_.cell()) {
    return {session_.window().from - origin(), session_.window().to - origin()};
  }
  Nanos longest = Session::kShortestWindow;
  for (const Lane& lane : lanes_) longest = std::max(longest, lane.length);
  return {0, longest};
}

std::optional<Nanos> CompareModel::cursor() const {
  if (!session_.cell()) return own_cursor_;
  if (!session_.cursor()) return std::nullopt;
  return *session_.cursor() - origin();
}

void CompareModel::setCursor(std::optional<Nanos> relative) {
  own_cursor_ = relative;
  if (!session_.cell()) {
    emit cursorChanged();
  } else if (relative) {
    session_.setCursor(*relative + origin());
  } else {
    session_.setCursor(std::nullopt);
  }
}

void CompareModel::setColumns(std::uint32_t columns) {
  if (columns == column_count_) return;
  column_count_ = columns;
  askColumns();
}

void CompareModel::setLatency(Operation operation) {
  if (operation == latency_) return;
  latency_ = operation;
  askColumns();
}

void CompareModel::askColumns() {
  if (column_count_ == 0 || lanes_.empty()) return;
  ask_columns_.ask(
      [lanes = lanes_, window = window(), count = column_count_, operation = latency_] {
        LaneColumns columns;
        columns.window = window;
        columns.latency = operation;
        for (const Lane& lane : lanes) {
          columns.lanes.push_back(columnsOf(lane, window, count, operation));
        }
        return columns;
      });
}

}  // namespace violet::gui
