// What the status line says of the processors of a cell.
#include "gui/app/status_line.hpp"

#include <gtest/gtest.h>

namespace violet::gui {
using namespace query;
namespace {

CellInfo cell_with(std::optional<std::string> disturbance) {
  CellInfo cell;
  cell.placement = "sidecore";
  cell.standing.disturbance = std::move(disturbance);
  return cell;
}

TEST(StatusCores, AreOwnWhereNobodyElseHadThem) {
  const CoresText says = coresText({}, cell_with(""));
  EXPECT_EQ(says.text, QStringLiteral("polling cores: own"));
  EXPECT_TRUE(says.tip.contains("Nobody else had one of these for more than 5 % of the time"))
      << says.tip.toStdString();
}

TEST(StatusCores, AreNotOwnWhereTheHostHadThem) {
  const CoresText says =
      coresText({}, cell_with("other programs had the CPU of an lcore for 77 % of the time"));
  EXPECT_EQ(says.text, QStringLiteral("polling cores: others had them too"));
  EXPECT_TRUE(says.tip.contains("for 77 % of the time")) << says.tip.toStdString();
}

TEST(StatusCores, WithoutARecordAreApartAtMost) {
  for (const auto& cell : {std::optional<CellInfo>(), std::optional(cell_with(std::nullopt))}) {
    const CoresText says = coresText({}, cell);
    EXPECT_EQ(says.text, QStringLiteral("polling cores: apart"));
    EXPECT_TRUE(says.tip.contains("is not known")) << says.tip.toStdString();
  }
}

TEST(StatusCores, ThatShareAProcessorAreShared) {
  const CoresText says = coresText({"guest and engine share CPU 3"}, cell_with("a hypervisor"));
  EXPECT_EQ(says.text, QStringLiteral("polling cores: shared"));
  EXPECT_EQ(says.tip, QStringLiteral("guest and engine share CPU 3\na hypervisor"));
}

TEST(StatusCores, DoNotPollWhereTheEngineRunsOnKicks) {
  CellInfo cell = cell_with("");
  cell.placement = "samecore";
  EXPECT_EQ(coresText({}, cell).text, QStringLiteral("no core polls"));
  EXPECT_EQ(coresText({"guest and engine share CPU 3"}, cell).text,
            QStringLiteral("no core polls"));
}

}  // namespace
}  // namespace violet::gui
