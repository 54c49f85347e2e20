#include "experiments/results/run_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <fstream>

#include "engine/base/files.hpp"
#include "engine/base/test_folder_testing.hpp"
#include "experiments/results/run_directory.hpp"

namespace violet::results {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// A run of one cell and no repetition, named in the order of making.
fs::path stored(const fs::path& root, const std::string& plan, const char* outcome = "finished") {
  RunSetup setup;
  setup.root = root;
  setup.resolved_json = "{}";
  setup.cells = {{"a", "strategy=strict", {}}};
  setup.manifest.plan_name = plan;
  setup.manifest.plan_hash = "0badcafe";
  setup.manifest.started_epoch_s = epoch_now_s();
  auto writer = RunWriter::create(setup);
  EXPECT_TRUE(writer) << (writer ? "" : writer.error().message);
  if (!writer) return {};
  const fs::path directory = writer->directory();
  EXPECT_TRUE(writer->close(outcome));
  return directory;
}

void put(const fs::path& file, std::size_t bytes) {
  std::ofstream(file) << std::string(bytes, 'x');
}

TEST(RunStore, SaysWhatARunIsAndTakes) {
  const TestFolder folder;
  const fs::path run = stored(folder.path(), "smoke");
  EXPECT_FALSE(stored_run(run)->trace_bytes) << "none is not 0 B";
  put(run / "trace.events", 1 << 20);
  put(run / "trace.pyramid", 1 << 12);
  fs::create_directory(run / "deep");
  put(run / "deep" / "more", 1 << 20);
  const auto runs = stored_runs(folder.path());
  ASSERT_EQ(runs.size(), 1u) << "latest is a link and no run";
  EXPECT_EQ(runs[0].plan, "smoke");
  EXPECT_EQ(runs[0].outcome, "finished");
  EXPECT_FALSE(runs[0].goes_on);
  EXPECT_GE(runs[0].bytes, std::uint64_t{2} << 20);
  EXPECT_LT(runs[0].bytes, std::uint64_t{4} << 20);
  ASSERT_TRUE(runs[0].trace_bytes);
  EXPECT_GE(*runs[0].trace_bytes, (std::uint64_t{1} << 20) + (1 << 12));
  EXPECT_LT(*runs[0].trace_bytes, std::uint64_t{2} << 20);
  EXPECT_TRUE(runs[0].started_s);
}

TEST(RunStore, ALinkIsNeitherFollowedNorCounted) {
  const TestFolder folder, outside;
  put(outside.path() / "precious", 1 << 20);
  const fs::path run = stored(folder.path(), "smoke");
  fs::create_symlink(outside.path() / "precious", run / "trace.events");
  fs::create_directory_symlink(outside.path(), run / "there");
  EXPECT_LT(stored_run(run)->bytes, std::uint64_t{1} << 20);
  fs::create_directory_symlink(run, folder.path() / "other-name");
  const Status linked = remove_run(folder.path() / "other-name");
  ASSERT_FALSE(linked);
  EXPECT_THAT(linked.error().message, HasSubstr("is a link"));
  EXPECT_TRUE(fs::exists(run));
  const Status gone = remove_run(run);
  ASSERT_TRUE(gone) << gone.error().message;
  EXPECT_FALSE(fs::exists(run));
  EXPECT_TRUE(fs::exists(outside.path() / "precious")) << "links go, and not what they lead to";
}

// The kernel goes to the link's folder and up; the name alone would say the folder that holds the link.
TEST(RunStore, ARunBehindALinkIsTheOneThatTheKernelNames) {
  const TestFolder folder;
  fs::create_directory(folder.path() / "here");
  fs::create_directories(folder.path() / "there" / "sub");
  const fs::path mine = folder.path() / "here" / "a", named = folder.path() / "there" / "a";
  fs::rename(stored(folder.path() / "here", "smoke"), mine);
  fs::rename(stored(folder.path() / "there", "smoke"), named);
  fs::create_directory_symlink(folder.path() / "there" / "sub", folder.path() / "here" / "link");
  const auto run = stored_run(folder.path() / "here" / "link" / ".." / "a");
  ASSERT_TRUE(run) << run.error().message;
  ASSERT_TRUE(remove_run(run->directory));
  EXPECT_TRUE(fs::exists(mine));
  EXPECT_FALSE(fs::exists(named));
  EXPECT_TRUE(fs::equivalent(run->above, folder.path() / "there"));
  for (const fs::path& name : {mine / "..", fs::path("/"), fs::path("//"), fs::path("/.")}) {
    EXPECT_FALSE(stored_run(name)) << name;
  }
  ASSERT_TRUE(remove_run(mine / "." / ""));
  EXPECT_FALSE(fs::exists(mine));
}

TEST(RunStore, ARunThatGoesOnStays) {
  const TestFolder folder;
  RunSetup setup;
  setup.root = folder.path();
  setup.resolved_json = "{}";
  setup.cells = {{"a", "strategy=strict", {}}};
  setup.manifest.plan_name = "long";
  setup.manifest.plan_hash = "0badcafe";
  auto writer = RunWriter::create(setup);
  ASSERT_TRUE(writer) << writer.error().message;
  const fs::path run = writer->directory();
  EXPECT_TRUE(stored_run(run)->goes_on);
  EXPECT_EQ(stored_run(run)->outcome, "running");
  const Status touched = remove_run(run);
  ASSERT_FALSE(touched);
  EXPECT_THAT(touched.error().message, HasSubstr("goes on"));
  EXPECT_TRUE(fs::exists(run / "manifest.json"));
  EXPECT_TRUE(beyond_newest(stored_runs(folder.path()), 0).empty());
}

TEST(RunStore, OneThatDiedMayGo) {
  const TestFolder folder;
  fs::path run;
  {
    RunSetup setup;
    setup.root = folder.path();
    setup.resolved_json = "{}";
    setup.cells = {{"a", "strategy=strict", {}}};
    setup.manifest.plan_name = "long";
    setup.manifest.plan_hash = "0badcafe";
    auto writer = RunWriter::create(setup);
    ASSERT_TRUE(writer);
    run = writer->directory();
  }
  EXPECT_EQ(stored_run(run)->outcome, "died");
  EXPECT_TRUE(remove_run(run));
  EXPECT_FALSE(fs::exists(run));
}

TEST(RunStore, PruningKeepsTheNewest) {
  std::vector<StoredRun> runs(5);
  for (std::size_t i = 0; i < runs.size(); ++i) runs[i].plan = std::to_string(i);
  runs[1].goes_on = true;
  const auto plans = [&](std::size_t keep) {
    std::string text;
    for (const StoredRun& run : beyond_newest(runs, keep)) text += run.plan;
    return text;
  };
  EXPECT_EQ(plans(0), "0234");
  EXPECT_EQ(plans(2), "34");
  EXPECT_EQ(plans(9), "");
}

TEST(RunStore, LatestLeadsToWhatIsLeft) {
  const TestFolder folder;
  const fs::path first = stored(folder.path(), "one"), second = stored(folder.path(), "two");
  const fs::path newest = std::max(first, second), oldest = std::min(first, second);
  const fs::path link = folder.path() / "latest";
  ASSERT_TRUE(remove_run(newest));
  ASSERT_TRUE(mend_latest(folder.path()));
  EXPECT_EQ(fs::read_symlink(link), oldest.filename());
  ASSERT_TRUE(remove_run(oldest));
  ASSERT_TRUE(mend_latest(folder.path()));
  EXPECT_FALSE(fs::is_symlink(link));
}

TEST(RunStore, WhatIsNoRunStays) {
  const TestFolder folder;
  fs::create_directory(folder.path() / "mine");
  put(folder.path() / "mine" / "thesis.tex", 10);
  const Status refused = remove_run(folder.path() / "mine");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("is no run"));
  EXPECT_TRUE(fs::exists(folder.path() / "mine" / "thesis.tex"));
  EXPECT_FALSE(remove_run(folder.path() / "absent"));
}

