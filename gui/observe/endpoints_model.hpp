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

  void setTopology(const TopologyState& state);
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
    bool operator==(const Row&) const = default;
  };
  std::vector<Row> rows_;
  std::set<std::uint32_t> checked_;
};

}  // namespace violet::gui
