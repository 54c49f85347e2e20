// Which traces go when results need the room.
#include "experiments/runner/trace_files.hpp"

#include <gtest/gtest.h>

#include <array>

#include "engine/base/test_folder_testing.hpp"

namespace violet::trace_files_test {
namespace {

results::RunSetup setup_in(const std::filesystem::path& root) {
  results::RunSetup setup;
  setup.root = root;
  setup.manifest.plan_name = "t";
  setup.manifest.plan_hash = "0badcafe";
  return setup;
}

TraceFiles open_files(const results::RunWriter& writer) {
  auto files = TraceFiles::open(writer, [](const std::string& text) { ADD_FAILURE() << text; });
  EXPECT_TRUE(files) << (files ? "" : files.error().message);
  return *std::move(files);
}

void trace_repetition(TraceFiles& files, std::uint32_t cell) {
  files.begin_repetition();
  const std::array<Event, 3> events{};
  EXPECT_TRUE(files.events().append(0, events));
  EXPECT_TRUE(files.pyramids().append(cell, 0, Pyramid()));
}

TEST(TraceFiles, TheNewestRepetitionGoesFirst) {
  const TestFolder folder;
  const auto writer = results::RunWriter::create(setup_in(folder.path())).value();
  TraceFiles files = open_files(writer);
  EXPECT_FALSE(files.give_up_newest());
  for (std::uint32_t cell = 0; cell < 3; ++cell) trace_repetition(files, cell);
  for (std::size_t left = 3; left-- > 0;) {
    EXPECT_TRUE(files.give_up_newest());
    EXPECT_EQ(EventTrace::open(writer.trace_path())->blocks().size(), left);
    EXPECT_EQ(PyramidFile::open(writer.pyramid_path())->sections().size(), left);
  }
  EXPECT_FALSE(files.give_up_newest());
}

// A run that was interrupted on a full disk is resumed there.
TEST(TraceFiles, WhatWasTracedBeforeAResumeGoesLast) {
  const TestFolder folder;
  const auto writer = results::RunWriter::create(setup_in(folder.path())).value();
  {
    TraceFiles before = open_files(writer);
    for (std::uint32_t cell = 0; cell < 2; ++cell) trace_repetition(before, cell);
  }
  TraceFiles files = open_files(writer);
  trace_repetition(files, 2);
  EXPECT_TRUE(files.give_up_newest());
  EXPECT_EQ(EventTrace::open(writer.trace_path())->blocks().size(), 2u);
  EXPECT_TRUE(files.give_up_newest());
  EXPECT_EQ(files.events().end(), EventTraceWriter::kHeaderBytes);
  EXPECT_EQ(files.pyramids().end(), 0u);
  const auto trace = EventTrace::open(writer.trace_path());
  ASSERT_TRUE(trace) << trace.error().message;
  EXPECT_TRUE(trace->blocks().empty());
  EXPECT_FALSE(files.give_up_newest());
}

TEST(TraceFiles, WhatOneRepetitionLeavesGoesToTheNext) {
  const TestFolder folder;
  const auto writer = results::RunWriter::create(setup_in(folder.path())).value();
  TraceFiles files = open_files(writer);
  constexpr std::uint64_t kBudget = 4 << 20;
  EXPECT_EQ(files.share(kBudget, 4), (kBudget - files.bytes()) / 4);
  trace_repetition(files, 0);
  EXPECT_EQ(files.share(kBudget, 3), (kBudget - files.bytes()) / 3);
  EXPECT_GT(files.share(kBudget, 3), kBudget / 4);
  // Never less than is worth a look, also after a repetition that was run twice.
  EXPECT_EQ(files.share(0, 1), kLeastTraceShare);
  EXPECT_TRUE(traces_within(64, 1024));
  EXPECT_FALSE(traces_within(64, 1025));
  EXPECT_FALSE(traces_within(0, 1));
}

// The more results there are, the more room they need: results.json says them all again.
TEST(TraceFiles, RoomIsJudgedByTheResultsThatThereAre) {
  const TestFolder folder;
  const auto available = std::filesystem::space(folder.path()).available;
  if (available < std::uintmax_t{16} << 20) GTEST_SKIP() << "the disk is full";
  EXPECT_FALSE(lacks_room(folder.path()));
  ASSERT_TRUE(replace_file(folder.path() / "results.sqlite", ""));
  std::filesystem::resize_file(folder.path() / "results.sqlite", available / 4);  // Takes no room.
  EXPECT_TRUE(lacks_room(folder.path()));
}

}  // namespace
}  // namespace violet::trace_files_test
