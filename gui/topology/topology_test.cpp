#include <gtest/gtest.h>

#include <QFile>
#include <QImage>
#include <QLabel>
#include <QLineEdit>
#include <QMimeData>
#include <QPainter>
#include <QPushButton>
#include <QTableView>
#include <QTemporaryDir>
#include <QTest>

#include "experiments/query/fake_run_testing.hpp"
#include "gui/kit/theme.hpp"
#include "gui/topology/topology_view.hpp"

namespace violet::gui {
using namespace query;
namespace {

TopologyState stateWith(std::size_t endpoints, std::size_t domains, std::size_t mappings) {
  TopologyState state;
  for (std::size_t i = 0; i < domains; ++i) {
    TopologyState::Domain domain;
    domain.id = static_cast<std::uint32_t>(i + 1);
    for (std::size_t j = 0; j < mappings; ++j) {
      domain.mappings.push_back(
          {IovaRange::of(0xffff'0000'0000 + (i * mappings + j) * 0x3000, 0x1000),
           j % 2 == 0 ? Permissions::kRead : Permissions::kReadWrite, 100});
    }
    domain.mapping_count = mappings;
    state.domains.push_back(std::move(domain));
  }
  for (std::size_t i = 0; i < endpoints; ++i) {
    TopologyState::Endpoint endpoint;
    endpoint.id = static_cast<std::uint32_t>(0x20 + 8 * i);
    if (domains > 0 && i % 7 != 6) {
      endpoint.attachment = TopologyState::Attachment{static_cast<std::uint32_t>(i % domains + 1)};
    }
    endpoint.regions = {{IovaRange::of(0xfee0'0000, 0x10'0000), 1}};
    state.endpoints.push_back(std::move(endpoint));
  }
  return state;
}

void expectApart(const std::vector<QRectF>& boxes) {
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    for (std::size_t j = i + 1; j < boxes.size(); ++j) {
      EXPECT_FALSE(boxes[i].intersects(boxes[j])) << i << " and " << j;
    }
  }
}

TEST(TopologyLayoutTest, OneEndpointOrSixtyNothingOverlaps) {
  for (const auto& [endpoints, domains] :
       {std::pair{1, 1}, {60, 1}, {60, 6}, {60, 60}, {8, 0}, {0, 0}}) {
    const auto state =
        stateWith(static_cast<std::size_t>(endpoints), static_cast<std::size_t>(domains), 20);
    const TopologyLayout layout = layOut(state, 1280, 480);
    std::vector<QRectF> boxes;
    for (const auto& one : layout.endpoints) boxes.push_back(one.box);
    for (const auto& one : layout.domains) {
      boxes.push_back(one.box);
      boxes.push_back(one.bar);
    }
    EXPECT_EQ(layout.endpoints.size(), static_cast<std::size_t>(endpoints));
    expectApart(boxes);
    for (const QRectF& box : boxes) {
      EXPECT_LE(box.bottom(), layout.height);
      EXPECT_GE(box.height(), 15);
    }
    EXPECT_GE(layout.height, 480);
  }
}

TEST(TopologyLayoutTest, EndpointsOfADomainAreNeighbours) {
  const TopologyLayout layout = layOut(stateWith(40, 4, 5), 1280, 480);
  std::vector<std::optional<std::size_t>> seen;
  for (const auto& one : layout.endpoints) {
    if (!seen.empty() && seen.back() == one.domain) continue;
    EXPECT_EQ(std::find(seen.begin(), seen.end(), one.domain), seen.end());
    seen.push_back(one.domain);
  }
}

class TopologyViewTest : public testing::Test {
 protected:
  void open(const TopologyState& state) {
    auto run = std::make_shared<FakeRun>();
    run->add("strict", "net-rx")->state = state;
    session_.setRun(run);
    view_.resize(1280, 720);
    view_.show();
    ASSERT_TRUE(QTest::qWaitFor([this] { return session_.cell() && view_.settled(); }, 20000));
    QTest::qWait(1);
  }
  QTableView* table() { return view_.findChild<QTableView*>(); }
  QLineEdit* search() { return view_.findChild<QLineEdit*>(); }
  QString viotFile(std::size_t bytes = 1000) {
    protocol::ViotTable viot;
    viot.nodes.push_back({protocol::ViotPciIommu{0, protocol::PciBdf::of(0, 2, 0)}});
    viot.nodes.push_back({protocol::ViotPciRange{0, 0, 0, {0}, {0xff}, 0}});
    auto built = build_viot(viot);
    built.resize(std::min(bytes, built.size()));
    QFile file(folder_.filePath("VIOT"));
    EXPECT_TRUE(file.open(QIODevice::WriteOnly));
    file.write(reinterpret_cast<const char*>(built.data()), static_cast<qint64>(built.size()));
    return file.fileName();
  }
  QString shownTexts() {
    QStringList texts;
    for (const QLabel* label : view_.findChildren<QLabel*>()) {
      if (label->isVisible()) texts << label->text();
    }
    return texts.join(QLatin1Char('\n'));
  }
  void trigger(const char* id) {
    for (const ActionRow& row : view_.actions()) {
      if (row.id == QLatin1String(id)) row.run();
    }
  }
  const QTemporaryDir folder_;
  Session session_;
  TopologyView view_{session_};
};

TEST_F(TopologyViewTest, WithoutARunItSaysWhatToDo) {
  view_.show();
  EXPECT_TRUE(shownTexts().contains("No run is open")) << shownTexts().toStdString();
}

TEST_F(TopologyViewTest, ARunWhoseFirstCellIsNotThereYetIsNotCalledNone) {
  auto run = std::make_shared<FakeRun>();
  run->says.state = RunProgress::State::kRunning;
  run->says.step = {1, 4};
  session_.setRun(run);
  view_.show();
  EXPECT_TRUE(shownTexts().contains("Waiting for the first cell")) << shownTexts().toStdString();
  EXPECT_FALSE(shownTexts().contains("No run is open"));
  run->says.step = {3, 4};
  run->says.lag_s = 24;
  session_.pull();
  EXPECT_TRUE(shownTexts().contains("The run is at cell 3 of 4")) << shownTexts().toStdString();
}

TEST_F(TopologyViewTest, SearchingNarrowsTheTable) {
  open(stateWith(3, 1, 200));
  EXPECT_EQ(table()->model()->rowCount(), 3 + 3 + 1 + 200);
  trigger("topology.find");
  QTest::keyClicks(search(), "0xffff00003010");
  EXPECT_EQ(table()->model()->rowCount(), 1);
  EXPECT_TRUE(shownTexts().contains("1 of 207 rows"));
  QTest::keyClick(search(), Qt::Key_A, Qt::ControlModifier);
  QTest::keyClicks(search(), "msi");
  EXPECT_EQ(table()->model()->rowCount(), 3);
}

TEST_F(TopologyViewTest, TheCursorsTimeIsShown) {
  open(stateWith(2, 1, 4));
  session_.setCursor(250'000'000);
  ASSERT_TRUE(
      QTest::qWaitFor([this] { return shownTexts().contains("at the cursor, 00:00.250"); }, 20000))
      << shownTexts().toStdString();
}

TEST_F(TopologyViewTest, AClickOnAnEndpointLooksForIt) {
  open(stateWith(2, 1, 4));
  auto* picture = view_.findChild<TopologyPicture*>();
  const auto layout = layOut(picture->state(), picture->width(), picture->height());
  QTest::mouseClick(picture, Qt::LeftButton, {}, layout.endpoints[1].box.center().toPoint());
  EXPECT_EQ(search()->text(), "0x28");
}

TEST_F(TopologyViewTest, AViotTableIsDrawn) {
  open(stateWith(2, 1, 4));
  view_.openViot(viotFile());
  EXPECT_EQ(table()->model()->rowCount(), 2);
  EXPECT_TRUE(view_.findChild<ViotPicture*>()->isVisible());
  const QImage drawn = view_.findChild<ViotPicture*>()->grab().toImage();
  EXPECT_NE(drawn.pixelColor(40, 90), theme().panel);
  view_.showViot(false);
  EXPECT_EQ(table()->model()->rowCount(), 9);
}

TEST_F(TopologyViewTest, ADamagedViotTableGivesAMessageAndTheRunStays) {
  open(stateWith(2, 1, 4));
  view_.openViot(viotFile(70));
  EXPECT_TRUE(shownTexts().contains("offset 0x4: the length is 88, but the file has 70 bytes"))
      << shownTexts().toStdString();
  view_.showViot(false);
  EXPECT_EQ(table()->model()->rowCount(), 9);
  EXPECT_TRUE(view_.findChild<TopologyPicture*>()->isVisible());
}

TEST_F(TopologyViewTest, ChoosingARowMarksIt) {
  open(stateWith(2, 1, 4));
  auto* picture = view_.findChild<TopologyPicture*>();
  const QImage before = picture->grab().toImage();
  table()->setCurrentIndex(table()->model()->index(0, 0));
  EXPECT_NE(picture->grab().toImage(), before);
}

TEST_F(TopologyViewTest, SixtyEndpointsFitAPicture) {
  open(stateWith(60, 3, 30));
  QImage image(1280, 720, QImage::Format_ARGB32);
  image.fill(Qt::transparent);
  QPainter painter(&image);
  view_.paint(painter, QRect(0, 0, 1280, 720));
  painter.end();
  EXPECT_EQ(image.pixelColor(4, 200), theme().panel);
  EXPECT_EQ(image.pixelColor(1270, 710).alpha(), 255) << "to the last corner";
  EXPECT_TRUE(view_.caption().contains("repetition 1"));
}

}  // namespace
}  // namespace violet::gui