// Web pages and data sets have a manifest.json, too.
TEST(RunStore, AManifestOfAnotherProgramMakesNoRun) {
  const TestFolder folder;
  const fs::path run = stored(folder.path(), "smoke"), page = folder.path() / "web";
  fs::create_directory(page);
  put(page / "index.html", 10);
  for (const char* manifest : {R"({"name": "my page", "icons": []})", "[1]", "damaged", ""}) {
    std::ofstream(page / "manifest.json") << manifest;
    const auto runs = stored_runs(folder.path());
    ASSERT_EQ(runs.size(), 1u) << manifest;
    EXPECT_EQ(runs[0].directory, run);
    const Status refused = remove_run(page);
    ASSERT_FALSE(refused) << manifest;
    EXPECT_THAT(refused.error().message, HasSubstr("is no run of Violet"));
    EXPECT_TRUE(fs::exists(page / "index.html"));
  }
}

// Names are the users' to change: "baseline" is not newest for ever.
TEST(RunStore, TheNewestBeganLast) {
  const TestFolder folder;
  const fs::path first = stored(folder.path(), "one");
  fs::rename(first, folder.path() / "baseline");
  const fs::path second = stored(folder.path(), "two");
  const auto runs = stored_runs(folder.path());
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].directory, second);
}

TEST(RunStore, OneIsNamedFromWithin) {
  const TestFolder folder;
  const fs::path run = stored(folder.path(), "smoke"), before = fs::current_path();
  fs::current_path(run);
  EXPECT_TRUE(remove_run("./"));
  fs::current_path(before);
  EXPECT_FALSE(fs::exists(run));
}

}  // namespace
}  // namespace violet::results
