// A topology table has the endpoints, domains, mappings and reserved regions of a moment as rows;
// a filter finds an address, an endpoint, a domain or a permission among them.
//
// Threading: the main thread.
// Invariants: A row is made when it is asked for; the model holds the TopologyState and one index
// a row.
#pragma once

#include <QAbstractTableModel>
#include <QSortFilterProxyModel>
#include <QStringList>
#include <optional>
#include <vector>

#include "experiments/query/queries.hpp"

namespace violet::gui {
using namespace query;

// Roles of all tables that a RowFilter can search by address.
enum RowRole { kSortRole = Qt::UserRole, kFirstRole, kLastRole };

class TopologyTable : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { kKind, kEndpoint, kDomain, kFirst, kLast, kSize, kPermissions, kSince, kColumns };
  struct Row {
    enum Kind { kEndpointRow, kDomainRow, kMappingRow, kRegionRow } kind = kEndpointRow;
    std::size_t owner = 0;  // Index of the endpoint or domain.
    std::size_t index = 0;  // Of the mapping or region in it.
  };

  explicit TopologyTable(QObject* parent = nullptr);
  void setState(TopologyState state);
  const TopologyState& state() const { return state_; }
  const Row& row(int row) const { return rows_[static_cast<std::size_t>(row)]; }

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
  QVariant headerData(int section, Qt::Orientation orientation,
                      int role = Qt::DisplayRole) const override;

 private:
  std::optional<IovaRange> rangeOf(const Row& row) const;
  QVariant sortKey(const Row& row, int column) const;
  QString text(const Row& row, int column) const;
  QString kindText(const Row& row) const;
  bool isAttached(const Row& row) const;
  QString endpointsOf(std::uint32_t domain) const;

  TopologyState state_;
  std::vector<Row> rows_;
};

// Words are searched in every column; a number with 0x also finds the rows whose range holds it. All words
// must be found.
class RowFilter : public QSortFilterProxyModel {
  Q_OBJECT
 public:
  explicit RowFilter(QObject* parent = nullptr);
  void setNeedle(const QString& needle);

 protected:
  bool filterAcceptsRow(int row, const QModelIndex& parent) const override;

 private:
  bool finds(const QString& word, int row, const QModelIndex& parent) const;
  QStringList words_;
};

// "0x0000_ffff_e000" and "0xffffe000" alike; nothing for what is no number.
std::optional<quint64> addressIn(const QString& word);

}  // namespace violet::gui
