#include "gui/topology/topology_table.hpp"

#include "engine/protocol/properties.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {
namespace {

QString regionKind(std::uint8_t kind) {
  return kind == static_cast<std::uint8_t>(protocol::RegionKind::kMsi)
             ? QStringLiteral("MSI region")
             : QStringLiteral("reserved region");
}

}  // namespace

TopologyTable::TopologyTable(QObject* parent) : QAbstractTableModel(parent) {}

void TopologyTable::setState(TopologyState state) {
  beginResetModel();
  state_ = std::move(state);
  rows_.clear();
  for (std::size_t i = 0; i < state_.endpoints.size(); ++i) {
    rows_.push_back({Row::kEndpointRow, i, 0});
    for (std::size_t j = 0; j < state_.endpoints[i].regions.size(); ++j) {
      rows_.push_back({Row::kRegionRow, i, j});
    }
  }
  for (std::size_t i = 0; i < state_.domains.size(); ++i) {
    rows_.push_back({Row::kDomainRow, i, 0});
    for (std::size_t j = 0; j < state_.domains[i].mappings.size(); ++j) {
      rows_.push_back({Row::kMappingRow, i, j});
    }
  }
  endResetModel();
}

int TopologyTable::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(rows_.size());
}
int TopologyTable::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kColumns;
}

std::optional<IovaRange> TopologyTable::rangeOf(const Row& row) const {
  if (row.kind == Row::kRegionRow) return state_.endpoints[row.owner].regions[row.index].range;
  if (row.kind == Row::kMappingRow) return state_.domains[row.owner].mappings[row.index].range;
  return std::nullopt;
}

QString TopologyTable::endpointsOf(std::uint32_t domain) const {
  QStringList ids;
  for (const auto& endpoint : state_.endpoints) {
    if (endpoint.is_in(domain)) ids << idText(endpoint.id);
  }
  if (ids.size() > 6) return QStringLiteral("%1 endpoints").arg(ids.size());
  return ids.join(QStringLiteral(", "));
}

bool TopologyTable::isAttached(const Row& row) const {
  const auto& attachment = state_.endpoints[row.owner].attachment;
  return attachment && attachment->domain;
}

QString TopologyTable::kindText(const Row& row) const {
  switch (row.kind) {
    case Row::kEndpointRow:
      return QStringLiteral("endpoint");
    case Row::kMappingRow:
      return QStringLiteral("mapping");
    case Row::kRegionRow:
      return regionKind(state_.endpoints[row.owner].regions[row.index].kind);
    case Row::kDomainRow:
      break;
  }
  const auto& domain = state_.domains[row.owner];
  const QString all = QStringLiteral("domain, ") + mappingsText(domain);
  return domain.truncated
             ? all + QStringLiteral(" (the first %L1 below)").arg(domain.mappings.size())
             : all;
}

QString TopologyTable::text(const Row& row, int column) const {
  const bool of_endpoint = row.kind == Row::kEndpointRow || row.kind == Row::kRegionRow;
  const auto range = rangeOf(row);
  switch (column) {
    case kKind:
      return kindText(row);
    case kEndpoint:
      if (of_endpoint) return idText(state_.endpoints[row.owner].id);
      return endpointsOf(state_.domains[row.owner].id);
    case kDomain:
      if (!of_endpoint) return QString::number(state_.domains[row.owner].id);
      if (row.kind != Row::kEndpointRow && !isAttached(row)) return {};
      return attachmentText(state_.endpoints[row.owner].attachment);
    case kFirst:
      return range ? addressText(range->first.value) : QString();
    case kLast:
      return range ? addressText(range->last.value) : QString();
    case kSize:
      return range ? bytesText(bytesIn(*range)) : QString();
    default:
      break;
  }
  if (row.kind != Row::kMappingRow) return {};
  const auto& mapping = state_.domains[row.owner].mappings[row.index];
  return column == kPermissions ? permissionsText(mapping.permissions) : timeText(mapping.since);
}

