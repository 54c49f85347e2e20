#include "experiments/trace/pyramid_file.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstring>
#include <fstream>

#include "engine/base/files.hpp"
#include "engine/base/test_folder_testing.hpp"
#include "experiments/trace/aggregation.hpp"

namespace violet::pyramid_file_test {
namespace {

constexpr std::uint64_t kPage = 4096;

// Buffers that are mapped and unmapped, one after the other, with something of every kind beside.
Pyramid some_pyramid(std::uint64_t calls) {
  std::vector<Event> events{{5, EventKind::kMark, 0, 0, 3, 1, 0},
                            {6, EventKind::kAttach, 0, 0, 7, 1, 0},
                            {7, EventKind::kEndpoint, 1, 0, 7, 0xfee00000, 0xfeefffff}};
  for (std::uint64_t i = 0; i < calls; ++i) {
    const Ticks at = 100 + i * 1000;
    const std::uint64_t first = (0x1000 + i % 50) * kPage;
    events.push_back({at, EventKind::kMapDone, 3, 0, 1, first, first + kPage - 1});
    events.push_back({at + 10, EventKind::kDmaMap, 15, 90, 7, first, kPage | 5ull << 32});
    events.push_back({at + 20, EventKind::kTranslate, 1, 30, 7, first, kPage});
    events.push_back({at + 100, EventKind::kDmaUnmap, 15, 80, 7, first, kPage | 5ull << 32});
    events.push_back({at + 110, EventKind::kRogueProbe, 1, 0, 7, first, 1});
    events.push_back({at + 200, EventKind::kUnmapExecuted, 3, 0, 1, first, first + kPage - 1});
    events.push_back({at + 250, EventKind::kUnmapCompleted, 3, 0, 1, first, first + kPage - 1});
    events.push_back({at + 260, EventKind::kFault, 2, 0, 7, first, 0});
    events.push_back({at + 270, EventKind::kSample, 1, 0, 0, i * 10, 0});
  }
  Aggregation aggregation({.ns_per_tick = 0.5, .most_buckets = 64, .most_cells = 512});
  aggregation.add(1, events, 4);
  aggregation.finish();
  return aggregation.pyramid();
}

template <class T>
void expect_same(std::span<const T> a, std::span<const T> b) {
  ASSERT_EQ(a.size(), b.size());
  if (a.empty()) return;
  EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size_bytes()), 0);
}

void expect_same(const PyramidView& a, const PyramidView& b) {
  EXPECT_EQ(std::memcmp(&a.facts, &b.facts, sizeof a.facts), 0);
  expect_same(a.buckets, b.buckets);
  for (std::size_t i = 0; i < kTimedOperations; ++i) expect_same(a.latencies[i], b.latencies[i]);
  expect_same(a.windows, b.windows);
  expect_same(a.gauges, b.gauges);
  for (std::size_t i = 0; i < kChurnGrids; ++i) {
    expect_same(a.churn[i], b.churn[i]);
    expect_same(a.spans[i], b.spans[i]);
  }
  expect_same(a.checkpoints, b.checkpoints);
  expect_same(a.lifetimes, b.lifetimes);
  expect_same(a.faults, b.faults);
  expect_same(a.probes, b.probes);
  expect_same(a.regions, b.regions);
  expect_same(a.used, b.used);
  expect_same(a.first_maps, b.first_maps);
}

