// A fact is a line of name and value about the selection: the lifetimes of a page, the numbers of
// a latency distribution, the exposure of a window. The same lines go into tables, tool tips and
// the accessible description.
//
// Threading: pure functions.
// Invariants: A value that was not measured says so; it is never shown as zero. A percentile of too few
// operations is not shown, as in every plot (operations_for()). What is about another time than was asked for
// says which.
#pragma once

#include <QAbstractTableModel>
#include <QString>
#include <vector>

#include "experiments/query/queries.hpp"

namespace violet::gui {
using namespace query;

struct Fact {
  enum class Tone { kPlain, kMap, kUnmap, kStale, kFault, kMuted };
  QString name, value;
  QString exact = {};  // On hover: the number in its smallest unit.
  Tone tone = Tone::kPlain;
};
using Facts = std::vector<Fact>;

// Whether events were lost in what the answer is about: its counts are then of what was seen.
bool isLossy(const LatencyGrid& grid);
bool isLossy(const ExposureColumns& exposure);

// ", clock step 10 ns": where that is wider than the bucket of the median, so that no digit below it is one.
QString clockNote(const LatencyGrid& grid);

Facts pageFacts(const PageLifetimes& page);
// `sampled`: of calls on mappings that stay there is a sample only (CellInfo::calls_sampled).
// Of a question that has no answer yet: nothing is claimed, least of all that there is nothing.
Facts pendingFacts(const QString& of, bool asked);
Facts latencyFacts(const LatencyGrid& grid, bool sampled = false);
Facts exposureFacts(const ExposureColumns& exposure);

class FactsModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  static constexpr int kToneRole = Qt::UserRole;
  using QAbstractTableModel::QAbstractTableModel;

  void setFacts(Facts facts);
  const Facts& facts() const { return facts_; }

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;

 private:
  Facts facts_;
};

}  // namespace violet::gui
