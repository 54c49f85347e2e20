// The small parts: clock, mode meter, sha256, and the bundled traces.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "datasets/dma_rebuilder.hpp"
#include "datasets/manifest.hpp"
#include "datasets/reuse_meter.hpp"
#include "datasets/sha256.hpp"
#include "datasets/trace_clock.hpp"
#include "datasets/trace_samples.hpp"

namespace violet::datasets {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(DmaRebuilder, AllocationsAreAlignedToTheirSize) {
  EXPECT_TRUE(could_be_allocated(0x4000, 0x3000));
  EXPECT_FALSE(could_be_allocated(0x2000, 0x3000));
  EXPECT_FALSE(could_be_allocated(0, 0));  // the whole space
}

using Step = TraceClock::Step;

TEST(Clock, SmallStepsBackAreNoStep) {
  TraceClock clock;
  EXPECT_EQ(clock.advance(5'000'000'000), Step::kForward);
  EXPECT_EQ(clock.advance(5'000'000'100), Step::kForward);
  EXPECT_EQ(clock.advance(5'000'000'050), Step::kBack);
  EXPECT_EQ(clock.now(), 100);
}

TEST(Clock, OneWildTimeChangesNothing) {
  TraceClock clock;
  clock.advance(5'000'000'000);
  EXPECT_EQ(clock.advance(~std::uint64_t{0}), Step::kJump);
  EXPECT_EQ(clock.advance(5'000'000'007), Step::kForward);
  EXPECT_EQ(clock.advance(0), Step::kJump);
  EXPECT_EQ(clock.now(), 7);
}

TEST(Clock, TwoTimesThatAgreeMoveTheOrigin) {
  TraceClock clock;
  clock.advance(~std::uint64_t{0});
  EXPECT_EQ(clock.advance(5'000'000'000), Step::kJump);
  EXPECT_EQ(clock.advance(5'000'000'010), Step::kJump);
  EXPECT_EQ(clock.advance(5'000'000'030), Step::kForward);
  EXPECT_EQ(clock.now(), 20);
}

TEST(ReuseMeter, LastInFirstOutIsStrict) {
  ReuseMeter meter;
  for (std::uint64_t i = 0; i < 300; ++i) {
    meter.unmapped(0x1000 * (i % 7), 4096);
    meter.mapped(0x1000 * (i % 7));
  }
  EXPECT_EQ(meter.mode(), TraceMode::kStrict);
}

TEST(ReuseMeter, ReuseAfter256UnmapsIsLazy) {
  ReuseMeter meter;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    meter.unmapped(0x1000 * i, 4096);
    if (i >= 256) meter.mapped(0x1000 * (i - 256));
  }
  EXPECT_EQ(meter.mode(), TraceMode::kLazy);
}

TEST(ReuseMeter, TooLittleIsUnknown) {
  ReuseMeter meter;
  meter.unmapped(0x1000, 4096);
  meter.mapped(0x1000);
  EXPECT_EQ(meter.mode(), TraceMode::kUnknown);
  EXPECT_THAT(meter.evidence(), HasSubstr("too few"));
}

std::string sha256_of(std::string_view text) {
  return sha256_hex(std::as_bytes(std::span(text.data(), text.size())));
}

TEST(Sha256, Vectors) {
  EXPECT_EQ(sha256_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_of(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

std::string datasets_dir() { return std::filesystem::path(__FILE__).parent_path().string(); }

TEST(Bundled, EveryTraceIsWholeValidAndAsTheManifestSays) {
  const auto all = list_datasets(datasets_dir());
  ASSERT_TRUE(all.has_value()) << all.error().message;
  std::uint64_t bytes = 0;
  std::set<std::string> kinds;
  for (const auto& dataset : *all) {
    const auto trace = open_dataset(dataset);
    ASSERT_TRUE(trace.has_value()) << trace.error().message;
    const auto valid = validate_trace(*trace);
    EXPECT_TRUE(valid.has_value()) << valid.error().message;
    const auto& header = trace->header();
    EXPECT_EQ(header.map_calls, dataset.map_calls) << dataset.name;
    EXPECT_EQ(header.unmap_calls, dataset.unmap_calls) << dataset.name;
    EXPECT_EQ(header.access_records, dataset.accesses) << dataset.name;
    EXPECT_EQ(to_string(header.mode), dataset.mode) << dataset.name;
    EXPECT_EQ(std::filesystem::file_size(dataset.path), dataset.bytes) << dataset.name;
    EXPECT_FALSE(dataset.assumed.empty()) << dataset.name;
    bytes += dataset.bytes;
    kinds.insert(dataset.kind);
  }
  EXPECT_THAT(kinds, ElementsAre("block", "network", "nvme"));
  EXPECT_LE(bytes, 10'000'000);
}

TEST(Bundled, NothingIsBundledThatTheManifestDoesNotName) {
  std::set<std::string> named;
  const auto all = list_datasets(datasets_dir());
  ASSERT_TRUE(all.has_value()) << all.error().message;
  for (const auto& dataset : *all) {
    named.insert(std::filesystem::path(dataset.path).filename().string());
  }
  for (const auto& entry : std::filesystem::directory_iterator(datasets_dir() + "/bundled")) {
    EXPECT_TRUE(named.contains(entry.path().filename().string())) << entry.path();
  }
}

TEST(Manifest, UnknownNameListsTheKnown) {
  const auto none = find_dataset(datasets_dir(), "net-xx");
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(none.error().message, HasSubstr("net-rx-strict"));
  EXPECT_TRUE(find_dataset(datasets_dir(), "net-rx-strict").has_value());
}

TEST(Manifest, WrongEntriesAreNamed) {
  const ScratchDir dir;
  EXPECT_THAT(list_datasets(dir.path()).error().message, HasSubstr("cannot read"));
  write_file(dir.path("manifest.json"), "{");
  EXPECT_THAT(list_datasets(dir.path()).error().message, HasSubstr("not JSON"));
  write_file(dir.path("manifest.json"), "{\"datasets\": 1}");
  EXPECT_THAT(list_datasets(dir.path()).error().message, HasSubstr("no list"));
  write_file(dir.path("manifest.json"), "{\"datasets\": [7]}");
  EXPECT_THAT(list_datasets(dir.path()).error().message,
              HasSubstr("entry 1 (``): `name` is missing"));
}

TEST(Manifest, ABundledFileThatChangedIsRefused) {
  const ScratchDir dir;
  std::filesystem::create_directory(dir.path("bundled"));
  write_file(dir.path("manifest.json"), "{\"datasets\": []}");
  write_file(dir.path("t.vtrace"), sample_trace(sample_records(1, 50)));
  ASSERT_TRUE(bundle_dataset(dir.path(), "t", dir.path("t.vtrace")).has_value());
  DatasetInfo info;
  info.path = dir.path("bundled/t.vtrace.zst");
  const auto packed = read_file(info.path);
  info.sha256 = sha256_of(packed);
  EXPECT_TRUE(open_dataset(info).has_value());
  write_file(info.path, packed + "x");
  EXPECT_THAT(open_dataset(info).error().message, HasSubstr("restore the file"));
}

}  // namespace
}  // namespace violet::datasets
