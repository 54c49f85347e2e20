// A run that is killed, interrupted or cannot trust its data: nothing finished is lost, nothing wrong
// passes for good, and --resume goes on. Each run is a process of its own: EAL starts once in one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <thread>
#include <utility>

#include "engine/base/files.hpp"
#include "experiments/runner/runner.hpp"
#include "experiments/runner/vocabulary.hpp"
#include "experiments/trace/event_trace.hpp"

namespace violet {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const fs::path kRoot = fs::path(__FILE__).parent_path().parent_path().parent_path();

// What a run's process says of itself.
enum Exit : int {
  kFinished = 0,
  kFailures = 1,
  kStopped = 4,
  kError = 5,
  kNoDisk = 77,
  kStoppedAtOnce = 130
};

class Interruption : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::path(testing::TempDir()) / "runs-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    runs_ = name;
  }
  void TearDown() override { fs::remove_all(runs_); }

  pid_t start(const std::string& run, const std::string& more = "", bool resume = false) {
    const std::string text =
        "[plan]\nname = 'test'\n[run]\n" + run + "\n[cores]\nallow_oversubscribed = true\n" + more;
    const pid_t child = fork();
    if (child == 0) _exit(run_in_child(text, resume));
    return child;
  }
  // A run on a disk of so many MiB, which is the child's alone; what it left there is in `copy` then.
  pid_t start_on_a_disk(unsigned mib, const std::string& run, const std::string& more) {
    const std::string text =
        "[plan]\nname = 'test'\n[run]\n" + run + "\n[cores]\nallow_oversubscribed = true\n" + more;
    const pid_t child = fork();
    if (child != 0) return child;
    const fs::path disk = runs_ / "disk";
    fs::create_directory(disk);
    const std::string size = fmt::format("size={}M", mib);
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", disk.c_str(), "tmpfs", 0, size.c_str()) != 0) {
      _exit(kNoDisk);
    }
    const fs::path outside = std::exchange(runs_, disk);
    const int ended = run_in_child(text, false);
    std::error_code error;
    fs::copy(fs::canonical(latest()), outside / "copy", fs::copy_options::recursive, error);
    _exit(error ? kError : ended);
  }
  int wait_for(pid_t child) {
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  fs::path latest() const { return runs_ / "latest"; }
  // Waits until so many repetitions are stored and the next one is at work.
  bool wait_until_stored(std::size_t count) {
    for (int i = 0; i < 1000; ++i) {
      const auto run = results::read_run(latest());
      if (run && run->cells[0].repetitions.size() >= count && !run->unfinished.empty()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }

  fs::path runs_;

 private:
  int run_in_child(const std::string& text, bool resume) {
    plans::Problems problems;
    const auto words = make_vocabulary((kRoot / "datasets").string());
    const auto plan = plans::parse_plan(text, "test.toml", {}, words.value(), problems);
    if (!plan) return kError;
    const auto outcome = run_plan(*plan, {.runs_root = runs_,
                                          .resume = resume ? latest() : fs::path(),
                                          .dataset_dir = (kRoot / "datasets").string(),
                                          .command_line = "test",
                                          .progress = results::ProgressMode::kNever});
    if (!outcome) {
      fprintf(stderr, "%s\n", outcome.error().message.c_str());
      return kError;
    }
    if (outcome->interrupted) return outcome->finished == 0 ? kStoppedAtOnce : kStopped;
    return outcome->failures.empty() ? kFinished : kFailures;
  }
};

TEST_F(Interruption, AKilledRunKeepsWhatWasFinishedAndResumes) {
  constexpr const char* kRun = "repetitions = 3\nwarmup_s = 0\nduration_s = 0.5";
  const pid_t child = start(kRun);
  ASSERT_TRUE(wait_until_stored(1));
  kill(child, SIGKILL);
  EXPECT_EQ(wait_for(child), 128 + SIGKILL);
  EXPECT_EQ(results::read_run(latest())->manifest.outcome, "running");

  // Damaged traces are no reason to lose the results.
  for (const char* name : {"trace.events", "trace.pyramid"}) {
    std::fstream file(latest() / name, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(8).write("damage", 6);
  }
  EXPECT_EQ(wait_for(start(kRun, "", true)), kFinished);
  const auto run = results::read_run(latest());
  EXPECT_EQ(run->manifest.outcome, "finished");
  EXPECT_EQ(run->cells[0].repetitions.size(), 3u);
  EXPECT_TRUE(run->unfinished.empty());
  ASSERT_GE(run->notes.size(), 2u);
  EXPECT_THAT(run->notes[0].text, HasSubstr("set aside as trace.pyramid.damaged"));
  EXPECT_THAT(run->notes[1].text, HasSubstr("set aside as trace.events.damaged"));
  for (const char* name : {"trace.events", "trace.pyramid"}) {
    EXPECT_TRUE(fs::exists(latest() / (std::string(name) + ".damaged"))) << name;
  }
  EXPECT_TRUE(EventTrace::open(latest() / "trace.events"));
}

// The same path, and another guest behind it: that is no repetition of the cell.
TEST_F(Interruption, ATraceThatWasReplacedIsNotMixedIn) {
  const fs::path trace = runs_ / "mine.vtrace.zst", bundled = kRoot / "datasets" / "bundled";
  constexpr const char* kRun = "repetitions = 3\nwarmup_s = 0\nduration_s = 0.5";
  const std::string more = "[axes]\nworkload = 'trace:" + trace.string() + "'\n";
  fs::copy_file(bundled / "blk-randread-strict.vtrace.zst", trace);
  const pid_t child = start(kRun, more);
  ASSERT_TRUE(wait_until_stored(1));
  kill(child, SIGINT);
  const int ended = wait_for(child);
  ASSERT_TRUE(ended == kStopped || ended == kFinished) << ended;
  if (ended == kFinished) GTEST_SKIP() << "the run ended before the signal came";
  const auto before = results::read_run(latest());
  fs::copy_file(bundled / "net-rx-strict.vtrace.zst", trace, fs::copy_options::overwrite_existing);
  EXPECT_EQ(wait_for(start(kRun, more, true)), kFailures);
  EXPECT_EQ(results::read_run(latest())->cells[0].repetitions.size(),
            before->cells[0].repetitions.size());
  fs::copy_file(bundled / "blk-randread-strict.vtrace.zst", trace,
                fs::copy_options::overwrite_existing);
  EXPECT_EQ(wait_for(start(kRun, more, true)), kFinished);
  EXPECT_EQ(results::read_run(latest())->cells[0].repetitions.size(), 3u);
}

TEST_F(Interruption, AFullDiskCostsTheTraceAndNotTheResults) {
  constexpr const char* kCells = "[axes]\nstrategy = ['strict', 'lazy-percpu', 'off']";
  const int ended =
      wait_for(start_on_a_disk(3, "repetitions = 2\nwarmup_s = 0\nduration_s = 0.2", kCells));
  if (ended == kNoDisk) GTEST_SKIP() << "only root may mount a disk";
  EXPECT_EQ(ended, kFinished);
  const auto run = results::read_run(runs_ / "copy");
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ(run->manifest.outcome, "finished");
  ASSERT_EQ(run->cells.size(), 3u);
  for (const auto& cell : run->cells) EXPECT_EQ(cell.repetitions.size(), 2u) << cell.cell.label;
  EXPECT_TRUE(run->checked);
  EXPECT_TRUE(fs::exists(runs_ / "copy" / "results.json"));
  ASSERT_FALSE(run->notes.empty());
  EXPECT_THAT(run->notes.front().text, HasSubstr("no more events are traced"));
  // What is left of the trace is whole.
  const auto trace = EventTrace::open(runs_ / "copy" / "trace.events");
  ASSERT_TRUE(trace) << trace.error().message;
  EXPECT_FALSE(trace->cut_short());
}

TEST_F(Interruption, OneSignalEndsTheRunAfterTheRepetitionInHand) {
  constexpr const char* kRun = "repetitions = 4\nwarmup_s = 0\nduration_s = 0.5";
  const pid_t child = start(kRun);
  ASSERT_TRUE(wait_until_stored(1));
  kill(child, SIGINT);
  EXPECT_EQ(wait_for(child), kStopped);
  const auto run = results::read_run(latest());
  EXPECT_EQ(run->manifest.outcome, "interrupted");
  EXPECT_TRUE(run->unfinished.empty());
  EXPECT_LT(run->cells[0].repetitions.size(), 4u);
  const auto log = read_whole_file(latest() / "log.txt");
  EXPECT_THAT(*log, HasSubstr("4 repetitions to measure"));
  EXPECT_THAT(*log, HasSubstr("interrupted by a signal"));
  EXPECT_EQ(wait_for(start(kRun, "", true)), kFinished);
}

TEST_F(Interruption, TwoSignalsEndItAtOnce) {
  const auto began = std::chrono::steady_clock::now();
  const pid_t child = start("repetitions = 2\nwarmup_s = 0\nduration_s = 60");
  ASSERT_TRUE(wait_until_stored(0));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  kill(child, SIGINT);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  kill(child, SIGINT);
  EXPECT_EQ(wait_for(child), kStoppedAtOnce);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(50));
}

// A second a kick, thousands of kicks: nothing comes to an end by itself.
constexpr const char* kEndlessRun = "repetitions = 1\nwarmup_operations = 1\noperations = 100000";
constexpr const char* kEndlessCosts =
    "[axes]\nplacement = 'samecore'\n[costs]\nexit_ns = 1000000000\n";

TEST_F(Interruption, TwoSignalsAreObeyedWhereCostsAreLarge) {
  const pid_t child = start(kEndlessRun, kEndlessCosts);
  ASSERT_TRUE(wait_until_stored(0));
  kill(child, SIGINT);
  kill(child, SIGTERM);  // A second SIGINT might still find the first one pending.
  EXPECT_EQ(wait_for(child), kStoppedAtOnce);
  EXPECT_EQ(results::read_run(latest())->manifest.outcome, "interrupted");
}

TEST_F(Interruption, OneSigtermOrSighupLeavesWhatDoesNotEnd) {
  for (const int signal : {SIGTERM, SIGHUP}) {
    const pid_t child = start(kEndlessRun, kEndlessCosts);
    ASSERT_TRUE(wait_until_stored(0));
    kill(child, signal);
    EXPECT_EQ(wait_for(child), kStoppedAtOnce) << signal;
    EXPECT_EQ(results::read_run(latest())->manifest.outcome, "interrupted") << signal;
    fs::remove(latest());
  }
}

// A host whose repetitions all agree to a hundred-thousandth does not exist: the cap ends it.
TEST_F(Interruption, CellsThatAreRepeatedUntilTheyAreNarrowGoOnWhereTheyWere) {
  constexpr const char* kRun =
      "repetitions = 2\nuntil_ci_percent = 0.001\nmost_repetitions = 7\n"
      "warmup_s = 0\nduration_s = 0.2\ntrace_mib = 0";
  constexpr const char* kCells = "[axes]\nstrategy = ['strict', 'off']\n";
  const pid_t child = start(kRun, kCells);
  ASSERT_TRUE(wait_until_stored(4));  // Two of the plan, two of those beyond it.
  kill(child, SIGINT);
  const int ended = wait_for(child);
  ASSERT_TRUE(ended == kStopped || ended == kFinished) << ended;
  if (ended == kFinished) GTEST_SKIP() << "the run ended before the signal came";
  const auto before = results::read_run(latest());
  ASSERT_TRUE(before) << before.error().message;
  ASSERT_TRUE(before->manifest.until_ci);
  for (const auto& cell : before->cells) {
    EXPECT_LT(cell.repetitions.size(), 7u);
    EXPECT_EQ(before->manifest.until_ci->cells.at(cell.cell.id).repetitions,
              cell.repetitions.size());
  }
  EXPECT_EQ(wait_for(start(kRun, kCells, true)), kFinished);
  const auto run = results::read_run(latest());
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ(run->manifest.outcome, "finished");
  EXPECT_EQ(run->manifest.repetition_seeds.size(), 7u);
  ASSERT_EQ(run->cells.size(), 2u);
  for (const auto& cell : run->cells) {
    ASSERT_EQ(cell.repetitions.size(), 7u);
    for (std::uint32_t i = 0; i < 7; ++i) EXPECT_EQ(cell.repetitions[i].repetition, i);
    const auto& ending = run->manifest.until_ci->cells.at(cell.cell.id);
    EXPECT_EQ(ending.repetitions, 7u);
    EXPECT_FALSE(ending.narrow);
    EXPECT_GT(ending.width_percent.value(), 0.001);
  }
}

TEST_F(Interruption, AfterTheLastRepetitionNothingIsInterrupted) {
  const pid_t child = start("repetitions = 1\nwarmup_s = 0\nduration_s = 0.5");
  ASSERT_TRUE(wait_until_stored(0));
  kill(child, SIGINT);
  EXPECT_EQ(wait_for(child), kFinished);
  EXPECT_EQ(results::read_run(latest())->manifest.outcome, "finished");
}

TEST_F(Interruption, ResumingAFinishedRunChangesNothing) {
  constexpr const char* kRun = "repetitions = 1\nwarmup_operations = 0\noperations = 50";
  ASSERT_EQ(wait_for(start(kRun)), kFinished);
  std::map<std::string, std::pair<std::string, fs::file_time_type>> before, after;
  const auto look = [&](auto& files) {
    for (const auto& entry : fs::recursive_directory_iterator(latest())) {
      if (!entry.is_regular_file()) continue;
      files[entry.path()] = {*read_whole_file(entry.path()), entry.last_write_time()};
    }
  };
  look(before);
  EXPECT_EQ(wait_for(start(kRun, "", true)), kFinished);
  look(after);
  EXPECT_EQ(before, after);
}

TEST_F(Interruption, WrongDataIsAFailureAlsoAfterAResume) {
  constexpr const char* kRun = "repetitions = 1\nwarmup_operations = 0\noperations = 50";
  constexpr const char* kOneMapping = "[limits]\nmappings = 1\n";
  EXPECT_EQ(wait_for(start(kRun, kOneMapping)), kFailures);
  EXPECT_EQ(results::read_run(latest())->manifest.outcome, "failed");
  EXPECT_THAT(*read_whole_file(latest() / "log.txt"), HasSubstr("carried wrong data"));
  EXPECT_EQ(wait_for(start(kRun, kOneMapping, true)), kFailures);
}

}  // namespace
}  // namespace violet
