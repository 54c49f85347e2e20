// The trace format: what is written is read back, and nothing that was damaged is.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "datasets/trace_reader.hpp"
#include "datasets/trace_samples.hpp"
#include "datasets/trace_writer.hpp"

namespace violet::datasets {
namespace {

using ::testing::Test;

Result<Trace> read_back(std::string_view bytes) {
  return trace_of_bytes(bytes_of(bytes), "t.vtrace");
}

bool mentions(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(Trace, RoundTripOfRandomStreams) {
  EXPECT_TRUE(rc::check("written records are read back", [](std::uint64_t seed) {
    const auto records = sample_records(seed, *rc::gen::inRange<std::size_t>(0, 500));
    const auto trace = read_back(sample_trace(records));
    RC_ASSERT(trace.has_value());
    RC_ASSERT(std::vector<TraceRecord>(trace->records().begin(), trace->records().end()) ==
              records);
    RC_ASSERT(validate_trace(*trace).has_value());
  }));
}

TEST(Trace, RoundTripOverSeveralBlocks) {
  const auto records = sample_records(3, 3 * kRecordsPerBlock + 17);
  const auto trace = read_back(sample_trace(records));
  ASSERT_TRUE(trace.has_value());
  EXPECT_EQ(trace->header().block_count, 4);
  EXPECT_EQ(std::vector<TraceRecord>(trace->records().begin(), trace->records().end()), records);
  EXPECT_EQ(endpoint_name(trace->endpoints()[1]), "net");
  EXPECT_EQ(trace->metadata_json(), "{\"source\":\"sample\"}\n");
  EXPECT_EQ(trace->header().mode, TraceMode::kStrict);
}

TEST(Trace, AFileThatIsCutWhileItIsReadChangesNothing) {
  const ScratchDir dir;
  const auto path = dir.path("cut.vtrace");
  const auto records = sample_records(7, 2 * kRecordsPerBlock);
  write_file(path, sample_trace(records));
  const auto trace = open_trace(path);
  ASSERT_TRUE(trace) << trace.error().message;
  std::filesystem::resize_file(path, 0);
  EXPECT_TRUE(trace->verify_blocks());
  EXPECT_EQ(std::vector<TraceRecord>(trace->records().begin(), trace->records().end()), records);
}

TEST(Trace, AnEmptyStreamIsATrace) {
  const auto trace = read_back(sample_trace({}));
  ASSERT_TRUE(trace.has_value());
  EXPECT_TRUE(trace->records().empty());
  EXPECT_TRUE(validate_trace(*trace).has_value());
}

TEST(Trace, EverySingleDamagedByteIsFound) {
  const auto whole = sample_trace(sample_records(5, 60));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      auto bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ flip);
      const auto trace = read_back(bytes);
      ASSERT_FALSE(trace.has_value()) << "offset " << at;
      EXPECT_TRUE(mentions(trace.error().message, "t.vtrace: ")) << trace.error().message;
      EXPECT_TRUE(mentions(trace.error().message, "offset")) << trace.error().message;
    }
  }
}

TEST(Trace, EveryTruncationSaysWhere) {
  const auto whole = sample_trace(sample_records(6, 60));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto trace = read_back(whole.substr(0, size));
    ASSERT_FALSE(trace.has_value()) << size;
    EXPECT_TRUE(mentions(trace.error().message, fmt::format("truncated at offset {}", size)))
        << trace.error().message;
  }
  EXPECT_TRUE(mentions(read_back(whole + "x").error().message, "unexpected bytes at offset"));
}

TEST(Trace, DamageNamesItsBlock) {
  auto bytes = sample_trace(sample_records(7, 2 * kRecordsPerBlock));
  bytes[sizeof(TraceHeader) + (kRecordsPerBlock + 3) * sizeof(TraceRecord)] ^= 1;
  const auto trace = read_back(bytes);
  ASSERT_FALSE(trace.has_value());
  EXPECT_TRUE(mentions(trace.error().message, "block 1 of 2 (records 4096 to 8191, offset 131328)"))
      << trace.error().message;
}

TEST(Trace, SwappedBlocksAreFound) {
  auto bytes = sample_trace(sample_records(8, 2 * kRecordsPerBlock));
  const auto block = kRecordsPerBlock * sizeof(TraceRecord);
  std::swap_ranges(bytes.begin() + sizeof(TraceHeader),
                   bytes.begin() + static_cast<std::ptrdiff_t>(sizeof(TraceHeader) + block),
                   bytes.begin() + static_cast<std::ptrdiff_t>(sizeof(TraceHeader) + block));
  EXPECT_FALSE(read_back(bytes).has_value());
}

TEST(Trace, PackedIsReadLikePlain) {
  const ScratchDir dir;
  const auto plain = sample_trace(sample_records(9, 5000));
  write_file(dir.path("t.vtrace"), plain);
  ASSERT_TRUE(zstd_file(dir.path("t.vtrace"), dir.path("t.vtrace.zst"), 3).has_value());
  const auto trace = open_trace(dir.path("t.vtrace.zst"));
  ASSERT_TRUE(trace.has_value());
  EXPECT_EQ(trace->records().size(), 5000);
  const auto mapped = open_trace(dir.path("t.vtrace"));
  ASSERT_TRUE(mapped.has_value());
  EXPECT_EQ(mapped->header(), trace->header());
}

