#include "gui/observe/endpoints_model.hpp"

#include <QString>

#include "gui/model/text.hpp"

namespace violet::gui {

void EndpointsModel::setTopology(const TopologyState& state, const QString& when) {
  std::vector<Row> rows;
  for (const TopologyState::Endpoint& endpoint : state.endpoints) {
    rows.push_back({endpoint.id, endpoint.attachment, when});
  }
  if (rows == rows_) return;
  beginResetModel();
  rows_ = std::move(rows);
  endResetModel();
}

std::vector<EndpointId> EndpointsModel::checked() const {
  std::vector<EndpointId> ids;
  for (const std::uint32_t id : checked_) ids.push_back({id});
  return ids;
}

void EndpointsModel::setChecked(const std::vector<EndpointId>& endpoints) {
  checked_.clear();
  for (const EndpointId id : endpoints) checked_.insert(id.value);
  if (!rows_.empty()) {
    emit dataChanged(index(0), index(static_cast<int>(rows_.size()) - 1), {Qt::CheckStateRole});
  }
}

int EndpointsModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(rows_.size());
}

QVariant EndpointsModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) return {};
  const Row& row = rows_[static_cast<std::size_t>(index.row())];
  if (role == Qt::CheckStateRole) {
    return static_cast<int>(checked_.count(row.id) != 0 ? Qt::Checked : Qt::Unchecked);
  }
  if (role != Qt::DisplayRole) return {};
  const QString id = QStringLiteral("0x%1").arg(row.id, 0, 16);
  const QString where = attachmentText(row.attachment);
  const bool attached = row.attachment && row.attachment->domain;
  const QString says = attached || !row.attachment ? QStringLiteral("%1  domain %2").arg(id, where)
                                                   : QStringLiteral("%1  %2").arg(id, where);
  return row.when.isEmpty() ? says : QStringLiteral("%1 %2").arg(says, row.when);
}

bool EndpointsModel::setData(const QModelIndex& index, const QVariant& value, int role) {
  if (!index.isValid() || role != Qt::CheckStateRole || index.row() >= rowCount()) return false;
  const std::uint32_t id = rows_[static_cast<std::size_t>(index.row())].id;
  if (value.toInt() == Qt::Checked)
    checked_.insert(id);
  else
    checked_.erase(id);
  emit dataChanged(index, index, {Qt::CheckStateRole});
  emit checkedChanged();
  return true;
}

Qt::ItemFlags EndpointsModel::flags(const QModelIndex& index) const {
  const Qt::ItemFlags base = QAbstractListModel::flags(index);
  return index.isValid() ? base | Qt::ItemIsUserCheckable : base;
}

}  // namespace violet::gui
