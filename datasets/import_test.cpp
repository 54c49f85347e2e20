// Importers: hand-written logs with the records that must come out, and everything that a log may
// have wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "datasets/importers.hpp"
#include "datasets/trace_reader.hpp"
#include "datasets/trace_samples.hpp"
#include "engine/base/rng.hpp"

namespace violet::datasets {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(__FILE__).parent_path() / "golden" / name;
}

// One line for one record; two spaces of indent mark an access.
std::string dump(const Trace& trace) {
  constexpr const char* kOps[] = {"?", "map", "unmap", "  access"};
  std::string text;
  for (const auto& r : trace.records()) {
    text +=
        fmt::format("{} {} h{} {:#x}", r.time_ns, kOps[static_cast<int>(r.op)], r.handle, r.page);
    if (r.op == TraceOp::kAccess) text += fmt::format(" +{}", r.offset);
    text += fmt::format(" {} bytes ep{}", r.bytes,
                        static_cast<std::int32_t>(trace.endpoints()[r.endpoint].id));
    constexpr std::pair<int, const char*> kNames[] = {
        {kDeviceReads, "read"}, {kDeviceWrites, "write"},  {kMmioMapping, "mmio"},
        {kChained, "chained"},  {kAssumedLength, "about"}, {kImplied, "implied"}};
    for (const auto& [bit, name] : kNames) {
      if ((r.flags & bit) != 0) text += fmt::format(" {}", name);
    }
    text += "\n";
  }
  return text;
}

class Import : public ::testing::Test {
 protected:
  Result<ImportReport> import_text(std::string_view log, const ImportOptions& options = {}) {
    write_file(dir_.path("in.log"), log);
    return import_trace(dir_.path("in.log"), dir_.path("out"), options);
  }
  // Imports `log`, which must work, and gives the records that came out.
  std::string records(std::string_view log, const ImportOptions& options = {}) {
    auto report = import_text(log, options);
    EXPECT_TRUE(report.has_value()) << report.error().message;
    if (!report) return {};
    report_ = *report;
    return dump(*open_trace(report_.trace));
  }
  std::string golden_records(const std::string& name, const ImportOptions& options = {}) {
    return records(read_file(golden(name).string()), options);
  }

  ScratchDir dir_;
  ImportReport report_;
};

constexpr std::string_view kAttach = "7@10.000000:virtio_iommu_attach domain=1 endpoint=32\n";
constexpr std::string_view kMap =
    "7@10.000001:virtio_iommu_map domain=1 virt_start=0x1000 virt_end=0x1fff phys_start=0x7000 "
    "flags=1\n";

TEST_F(Import, StrictLogGivesItsCalls) {
  EXPECT_EQ(golden_records("strict.log"), read_file(golden("strict.expected").string()));
  EXPECT_EQ(report_.merged_cuts, 1);
  EXPECT_EQ(report_.chained_segments, 3);
  EXPECT_EQ(report_.broken, 0);
  EXPECT_EQ(report_.events, report_.lines);
  EXPECT_EQ(report_.header.map_calls, 5);
  EXPECT_EQ(report_.header.unmap_calls, 4);
  EXPECT_EQ(report_.header.live_at_end, 3);
  EXPECT_EQ(report_.anomalies.translations_differ, 0);
}

TEST_F(Import, OddLogIsImportedAndItsOdditiesCounted) {
  EXPECT_EQ(golden_records("odd.log"), read_file(golden("odd.expected").string()));
  const auto& odd = report_.anomalies;
  EXPECT_EQ(odd.domains_unattached, 1);
  EXPECT_EQ(odd.attaches_inferred, 1);
  EXPECT_EQ(odd.maps_over_live, 1);
  EXPECT_EQ(odd.unmaps_unconfirmed, 1);
  EXPECT_EQ(odd.unmaps_of_nothing, 2);
  EXPECT_EQ(odd.unmaps_of_part, 1);
  EXPECT_EQ(odd.translates_msi, 1);
  EXPECT_EQ(odd.translates_unmapped, 1);
  EXPECT_EQ(odd.translations_differ, 1);
  EXPECT_EQ(odd.faults, 1);
  EXPECT_EQ(odd.ended_by_detach, 1);
  EXPECT_EQ(odd.times_back, 1);
  EXPECT_EQ(odd.times_jumped, 1);
  EXPECT_EQ(odd.times_missing, 1);
  EXPECT_EQ(report_.ignored.at("virtqueue_pop"), 1);
}

