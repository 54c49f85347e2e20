#include "experiments/trace/event_trace.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "engine/base/files.hpp"
#include "engine/base/test_folder_testing.hpp"

namespace violet {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::vector<Event> events(std::size_t count) {
  std::vector<Event> list(count);
  for (std::size_t i = 0; i < count; ++i) {
    list[i] = {i, EventKind::kMapDone, 0, pack_ticks(i), 7, i * 4096, i * 4096 + 4095};
  }
  return list;
}

class EventTraces : public ::testing::Test {
 protected:
  void write(std::size_t count, const MissingEvents& missing = {}, std::uint16_t lcore = 1) {
    auto writer = EventTraceWriter::open(path_, {0.5, 100, 1700000000});
    ASSERT_TRUE(writer.has_value()) << writer.error().message;
    ASSERT_TRUE(writer->append(lcore, events(count), missing));
  }
  void poke(std::uint64_t offset, char value) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(value);
  }
  std::string error() const {
    const auto trace = EventTrace::open(path_);
    return trace ? std::string("none") : trace.error().message;
  }
  TestFolder folder_;
  fs::path path_ = folder_.path() / "trace.events";
};

TEST_F(EventTraces, ReadsWhatWasWrittenOverSeveralOpenings) {
  write(1000, {3, 0});
  write(kMostBlockEvents + 5, {0, 0}, 2);
  write(0, {2, 700}, kRecorderLcore);
  const auto trace = EventTrace::open(path_);
  ASSERT_TRUE(trace.has_value()) << trace.error().message;
  EXPECT_EQ(trace->info().ns_per_tick, 0.5);
  EXPECT_EQ(trace->info().started_ticks, 100u);
  EXPECT_EQ(trace->blocks().size(), 4u);
  EXPECT_EQ(trace->events(), 1000 + kMostBlockEvents + 5);
  EXPECT_EQ(trace->dropped(), 5u);
  EXPECT_EQ(trace->not_kept(), 700u);
  std::vector<std::uint16_t> lcores;
  for (const auto& block : trace->blocks()) lcores.push_back(block.lcore);
  EXPECT_EQ(lcores, (std::vector<std::uint16_t>{1, 2, 2, kRecorderLcore}));
  for (std::size_t i = 0; i < trace->blocks().size(); ++i) EXPECT_TRUE(trace->verify(i));
  EXPECT_EQ(trace->blocks()[0].events[999].b, 999 * 4096 + 4095u);
  EXPECT_FALSE(trace->cut_short());
}

TEST_F(EventTraces, E2_AnyCutIsReadUpToTheLastWholeBlock) {
  write(10);
  const auto first = fs::file_size(path_);
  write(10);
  const auto whole = fs::file_size(path_);
  const std::string bytes = *read_whole_file(path_);
  for (auto size = first + 1; size < whole; ++size) {
    std::ofstream(path_, std::ios::binary) << bytes.substr(0, size);
    const auto trace = EventTrace::open(path_);
    ASSERT_TRUE(trace.has_value()) << trace.error().message;
    EXPECT_TRUE(trace->cut_short());
    EXPECT_EQ(trace->events(), 10u);
  }
  std::ofstream(path_, std::ios::binary) << bytes.substr(0, whole - 1);
  write(5);  // Goes on after the last whole block.
  EXPECT_EQ(EventTrace::open(path_)->events(), 15u);
}

TEST_F(EventTraces, DamageIsNamedWithItsOffset) {
  write(10);
  const auto second = fs::file_size(path_);
  write(10);
  poke(second + 32 + 100, 'x');
  const auto trace = EventTrace::open(path_);
  ASSERT_TRUE(trace) << trace.error().message;  // Nothing but the headers was looked at.
  EXPECT_TRUE(trace->verify(0));
  const Status damaged = trace->verify(1);
  ASSERT_FALSE(damaged);
  EXPECT_THAT(damaged.error().message,
              HasSubstr(fmt::format("trace.events: offset {}: the checksum of 10", second)));
  poke(second, 'x');
  EXPECT_THAT(error(), HasSubstr(fmt::format("offset {}: no block", second)));
  poke(8, 9);
  EXPECT_THAT(error(), HasSubstr("version 9"));
  poke(8, 1);
  EXPECT_THAT(error(), HasSubstr("an event trace of version 1, this program reads version 2"));
  poke(0, 'x');
  EXPECT_THAT(error(), HasSubstr("not an event trace"));
  fs::resize_file(path_, 10);
  EXPECT_THAT(error(), HasSubstr("too short"));
  fs::remove(path_);
  EXPECT_THAT(error(), HasSubstr("cannot be read"));
}

}  // namespace
}  // namespace violet
