#include "experiments/results/progress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace violet::results {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Screen {
  std::string text;
  double now = 0;

  Progress progress(ProgressMode mode, bool terminal, unsigned width = 80) {
    return Progress({mode, terminal, width, [this](std::string_view part) { text += part; },
                     [this] { return now; }});
  }
};

void run_two_steps(Progress& progress, Screen& screen) {
  progress.start("demo", 2, 4);
  progress.begin_step("strict", 1);
  screen.now += 2;  // Twice as long as expected.
  progress.end_step();
  progress.begin_step("lazy", 3);
  progress.tick();
  progress.note("a note");
  screen.now += 6;
  progress.end_step();
  progress.finish("done");
}

TEST(ProgressModes, WhatMayFollowIsNotDone) {
  Screen screen;
  Progress progress = screen.progress(ProgressMode::kAlways, false);
  progress.start("demo", 1, 2);
  progress.begin_step("strict #1", 2);
  screen.now += 2;
  progress.may_follow(1, 2);
  progress.end_step();
  progress.may_follow(0, 2);
  progress.add_step(2);
  progress.begin_step("strict #2", 2);
  screen.now += 2;
  progress.end_step();
  EXPECT_EQ(screen.text,
            "demo 1/2  50%  2 s left  strict #1\n"
            "demo 2/2 100%  0 s left  strict #2\n");
}

TEST(ProgressModes, NothingIsDoneBeforeARunThatMayGoOn) {
  Screen screen;
  Progress progress = screen.progress(ProgressMode::kJson, false);
  progress.may_follow(3, 2);
  progress.start("demo", 0, 0);
  const auto json = nlohmann::json::parse(screen.text);
  EXPECT_EQ(json["share"], 0);
  EXPECT_EQ(json["steps"], 3);
  EXPECT_EQ(json["remaining_s"], 6);
}

TEST(ProgressModes, AutoIsSilentWithoutATerminal) {
  Screen screen;
  Progress progress = screen.progress(ProgressMode::kAuto, false);
  run_two_steps(progress, screen);
  EXPECT_EQ(screen.text, "");
  Progress never = screen.progress(ProgressMode::kNever, true);
  run_two_steps(never, screen);
  EXPECT_EQ(screen.text, "");
}

TEST(ProgressModes, AlwaysWritesLinesWithoutControlCharacters) {
  Screen screen;
  Progress progress = screen.progress(ProgressMode::kAlways, false);
  run_two_steps(progress, screen);
  EXPECT_EQ(screen.text,
            "demo 1/2  25%  6 s left  strict\n"
            "a note\n"
            "demo 2/2 100%  0 s left  lazy\n"
            "done\n");
}

TEST(ProgressModes, ATerminalGetsOneLineThatFits) {
  Screen screen;
  Progress progress = screen.progress(ProgressMode::kAuto, true, 20);
  run_two_steps(progress, screen);
  EXPECT_THAT(screen.text, HasSubstr("\r\033[Ka note\n"));
  std::istringstream parts(screen.text);
  for (std::string part; std::getline(parts, part, '\r');) {
    const std::string shown = part.substr(0, part.find_first_of("\033\n"));
    EXPECT_LT(shown.size(), 20u) << shown;
  }
}

TEST(ProgressModes, ATerminalIsNotFlooded) {
  Screen screen;
  Progress progress = screen.progress(ProgressMode::kAuto, true);
  progress.start("demo", 1, 1);
  progress.begin_step("x", 1);
  const auto before = screen.text.size();
  for (int i = 0; i < 1000; ++i) {
    screen.now += 0.001;
    progress.tick();
  }
  const auto redraws = std::count(screen.text.begin() + static_cast<std::ptrdiff_t>(before),
                                  screen.text.end(), '\r');
  EXPECT_LE(redraws, 11);
  EXPECT_GE(redraws, 8);
}

TEST(ProgressModes, JsonIsOneObjectALine) {
  Screen screen;
  Progress progress = screen.progress(ProgressMode::kJson, true);
  run_two_steps(progress, screen);
  std::istringstream lines(screen.text);
  std::vector<std::string> events;
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line);
    EXPECT_EQ(json["schema"], "violet.progress");
    events.push_back(json["event"]);
  }
  EXPECT_THAT(events,
              testing::ElementsAre("start", "step", "done", "step", "note", "done", "finish"));
}

TEST(ProgressModes, JsonSaysWhereTheRunIs) {
  Screen screen;
  Progress progress = screen.progress(ProgressMode::kJson, true);
  progress.start("demo", 1, 4, "runs/x");
  progress.begin_step("strategy=strict #3", 1, "strict.net-rx.1", 2);
  progress.end_step();
  std::istringstream lines(screen.text);
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(nlohmann::json::parse(line)["directory"], "runs/x");
  for (const char* event : {"step", "done"}) {
    std::getline(lines, line);
    const auto json = nlohmann::json::parse(line);
    EXPECT_EQ(json["event"], event);
    EXPECT_EQ(json["cell"], "strict.net-rx.1");
    EXPECT_EQ(json["repetition"], 2);
  }
}

TEST(EtaTest, LearnsFromWhatStepsReallyTook) {
  Eta eta(100);
  EXPECT_EQ(eta.remaining_s(), 100);
  eta.done(25, 50);
  EXPECT_EQ(eta.share(), 0.25);
  EXPECT_EQ(eta.remaining_s(), 150);
  eta.done(80, 160);
  EXPECT_EQ(eta.remaining_s(), 0);
}

TEST(EtaTest, DurationsReadWell) {
  EXPECT_EQ(duration_text(0.4), "0 s");
  EXPECT_EQ(duration_text(59.6), "1 min 00 s");
  EXPECT_EQ(duration_text(190), "3 min 10 s");
  EXPECT_EQ(duration_text(3720), "1 h 02 min");
}

TEST(ProgressModes, AreNamed) {
  EXPECT_EQ(progress_mode_from("json").value(), ProgressMode::kJson);
  EXPECT_EQ(progress_mode_from("yes").error().kind, ErrorKind::kUsage);
}

}  // namespace
}  // namespace violet::results
