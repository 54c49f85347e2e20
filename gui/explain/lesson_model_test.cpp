#include "gui/explain/lesson_model.hpp"

#include <gtest/gtest.h>

#include <QAbstractItemModelTester>
#include <QSignalSpy>

namespace violet::gui {
namespace {

TEST(FieldsModel, KeepsTheRulesOfItemModels) {
  LessonModel model;
  const QAbstractItemModelTester tester(model.fields(),
                                        QAbstractItemModelTester::FailureReportingMode::Fatal);
  for (int lesson = 0; lesson < LessonModel::lessonCount(); ++lesson) {
    model.setLesson(lesson);
    while (!model.atEnd()) model.next();
    EXPECT_GT(model.fields()->rowCount(), 0) << lesson;
  }
}

TEST(FieldsModel, ShowsTheBytesBesideTheirMeaning) {
  LessonModel model;
  model.setStep(4);  // MAP.
  EXPECT_EQ(model.fields()->title().toStdString(), "Request #2: MAP");
  const auto cell = [&](int row, int column) {
    return model.fields()->index(row, column).data().toString().toStdString();
  };
  EXPECT_EQ(cell(0, FieldsModel::kBytes), "03");
  EXPECT_EQ(cell(3, FieldsModel::kName), "virt_start");
  EXPECT_EQ(cell(3, FieldsModel::kOffset), "8");
  EXPECT_EQ(cell(3, FieldsModel::kBytes), "00 f0 ff ff 00 00 00 00");
  EXPECT_EQ(cell(3, FieldsModel::kMeaning), "0xfffff000");
}

TEST(FieldsModel, ShowsWhatAnAccessMoved) {
  LessonModel model;
  model.setLesson(3);
  model.setStep(3);  // The attack.
  EXPECT_EQ(model.fields()->title().toStdString(), "DMA read by the NIC");
  const int last = model.fields()->rowCount() - 1;
  const auto cell = [&](int column) {
    return model.fields()->index(last, column).data().toString().toStdString();
  };
  EXPECT_EQ(cell(FieldsModel::kOffset), "8");
  EXPECT_EQ(cell(FieldsModel::kMeaning), "=tulip");
  EXPECT_EQ(cell(FieldsModel::kBytes), "3d 74 75 6c 69 70");
}

TEST(LessonModel, SaysOnceThatAStepChanged) {
  LessonModel model;
  QSignalSpy steps(&model, &LessonModel::stepChanged);
  model.next();
  EXPECT_EQ(steps.count(), 1);
  EXPECT_TRUE(steps.takeFirst().at(0).toBool());
  model.back();
  EXPECT_EQ(steps.count(), 1);
  EXPECT_FALSE(steps.takeFirst().at(0).toBool());
  model.back();  // Already at the start.
  EXPECT_EQ(steps.count(), 0);
  model.setLesson(3);
  EXPECT_EQ(steps.count(), 1);
}

TEST(LessonModel, TheSimulationJudgesAnswers) {
  LessonModel model;
  model.setLesson(3);
  model.setStep(2);
  ASSERT_TRUE(model.asks());
  ASSERT_EQ(model.choices().size(), 3);
  model.answer(0);  // "Nothing: it faults": not on samecore.
  ASSERT_TRUE(model.verdict().has_value());
  EXPECT_FALSE(model.verdict()->isRight());
  EXPECT_EQ(model.verdict()->right, 2);
  EXPECT_EQ(model.step(), 3);
  model.back();
  EXPECT_FALSE(model.verdict().has_value());
  model.answer(2);
  EXPECT_TRUE(model.verdict()->isRight());
}

TEST(LessonModel, AnotherEngineShowsTheSameStep) {
  LessonModel model;
  model.setLesson(2);
  model.setStep(4);
  for (int engine = 1; engine < LessonModel::engineNames().size(); ++engine) {
    model.setEngine(engine);
    EXPECT_EQ(model.step(), 4);
    EXPECT_EQ(model.frame().snapshot.engine, lessons::engine_choices()[std::size_t(engine)]);
  }
}

TEST(LessonModel, AnswersOnlyWhenAsked) {
  LessonModel model;
  ASSERT_FALSE(model.asks());
  model.answer(0);
  EXPECT_EQ(model.step(), 0);
  model.setStep(5);
  model.answer(7);
  EXPECT_EQ(model.step(), 5);
}

}  // namespace
}  // namespace violet::gui