TEST_F(Import, BrokenLinesAreCountedAndShownAndHaveNoEffect) {
  ImportOptions options;
  options.max_broken = {0, 100};
  options.show_broken = 100;
  EXPECT_EQ(golden_records("broken.log", options),
            "1000 map h0 0x7000 4096 bytes ep32 read\n"
            "20000 unmap h0 0x7000 4096 bytes ep32 read\n");
  EXPECT_EQ(report_.broken, 11);
  EXPECT_EQ(report_.ignored.at("message of QEMU"), 1);
  EXPECT_EQ(report_.blank_lines, 1);
  std::vector<std::string> reasons;
  for (const auto& line : report_.broken_lines) {
    reasons.push_back(fmt::format("{}:{} {}", line.number, line.column, line.reason));
  }
  EXPECT_THAT(
      reasons,
      ElementsAre(HasSubstr("5:70 no phys_start"), HasSubstr("6:28 the line ends early"),
                  HasSubstr("7:98 virt_end is below"), HasSubstr("8:84 number outside 64"),
                  HasSubstr("9:99 unknown map flags"), HasSubstr("10:48 number outside 32"),
                  HasSubstr("11:104 a mapping of 4 GiB"),
                  HasSubstr("12:110 the physical range wraps"), HasSubstr("13:75 more text"),
                  HasSubstr("14:8 the time has not six"), HasSubstr("15:18 the time is out")));
  EXPECT_THAT(report_text(report_), HasSubstr("line 5, column 70: no phys_start"));
}

TEST_F(Import, LinuxEventsOfBothStyles) {
  EXPECT_EQ(golden_records("ftrace.log"), read_file(golden("ftrace.expected").string()));
  EXPECT_EQ(report_.importer, "linux-events");
  EXPECT_EQ(report_.broken, 1);
  EXPECT_EQ(report_.ignored.at("io_page_fault"), 1);
}

TEST_F(Import, ThresholdDecides) {
  const auto log = std::string(kAttach) + std::string(kMap) + "rubbish\nmore rubbish\n";
  ImportOptions options;
  options.max_broken = *parse_tolerance("1");
  const auto refused = import_text(log, options);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("2 of 4 lines are broken"));
  EXPECT_THAT(refused.error().message, HasSubstr("line 3, column 1"));
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path("out")));
  for (const char* enough : {"2", "50%"}) {
    options.max_broken = *parse_tolerance(enough);
    EXPECT_TRUE(import_text(log, options).has_value()) << enough;
  }
}

TEST(Tolerance, IsANumberOrAPercentage) {
  for (const char* wrong : {"", "%", "x", "-1", "101%", "nan%", "1 %", "5%%"}) {
    EXPECT_FALSE(parse_tolerance(wrong).has_value()) << wrong;
  }
  EXPECT_EQ(parse_tolerance("2.5%")->percent, 2.5);
  EXPECT_EQ(parse_tolerance("7")->count, 7);
}

TEST_F(Import, EmptyAndHopelessFilesSaySo) {
  EXPECT_THAT(import_text("").error().message, HasSubstr("the file is empty"));
  EXPECT_THAT(import_text("hello\nworld\n").error().message, HasSubstr("not recognized"));
  EXPECT_THAT(import_text(kAttach).error().message, HasSubstr("no mapping in 1 lines"));
  EXPECT_THAT(import_trace(dir_.path("none"), dir_.path("out")).error().message,
              HasSubstr("No such file"));
  EXPECT_THAT(import_trace(dir_.path(), dir_.path("out")).error().message,
              HasSubstr("is a directory"));
  ImportOptions options;
  options.importer = "nothing";
  EXPECT_THAT(import_text(kMap, options).error().message, HasSubstr("qemu-log"));
  options = {};
  options.name = "../x";
  EXPECT_THAT(import_text(kMap, options).error().message, HasSubstr("it is a file name"));
}

