// A compare model lays up to three cells of one workload side by side: their columns on one time
// axis, the first divergence of their DMA calls, the table of differences and the plane.
//
// Threading: the main thread; reading runs, opening cells, columns, statistics and divergence are
// questions to the thread pool.
// Invariants: All lanes belong to one workload, at most kMostLanes, and the first is the baseline. Until somebody
// chooses a workload or lanes, the workload is that of the session's cell and the cell is one of the lanes.
// Times are relative: 0 is where measuring began in each lane, and a lane ends where its measuring did. A part that cannot be shown says
// why, and the rest is shown.
#pragma once

#include <QObject>
#include <QString>
#include <QStringList>
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "experiments/query/plane.hpp"
#include "gui/compare/difference_table.hpp"
#include "gui/compare/divergence.hpp"
#include "gui/model/query.hpp"
#include "gui/model/session.hpp"

namespace violet::gui {
using namespace query;

// A row of the lock-step view.
enum class LaneRow { kThroughput, kLatency, kStale, kCount };
inline constexpr std::size_t kLaneRows = static_cast<std::size_t>(LaneRow::kCount);

struct Lane {
  std::size_t run = 0;  // Index among the runs.
  std::string cell_id;
  QString name, strategy, placement;
  std::shared_ptr<const CellQueries> trace;  // Null: see `because`.
  QString because;
  Nanos origin = 0;  // Where measuring began.
  Nanos length = 0;  // Of the measured time.
  // Of its repetitions (from 0) the one that is drawn: of those in the trace the one whose throughput is nearest
  // to the median, which is what the table has.
  std::uint32_t repetition = 0;
  std::size_t repetitions = 0;  // 0: it is not open.
  QString standing;             // "disturbed by the host"; empty: it counts, or nobody knows.
  // "strict, rep. 2 of 3, disturbed by the host"; of one that counts, and is the only one, its name.
  QString shownName() const;
  bool operator==(const Lane& other) const { return run == other.run && cell_id == other.cell_id; }
};

// The columns of the lanes; as many as lanes.
struct LaneColumns {
  TimeWindow window;  // Relative.
  Nanos step = 0;     // Of a column: a round time, which no picture's width decides. 0: none yet.
  Operation latency = Operation::kUnmap;
  struct Columns {
    std::array<std::vector<Column>, kLaneRows> rows;
    std::array<QString, kLaneRows> because;
    // What a value of a row is the mean (or the percentile) of: a column, or more where the trace tells no less
    // apart; 0: there are none.
    std::array<double, kLaneRows> step_ns{};
    double samples_apart_ns = 0;  // Of the workload's operations, at most; 0: there are none.
  };
  std::vector<Columns> lanes;
};

class CompareModel : public QObject {
  Q_OBJECT
 public:
  static constexpr std::size_t kMostLanes = 3;
  using Opener = std::function<Result<std::shared_ptr<RunQueries>>(const std::string&)>;

  explicit CompareModel(Session& session, Opener opener = {}, QObject* parent = nullptr);
  ~CompareModel() override;

  Session& session() { return session_; }
  const Session& session() const { return session_; }
  // The open run first, then those that were added.
  const std::vector<std::shared_ptr<const results::RunData>>& runs() const { return runs_; }
  // Empty: all is well. The run that cannot be read, and why.
  const QString& error() const { return error_; }
  bool loading() const { return load_.busy(); }
  void addRun(const QString& path);
  void removeAddedRuns();

  QStringList workloads() const;
  const QString& workload() const { return workload_; }
  void setWorkload(const QString& workload);
  // Cells of the workload in all runs, for the chooser.
  std::vector<Lane> choices() const;

  const std::vector<Lane>& lanes() const { return lanes_; }
  void setLanes(std::vector<Lane> lanes);  // More than kMostLanes are cut off.
  const Plane& plane() const { return plane_; }
  const std::vector<NamedDifference>& differences() const { return differences_; }
  // Of each lane but the first against the first; as long as lanes minus one, once known.
  const std::vector<Divergence>& divergences() const { return divergences_; }
  // Relative: a smaller difference of this lane and the first cannot be told from noise. Nothing where that is
  // not known, as of few repetitions or before the differences are.
  std::optional<double> noise(LaneRow row, std::size_t lane) const;

  Operation latency() const { return latency_; }
  void setLatency(Operation operation);
  // The session's window and cursor, relative to the measuring of the session's cell.
  TimeWindow window() const;
  std::optional<Nanos> cursor() const;
  void setCursor(std::optional<Nanos> relative);
  // Of the window, in steps; answers come with columnsChanged().
  const LaneColumns& columns() const { return columns_; }
  bool settled() const;
  // Index of the session's run's cell, for opening it; nothing for cells of other runs.
  std::optional<std::size_t> sessionCell(const std::string& cell_id) const;

 signals:
  void runsChanged();
  void workloadChanged();
  void lanesChanged();
  void columnsChanged();
  void differencesChanged();
  void divergencesChanged();
  void cursorChanged();

 private:
  struct Loaded {
    std::vector<std::shared_ptr<const results::RunData>> runs;
    QString error;
  };
  struct OpenCells;
  struct Opened {
    std::vector<Lane> lanes;
  };
  void followCell();
  void reload();
  void runsLoaded(Loaded loaded);
  const results::CellData* openCell()
      const;  // Of the session, among the results; null: it is not there.
  void chooseLanes();
  void applyLanes(std::vector<Lane> lanes);
  void askFeeds();
  void cellsOpened(Opened opened);
  void askColumns();
  void askDifferences();
  void askDivergences();
  Nanos origin() const;
  const results::CellData* cellOf(const Lane& lane) const;
  Lane laneOf(std::size_t run, const results::CellData& cell) const;

  Session& session_;
  QString session_path_;
  QStringList added_;
  std::shared_ptr<OpenCells> open_cells_;
  std::vector<std::shared_ptr<const results::RunData>> runs_;
  QString error_, workload_;
  bool by_hand_ = false;  // Somebody chose the workload or the lanes.
  std::vector<Lane> lanes_;
  Plane plane_;
  std::vector<NamedDifference> differences_;
  std::vector<Divergence> divergences_;
  Operation latency_ = Operation::kUnmap;
  std::optional<Nanos> own_cursor_;
  LaneColumns columns_;
  Query<Loaded> load_;
  Query<Opened> open_;
  Query<LaneColumns> ask_columns_;
  Query<std::vector<NamedDifference>> ask_differences_;
  Query<std::vector<Divergence>> ask_divergences_;
};

}  // namespace violet::gui