QVariant TopologyTable::sortKey(const Row& row, int column) const {
  const auto range = rangeOf(row);
  if (column == kFirst) return range ? QVariant(quint64{range->first.value}) : QVariant();
  if (column == kLast) return range ? QVariant(quint64{range->last.value}) : QVariant();
  if (column == kSize) return range ? QVariant(bytesIn(*range)) : QVariant();
  const bool of_endpoint = row.kind == Row::kEndpointRow || row.kind == Row::kRegionRow;
  if (column == kEndpoint && of_endpoint) return quint64{state_.endpoints[row.owner].id};
  if (column == kDomain && !of_endpoint) return quint64{state_.domains[row.owner].id};
  if (column == kDomain) {
    return isAttached(row) ? QVariant(quint64{*state_.endpoints[row.owner].attachment->domain})
                           : QVariant();
  }
  if (column == kSince && row.kind == Row::kMappingRow) {
    return qint64{state_.domains[row.owner].mappings[row.index].since};
  }
  return text(row, column);
}

QVariant TopologyTable::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount() || index.column() >= kColumns) return {};
  const Row& row = this->row(index.row());
  const auto range = rangeOf(row);
  switch (role) {
    case Qt::DisplayRole:
      return text(row, index.column());
    case kSortRole:
      return sortKey(row, index.column());
    case kFirstRole:
      return range ? QVariant(quint64{range->first.value}) : QVariant();
    case kLastRole:
      return range ? QVariant(quint64{range->last.value}) : QVariant();
    case Qt::TextAlignmentRole:
      if (index.column() == kPermissions) return static_cast<int>(Qt::AlignCenter);
      if (index.column() != kSize) return {};
      return static_cast<int>(Qt::AlignRight | Qt::AlignVCenter);
    default:
      return {};
  }
}

QVariant TopologyTable::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || section < 0 || section >= kColumns) return {};
  static const char* const names[] = {"Kind", "Endpoint", "Domain",      "First address",
                                      "Last", "Size",     "Permissions", "Mapped at"};
  if (role == Qt::DisplayRole) return QString::fromLatin1(names[section]);
  if (role == Qt::TextAlignmentRole && section == kSize) {
    return static_cast<int>(Qt::AlignRight | Qt::AlignVCenter);
  }
  if (role == Qt::TextAlignmentRole && section != kPermissions) {
    return static_cast<int>(Qt::AlignLeft | Qt::AlignVCenter);
  }
  return {};
}

std::optional<quint64> addressIn(const QString& word) {
  if (!word.startsWith(QStringLiteral("0x"), Qt::CaseInsensitive)) return std::nullopt;
  QString digits = word.mid(2);
  digits.remove(QLatin1Char('_'));
  bool good = false;
  const quint64 value = digits.toULongLong(&good, 16);
  return good ? std::optional(value) : std::nullopt;
}

RowFilter::RowFilter(QObject* parent) : QSortFilterProxyModel(parent) { setSortRole(kSortRole); }

void RowFilter::setNeedle(const QString& needle) {
  words_ = needle.split(QLatin1Char(' '), Qt::SkipEmptyParts);
  invalidateFilter();
}

bool RowFilter::finds(const QString& word, int row, const QModelIndex& parent) const {
  const auto* model = sourceModel();
  if (const auto address = addressIn(word)) {
    const QModelIndex index = model->index(row, 0, parent);
    const QVariant first = index.data(kFirstRole), last = index.data(kLastRole);
    if (first.isValid() && first.toULongLong() <= *address && *address <= last.toULongLong()) {
      return true;
    }
  }
  const QString plain = QString(word).remove(QLatin1Char('_'));
  for (int column = 0; column < model->columnCount(parent); ++column) {
    const QString text = model->index(row, column, parent).data().toString();
    if (text.contains(word, Qt::CaseInsensitive)) return true;
    if (QString(text).remove(QLatin1Char('_')).contains(plain, Qt::CaseInsensitive)) return true;
  }
  return false;
}

bool RowFilter::filterAcceptsRow(int row, const QModelIndex& parent) const {
  for (const QString& word : words_) {
    if (!finds(word, row, parent)) return false;
  }
  return true;
}

}  // namespace violet::gui
