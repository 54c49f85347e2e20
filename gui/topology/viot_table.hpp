// A VIOT table model reads a VIOT file and offers its nodes as rows.
//
// Threading: the main thread.
// Limits: files up to 2 MiB; a VIOT table of 65535 nodes has 1.5.
#pragma once

#include <QAbstractTableModel>
#include <QString>
#include <optional>

#include "engine/base/result.hpp"
#include "engine/protocol/viot.hpp"

namespace violet::gui {

// Errors name the file, and the offset where the table is to blame.
Result<protocol::ViotTable> readViot(const QString& path);

// The node of the virtio-iommu that an endpoint or a range of them is behind.
std::optional<std::size_t> iommuOf(const protocol::ViotNode& node);

QString segmentBdf(std::uint16_t segment, protocol::PciBdf bdf);  // "0000:00:05.0"
QString endpointRange(std::uint64_t first, std::uint64_t last);   // "0x28" or "0x0 to 0xffff"

class ViotTableModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { kOffset, kNode, kFunctions, kEndpoints, kAddress, kBehind, kColumns };

  explicit ViotTableModel(QObject* parent = nullptr);
  void setTable(protocol::ViotTable table);
  const protocol::ViotTable& table() const { return table_; }

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
  QVariant headerData(int section, Qt::Orientation orientation,
                      int role = Qt::DisplayRole) const override;

 private:
  QString text(const protocol::ViotNode& node, int column) const;
  QVariant sortKey(const protocol::ViotNode& node, int column) const;
  protocol::ViotTable table_;
};

}  // namespace violet::gui
