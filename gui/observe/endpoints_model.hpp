// The endpoints model lists the endpoints of a cell with the domain each is attached to; what is
// checked narrows every view.
//
// Threading: the main thread.
// Invariants: Nothing checked is the same as everything: a filter that shows nothing helps nobody.
#pragma once

#include <QAbstractListModel>
#include <set>
#include <vector>

#include "experiments/query/queries.hpp"

namespace violet::gui {
using namespace query;

class EndpointsModel : public QAbstractListModel {
  Q_OBJECT
 public:
  using QAbstractListModel::QAbstractListModel;

  // `when` is of a state that is older than what stands beside it, as "at 27.0 ms"; else empty.
  void setTopology(const TopologyState& state, const QString& when = {});
  std::vector<EndpointId> checked() const;
  void setChecked(const std::vector<EndpointId>& endpoints);  // Does not signal checkedChanged().

  int rowCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  bool setData(const QModelIndex& index, const QVariant& value, int role) override;
  Qt::ItemFlags flags(const QModelIndex& index) const override;

 signals:
  void checkedChanged();

 private:
  struct Row {
    std::uint32_t id;
    std::optional<TopologyState::Attachment> attachment;
    QString when;
    bool operator==(const Row&) const = default;
  };
  std::vector<Row> rows_;
  std::set<std::uint32_t> checked_;
};

}  // namespace violet::gui