class PyramidFileTest : public testing::Test {
 protected:
  std::filesystem::path path() const { return folder_.path() / "trace.pyramid"; }
  std::string bytes() const { return *read_whole_file(path()); }
  void write(const std::string& bytes) const {
    std::ofstream(path(), std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  // The error of opening and reading everything; empty when there is none.
  std::string error() const {
    const auto file = PyramidFile::open(path());
    if (!file) return file.error().message;
    for (std::size_t i = 0; i < file->sections().size(); ++i) {
      const auto view = file->read(i);
      if (!view) return view.error().message;
    }
    return {};
  }
  TestFolder folder_;
};

TEST_F(PyramidFileTest, WhatIsAppendedIsRead) {
  const Pyramid first = some_pyramid(400), second = some_pyramid(20);
  ASSERT_TRUE(append_pyramid(path(), 3, 0, first));
  ASSERT_TRUE(append_pyramid(path(), 4, 1, second));
  const auto file = PyramidFile::open(path());
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->sections().size(), 2u);
  EXPECT_EQ(file->find(3, 0), 0u);
  EXPECT_EQ(file->find(4, 1), 1u);
  EXPECT_FALSE(file->find(4, 0));
  const auto view = file->read(0);
  ASSERT_TRUE(view) << view.error().message;
  expect_same(*view, first.view());
  const auto other = file->read(1);
  ASSERT_TRUE(other) << other.error().message;
  expect_same(*other, second.view());
}

TEST_F(PyramidFileTest, EachOfManyCellsIsReadAsItWasAppended) {
  std::vector<Pyramid> pyramids;
  for (std::uint32_t i = 0; i < 12; ++i) {
    pyramids.push_back(some_pyramid(1 + i * 37));
    ASSERT_TRUE(append_pyramid(path(), i / 3, i % 3, pyramids.back()));
    const auto file = PyramidFile::open(path());  // As a viewer of an unfinished run does.
    ASSERT_TRUE(file) << file.error().message;
    ASSERT_EQ(file->sections().size(), i + 1u);
    for (std::uint32_t j = 0; j <= i; ++j) {
      const auto section = file->find(j / 3, j % 3);
      ASSERT_EQ(section, j);
      const auto view = file->read(*section);
      ASSERT_TRUE(view) << view.error().message;
      expect_same(*view, pyramids[j].view());
    }
  }
}

TEST_F(PyramidFileTest, TheLaterOfTwoCounts) {
  ASSERT_TRUE(append_pyramid(path(), 0, 0, some_pyramid(10)));
  ASSERT_TRUE(append_pyramid(path(), 0, 0, some_pyramid(30)));
  const auto file = PyramidFile::open(path());
  ASSERT_TRUE(file);
  EXPECT_EQ(file->find(0, 0), 1u);
}

TEST_F(PyramidFileTest, Y1_ACutSectionIsIgnoredAndRepaired) {
  ASSERT_TRUE(append_pyramid(path(), 0, 0, some_pyramid(10)));
  const std::size_t whole = bytes().size();
  ASSERT_TRUE(append_pyramid(path(), 1, 0, some_pyramid(10)));
  const std::string both = bytes();
  for (const std::size_t size : {whole + 1, whole + 63, whole + 64, both.size() - 1}) {
    write(both.substr(0, size));
    const auto file = PyramidFile::open(path());
    ASSERT_TRUE(file);
    EXPECT_TRUE(file->cut_short());
    EXPECT_EQ(file->sections().size(), 1u);
  }
  ASSERT_TRUE(append_pyramid(path(), 1, 0, some_pyramid(10)));
  EXPECT_EQ(bytes(), both);
}

TEST_F(PyramidFileTest, Y2_DamageIsNamedWithItsPlace) {
  ASSERT_TRUE(append_pyramid(path(), 0, 0, some_pyramid(10)));
  const std::string good = bytes();
  ASSERT_EQ(error(), "");
  for (std::size_t at = 0; at < good.size(); at += 1 + at / 16) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x40);
    write(bad);
    EXPECT_NE(error().find(path().string() + ": offset 0: "), std::string::npos) << at << error();
  }
  write("SQLite format 3 and more of it, which is something else altogether");
  EXPECT_NE(error().find("offset 0: no pyramid begins here"), std::string::npos);
}

TEST_F(PyramidFileTest, SectionsOfAnotherVersionOrLayoutAreNamed) {
  for (const auto& [offset, text] : {std::pair(8u, "version 7"), std::pair(32u, "another build")}) {
    std::filesystem::remove(path());
    ASSERT_TRUE(append_pyramid(path(), 0, 0, some_pyramid(10)));
    std::string old = bytes();
    old[offset] = 7;  // And the checksum of the header with it.
    const auto crc =
        static_cast<std::uint32_t>(::crc32(0, reinterpret_cast<const Bytef*>(old.data()), 60));
    std::memcpy(old.data() + 60, &crc, sizeof crc);
    write(old);
    ASSERT_TRUE(append_pyramid(path(), 1, 0, some_pyramid(10)));
    const auto file = PyramidFile::open(path());
    ASSERT_TRUE(file) << file.error().message;
    ASSERT_EQ(file->sections().size(), 2u);
    ASSERT_EQ(file->find(0, 0), 0u);
    const auto view = file->read(0);
    ASSERT_FALSE(view);
    EXPECT_NE(view.error().message.find(text), std::string::npos) << view.error().message;
    EXPECT_TRUE(file->read(1));
  }
}

TEST_F(PyramidFileTest, AnEmptyPyramidIsOne) {
  Aggregation aggregation({});
  aggregation.finish();
  ASSERT_TRUE(append_pyramid(path(), 0, 0, aggregation.pyramid()));
  EXPECT_EQ(error(), "");
}

}  // namespace
}  // namespace violet::pyramid_file_test
