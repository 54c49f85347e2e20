// The workspace driven as a student would: keys, buttons, questions; and looked at in every step,
// both themes and two sizes. With VIOLET_PICTURES=DIR the pictures are left there.
#include "gui/explain/explain_workspace.hpp"

#include <gtest/gtest.h>

#include <QAction>
#include <QApplication>
#include <QDir>
#include <QImage>
#include <QLabel>
#include <QListWidget>
#include <QPainter>
#include <QPushButton>
#include <QSignalSpy>
#include <QTest>
#include <memory>

#include "gui/explain/autoplay.hpp"
#include "gui/explain/ink.hpp"
#include "gui/explain/lesson_model.hpp"
#include "gui/explain/picture_view.hpp"
#include "gui/explain/scene_paint.hpp"
#include "gui/explain/text_panel.hpp"
#include "gui/kit/theme.hpp"

namespace violet::gui {
namespace {

class Explain : public testing::Test {
 protected:
  Explain() {
    static const bool applied = [] {
      Themes::instance().apply(*qApp);
      return true;
    }();
    static_cast<void>(applied);
    Themes::instance().setDark(true);
    // As the main window does it.
    for (const ActionRow& row : workspace_.actions()) {
      auto* action = new QAction(row.text, &workspace_);
      action->setShortcuts(row.keys);
      QObject::connect(action, &QAction::triggered, &workspace_, [row] {
        if (!row.enabled || row.enabled()) row.run();
      });
      workspace_.addAction(action);
    }
  }
  void show(QSize size) {
    workspace_.resize(size);
    workspace_.show();
    workspace_.activateWindow();
    ASSERT_TRUE(QTest::qWaitForWindowActive(&workspace_));
  }
  void press(Qt::Key key) { QTest::keyClick(&workspace_, key); }
  LessonModel& model() { return *workspace_.model(); }
  template <class W>
  W* child(const char* name) {
    return workspace_.findChild<W*>(QLatin1String(name));
  }

