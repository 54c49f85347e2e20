#include "gui/topology/viot_table.hpp"

#include <gtest/gtest.h>

#include <QAbstractItemModelTester>
#include <QFile>
#include <QTemporaryDir>

#include "gui/topology/topology_table.hpp"

namespace violet::gui {
namespace {

using protocol::PciBdf;

QString written(const QTemporaryDir& folder, const std::vector<std::byte>& bytes) {
  const QString path = folder.filePath("VIOT");
  QFile file(path);
  EXPECT_TRUE(file.open(QIODevice::WriteOnly));
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<qint64>(bytes.size()));
  return path;
}

protocol::ViotTable table() {
  protocol::ViotTable viot;
  viot.nodes.push_back({protocol::ViotPciIommu{0, PciBdf::of(0, 2, 0)}});
  viot.nodes.push_back(
      {protocol::ViotPciRange{0, 0, 0, PciBdf::of(0, 0, 0), PciBdf::of(0, 0x1f, 7), 0}});
  viot.nodes.push_back({protocol::ViotMmioEndpoint{0x1'0000, 0xfeb0'0000, 0}});
  return viot;
}

TEST(ViotTableModel, ShowsTheNodesOfAFile) {
  const QTemporaryDir folder;
  auto read = readViot(written(folder, build_viot(table())));
  ASSERT_TRUE(read) << read.error().message;
  ViotTableModel model;
  const QAbstractItemModelTester tester(&model,
                                        QAbstractItemModelTester::FailureReportingMode::Fatal);
  model.setTable(std::move(*read));
  ASSERT_EQ(model.rowCount(), 3);
  const auto text = [&model](int row, int column) {
    return model.index(row, column).data().toString();
  };
  EXPECT_EQ(text(0, ViotTableModel::kFunctions), "00:02.0");
  EXPECT_EQ(text(1, ViotTableModel::kFunctions), "00:00.0 to 00:1f.7");
  EXPECT_EQ(text(1, ViotTableModel::kEndpoints), "0x0 to 0xff");
  EXPECT_EQ(text(1, ViotTableModel::kBehind), "0x30");
  EXPECT_EQ(text(2, ViotTableModel::kAddress), "0x0000_feb0_0000");
  RowFilter filter;
  filter.setSourceModel(&model);
  filter.setNeedle("0x28");  // An endpoint id inside the range.
  EXPECT_EQ(filter.rowCount(), 1);
}

TEST(ReadViot, ErrorsNameTheFileAndTheOffset) {
  const QTemporaryDir folder;
  auto bytes = build_viot(table());
  bytes.resize(30);
  const auto damaged = readViot(written(folder, bytes));
  ASSERT_FALSE(damaged);
  EXPECT_NE(damaged.error().message.find("VIOT: viot: offset 0x1e"), std::string::npos)
      << damaged.error().message;
  const auto missing = readViot(folder.filePath("nothing"));
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("cannot be opened"), std::string::npos);
  const auto large = readViot(written(folder, std::vector<std::byte>(3 << 20)));
  ASSERT_FALSE(large);
  EXPECT_NE(large.error().message.find("more than 2 MiB"), std::string::npos);
}

TEST(SegmentBdf, LeavesOutSegmentZero) {
  EXPECT_EQ(segmentBdf(0, PciBdf::of(0, 5, 0)), "00:05.0");
  EXPECT_EQ(segmentBdf(1, PciBdf::of(0, 5, 0)), "0001:00:05.0");
}

}  // namespace
}  // namespace violet::gui
