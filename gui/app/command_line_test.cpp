#include "gui/app/command_line.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "engine/base/test_folder_testing.hpp"

namespace violet::gui {
namespace {

namespace fs = std::filesystem;

std::string complaint(const std::vector<std::string>& arguments) {
  const auto line = parse_command_line(arguments);
  if (line) return {};
  EXPECT_EQ(line.error().kind, ErrorKind::kUsage);
  return line.error().message;
}

// The launcher prints the file, so that nobody has to build the application to read how it is called.
TEST(CommandLine, TheLauncherPrintsThisHelp) {
  std::ifstream file(fs::path(__FILE__).parent_path() / "help.txt");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_EQ(text, help_text());
}

TEST(CommandLine, ReadsWhatTheHelpSays) {
  const auto line = parse_command_line({"--render", "churn", "--out=a.svg", "--size", "2560x1440",
                                        "--scale", "2", "--theme", "light", "runs/x"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->render, "churn");
  EXPECT_EQ(line->out, "a.svg");
  EXPECT_EQ(line->width, 2560);
  EXPECT_EQ(line->height, 1440);
  EXPECT_EQ(line->scale, 2);
  EXPECT_EQ(line->dark, false);
  EXPECT_EQ(line->run, "runs/x");
  const auto part = parse_command_line({"--time", "1.5ms..0.25s", "run"});
  ASSERT_TRUE(part);
  EXPECT_EQ(part->from_ns, 1'500'000);
  EXPECT_EQ(part->to_ns, 250'000'000);
  const auto live = parse_command_line({"--live", "latest"});
  ASSERT_TRUE(live);
  EXPECT_TRUE(live->live);
  EXPECT_EQ(live->run, "latest");
}

TEST(CommandLine, ComplaintsNameWhatWouldBeRight) {
  EXPECT_NE(complaint({"--render", "chrun"}).find("churn"), std::string::npos);
  EXPECT_NE(complaint({"--render", "churn", "run"}).find("--out"), std::string::npos);
  EXPECT_NE(complaint({"--render", "churn", "--out", "a.png"}).find("RUN"), std::string::npos);
  EXPECT_NE(complaint({"--render", "churn", "--out", "a.gif", "run"}).find(".svg"),
            std::string::npos);
  EXPECT_NE(complaint({"--size", "10x10"}).find("200x150"), std::string::npos);
  EXPECT_NE(complaint({"--step", "4"}).find("4.4"), std::string::npos);
  for (const char* time : {"1s", "1..2s", "2s..1s", "1s..", "1s..2m"})
    EXPECT_NE(complaint({"--time", time}).find("1.2s..1.25s"), std::string::npos) << time;
  EXPECT_NE(complaint({"--fast", "1"}).find("--fast"), std::string::npos);
  EXPECT_NE(complaint({"--theme"}).find("value"), std::string::npos);
  EXPECT_NE(complaint({"--cell", "", "run"}).find("--cell wants a value"), std::string::npos);
  EXPECT_NE(complaint({"--fast=1"}).find("called --fast"), std::string::npos);
  EXPECT_EQ(complaint({"--fast=1"}).find("--fast=1"), std::string::npos);
  EXPECT_NE(complaint({"a", "b"}).find("one RUN"), std::string::npos);
  EXPECT_NE(complaint({"--live", "a", "b"}).find("one RUN"), std::string::npos);
  EXPECT_TRUE(complaint({"--render", "explain", "--out", "a.png"}).empty())
      << "lessons need no run";
}

TEST(CommandLine, TheLastOfTwoValuesCounts) {
  const auto line = parse_command_line({"--size", "300x200", "--size", "400x300"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->width, 400);
}

TEST(CommandLine, HelpFitsOneScreen) {
  const std::string text = help_text();
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 25);
  for (const std::string& view : render_views())
    EXPECT_NE(text.find(view), std::string::npos) << view;
}

TEST(FindRun, ByPathNameBeginningAndLatest) {
  const fs::path runs = fs::temp_directory_path() / "violet-find-run-test";
  fs::remove_all(runs);
  fs::create_directories(runs / "20260101T000000Z-demo-1a");
  fs::create_directories(runs / "20260102T000000Z-demo-2b");
  fs::create_directory_symlink("20260102T000000Z-demo-2b", runs / "latest");
  EXPECT_EQ(*find_run(runs.string(), runs), runs.string());
  EXPECT_EQ(*find_run("latest", runs), (runs / "latest").string());
  EXPECT_EQ(*find_run("20260101", runs), (runs / "20260101T000000Z-demo-1a").string());
  EXPECT_FALSE(find_run("2026", runs));
  EXPECT_FALSE(find_run("nothing", runs));
  const auto newest = list_runs(runs, 5);
  ASSERT_EQ(newest.size(), 2u);
  EXPECT_EQ(newest[0].filename(), "20260102T000000Z-demo-2b");
  fs::remove_all(runs);
}

TEST(RunsFolder, AnEmptyVariableIsNone) {
  ::setenv("VIOLET_ROOT", "/root-of-it", 1);
  ::setenv("VIOLET_RUNS", "", 1);
  EXPECT_EQ(runs_folder(), "/root-of-it/runs");
  ::setenv("VIOLET_RUNS", "/elsewhere", 1);
  EXPECT_EQ(runs_folder(), "/elsewhere");
  ::unsetenv("VIOLET_RUNS");
  ::unsetenv("VIOLET_ROOT");
}

// Qt has no name for such a path.
TEST(FindRun, APathThatIsNotUtf8IsRefusedWithWhatToDo) {
  const TestFolder folder;
  const fs::path run = folder.path() / "run-\xff";
  fs::create_directory(run);
  for (const std::string& name : {run.string(), std::string("run-\xff"), std::string("run")}) {
    const auto found = find_run(name, folder.path());
    ASSERT_FALSE(found) << name;
    EXPECT_EQ(found.error().kind, ErrorKind::kUsage);
    EXPECT_NE(found.error().message.find("is not UTF-8"), std::string::npos)
        << found.error().message;
  }
  fs::create_directory_symlink(run, folder.path() / "link");
  EXPECT_EQ(*find_run("link", folder.path()), (folder.path() / "link").string());
}

}  // namespace
}  // namespace violet::gui