TEST(Trace, EveryTruncationAndDamageOfAPackedFileIsFound) {
  const ScratchDir dir;
  write_file(dir.path("t.vtrace"), sample_trace(sample_records(10, 40)));
  ASSERT_TRUE(zstd_file(dir.path("t.vtrace"), dir.path("t.vtrace.zst"), 3).has_value());
  const auto packed = read_file(dir.path("t.vtrace.zst"));
  for (std::size_t size = 0; size < packed.size(); ++size) {
    const auto trace = read_back(packed.substr(0, size));
    ASSERT_FALSE(trace.has_value()) << size;
    EXPECT_TRUE(mentions(trace.error().message, "offset")) << trace.error().message;
  }
  const auto good = read_back(packed);
  for (std::size_t at = 0; at < packed.size(); ++at) {
    auto bytes = packed;
    bytes[at] ^= '\x10';
    const auto trace = read_back(bytes);
    // Harmless only when it unpacks to the same bytes, as with an unused bit of zstd's header.
    if (trace.has_value()) {
      EXPECT_EQ(trace->header(), good->header()) << at;
    }
  }
}

TEST(Trace, APackedBombIsRefused) {
  const ScratchDir dir;
  write_file(dir.path("t"), std::string(1 << 20, '\0'));
  ASSERT_TRUE(zstd_file(dir.path("t"), dir.path("t.zst"), 3).has_value());
  OpenOptions options;
  options.max_unpacked_bytes = 1 << 19;
  const auto trace = open_trace(dir.path("t.zst"), options);
  ASSERT_FALSE(trace.has_value());
  EXPECT_TRUE(mentions(trace.error().message, "more than the limit")) << trace.error().message;
}

TEST(Trace, MissingFileIsAUsageError) {
  const auto trace = open_trace("/nonexistent/x.vtrace");
  ASSERT_FALSE(trace.has_value());
  EXPECT_EQ(trace.error().kind, ErrorKind::kUsage);
}

TEST(Writer, LeavesNothingWhenAbandoned) {
  const ScratchDir dir;
  {
    auto writer = TraceWriter::create(dir.path("t.vtrace"));
    ASSERT_TRUE(writer.has_value());
    ASSERT_TRUE(writer->append(sample_records(1, 1)[0]).has_value());
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

// Each rule of validate_trace(), broken by one change to a valid stream.
struct Rule {
  const char* message;
  void (*break_it)(std::vector<TraceRecord>&);
};

class Validate : public Test, public ::testing::WithParamInterface<Rule> {};

std::vector<TraceRecord> four_records() {
  const TraceRecord map{10, 0x5000, 0, 4096, 0, 1, TraceOp::kMap, kDeviceReads};
  auto access = map;
  access.op = TraceOp::kAccess;
  access.offset = 96;
  access.bytes = 4000;
  auto unmap = map;
  unmap.op = TraceOp::kUnmap;
  auto second = map;
  second.handle = 1;
  return {map, access, unmap, second};
}

TEST_P(Validate, FindsIt) {
  auto records = four_records();
  ASSERT_TRUE(validate_trace(*read_back(sample_trace(records))).has_value());
  GetParam().break_it(records);
  const auto trace = read_back(sample_trace(records));
  ASSERT_TRUE(trace.has_value()) << trace.error().message;
  const auto valid = validate_trace(*trace);
  ASSERT_FALSE(valid.has_value());
  EXPECT_TRUE(mentions(valid.error().message, GetParam().message)) << valid.error().message;
  EXPECT_TRUE(mentions(valid.error().message, "record ")) << valid.error().message;
}

using Records = std::vector<TraceRecord>;
INSTANTIATE_TEST_SUITE_P(
    Rules, Validate,
    ::testing::Values(Rule{"time goes back", [](Records& r) { r[1].time_ns = 9; }},
                      Rule{"handles are not dense", [](Records& r) { r[3].handle = 2; }},
                      Rule{"endpoint outside", [](Records& r) { r[0].endpoint = 2; }},
                      Rule{"unknown flag bits", [](Records& r) { r[0].flags = 0x80; }},
                      Rule{"chained to nothing", [](Records& r) { r[0].flags |= kChained; }},
                      Rule{"only an access", [](Records& r) { r[0].flags |= kAssumedLength; }},
                      Rule{"no bytes", [](Records& r) { r[1].bytes = 0; }},
                      Rule{"offset without an access", [](Records& r) { r[2].offset = 1; }},
                      Rule{"wraps around", [](Records& r) { r[3].page = ~std::uint64_t{0}; }},
                      Rule{"handle was never mapped", [](Records& r) { r[1].handle = 1; }},
                      Rule{"not mapped any more", [](Records& r) { std::swap(r[1], r[2]); }},
                      Rule{"page is not", [](Records& r) { r[1].page = 0x6000; }},
                      Rule{"length is not", [](Records& r) { r[2].bytes = 4095; }},
                      Rule{"endpoint is not", [](Records& r) { r[2].endpoint = 0; }},
                      Rule{"reaches outside", [](Records& r) { r[1].bytes = 4001; }},
                      Rule{"without a direction", [](Records& r) { r[1].flags = 0; }}));

TEST(Trace, CountsAreThoseOfTheRecords) {
  auto records = four_records();
  records.push_back({20, 0x9000, 2, 8192, 0, 0, TraceOp::kMap, kDeviceWrites | kChained});
  const auto trace = read_back(sample_trace(records));
  ASSERT_TRUE(trace.has_value());
  const auto& header = trace->header();
  EXPECT_EQ(header.map_records, 3);
  EXPECT_EQ(header.map_calls, 2);
  EXPECT_EQ(header.unmap_records, 1);
  EXPECT_EQ(header.access_records, 1);
  EXPECT_EQ(header.live_at_end, 2);
  EXPECT_EQ(header.distinct_buffers, 2);
  EXPECT_EQ(header.covered_pages, 3);
  EXPECT_EQ(header.highest_phys, 0xb000);
  EXPECT_EQ(header.peak_live_bytes, 4096 + 8192);
  EXPECT_EQ(header.time_span_ns, 20);
}

}  // namespace
}  // namespace violet::datasets
