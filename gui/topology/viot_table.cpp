#include "gui/topology/viot_table.hpp"

#include <QFile>
#include <span>

#include "gui/model/text.hpp"
#include "gui/topology/topology_table.hpp"

namespace violet::gui {

using protocol::ViotMmioEndpoint;
using protocol::ViotMmioIommu;
using protocol::ViotNode;
using protocol::ViotPciIommu;
using protocol::ViotPciRange;

namespace {

constexpr qint64 kMostBytes = 2 << 20;

QString functionsOf(const ViotPciRange& range) {
  return segmentBdf(range.segment_start, range.bdf_start) + QStringLiteral(" to ") +
         segmentBdf(range.segment_end, range.bdf_end);
}

struct Endpoints {
  std::uint64_t first = 0, last = 0;
};
std::optional<Endpoints> endpointsOf(const ViotNode& node) {
  if (const auto* range = std::get_if<ViotPciRange>(&node.what)) {
    return Endpoints{range->endpoint_start, viot_last_endpoint(*range)};
  }
  if (const auto* mmio = std::get_if<ViotMmioEndpoint>(&node.what)) {
    return Endpoints{mmio->endpoint, mmio->endpoint};
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::size_t> iommuOf(const ViotNode& node) {
  if (const auto* range = std::get_if<ViotPciRange>(&node.what)) return range->iommu;
  if (const auto* mmio = std::get_if<ViotMmioEndpoint>(&node.what)) return mmio->iommu;
  return std::nullopt;
}

Result<protocol::ViotTable> readViot(const QString& path) {
  QFile file(path);
  const std::string name = path.toStdString();
  if (!file.open(QIODevice::ReadOnly)) {
    return fail(ErrorKind::kUsage, "{}: cannot be opened: {}", name,
                file.errorString().toStdString());
  }
  const QByteArray bytes = file.read(kMostBytes + 1);
  if (bytes.size() > kMostBytes) {
    return fail(ErrorKind::kUsage, "{}: has more than 2 MiB and is no VIOT table", name);
  }
  auto table = protocol::parse_viot(
      std::as_bytes(std::span(bytes.constData(), static_cast<std::size_t>(bytes.size()))));
  if (!table) return fail(ErrorKind::kUsage, "{}: {}", name, table.error().message);
  return table;
}

QString segmentBdf(std::uint16_t segment, protocol::PciBdf bdf) {
  const QString function = QString::fromStdString(to_text(bdf));
  return segment == 0 ? function
                      : QStringLiteral("%1:%2").arg(segment, 4, 16, QLatin1Char('0')).arg(function);
}

QString endpointRange(std::uint64_t first, std::uint64_t last) {
  const QString from = QStringLiteral("0x%1").arg(first, 0, 16);
  return first == last ? from : QStringLiteral("%1 to 0x%2").arg(from).arg(last, 0, 16);
}

ViotTableModel::ViotTableModel(QObject* parent) : QAbstractTableModel(parent) {}

void ViotTableModel::setTable(protocol::ViotTable table) {
  beginResetModel();
  table_ = std::move(table);
  endResetModel();
}

int ViotTableModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(table_.nodes.size());
}
int ViotTableModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kColumns;
}

QString ViotTableModel::text(const ViotNode& node, int column) const {
  static const char* const kinds[] = {"PCI range", "MMIO endpoint", "virtio-iommu, PCI",
                                      "virtio-iommu, MMIO"};
  switch (column) {
    case kOffset:
      return QStringLiteral("0x%1").arg(node.offset, 0, 16);
    case kNode:
      return QString::fromLatin1(kinds[node.what.index()]);
    case kFunctions:
      if (const auto* range = std::get_if<ViotPciRange>(&node.what)) return functionsOf(*range);
      if (const auto* iommu = std::get_if<ViotPciIommu>(&node.what)) {
        return segmentBdf(iommu->segment, iommu->bdf);
      }
      return {};
    case kEndpoints:
      if (const auto ids = endpointsOf(node)) return endpointRange(ids->first, ids->last);
      return {};
    case kAddress:
      if (const auto* mmio = std::get_if<ViotMmioEndpoint>(&node.what)) {
        return addressText(mmio->base_address);
      }
      if (const auto* mmio = std::get_if<ViotMmioIommu>(&node.what)) {
        return addressText(mmio->base_address);
      }
      return {};
    default:
      if (const auto iommu = iommuOf(node)) {
        return QStringLiteral("0x%1").arg(table_.nodes[*iommu].offset, 0, 16);
      }
      return {};
  }
}

QVariant ViotTableModel::sortKey(const ViotNode& node, int column) const {
  if (column == kOffset) return node.offset;
  if (column == kEndpoints) {
    const auto ids = endpointsOf(node);
    return ids ? QVariant(quint64{ids->first}) : QVariant();
  }
  return text(node, column);
}

QVariant ViotTableModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount() || index.column() >= kColumns) return {};
  const ViotNode& node = table_.nodes[static_cast<std::size_t>(index.row())];
  const auto ids = endpointsOf(node);
  if (role == Qt::DisplayRole) return text(node, index.column());
  if (role == kSortRole) return sortKey(node, index.column());
  if (role == kFirstRole) return ids ? QVariant(quint64{ids->first}) : QVariant();
  if (role == kLastRole) return ids ? QVariant(quint64{ids->last}) : QVariant();
  return {};
}

QVariant ViotTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || section < 0 || section >= kColumns) return {};
  static const char* const names[] = {"Offset",       "Node",         "Functions",
                                      "Endpoint ids", "Base address", "Behind the node at"};
  if (role == Qt::DisplayRole) return QString::fromLatin1(names[section]);
  if (role == Qt::TextAlignmentRole) return static_cast<int>(Qt::AlignLeft | Qt::AlignVCenter);
  return {};
}

}  // namespace violet::gui
