#include "gui/model/cell_axes.hpp"

#include <gtest/gtest.h>

namespace violet::gui {
namespace {

TEST(CellAxes, AColumnForEachAxisThatVariesTheStrategyFirst) {
  const CellAxes axes =
      cell_axes({"workload=net-rx strategy=strict guest.page_size=4096 queue=split",
                 "workload=net-rx strategy=strict guest.page_size=16384 queue=split",
                 "workload=net-rx strategy=lazy guest.page_size=4096 queue=split"});
  EXPECT_EQ(axes.names, QStringList({"strategy", "page_size"}));
  ASSERT_EQ(axes.values.size(), 3u);
  EXPECT_EQ(axes.values[1], QStringList({"strict", "16384"}));
}

TEST(CellAxes, PathsAreShownFromWhereTheyDiffer) {
  const CellAxes axes =
      cell_axes({"strategy=strict workload=trace:/home/somebody/captures/today/one.trace",
                 "strategy=strict workload=trace:/home/somebody/captures/today/two.trace",
                 "strategy=strict workload=trace:/home/somebody/captures/other.trace"});
  EXPECT_EQ(axes.values[0], QStringList({"strict", "today/one.trace"}));
  EXPECT_EQ(axes.values[1], QStringList({"strict", "today/two.trace"}));
  EXPECT_EQ(axes.values[2], QStringList({"strict", "other.trace"}));
  const CellAxes mixed = cell_axes({"workload=trace:/a/one", "workload=net-rx"});
  EXPECT_EQ(mixed.values[0], QStringList({"/a/one"})) << "they have no folder in common";
  EXPECT_EQ(mixed.values[1], QStringList({"net-rx"}));
}

TEST(CellAxes, ALabelWithoutAxesIsShownAsItIs) {
  const CellAxes axes = cell_axes({"a cell of another program"});
  EXPECT_EQ(axes.names, QStringList({"cell"}));
  EXPECT_EQ(axes.values[0], QStringList({"a cell of another program"}));
  EXPECT_TRUE(cell_axes({}).values.empty());
}

TEST(CellAxes, AnAxisThatACellLacksIsEmptyThere) {
  const CellAxes axes = cell_axes({"strategy=off", "strategy=lazy flush=percpu"});
  EXPECT_EQ(axes.names, QStringList({"strategy", "flush"}));
  EXPECT_EQ(axes.values[0], QStringList({"off", ""}));
}

}  // namespace
}  // namespace violet::gui
