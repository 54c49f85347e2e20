#include "gui/topology/topology_table.hpp"

#include <gtest/gtest.h>

#include <QAbstractItemModelTester>

namespace violet::gui {
namespace {

TopologyState smallState() {
  TopologyState state;
  state.at = 5'000'000;
  state.endpoints = {
      {0x28, TopologyState::Attachment{1}, {{IovaRange::of(0xfee0'0000, 0x10'0000), 1}}},
      {0x30, TopologyState::Attachment{1}, {}},
      {0x38, TopologyState::Attachment{}, {}}};
  TopologyState::Domain domain;
  domain.id = 1;
  domain.mapping_count = 2;
  domain.mappings = {{IovaRange::of(0x1000, 0x1000), Permissions::kRead, 100},
                     {IovaRange::of(0xffff'e000, 0x2000), Permissions::kReadWrite, 200}};
  state.domains = {domain};
  return state;
}

QString cellAt(const QAbstractItemModel& model, int row, int column) {
  return model.index(row, column).data().toString();
}

TEST(TopologyTable, HasARowForEverything) {
  TopologyTable table;
  const QAbstractItemModelTester tester(&table,
                                        QAbstractItemModelTester::FailureReportingMode::Fatal);
  table.setState(smallState());
  ASSERT_EQ(table.rowCount(), 7);
  EXPECT_EQ(cellAt(table, 0, TopologyTable::kEndpoint), "0x28");
  EXPECT_EQ(cellAt(table, 1, TopologyTable::kKind), "MSI region");
  EXPECT_EQ(cellAt(table, 3, TopologyTable::kDomain), "not attached");
  EXPECT_EQ(cellAt(table, 4, TopologyTable::kEndpoint), "0x28, 0x30");
  EXPECT_EQ(cellAt(table, 5, TopologyTable::kPermissions), "R");
  EXPECT_EQ(cellAt(table, 6, TopologyTable::kSize), "8 KiB");
  table.setState({});
  EXPECT_EQ(table.rowCount(), 0);
}

TEST(TopologyTable, AnUnknownNumberIsNotZero) {
  TopologyTable table;
  TopologyState state;
  state.domains.resize(2);
  state.domains[0].id = 1;
  state.domains[1].id = 2;
  state.domains[1].mapping_count = 0;
  table.setState(state);
  const auto kind = [&](int row) {
    return table.index(row, TopologyTable::kKind).data().toString();
  };
  EXPECT_EQ(kind(0), "domain, mappings not known, 0 seen");
  EXPECT_EQ(kind(1), "domain, 0 mappings");
  state.domains[0].mapping_count = 1;
  table.setState(state);
  EXPECT_EQ(kind(0), "domain, 1 mapping");
}

TEST(TopologyTable, AnUnknownDomainIsNotNone) {
  TopologyTable table;
  TopologyState state;
  state.endpoints = {{0x28, {}, {}}, {0x30, TopologyState::Attachment{}, {}}};
  table.setState(state);
  EXPECT_EQ(cellAt(table, 0, TopologyTable::kDomain), "not known");
  EXPECT_EQ(cellAt(table, 1, TopologyTable::kDomain), "not attached");
}

TEST(TopologyTable, SaysWhereItWasCutShort) {
  TopologyTable table;
  TopologyState state = smallState();
  state.domains[0].truncated = true;
  state.domains[0].mapping_count = 5000;
  table.setState(state);
  EXPECT_TRUE(cellAt(table, 4, TopologyTable::kKind).contains("the first 2 below"));
}

class RowFilterTest : public testing::Test {
 protected:
  RowFilterTest() : tester_(&filter_, QAbstractItemModelTester::FailureReportingMode::Fatal) {
    table_.setState(smallState());
    filter_.setSourceModel(&table_);
  }
  int rowsFor(const char* needle) {
    filter_.setNeedle(QString::fromLatin1(needle));
    return filter_.rowCount();
  }
  TopologyTable table_;
  RowFilter filter_;
  QAbstractItemModelTester tester_;
};

TEST_F(RowFilterTest, AnAddressFindsTheRangeThatHoldsIt) {
  EXPECT_EQ(rowsFor("0x1abc"), 1);
  EXPECT_EQ(rowsFor("0x0000_ffff_f123"), 1);
  EXPECT_EQ(rowsFor("0xfee01000"), 1);
  EXPECT_EQ(rowsFor("0x9000"), 0);
}

TEST_F(RowFilterTest, AllWordsMustBeFound) {
  EXPECT_EQ(rowsFor("mapping"), 3);  // The domain's row counts its mappings.
  EXPECT_EQ(rowsFor("mapping R/W"), 1);
  EXPECT_EQ(rowsFor("mapping nothing"), 0);
  EXPECT_EQ(rowsFor(""), 7);
}

TEST_F(RowFilterTest, AddressesSortAsNumbers) {
  filter_.setNeedle("R");
  filter_.sort(TopologyTable::kFirst, Qt::DescendingOrder);
  double before = 1e30;
  for (int row = 0; row < filter_.rowCount(); ++row) {
    const QVariant key = filter_.index(row, TopologyTable::kFirst).data(kSortRole);
    if (!key.isValid()) continue;
    EXPECT_LE(key.toDouble(), before);
    before = key.toDouble();
  }
}

TEST(AddressIn, ReadsWhatIsShown) {
  EXPECT_EQ(addressIn("0x0000_ffff_e000"), 0xffffe000u);
  EXPECT_EQ(addressIn("0XFF"), 0xffu);
  EXPECT_FALSE(addressIn("1000"));
  EXPECT_FALSE(addressIn("0xzz"));
}

}  // namespace
}  // namespace violet::gui
