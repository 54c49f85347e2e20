#include "experiments/results/live_mark.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <optional>

#include "engine/base/test_folder_testing.hpp"
#include "engine/telemetry/segment.hpp"
#include "experiments/results/manifest.hpp"

namespace violet::results {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class LiveRuns : public ::testing::Test {
 protected:
  void write(const std::string& text) { std::ofstream(folder_.path() / "live.json") << text; }
  std::string error() const {
    const auto found = find_live(folder_.path());
    return found ? "none" : found.error().message;
  }
  TestFolder folder_;
};

TEST_F(LiveRuns, IsFoundWhileItGoesOnAndNotAfterwards) {
  EXPECT_THAT(error(), HasSubstr("no run goes on here"));
  {
    auto mark = LiveMark::make(folder_.path(), 7);
    ASSERT_TRUE(mark) << mark.error().message;
    const LiveMark moved = std::move(*mark);
    const auto found = find_live(folder_.path());
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->pid, ::getpid());
    EXPECT_EQ(found->fd, 7);
    LiveProcess other = *found;
    other.start_time += 1;
    EXPECT_TRUE(is_running(*found));
    EXPECT_FALSE(is_running(other));  // The number was given to another process.
  }
  EXPECT_THAT(error(), HasSubstr("no run goes on here"));
}

// A run in a process of its own that says when it is ready and then waits to be killed.
class KilledRun {
 public:
  explicit KilledRun(const std::filesystem::path& directory) {
    std::array<int, 2> ready{};
    EXPECT_EQ(::pipe(ready.data()), 0);
    pid_ = ::fork();
    if (pid_ == 0) run(directory, ready[1]);
    ::close(ready[1]);
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
  }
  ~KilledRun() { kill(); }
  KilledRun(const KilledRun&) = delete;
  KilledRun& operator=(const KilledRun&) = delete;
  void kill() {
    if (pid_ <= 0) return;
    kill_unasked();
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  // Dead, and nobody has asked how it ended: a zombie.
  void kill_unasked() const {
    ::kill(pid_, SIGKILL);
    siginfo_t how{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &how, WEXITED | WNOWAIT);
  }

 private:
  [[noreturn]] static void run(const std::filesystem::path& directory, int ready) {
    const std::array rings = {RingPlace{1, RingRole::kEngine, 16}};
    auto segment = RunSegment::create({.run_id = "killed"}, rings);
    if (!segment) ::_exit(1);
    (*segment)->ring(0).record({42, EventKind::kKick, 0, 0, 0, 0, 0});
    auto mark = LiveMark::make(directory, (*segment)->fd());
    if (!mark || ::write(ready, "r", 1) != 1) ::_exit(1);
    while (true) ::pause();
  }
  pid_t pid_ = 0;
};

TEST_F(LiveRuns, AKilledRunDiedAndWhatWasMappedStaysReadable) {
  KilledRun run(folder_.path());
  const auto found = find_live(folder_.path());
  ASSERT_TRUE(found) << found.error().message;
  const auto view = SegmentView::attach(found->pid, found->fd);
  ASSERT_TRUE(view) << view.error().message;
  EXPECT_EQ(view->info().run_id, "killed");
  run.kill();
  EXPECT_THAT(error(), HasSubstr("the run died: its process"));
  EXPECT_THAT(error(), Not(HasSubstr("has ended")));
  std::array<Event, 4> events;
  auto observer = view->observe(0);
  ASSERT_EQ(observer.read(events), 1u);
  EXPECT_EQ(events[0].at, 42u);
  EXPECT_FALSE(SegmentView::attach(found->pid, found->fd));
}

// As one that was killed after it had said how it ended.
TEST_F(LiveRuns, AMarkThatOutlivedItsRunSaysHowThatEnded) {
  KilledRun run(folder_.path());
  run.kill();
  Manifest manifest;
  manifest.outcome = "interrupted";
  std::ofstream(folder_.path() / "manifest.json") << to_json(manifest);
  EXPECT_THAT(error(), HasSubstr("the run is over (interrupted)"));
}

TEST_F(LiveRuns, AZombieRunsNoMore) {
  KilledRun run(folder_.path());
  const auto found = find_live(folder_.path());
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_TRUE(is_running(*found));
  run.kill_unasked();
  EXPECT_FALSE(is_running(*found));
  EXPECT_THAT(error(), HasSubstr("is gone"));
}

TEST_F(LiveRuns, AForeignFileIsAnErrorThatNamesIt) {
  for (const char* text : {"", "{", "[]", "{\"schema\":\"other\"}", "{\"schema\":5}"}) {
    write(text);
    EXPECT_THAT(error(), HasSubstr("live.json: does not say where a run is")) << text;
  }
  write(R"({"schema":"violet.live","version":2})");
  EXPECT_THAT(error(), HasSubstr("live.json: not version 1"));
  write(R"({"schema":"violet.live","version":1,"pid":-4,"start_time":1,"fd":2})");
  EXPECT_THAT(error(), HasSubstr("pid, start_time or fd is missing"));
  write(R"({"schema":"violet.live","version":1,"pid":99999999999,"start_time":1,"fd":2})");
  EXPECT_THAT(error(), HasSubstr("no process 99999999999"));
}

}  // namespace
}  // namespace violet::results