  ExplainWorkspace workspace_;
};

TEST_F(Explain, KeysStepThroughTheLesson) {
  show({1280, 620});
  press(Qt::Key_Right);
  press(Qt::Key_Right);
  EXPECT_EQ(model().step(), 2);
  press(Qt::Key_Left);
  EXPECT_EQ(model().step(), 1);
  press(Qt::Key_End);
  EXPECT_TRUE(model().atEnd());
  press(Qt::Key_Right);
  EXPECT_TRUE(model().atEnd());
  press(Qt::Key_Home);
  EXPECT_TRUE(model().atStart());
  press(Qt::Key_4);
  EXPECT_EQ(model().lesson(), 3);
  EXPECT_EQ(workspace_.findChild<QListWidget*>()->currentRow(), 3);
}

TEST_F(Explain, SpacePlaysAndWaitsAtQuestions) {
  show({1280, 620});
  workspace_.goTo(3, 1);
  press(Qt::Key_Space);  // The next step at once; a question follows it.
  EXPECT_EQ(model().step(), 2);
  EXPECT_TRUE(workspace_.autoplay()->waits());
  press(Qt::Key_C);
  EXPECT_EQ(model().step(), 3);
  EXPECT_TRUE(workspace_.autoplay()->playing());
  EXPECT_TRUE(QTest::qWaitFor([this] { return model().step() == 4; }, 60000));
  press(Qt::Key_Left);
  EXPECT_FALSE(workspace_.autoplay()->playing());
}

TEST_F(Explain, PlayEndsWithTheLessonAndStartsItAgain) {
  show({1280, 620});
  workspace_.goTo(0, model().stepCount() - 2);
  press(Qt::Key_Space);
  EXPECT_TRUE(model().atEnd());
  EXPECT_FALSE(workspace_.autoplay()->playing());
  press(Qt::Key_Space);
  EXPECT_TRUE(model().atStart());
  EXPECT_TRUE(workspace_.autoplay()->playing());
  press(Qt::Key_Space);
  EXPECT_FALSE(workspace_.autoplay()->playing());
  press(Qt::Key_4);  // Another lesson does not play by itself.
  EXPECT_FALSE(workspace_.autoplay()->playing());
}

TEST(Ink, LettersCanBeReadInBothThemes) {
  for (const bool dark : {true, false}) {
    Themes::instance().setDark(dark);
    using lessons::Tone;
    for (const Tone tone : {Tone::kMap, Tone::kUnmap, Tone::kTranslate, Tone::kFault, Tone::kStale,
                            Tone::kCopy, Tone::kGood}) {
      EXPECT_GE(contrast(ink(tone_colour(tone)), theme().panel), 4.5) << int(tone);
    }
  }
  EXPECT_NEAR(contrast(Qt::black, Qt::white), 21, 0.01);
}

TEST_F(Explain, AnswersAreJudgedByTheSimulation) {
  show({1280, 620});
  workspace_.goTo(3, 2);
  auto* answer = child<QPushButton>("answer_2");
  ASSERT_TRUE(answer->isVisible());
  QTest::mouseClick(answer, Qt::LeftButton);
  EXPECT_EQ(model().step(), 3);
  ASSERT_TRUE(child<QLabel>("verdict")->isVisible());
  EXPECT_TRUE(child<QLabel>("verdict")->text().contains("Right"));
  press(Qt::Key_Left);
  press(Qt::Key_A);
  EXPECT_EQ(model().step(), 3);
  EXPECT_TRUE(child<QLabel>("verdict")->text().contains("It is"));
  press(Qt::Key_B);  // Nothing is asked now.
  EXPECT_EQ(model().step(), 3);
}

TEST_F(Explain, TryItOpensThePlan) {
  show({1280, 620});
  QSignalSpy plans(&workspace_, &Workspace::wantsPlan);
  auto* button = child<QPushButton>("try_it");
  EXPECT_FALSE(button->isVisible());
  press(Qt::Key_End);
  ASSERT_TRUE(button->isVisible());
  QTest::mouseClick(button, Qt::LeftButton);
  ASSERT_EQ(plans.count(), 1);
  EXPECT_EQ(plans[0][0].toString().toStdString(), "smoke");
}

TEST_F(Explain, SettlesOnceEverythingHasArrived) {
  show({1280, 620});
  EXPECT_TRUE(workspace_.settled());
  press(Qt::Key_Right);
  EXPECT_TRUE(QTest::qWaitFor([this] { return workspace_.settled(); }, 10000));
  workspace_.findChild<PictureView*>()->setMotion(false);
  press(Qt::Key_Right);
  EXPECT_TRUE(workspace_.settled());
}

TEST_F(Explain, SaysThePictureInWords) {
  workspace_.goTo(3, 1);
  const QString words = workspace_.findChild<PictureView*>()->accessibleDescription();
  EXPECT_TRUE(words.contains("Virtqueues"));
  EXPECT_TRUE(words.contains(", stale"));
  for (const QPushButton* button : workspace_.findChildren<QPushButton*>()) {
    EXPECT_FALSE(button->text().isEmpty() && button->isVisible());
  }
}

// --- pictures

class Looks : public Explain, public testing::WithParamInterface<QSize> {
 protected:
  QImage grab() {
    QImage image(workspace_.size(), QImage::Format_RGB32);
    image.fill(Qt::black);
    QPainter painter(&image);
    workspace_.paint(painter, image.rect());
    return image;
  }
  void keep(const QImage& image, const QString& name) {
    const QString directory = qEnvironmentVariable("VIOLET_PICTURES");
    if (!directory.isEmpty()) image.save(QDir(directory).filePath(name + ".png"));
  }
  template <class Visit>
  void for_each_step(Visit&& visit) {
    for (int lesson = 0; lesson < LessonModel::lessonCount(); ++lesson) {
      workspace_.goTo(lesson, 0);
      for (int step = 0; step < model().stepCount(); ++step) {
        workspace_.goTo(lesson, step);
        QApplication::processEvents();
        visit(QStringLiteral("%1-%2").arg(lesson + 1).arg(step + 1, 2, 10, QLatin1Char('0')));
      }
    }
  }
};

TEST_P(Looks, NothingIsCutOff) {
  show(GetParam());
  workspace_.findChild<PictureView*>()->setMotion(false);
  const auto* view = workspace_.findChild<PictureView*>();
  for_each_step([&](const QString& name) {
    const auto points = fitting_points(view->area(), model().frame());
    EXPECT_TRUE(points.has_value()) << name.toStdString();
    EXPECT_EQ(workspace_.size(), GetParam()) << name.toStdString() << " wants more room";
    for (const QLabel* label : workspace_.findChildren<QLabel*>()) {
      if (!label->isVisible() || label->text().isEmpty()) continue;
      const int needs =
          label->wordWrap() ? label->heightForWidth(label->width()) : label->sizeHint().height();
      EXPECT_LE(needs, label->height())
          << name.toStdString() << ": " << label->text().toStdString();
    }
  });
}

TEST_P(Looks, EveryStepIsDrawnInBothThemes) {
  show(GetParam());
  workspace_.findChild<PictureView*>()->setMotion(false);
  for (const bool dark : {true, false}) {
    Themes::instance().setDark(dark);
    QApplication::processEvents();
    QImage before;
    for_each_step([&](const QString& name) {
      const QImage image = grab();
      EXPECT_NE(image, before) << name.toStdString();
      before = image;
      keep(image, QStringLiteral("%1-%2-%3").arg(name, dark ? "dark" : "light").arg(image.width()));
    });
  }
}

TEST_P(Looks, VerdictsStandBesideTheTitle) {
  show(GetParam());
  for (int choice = 0; choice < 3; ++choice) {
    workspace_.goTo(3, 2);
    model().answer(choice);
    workspace_.findChild<PictureView*>()->arrive();
    QApplication::processEvents();
    const auto* verdict = child<QLabel>("verdict");
    const auto* title = child<QLabel>("step_title");
    EXPECT_GE(verdict->x(), title->geometry().right());
    EXPECT_LE(verdict->sizeHint().width(), verdict->width());
    keep(grab(), QStringLiteral("answer-%1-%2").arg(choice).arg(workspace_.width()));
  }
}

TEST_F(Explain, OpensAtAnySizeItIsGiven) {
  workspace_.goTo(3, 3);  // Before it has a size.
  show({1600, 870});
  EXPECT_EQ(workspace_.size(), QSize(1600, 870));
  show({1280, 600});
  EXPECT_EQ(workspace_.size(), QSize(1280, 600));
}

INSTANTIATE_TEST_SUITE_P(Sizes, Looks, testing::Values(QSize(1280, 610), QSize(2560, 1320)),
                         [](const auto& size) { return std::to_string(size.param.width()); });

TEST(SceneLayout, BoxesKeepApart) {
  for (const bool disk : {false, true}) {
    for (const bool scores : {false, true}) {
      const SceneLayout layout = scene_layout({0, 0, 780, 400}, disk, scores);
      for (std::size_t i = 0; i < layout.boxes.size(); ++i) {
        for (std::size_t j = i + 1; j < layout.boxes.size(); ++j) {
          EXPECT_FALSE(layout.boxes[i].intersects(layout.boxes[j])) << i << " " << j;
        }
        EXPECT_FALSE(layout.boxes[i].intersects(layout.score_board)) << i;
      }
    }
  }
}

TEST(SceneLayout, WaysLeadFromEdgeToEdge) {
  const SceneLayout layout = scene_layout({0, 0, 780, 400}, true, false);
  const auto check = [&](lessons::Part from, lessons::Part to) {
    const QPolygonF way = way_between(layout, from, to);
    ASSERT_GE(way.size(), 2);
    EXPECT_TRUE(layout.box(from).adjusted(-1, -1, 1, 1).contains(way.first()));
    EXPECT_TRUE(layout.box(to).adjusted(-1, -1, 1, 1).contains(way.last()));
    EXPECT_EQ(point_on(way, 0), way.first());
    EXPECT_EQ(point_on(way, 1), way.last());
  };
  using lessons::Part;
  check(Part::kDriver, Part::kQueue);
  check(Part::kQueue, Part::kDriver);
  check(Part::kEngine, Part::kNicIotlb);
  check(Part::kEngine, Part::kDiskIotlb);
  check(Part::kDiskIotlb, Part::kStore);
  check(Part::kMemory, Part::kDriver);
  EXPECT_TRUE(
      way_between(scene_layout({0, 0, 780, 400}, false, false), Part::kEngine, Part::kDiskIotlb)
          .isEmpty());
}

}  // namespace
}  // namespace violet::gui
