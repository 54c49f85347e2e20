// What of the runs on disk goes, and what it takes to make it go.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "engine/base/test_folder_testing.hpp"
#include "experiments/cli/verbs.hpp"
#include "experiments/query/run_fixture_testing.hpp"
#include "experiments/results/run_directory.hpp"

namespace violet::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Nobody is there to answer, as in a script.
class RunsOnDisk : public ::testing::Test {
 protected:
  RunsOnDisk() : keyboard_(::dup(STDIN_FILENO)) {
    const int nobody = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::dup2(nobody, STDIN_FILENO);
    ::close(nobody);
    places_.runs = folder_.path().string();
    for (int i = 0; i < 2; ++i) query::write_fixture_run(folder_.path(), {{"strict"}}, 1);
  }
  ~RunsOnDisk() override {
    ::dup2(keyboard_, STDIN_FILENO);
    ::close(keyboard_);
  }
  std::vector<fs::path> runs() const { return results::list_runs(folder_.path()); }
  // What it prints; `ending` is its exit code.
  template <class Verb>
  std::string printed(Verb&& verb) {
    ::testing::internal::CaptureStdout();
    ending_ = verb();
    return ::testing::internal::GetCapturedStdout();
  }

  TestFolder folder_;
  Places places_;
  int keyboard_;
  int ending_ = kOk;
};

TEST_F(RunsOnDisk, AreListedWithPlanSizeAndOutcome) {
  const std::string text = printed([&] { return list_runs_verb(places_, results::Format::kText); });
  EXPECT_EQ(ending_, kOk);
  for (const fs::path& run : runs()) EXPECT_THAT(text, HasSubstr(run.filename().string()));
  EXPECT_THAT(text, HasSubstr("finished"));
  EXPECT_THAT(text, HasSubstr("2 runs, "));
}

TEST_F(RunsOnDisk, SayWhatTheirTraceTakes) {
  std::ofstream(runs().front() / "trace.events") << std::string(1 << 20, 'x');
  const std::string csv = printed([&] { return list_runs_verb(places_, results::Format::kCsv); });
  EXPECT_THAT(csv, HasSubstr("its trace"));
  const auto list = printed([&] { return list_runs_verb(places_, results::Format::kText); });
  EXPECT_THAT(list, HasSubstr("1.00 MiB"));
  EXPECT_THAT(list, HasSubstr("n/a")) << "the other has none, which is not 0 B";
}

TEST_F(RunsOnDisk, NothingGoesUnasked) {
  const std::string newest = runs().front().filename().string();
  printed([&] { return remove_runs_verb(places_, {.runs = {newest}}); });
  EXPECT_EQ(ending_, kUsage);
  printed([&] { return prune_runs_verb(places_, {.runs = {}, .keep = 0}); });
  EXPECT_EQ(ending_, kUsage);
  EXPECT_EQ(runs().size(), 2u);
}

TEST_F(RunsOnDisk, WhatIsNamedGoesAndLatestIsMended) {
  const auto before = runs();
  const std::string name = before.front().filename().string();
  const std::string text = printed([&] {
    return remove_runs_verb(places_, {.runs = {name, name}, .yes = true});
  });
  EXPECT_EQ(ending_, kOk);
  EXPECT_THAT(text, HasSubstr("removed 1 run, "));
  EXPECT_EQ(runs(), std::vector{before.back()});
  EXPECT_EQ(fs::read_symlink(folder_.path() / "latest"), before.back().filename());
}

TEST_F(RunsOnDisk, ALinkIsNoRunAndOneWrongNameStopsAll) {
  const std::string name = runs().front().filename().string();
  for (const char* wrong : {"latest", "absent", "../etc", "/etc"}) {
    printed([&] { return remove_runs_verb(places_, {.runs = {name, wrong}, .yes = true}); });
    EXPECT_EQ(ending_, kUsage) << wrong;
  }
  EXPECT_EQ(runs().size(), 2u);
}

TEST_F(RunsOnDisk, PruningKeepsTheNewest) {
  const fs::path newest = runs().front();
  printed([&] { return prune_runs_verb(places_, {.runs = {}, .keep = 1, .yes = true}); });
  EXPECT_EQ(ending_, kOk);
  EXPECT_EQ(runs(), std::vector{newest});
  EXPECT_EQ(printed([&] { return prune_runs_verb(places_, {.runs = {}, .keep = 1, .yes = true}); }),
            "nothing to remove\n");
}

}  // namespace
}  // namespace violet::cli