TEST_F(Import, NulBytesAndHugeLinesAreBrokenLines) {
  std::string log = std::string(kAttach) + std::string(kMap);
  log += std::string("7@10.000002:virtio_iommu_unmap domain=1 virt_st\0art=0x1000\n", 59);
  log += std::string(200'000, 'x') + "\n" + std::string(3'000'000, '7') + "\n";
  log += "7@10.000009:virtio_iommu_unmap domain=1 virt_start=0x1000 virt_end=0x1fff\n";
  EXPECT_THAT(records(log), HasSubstr("9000 unmap h0"));
  ASSERT_THAT(report_.broken_lines, SizeIs(3));
  EXPECT_EQ(report_.broken_lines[0].reason, "a NUL byte in the line");
  EXPECT_EQ(report_.broken_lines[0].column, 48);
  EXPECT_THAT(report_.broken_lines[1].reason, HasSubstr("more than 64 KiB"));
  EXPECT_EQ(report_.broken_lines[2].number, 5);
  EXPECT_LT(report_.broken_lines[2].excerpt.size(), 200);
}

TEST_F(Import, LinesOfEveryLengthAroundTheLimit) {
  for (const std::size_t size : {65535U, 65536U, 65537U, 131072U, 1U << 20}) {
    auto log = std::string(kAttach) + std::string(size, 'x') + "\n" + std::string(kMap);
    records(log);
    EXPECT_EQ(report_.lines, 3) << size;
    EXPECT_EQ(report_.broken, 1) << size;
    log.pop_back();
    records(log + "\n" + std::string(size, 'x'));
    EXPECT_EQ(report_.lines, 4) << size;
  }
}

TEST_F(Import, TruncatedAndDamagedZstdKeepsWhatCameBefore) {
  write_file(dir_.path("whole.log"), sample_log(60'000));
  ASSERT_TRUE(zstd_file(dir_.path("whole.log"), dir_.path("whole.zst"), 3).has_value());
  const auto packed = read_file(dir_.path("whole.zst"));
  records(packed);
  const auto all_lines = report_.lines;
  EXPECT_THAT(report_.damage, IsEmpty());
  const auto refused = import_text(packed.substr(0, packed.size() / 2));
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("imported with --max-broken"));
  EXPECT_FALSE(std::filesystem::exists(dir_.path("out") + "/in.vtrace.part"));
  ImportOptions bear;
  bear.accept_damage = true;
  records(packed.substr(0, packed.size() / 2), bear);
  EXPECT_LT(report_.lines, all_lines);
  EXPECT_THAT(
      report_.damage,
      HasSubstr(fmt::format("truncated zstd data: the file ends at offset {}", packed.size() / 2)));
  EXPECT_THAT(report_.damage, HasSubstr("after line"));
  EXPECT_THAT(report_text(report_), HasSubstr("DAMAGED"));
  auto bad = packed;
  bad[bad.size() * 3 / 4] ^= '\x55';
  records(bad, bear);
  EXPECT_THAT(report_.damage, HasSubstr("damaged zstd data near offset"));
  EXPECT_THAT(import_text(packed.substr(0, 5)).error().message, HasSubstr("truncated zstd data"));
}

TEST_F(Import, APipeIsReadOnceOrNotAtAll) {
  const auto pipe = dir_.path("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const auto refused = import_trace(pipe, dir_.path("out"));  // Does not wait for a writer either.
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(refused.error().message, HasSubstr("--from"));
  const auto log = sample_log(3000);
  const auto expected = records(log);
  const pid_t writer = fork();
  if (writer == 0) {
    write_file(pipe, log);
    _exit(0);
  }
  ImportOptions named;
  named.importer = "qemu-log";
  const auto report = import_trace(pipe, dir_.path("out"), named);
  ASSERT_EQ(waitpid(writer, nullptr, 0), writer);
  ASSERT_TRUE(report.has_value()) << report.error().message;
  EXPECT_EQ(report->lines, report_.lines);
}

TEST_F(Import, PlainAndPackedGiveTheSameRecords) {
  const auto log = sample_log(3000);
  const auto plain = records(log);
  write_file(dir_.path("p.log"), log);
  ASSERT_TRUE(zstd_file(dir_.path("p.log"), dir_.path("p.zst"), 3).has_value());
  EXPECT_EQ(records(read_file(dir_.path("p.zst"))), plain);
  EXPECT_EQ(report_.anomalies.translates_unmapped, 0);
}

TEST_F(Import, OwnFormatIsCheckedAndCopied) {
  const auto records_in = sample_records(1, 900);
  const auto bytes = sample_trace(records_in);
  const auto report = import_text(bytes);
  ASSERT_TRUE(report.has_value()) << report.error().message;
  EXPECT_EQ(read_file(report->trace), bytes);
  auto damaged = bytes;
  damaged[1000] ^= 1;
  EXPECT_THAT(import_text(damaged).error().message, HasSubstr("block 0"));
  auto wrong = records_in;
  wrong[0].handle = 9;
  EXPECT_THAT(import_text(sample_trace(wrong)).error().message, HasSubstr("handles are not dense"));
}

TEST_F(Import, ProgressMayStopIt) {
  write_file(dir_.path("in.log"), sample_log(200'000));
  std::uint64_t calls = 0;
  const auto report = import_trace(dir_.path("in.log"), dir_.path("out"), {}, [&](const auto& at) {
    EXPECT_LE(at.bytes_read, at.file_bytes);
    return ++calls < 2;
  });
  ASSERT_FALSE(report.has_value());
  EXPECT_THAT(report.error().message, HasSubstr("stopped after line 131072"));
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path("out")));
}

// In a folder of somebody else the names that are written to may be links.
TEST_F(Import, NothingIsWrittenThroughALink) {
  namespace fs = std::filesystem;
  const auto precious = dir_.path("precious");
  write_file(precious, "kept");
  write_file(dir_.path("in.log"), read_file(golden("strict.log").string()));
  fs::create_directories(dir_.path("out"));
  for (const char* name :
       {"in.import.json", "in.import.json.next", "in.vtrace", "in.vtrace.partial"}) {
    fs::remove(dir_.path("out") + "/" + name);
    fs::create_symlink(precious, dir_.path("out") + "/" + name);
    EXPECT_TRUE(import_trace(dir_.path("in.log"), dir_.path("out"), {}, {})) << name;
    EXPECT_EQ(read_file(precious), "kept") << name;
  }
}

TEST_F(Import, ReportIsJsonBesideTheTrace) {
  records(read_file(golden("strict.log").string()));
  const auto json = nlohmann::json::parse(read_file(dir_.path("out/in.import.json")));
  EXPECT_EQ(json["maps"], 8);
  EXPECT_EQ(json["merged_cuts"], 1);
  EXPECT_EQ(json["anomalies"]["translates_unmapped"], 0);
  EXPECT_EQ(json["maps_by_direction"]["from_device"], 3);
  const auto trace = open_trace(report_.trace);
  EXPECT_EQ(nlohmann::json::parse(trace->metadata_json())["importer"], "qemu-log");
}

// Well-formed events in an order that no guest would make, over few addresses so that they meet.
std::string random_log(std::uint64_t seed, std::size_t lines) {
  Rng rng(seed);
  std::string log;
  std::uint64_t micros = 0;
  for (std::size_t i = 0; i < lines; ++i) {
    micros += rng.below(8);
    const auto domain = rng.below(2), endpoint = rng.below(3);
    const auto first = rng.below(16) * 4096, last = first + (1 + rng.below(4)) * 4096 - 1;
    const auto range =
        fmt::format("domain={} virt_start={:#x} virt_end={:#x}", domain, first, last);
    log += fmt::format("7@10.{:06}:virtio_iommu_", micros);
    switch (rng.below(8)) {
      case 0:
        log += fmt::format("attach domain={} endpoint={}\n", domain, endpoint);
        break;
      case 1:
        log += rng.chance(0.1) ? fmt::format("detach domain={} endpoint={}\n", domain, endpoint)
                               : fmt::format("unmap_done {}\n", range);
        break;
      case 2:
      case 3:
        log += fmt::format("unmap {}\n", range);
        break;
      case 4:
        log += fmt::format("translate mr=m rid={} addr={:#x} flag={}\n", endpoint,
                           first + rng.below(4096), rng.below(4));
        break;
      default:
        log += fmt::format("map {} phys_start={:#x} flags={}\n", range,
                           first + rng.below(2) * 0x10000, 1 + rng.below(3));
    }
  }
  return log;
}

// import_trace() validates what it wrote and would call an invalid trace a bug.
TEST_F(Import, AnyOrderOfEventsGivesAValidTrace) {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    const auto report = import_text(random_log(seed, 400));
    ASSERT_TRUE(report.has_value()) << "seed " << seed << ": " << report.error().message;
    const auto& header = report->header;
    EXPECT_EQ(report->broken, 0) << "seed " << seed;
    EXPECT_EQ(header.map_records, header.unmap_records + header.live_at_end) << "seed " << seed;
    EXPECT_EQ(header.map_records, header.map_calls + report->chained_segments) << "seed " << seed;
  }
}

TEST_F(Import, MaxLinesCutsTheLog) {
  ImportOptions options;
  options.max_lines = 2;
  records(std::string(kAttach) + std::string(kMap) + std::string(kMap), options);
  EXPECT_EQ(report_.lines, 2);
  EXPECT_EQ(report_.header.live_at_end, 1);
}

// ---- forms of the lines ----

TEST_F(Import, QemuStampsLinesInEveryForm) {
  EXPECT_EQ(golden_records("iso.log"), read_file(golden("iso.expected").string()));
  EXPECT_EQ(report_.importer, "qemu-log");
  EXPECT_EQ(report_.broken, 0);
  EXPECT_EQ(report_.ignored.at("message of QEMU"), 1);
  EXPECT_EQ(report_.header.time_resolution_ns, 1000);
  EXPECT_EQ(report_.anomalies.times_jumped, 0);
  EXPECT_EQ(report_.anomalies.times_missing, 0);
  // The same log in the form of QEMU 10.0 and before gives the same records.
  const auto iso = records(
      "2025-08-19T20:14:16Z virtio_iommu_map domain=1 virt_start=0x1000 "
      "virt_end=0x1fff phys_start=0x7000 flags=1\n"
      "2025-08-19T20:14:17.000001Z virtio_iommu_unmap domain=1 "
      "virt_start=0x1000 virt_end=0x1fff\n");
  EXPECT_EQ(iso, records("7@10.000000:virtio_iommu_map domain=1 virt_start=0x1000 virt_end=0x1fff "
                         "phys_start=0x7000 flags=1\n"
                         "7@11.000001:virtio_iommu_unmap domain=1 virt_start=0x1000 "
                         "virt_end=0x1fff\n"));
}

TEST_F(Import, WrongDatesAreBrokenLines) {
  ImportOptions options;
  options.max_broken = {0, 100};
  std::string log(kMap);
  for (const char* stamp :
       {"2025-13-01T00:00:00Z", "2025-02-30T00:00:00Z", "2025-01-01T24:00:00Z",
        "2025-01-01T00:00:00.5Z", "2025-01-01T00:00:00+02", "0000-01-01T00:00:00Z",
        "99999-01-01T00:00:00Z", "2025-1-1T00:00:00Z"}) {
    log += std::string(stamp) + " virtio_iommu_unmap domain=1 virt_start=0x1000 virt_end=0x1fff\n";
  }
  EXPECT_EQ(records(log, options), "0 map h0 0x7000 4096 bytes ep-1 read\n");
  EXPECT_EQ(report_.broken, 8);
}

TEST_F(Import, LogWithoutTimesTellsTheOrderOnly) {
  const auto text = records(
      "virtio_iommu_attach domain=1 endpoint=32\nvirtqueue_pop vq 0x1 elem 0x2 in_num 1 out_num 1\n"
      "virtio_iommu_map domain=1 virt_start=0x1000 virt_end=0x1fff phys_start=0x7000 flags=1\n"
      "virtio_iommu_unmap domain=1 virt_start=0x1000 virt_end=0x1fff\n");
  EXPECT_EQ(text, "0 map h0 0x7000 4096 bytes ep32 read\n0 unmap h0 0x7000 4096 bytes ep32 read\n");
  EXPECT_EQ(report_.header.time_resolution_ns, 0);
  EXPECT_EQ(report_.ignored.at("virtqueue_pop"), 1);
  EXPECT_THAT(report_text(report_), HasSubstr("span     not known"));
  const auto json = nlohmann::json::parse(read_file(dir_.path("out/in.import.json")));
  EXPECT_TRUE(json["time_span_ns"].is_null());
  const auto metadata = std::string(open_trace(report_.trace)->metadata_json());
  EXPECT_THAT(metadata, Not(HasSubstr("in microseconds")));
  EXPECT_THAT(metadata, HasSubstr("the order of events is known, their times are not"));
}

// VIRTIO 1.2, 5.13.5: a reset ends mappings and attachments.
TEST_F(Import, ResetEndsMappingsAndAttachments) {
  EXPECT_EQ(golden_records("reset.log"),
            "1000 map h0 0x7000 4096 bytes ep32 read\n"
            "9000 unmap h0 0x7000 4096 bytes ep32 read implied\n"
            "12000 map h1 0x8000 4096 bytes ep32 read\n");
  EXPECT_EQ(report_.broken, 0);
  EXPECT_EQ(report_.anomalies.ended_by_reset, 1);
  EXPECT_EQ(report_.anomalies.translates_unmapped, 1);
  EXPECT_EQ(report_.anomalies.unmaps_of_nothing, 1);
  EXPECT_THAT(report_text(report_), HasSubstr("1 mappings that went with a reset"));
}

TEST_F(Import, EveryNameOfAResetIsOne) {
  for (const char* reset :
       {"device_reset reset!", "device_reset_exit reset!", "system_reset system reset!"}) {
    records(std::string(kAttach) + std::string(kMap) + "7@10.000009:virtio_iommu_" + reset + "\n");
    EXPECT_EQ(report_.anomalies.ended_by_reset, 1) << reset;
    EXPECT_EQ(report_.header.live_at_end, 0) << reset;
  }
  ImportOptions options;
  options.max_broken = {0, 1};
  records(std::string(kAttach) + std::string(kMap) + "7@10.000009:virtio_iommu_device_reset\n",
          options);
  EXPECT_EQ(report_.broken, 1);  // The line was cut.
  EXPECT_EQ(report_.header.live_at_end, 1);
}

// The device of a capture tells a reset as the end of each attachment.
TEST_F(Import, RebootInACaptureEndsMappings) {
  EXPECT_EQ(
      records("# violet guest log 1\n0 attach domain=1 endpoint=40\n"
              "10 map domain=1 virt_start=0x1000 virt_end=0x1fff phys_start=0x7000 flags=3\n"
              "20 detach domain=1 endpoint=40\n"
              "30 access endpoint=40 addr=0x1000 bytes=64 flag=2 result=0\n"
              "40 attach domain=1 endpoint=40\n"
              "50 map domain=1 virt_start=0x1000 virt_end=0x1fff phys_start=0x8000 flags=3\n"),
      "10 map h0 0x7000 4096 bytes ep40 read write\n"
      "20 unmap h0 0x7000 4096 bytes ep40 read write implied\n"
      "50 map h1 0x8000 4096 bytes ep40 read write\n");
  EXPECT_EQ(report_.anomalies.translates_unmapped, 1);
  EXPECT_EQ(report_.anomalies.maps_over_live, 0);
}

TEST_F(Import, CallChainsAndOtherEventsOfPerfAreIgnored) {
  auto log = read_file(golden("perf.log").string());
  records(log);
  EXPECT_EQ(report_.broken, 0);
  EXPECT_EQ(report_.header.map_calls, 4);
  EXPECT_EQ(report_.header.unmap_calls, 4);
  EXPECT_EQ(report_.ignored.at("line of the event above"), 8);
  EXPECT_EQ(report_.ignored.at("cycles:P"), 4);
  records("[ perf record: Woken up 1 times to write data ]\nWarning:\n" + log +
          "            fio   812 [000]    35.1: <stack trace>\n"
          "            fio   812 [000]    35.100000: <stack trace>\n => iommu_map\n"
          "Processed 4711 events and lost 2 chunks!\n");
  EXPECT_EQ(report_.broken, 0);
  EXPECT_EQ(report_.ignored.at("message of the tracer"), 3);
  EXPECT_EQ(report_.ignored.at("<stack"), 1);
}

TEST_F(Import, ClockThatCountsNoSecondsGivesTheOrderOnly) {
  EXPECT_EQ(golden_records("tsc.log"),
            "0 map h0 0x1000 4096 bytes ep-1 read write\n"
            "0 unmap h0 0x1000 4096 bytes ep-1 read write\n");
  EXPECT_EQ(report_.importer, "linux-events");
  EXPECT_EQ(report_.broken, 0);
  EXPECT_EQ(report_.header.time_resolution_ns, 0);
  EXPECT_THAT(report_text(report_), HasSubstr("x86-tsc and counter"));
  EXPECT_THAT(report_text(report_), HasSubstr("span     not known"));
}

TEST_F(Import, DeviceFieldTellsTheEndpointsApart) {
  EXPECT_EQ(golden_records("devices.log"),
            "0 map h0 0x63db000 4096 bytes ep-1 read write\n"
            "1000 unmap h0 0x63db000 4096 bytes ep-1 read write\n"
            "5000 map h1 0x63dc000 4096 bytes ep-1 read write\n"
            "6000 map h2 0x63dd000 4096 bytes ep-1 read write\n"
            "7000 unmap h1 0x63dc000 4096 bytes ep-1 read write\n");
  EXPECT_EQ(report_.anomalies.maps_over_live, 0);
  EXPECT_EQ(report_.anomalies.domains_unattached, 0);
  const auto trace = open_trace(report_.trace);
  ASSERT_EQ(trace->endpoints().size(), 2U);
  EXPECT_STREQ(trace->endpoints()[0].name.data(), "1d84000.ufshc");
  EXPECT_STREQ(trace->endpoints()[1].name.data(), "0000:00:02.0");
  EXPECT_EQ(trace->records()[2].endpoint, 1);
  EXPECT_THAT(std::string(trace->metadata_json()), Not(HasSubstr("one endpoint")));
}

// The unmap of the first mapping is among the lost events, so nobody knows when it was.
TEST_F(Import, LostEventsAreToldAndInventNothing) {
  EXPECT_EQ(golden_records("lost.log"),
            "0 map h0 0x63db000 4096 bytes ep-1 read write\n"
            "5000 map h1 0x63dc000 4096 bytes ep-1 read write\n"
            "6000 unmap h1 0x63dc000 4096 bytes ep-1 read write\n");
  EXPECT_EQ(report_.broken, 0);
  EXPECT_EQ(report_.lost.counted, 2795);  // Once, though header and gap both tell it.
  EXPECT_EQ(report_.lost.uncounted, 0);
  EXPECT_EQ(report_.anomalies.maps_over_live, 0);
  EXPECT_EQ(report_.anomalies.ends_unknown, 1);
  EXPECT_THAT(report_text(report_), HasSubstr("2,795 events lost"));
  const auto json = nlohmann::json::parse(open_trace(report_.trace)->metadata_json());
  EXPECT_EQ(json["lost_events"], 2795);
  EXPECT_THAT(json["notes"].dump(), HasSubstr("2,795 events lost"));
}

TEST_F(Import, LostEventsInTheWordsOfEveryTracer) {
  const auto map = [](int second, const char* phys) {
    return fmt::format("fio-8 [000] {}.000000: map: IOMMU: iova=0x1000 paddr={} size=4096\n",
                       second, phys);
  };
  const auto with = [&](const std::string& line) {
    records(map(1, "0x1000") + line + "\n" + map(2, "0x2000"));
    EXPECT_EQ(report_.broken, 0) << line;
    EXPECT_EQ(report_.anomalies.ends_unknown, 1) << line;
    EXPECT_EQ(report_.header.unmap_records, 0) << line;
  };
  with("CPU:7 [204600 EVENTS DROPPED]");
  EXPECT_EQ(report_.lost.counted, 204600);
  with("fio 812 [000] 1.500000: PERF_RECORD_LOST lost 12");
  EXPECT_EQ(report_.lost.counted, 12);
  for (const char* line : {"CPU:4 [LOST EVENTS]", "CPU:4 [EVENTS DROPPED]"}) {
    with(line);
    EXPECT_EQ(report_.lost.counted, 0) << line;
    EXPECT_EQ(report_.lost.uncounted, 1) << line;
    EXPECT_THAT(report_text(report_), HasSubstr("does not say how many")) << line;
    const auto json = nlohmann::json::parse(read_file(dir_.path("out/in.import.json")));
    EXPECT_TRUE(json["lost_events"].is_null()) << line;
  }
}

// Behind a gap an unmap that the source has is believed, and one without a map may have had one.
TEST_F(Import, UnmapsBehindLostEvents) {
  EXPECT_EQ(records("f-8 [0] 1.000000: map: IOMMU: iova=0x1000 paddr=0x1000 size=4096\n"
                    "CPU:0 [LOST 3 EVENTS]\n"
                    "f-8 [0] 1.000001: unmap: IOMMU: iova=0x1000 size=4096 unmapped_size=4096\n"
                    "f-8 [0] 1.000002: unmap: IOMMU: iova=0x9000 size=4096 unmapped_size=4096\n"),
            "0 map h0 0x1000 4096 bytes ep-1 read write\n"
            "1000 unmap h0 0x1000 4096 bytes ep-1 read write\n");
  EXPECT_EQ(report_.anomalies.ends_unknown, 0);
  EXPECT_EQ(report_.anomalies.unmaps_of_unknown, 1);
  EXPECT_EQ(report_.anomalies.unmaps_of_nothing, 0);
}

}  // namespace
}  // namespace violet::datasets
