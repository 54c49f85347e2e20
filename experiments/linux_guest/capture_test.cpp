// From captured events to a trace: the text between them, and that what comes out says what went in. And the guest's
// console, which says when to begin.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <sstream>

#include "datasets/importers.hpp"
#include "datasets/trace_reader.hpp"
#include "engine/base/test_folder_testing.hpp"
#include "experiments/linux_guest/capture_log.hpp"
#include "experiments/linux_guest/console.hpp"

namespace violet::linux_guest {
namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(CaptureLog, IsATraceOfKnownLengths) {
  const TestFolder folder;
  const std::vector<Event> engine = {
      {100, EventKind::kAttach, 0, 0, 40, 1, 0},
      {200, EventKind::kMapDone, 2, 0, 1, 0xffff0000, 0xffff1fff},
      {200, EventKind::kMapTarget, 2, 0, 1, 0xffff0000, 0x7000},
      {900, EventKind::kUnmapExecuted, 0, 0, 1, 0xffff0000, 0xffff1fff},
      {950, EventKind::kUnmapCompleted, 0, 0, 1, 0xffff0000, 0xffff1fff},
      {960, EventKind::kFault, 0, 0, 40, 0xdead0000, 0},
  };
  const std::vector<Event> endpoints = {
      {300, EventKind::kAccess, 2, 0, 40, 0xffff0100, 1514},
      {400, EventKind::kAccess, 2 | 2 << 2, 0, 40, 0xdead0000, 4},  // Denied.
      {500, EventKind::kAccess, 2, 0, 40, 0xffff0800, 4096},
  };
  const std::vector<Event> guest = {{850, EventKind::kKick, 0, 0, 0, 0, 0}};
  const auto log = folder.path() / "capture.log";
  ASSERT_TRUE(write_capture_log(log, {engine, endpoints, guest, 2.0}));
  EXPECT_EQ(text_of(log),
            "# violet guest log 1\n"
            "0 attach domain=1 endpoint=40\n"
            "200 map domain=1 virt_start=0xffff0000 virt_end=0xffff1fff phys_start=0x7000 flags=2\n"
            "400 access endpoint=40 addr=0xffff0100 bytes=1514 flag=2 result=0\n"
            "600 access endpoint=40 addr=0xdead0000 bytes=4 flag=2 result=2\n"
            "800 access endpoint=40 addr=0xffff0800 bytes=4096 flag=2 result=0\n"
            "1500 kick\n"
            "1600 unmap domain=1 virt_start=0xffff0000 virt_end=0xffff1fff\n"
            "1700 unmap_done domain=1 virt_start=0xffff0000 virt_end=0xffff1fff\n"
            "1720 fault endpoint=40 addr=0xdead0000\n");
  const auto report = datasets::import_trace(log.string(), folder.path().string());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->importer, "violet-log");
  EXPECT_EQ(report->broken, 0u);
  EXPECT_EQ(report->anomalies.faults, 1u);
  EXPECT_EQ(report->ignored.at("kick"), 1u);
  const auto trace = datasets::open_trace(report->trace);
  ASSERT_TRUE(trace) << trace.error().message;
  const auto records = trace->records();
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[0].bytes, 8192u);
  EXPECT_EQ(records[1].op, datasets::TraceOp::kAccess);
  EXPECT_EQ(records[1].offset, 0x100u);
  EXPECT_EQ(records[1].bytes, 1514u);
  EXPECT_EQ(records[1].flags, datasets::kDeviceWrites) << "the length is known";
  EXPECT_EQ(records[2].bytes, 4096u) << "although another access begins in its page";
  EXPECT_EQ(records[3].op, datasets::TraceOp::kUnmap);
}

TEST(CaptureLog, AnAccessOverTwoMappingsIsTwo) {
  const TestFolder folder;
  const auto log = folder.path() / "two.log";
  std::ofstream(log)
      << "# violet guest log 1\n"
         "0 attach domain=1 endpoint=40\n"
         "1 map domain=1 virt_start=0x1000 virt_end=0x1fff phys_start=0x9000 flags=1\n"
         "2 map domain=1 virt_start=0x2000 virt_end=0x2fff phys_start=0x5000 flags=1\n"
         "3 access endpoint=40 addr=0x1f00 bytes=512 flag=1 result=0\n"
         "4 unmap domain=1 virt_start=0x1000 virt_end=0x1fff\n"
         "5 nonsense\n"
         "6 unmap domain=1 virt_start=0x2000 virt_end=0x2fff\n";
  const auto report = datasets::import_trace(log.string(), folder.path().string());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->broken, 1u);
  EXPECT_EQ(report->broken_lines.at(0).number, 7u);
  const auto trace = datasets::open_trace(report->trace);
  ASSERT_TRUE(trace) << trace.error().message;
  std::uint64_t accesses = 0, bytes = 0;
  for (const auto& record : trace->records()) {
    if (record.op != datasets::TraceOp::kAccess) continue;
    ++accesses;
    bytes += record.bytes;
  }
  EXPECT_EQ(accesses, 2u);
  EXPECT_EQ(bytes, 512u);
}

