#include "gui/experiment/plan_check.hpp"

#include <gtest/gtest.h>

#include <QFile>
#include <QSignalSpy>
#include <QTest>

#include "gui/experiment/fake_program_testing.hpp"

namespace violet::gui {
namespace {

class PlanCheckTest : public testing::Test {
 protected:
  PlanCheckTest() : places_(fakePlaces(folder_, folder_.path())) {}
  const PlanVerdict& checked(PlanCheck& check, const char* text) {
    check.setText(QString::fromLatin1(text));
    EXPECT_TRUE(QTest::qWaitFor([&check] { return check.verdict().has_value(); }, 20000));
    return *check.verdict();
  }
  const QTemporaryDir folder_;
  PlanPlaces places_;
};

TEST_F(PlanCheckTest, AGoodPlanHasCellsAndATime) {
  PlanCheck check(places_);
  const PlanVerdict& verdict = checked(check, "[plan]\nname = \"t\"\n");
  EXPECT_TRUE(verdict.valid);
  EXPECT_EQ(verdict.name, "t");
  EXPECT_EQ(verdict.repetitions, 2);
  EXPECT_EQ(verdict.estimated_s, 7.5);
  ASSERT_EQ(verdict.cells.size(), 2u);
  EXPECT_EQ(verdict.cells[1].label, "strategy=off");
}

TEST(PlanCheckDocument, SaysHowLongARuleMayTake) {
  const PlanVerdict verdict = verdictOf(
      R"({"schema":"violet.dry_run","version":1,"problems":[],"repetitions":5,"estimated_s":7.5,)"
      R"("until_ci":{"percent":5.0,"most_repetitions":30,"most_estimated_s":45.0},"cells":[]})",
      {});
  EXPECT_EQ(verdict.most_repetitions, 30);
  EXPECT_EQ(verdict.most_estimated_s, 45);
}

TEST_F(PlanCheckTest, ProblemsComeWithTheirPlaces) {
  PlanCheck check(places_);
  const PlanVerdict& verdict = checked(check, "a wrong plan");
  EXPECT_FALSE(verdict.valid);
  ASSERT_EQ(verdict.problems.size(), 2u);
  EXPECT_EQ(verdict.problems[0], (PlanProblem{3, 5, "key wrong: did you mean right?"}));
  EXPECT_EQ(verdict.problems[1].line, 0);
}

TEST_F(PlanCheckTest, OnlyTheNewestTextGetsAVerdict) {
  PlanCheck check(places_);
  QSignalSpy spy(&check, &PlanCheck::checked);
  check.setText("late and wrong");
  const QString began = folder_.filePath("began");
  ASSERT_TRUE(QTest::qWaitFor([&began] { return QFile::exists(began); }, 20000));
  check.setText("right");  // While the first is being checked.
  ASSERT_TRUE(QFile(folder_.filePath("go")).open(QIODevice::WriteOnly));
  ASSERT_TRUE(QTest::qWaitFor([&check] { return check.verdict().has_value(); }, 20000));
  EXPECT_TRUE(check.verdict()->valid);
  EXPECT_EQ(spy.count(), 1);
}

TEST_F(PlanCheckTest, AMissingProgramIsSaid) {
  places_.program = folder_.filePath("nothing");
  PlanCheck check(places_);
  const PlanVerdict& verdict = checked(check, "x");
  EXPECT_FALSE(verdict.valid);
  EXPECT_TRUE(verdict.failure.contains("cannot be started")) << verdict.failure.toStdString();
}

TEST_F(PlanCheckTest, WhatTheProgramSaidInsteadIsShown) {
  PlanCheck check(places_);
  EXPECT_EQ(checked(check, "broken").failure, "violet: something else broke");
}

TEST(VerdictOf, SurvivesAnyDocument) {
  for (const char* text : {"", "[]", "{}", "{\"schema\":\"violet.dry_run\",\"problems\":7}",
                           "{\"schema\":\"violet.dry_run\",\"problems\":[3],\"cells\":[null]}",
                           "{\"schema\":\"violet.dry_run\",\"plan\":[],\"cells\":{}}"}) {
    const PlanVerdict verdict = verdictOf(text, "words");
    EXPECT_TRUE(verdict.cells.empty()) << text;
  }
}

TEST_F(PlanCheckTest, PlansAreListedWithTheirDescriptions) {
  QString error;
  ASSERT_TRUE(writeText(
      places_.bundled + "/b.toml",
      "# x\n[plan]\nname = \"b\"\ndescription = \"what it shows\"\n[axes]\nname = \"no\"\n",
      error));
  ASSERT_TRUE(writeText(places_.saved + "/mine.toml", "[axes]\n", error));
  const auto plans = listPlans(places_);
  ASSERT_EQ(plans.size(), 2u);
  EXPECT_EQ(plans[0].name, "b");
  EXPECT_EQ(plans[0].description, "what it shows");
  EXPECT_FALSE(plans[1].bundled);
  EXPECT_EQ(planName("[axes]\nname = \"no\"\n"), "");
  QString text;
  EXPECT_FALSE(readText(places_.bundled + "/none.toml", text, error));
  EXPECT_TRUE(error.contains("none.toml"));
  // Of a run from elsewhere it may lead to what is nobody else's business.
  const QString run = places_.bundled + "/plan.toml";
  ASSERT_TRUE(QFile::link(plans[1].path, run));
  EXPECT_FALSE(readText(run, text, error));
  EXPECT_TRUE(error.contains("it is a link")) << error.toStdString();
}

}  // namespace
}  // namespace violet::gui
