#include "experiments/trace/event_trace.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
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

// A flipped bit of the tick's length would stretch every time, and all else would fit.
TEST_F(EventTraces, ADamagedHeaderIsNamed) {
  write(10);
  std::string whole(EventTraceWriter::kHeaderBytes, '\0');
  std::ifstream(path_, std::ios::binary).read(whole.data(), 64);
  for (std::uint64_t at = 0; at < whole.size(); ++at) {
    poke(at, static_cast<char>(whole[at] ^ 0x40));
    EXPECT_NE(error(), "none") << "byte " << at;
    poke(at, whole[at]);
  }
  poke(22, static_cast<char>(whole[22] ^ 0x40));
  EXPECT_EQ(error(),
            path_.string() + ": the header of this event trace is damaged: its check does not fit");
}

TEST_F(EventTraces, OfAnOlderProgramHaveNoCheckOfTheirHeader) {
  write(10);
  for (std::uint64_t at = 44; at < 48; ++at) poke(at, 0);
  EXPECT_EQ(error(), "none");
}

TEST_F(EventTraces, SayWhoseTheyAre) {
  ASSERT_TRUE(EventTraceWriter::open(path_, {0.5, 0, 0, run_check("run a")}));
  EXPECT_EQ(EventTrace::open(path_)->info().run, run_check("run a"));
  EXPECT_NE(run_check("run a"), run_check("run b"));
}

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
  for (std::size_t i = 0; i < trace->blocks().size(); ++i) EXPECT_TRUE(trace->read(i));
  EXPECT_EQ(trace->read(0)->at(999).b, 999 * 4096 + 4095u);
  EXPECT_EQ(trace->blocks()[0].first, 0u);
  EXPECT_EQ(trace->blocks()[0].last, 999u);
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
  EXPECT_TRUE(trace->read(0));
  const auto damaged = trace->read(1);
  ASSERT_FALSE(damaged);
  EXPECT_THAT(damaged.error().message,
              HasSubstr(fmt::format("trace.events: offset {}: the checksum of 10", second)));
  poke(second, 'x');
  EXPECT_THAT(error(), HasSubstr(fmt::format("offset {}: no block", second)));
  poke(second, 'B');
  poke(second + 20, 9);  // The lcore.
  EXPECT_THAT(error(), HasSubstr(fmt::format("offset {}: the header of this block", second)));
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

TEST_F(EventTraces, NoByteOfAHeaderChangesUnseen) {
  write(0, {3, 700}, 5);
  const std::string good = *read_whole_file(path_);
  const auto whole = EventTrace::open(path_);
  ASSERT_TRUE(whole);
  ASSERT_EQ(whole->blocks().size(), 1u);
  for (std::size_t at = 64; at < good.size(); ++at) {
    if (at == 64 + 22 || at == 64 + 23) continue;  // The check itself.
    for (unsigned change = 1; change < 256; ++change) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ static_cast<char>(change));
      const auto trace = EventTrace::over(std::as_bytes(std::span(bad)), "bad");
      ASSERT_FALSE(trace) << at << " " << change;
    }
  }
}

TEST_F(EventTraces, ATraceOfAnOlderProgramHasNoChecksOfItsHeaders) {
  write(10);
  poke(64 + 22, 0);
  poke(64 + 23, 0);
  const auto trace = EventTrace::open(path_);
  ASSERT_TRUE(trace) << trace.error().message;
  EXPECT_TRUE(trace->read(0));
}

// What a mapping would have answered with SIGBUS.
TEST_F(EventTraces, WhatIsCutWhileItIsReadIsNamed) {
  write(1000);
  write(1000);
  const auto trace = EventTrace::open(path_);
  ASSERT_TRUE(trace);
  const auto before = trace->read(0);
  ASSERT_TRUE(before);
  fs::resize_file(path_, trace->blocks()[1].offset + 500);
  EXPECT_TRUE(trace->read(0));
  const auto cut = trace->read(1);
  ASSERT_FALSE(cut);
  EXPECT_THAT(cut.error().message,
              HasSubstr(fmt::format("trace.events: offset {}: a block of 1000 events",
                                    trace->blocks()[1].offset)));
  fs::resize_file(path_, 0);
  EXPECT_FALSE(trace->read(0));
  EXPECT_EQ(before->at(999).a, 999 * 4096u);
}

// As on a full disk: the kernel takes part of a block, and later there may be room again.
TEST_F(EventTraces, ABlockThatDoesNotFitIsNotLeftInPart) {
  auto writer = EventTraceWriter::open(path_, {});
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->append(1, events(10)));
  const std::uint64_t whole = writer->end();
  EXPECT_EQ(whole, fs::file_size(path_));
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit little { whole + 100, before.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &little), 0);
  const Status failed = writer->append(1, events(10));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, old_handler);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("trace.events: cannot be written"));
  EXPECT_EQ(fs::file_size(path_), whole);
  EXPECT_FALSE(writer->append(1, events(1))) << "no block may follow one that is missing";
  const auto trace = EventTrace::open(path_);
  ASSERT_TRUE(trace);
  EXPECT_FALSE(trace->cut_short());
  EXPECT_EQ(trace->events(), 10u);
}

TEST_F(EventTraces, WhatWasWrittenLastCanBeGivenUp) {
  auto writer = EventTraceWriter::open(path_, {});
  ASSERT_TRUE(writer->append(1, events(10)));
  const std::uint64_t first = writer->end();
  ASSERT_TRUE(writer->append(1, events(20)));
  ASSERT_TRUE(writer->cut_back(first));
  EXPECT_EQ(EventTrace::open(path_)->events(), 10u);
  ASSERT_TRUE(writer->append(1, events(5)));
  EXPECT_EQ(EventTrace::open(path_)->events(), 15u);
}

TEST_F(EventTraces, WhatIsNoFileIsRefused) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(error(), HasSubstr("is no regular file"));
}

}  // namespace
}  // namespace violet
