// A claims table has a row for each expectation of a run's plan: what was claimed, what was measured, and whether it holds.
//
// Threading: judgeClaims() is a pure function, for the thread that read the run; the table belongs to the main thread.
// Invariants: verdicts, numbers and reasons are those of results/expectations.hpp, in the words of `report`. What is
// judged is what the plan said when the run began. While a run is not over, its claims are judged "so far".
#pragma once

#include <QAbstractTableModel>
#include <QString>
#include <QStringList>
#include <vector>

#include "experiments/results/expectations.hpp"

namespace violet::gui {

struct Claim {
  results::Fulfilment verdict = results::Fulfilment::kNotJudged;
  results::Importance importance = results::Importance::kMust;
  QString claim, expected;
  QString measured;  // With the reason, where it does not hold.
  QString source;
  QStringList evidence;  // A line or two for each comparison.
  bool operator==(const Claim&) const = default;
};

struct Claims {
  QString plan_hash;  // Of the plan that the run was made with.
  bool so_far = false;
  QString rule;  // How it is judged, in a sentence or two.
  std::vector<Claim> rows;
  bool operator==(const Claims&) const = default;
};
Claims judgeClaims(const results::RunData& run);

class ClaimsTable : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { kVerdict, kClass, kClaim, kExpected, kMeasured, kColumns };
  enum Role { kVerdictRole = Qt::UserRole + 48 };

  explicit ClaimsTable(QObject* parent = nullptr);
  // The same expectations, judged anew, change in place: who looks at one goes on looking at it.
  void setClaims(Claims claims);
  void clear() { setClaims({}); }
  const Claims& claims() const { return claims_; }
  // "Expectations (3) so far: 1 holds, 2 not judged".
  QString heading() const;
  // A row with its source and evidence, separated by tabs: for the clipboard.
  QString line(int row) const;

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
  QVariant headerData(int section, Qt::Orientation orientation,
                      int role = Qt::DisplayRole) const override;

 private:
  QString text(const Claim& row, int column) const;
  QString tip(const Claim& row) const;

  Claims claims_;
};

}  // namespace violet::gui