TEST(Console, AGuestThatNeverStopsFillsNoMemory) {
  const TestFolder folder;
  auto console = Console::open((folder.path() / "console.log").string(), {});
  ASSERT_TRUE(console) << console.error().message;
  std::string said;
  for (int i = 0; i < 5000; ++i) said += "VIOLET key" + std::to_string(i) + "=1\n";
  said += "VIOLET key7=again\n" + std::string(3 * Console::kLongestLine, 'x');
  for (std::size_t at = 0; at < said.size();) {
    const ssize_t wrote = ::write((*console)->input(), said.data() + at, said.size() - at);
    ASSERT_GT(wrote, 0);
    at += static_cast<std::size_t>(wrote);
  }
  (*console)->close();
  EXPECT_EQ((*console)->told().size(), Console::kMostKeys);
  EXPECT_EQ((*console)->told().at("key7"), "again");
}

TEST(Console, AGuestThatNeverStopsDoesNotFillTheDisk) {
  const TestFolder folder;
  const auto file = folder.path() / "console.log";
  auto console = Console::open(file.string(), {});
  ASSERT_TRUE(console) << console.error().message;
  const std::string piece(1 << 16, 'x');
  for (std::size_t sent = 0; sent < Console::kMostLogBytes + (4u << 20);) {
    const ssize_t wrote = ::write((*console)->input(), piece.data(), piece.size());
    ASSERT_GT(wrote, 0);
    sent += static_cast<std::size_t>(wrote);
  }
  const std::string last = "\nVIOLET still=heard\n";
  ASSERT_GT(::write((*console)->input(), last.data(), last.size()), 0);
  (*console)->close();
  EXPECT_LT(std::filesystem::file_size(file), Console::kMostLogBytes + 100);
  EXPECT_GT(std::filesystem::file_size(file), Console::kMostLogBytes - (64u << 10));
  EXPECT_EQ((*console)->told().at("still"), "heard");
}

TEST(Console, NoticesAGuestThatSaysNothing) {
  const TestFolder folder;
  std::promise<void> noticed;
  auto console = Console::open((folder.path() / "console.log").string(), {},
                               {[&] { noticed.set_value(); }, std::chrono::milliseconds(10)});
  ASSERT_TRUE(console) << console.error().message;
  noticed.get_future().wait();  // Never, and the test with it, when nobody notices.
  const std::string said = "VIOLET late=yes\n";
  ASSERT_GT(::write((*console)->input(), said.data(), said.size()), 0);
  (*console)->close();
  EXPECT_EQ((*console)->told().at("late"), "yes");
}

TEST(Console, HasNothingToNoticeWhereAGuestSpeaksOrEnds) {
  const TestFolder folder;
  for (const std::string said : {"\r\n", ""}) {
    bool noticed = false;
    auto console = Console::open((folder.path() / "console.log").string(), {},
                                 {[&] { noticed = true; }, std::chrono::hours(1)});
    ASSERT_TRUE(console) << console.error().message;
    ASSERT_EQ(::write((*console)->input(), said.data(), said.size()),
              static_cast<ssize_t>(said.size()));
    (*console)->close();
    EXPECT_FALSE(noticed);
  }
}

TEST(Console, HearsWhatIsMeantForIt) {
  const TestFolder folder;
  const auto file = folder.path() / "console.log";
  std::vector<std::string> heard;
  auto console =
      Console::open(file.string(), [&](const std::string& key, const std::string& value) {
        heard.push_back(key + "/" + value);
      });
  ASSERT_TRUE(console) << console.error().message;
  const std::string said =
      "[ 1.0] Linux\r\nVIOLET work=begins\r\nVIOLETwork=no\nVIOLET a=b=c\r\nVIOLET work=over";
  ASSERT_EQ(::write((*console)->input(), said.data(), said.size()),
            static_cast<ssize_t>(said.size()));
  (*console)->close();
  EXPECT_EQ(heard, (std::vector<std::string>{"work/begins", "a/b=c", "work/over"}));
  EXPECT_EQ((*console)->told().at("work"), "over");
  EXPECT_EQ(text_of(file), said);
  EXPECT_FALSE(Console::open("/nonexistent/folder/log", {}));
}

}  // namespace
}  // namespace violet::linux_guest
