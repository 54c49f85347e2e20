#include "experiments/hdr/hdr_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "engine/base/files.hpp"
#include "engine/base/rng.hpp"
#include "engine/base/test_folder_testing.hpp"
#include "experiments/hdr/hdr_encoding.hpp"

namespace violet::results {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr double kChecked[] = {0, 1, 25, 50, 75, 90, 99, 99.9, 99.99, 100};

TEST(HdrLog, WritesWhatItReads) {
  const TestFolder folder;
  const fs::path path = folder.path() / "a.hlog";
  HdrHistogram h;
  for (std::uint64_t i = 0; i < 1000; ++i) h.record(i * 1000);
  {
    auto writer = HdrLogWriter::open(path, 1700000000.5, "a test");
    ASSERT_TRUE(writer.has_value());
    ASSERT_TRUE(writer->append("map/r0", 0.25, 1.0, h));
    ASSERT_TRUE(writer->append("", 1.25, 0.5, h));
    ASSERT_TRUE(writer->comment("two\nlines"));
    EXPECT_FALSE(writer->append("a,b", 0, 0, h));
  }
  const auto log = read_hdr_log(path);
  ASSERT_TRUE(log.has_value()) << log.error().message;
  EXPECT_EQ(log->start_epoch_s, 1700000000.5);
  EXPECT_FALSE(log->cut_short);
  ASSERT_EQ(log->intervals.size(), 2u);
  EXPECT_EQ(log->intervals[0].tag, "map/r0");
  EXPECT_EQ(log->intervals[0].start_s, 0.25);
  EXPECT_EQ(log->intervals[0].length_s, 1.0);
  EXPECT_EQ(log->intervals[0].histogram.counts(), h.counts());
  EXPECT_EQ(log->intervals[1].tag, "");
}

TEST(HdrLog, ALineCutByAKillIsReportedAndRepaired) {
  const TestFolder folder;
  const fs::path path = folder.path() / "a.hlog";
  HdrHistogram h;
  h.record(77);
  {
    auto writer = HdrLogWriter::open(path, 1, "a test");
    ASSERT_TRUE(writer->append("t", 0, 1, h));
    ASSERT_TRUE(writer->append("t", 1, 1, h));
  }
  fs::resize_file(path, fs::file_size(path) - 9);
  auto log = read_hdr_log(path);
  ASSERT_TRUE(log.has_value());
  EXPECT_TRUE(log->cut_short);
  EXPECT_EQ(log->intervals.size(), 1u);
  {
    auto writer = HdrLogWriter::open(path, 999, "again");
    ASSERT_TRUE(writer->append("t", 2, 1, h));
  }
  log = read_hdr_log(path);
  ASSERT_TRUE(log.has_value()) << log.error().message;
  EXPECT_FALSE(log->cut_short);
  ASSERT_EQ(log->intervals.size(), 2u);
  EXPECT_EQ(log->intervals[1].start_s, 2);
  EXPECT_EQ(log->start_epoch_s, 1);  // The header is written once.
}

TEST(HdrLog, DamageIsNamedWithFileAndLine) {
  const auto error = [](const std::string& text) {
    const auto log = parse_hdr_log(text, "x.hlog");
    return log ? std::string("none") : log.error().message;
  };
  EXPECT_THAT(error("#c\n1,2,3\n"), StartsWith("x.hlog:2: expected"));
  EXPECT_THAT(error("1,2,3,HISTFAAA\n"), StartsWith("x.hlog:1: "));
  EXPECT_THAT(error("a,2,3,HISTFAAA\n"), StartsWith("x.hlog:1: expected"));
  EXPECT_THAT(error("nan,2,3,HISTFAAA\n"), StartsWith("x.hlog:1: expected"));
  EXPECT_EQ(error("\"StartTimestamp\"\n#[StartTime: x]\n\n"), "none");
  EXPECT_FALSE(read_hdr_log("/nonexistent.hlog"));
}

// The reference check: hdr-histogram-js, installed by `npm ci` in hdr_check/, or elsewhere with
// VIOLET_NODE_MODULES naming the node_modules folder.
class OtherImplementation : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::system("node --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "node is not installed";
    const fs::path here = fs::path(__FILE__).parent_path() / "hdr_check";
    const char* given = std::getenv("VIOLET_NODE_MODULES");
    const fs::path modules = given != nullptr ? fs::path(given) : here / "node_modules";
    if (!fs::exists(modules / "hdr-histogram-js")) {
      GTEST_SKIP() << "hdr-histogram-js is not in " << modules << ": run npm ci in " << here;
    }
    script_ =
        fmt::format("NODE_PATH='{}' node '{}'", modules.string(), (here / "check.js").string());
  }

  std::vector<std::vector<std::string>> run(const std::string& command, const fs::path& log) {
    const fs::path out = folder_.path() / "out.txt";
    const std::string line =
        fmt::format("{} {} '{}' > '{}'", script_, command, log.string(), out.string());
    EXPECT_EQ(std::system(line.c_str()), 0) << line;
    std::ifstream file(out);
    std::vector<std::vector<std::string>> rows;
    for (std::string text; std::getline(file, text);) {
      std::istringstream words(text);
      rows.emplace_back(std::istream_iterator<std::string>(words),
                        std::istream_iterator<std::string>());
    }
    return rows;
  }

  TestFolder folder_;
  std::string script_;
};

HdrHistogram random_histogram(const HdrRange& range, std::uint64_t seed, int values) {
  HdrHistogram h = HdrHistogram::make(range).value();
  Rng rng(seed);
  for (int i = 0; i < values; ++i) {
    h.record_n(rng() % range.highest >> rng.below(40), 1 + rng.below(1000));
  }
  return h;
}

TEST_F(OtherImplementation, ReadsOurLogAndAgreesExactly) {
  const fs::path path = folder_.path() / "ours.hlog";
  std::vector<HdrHistogram> written;
  {
    auto writer = HdrLogWriter::open(path, 1700000000, "a test");
    ASSERT_TRUE(writer.has_value());
    for (const int digits : {1, 2, 3, 4}) {
      for (const std::uint64_t lowest : {1ULL, 100ULL}) {
        const auto seed = static_cast<std::uint64_t>(digits) * 10 + lowest;
        written.push_back(random_histogram({lowest, 3'600'000'000'000, digits}, seed, 3000));
        ASSERT_TRUE(writer->append(fmt::format("t{}", written.size()), 1, 1, written.back()));
      }
    }
    for (const int values : {0, 1, 2, 3, 7, 100}) {
      written.push_back(random_histogram({1, 3'600'000'000'000, 3}, 5, values));
      ASSERT_TRUE(writer->append(fmt::format("t{}", written.size()), 1, 1, written.back()));
    }
  }
  const auto rows = run("read", path);
  ASSERT_EQ(rows.size(), written.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const HdrHistogram& h = written[i];
    ASSERT_EQ(rows[i].size(), 3 + std::size(kChecked) + 2);
    EXPECT_EQ(rows[i][0], fmt::format("t{}", i + 1));
    EXPECT_EQ(rows[i][1], fmt::format("{}", h.total()));
    for (std::size_t p = 0; p < std::size(kChecked); ++p) {
      EXPECT_EQ(rows[i][3 + p], fmt::format("{}", h.percentile(kChecked[p])))
          << "percentile " << kChecked[p] << " of histogram " << i;
    }
    EXPECT_DOUBLE_EQ(std::stod(rows[i][3 + std::size(kChecked)]), h.mean());
    const double deviation = h.standard_deviation();
    EXPECT_NEAR(std::stod(rows[i].back()), deviation, 1e-9 * deviation);
  }
}

TEST_F(OtherImplementation, WritesALogThatWeReadAlike) {
  const fs::path path = folder_.path() / "theirs.hlog";
  const auto rows = run("write", path);
  const auto log = read_hdr_log(path);
  ASSERT_TRUE(log.has_value()) << log.error().message;
  EXPECT_EQ(log->start_epoch_s, 1700000000);
  ASSERT_EQ(log->intervals.size(), rows.size());
  ASSERT_EQ(rows.size(), 4u);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(log->intervals[i].tag, rows[i][0]);
    EXPECT_EQ(fmt::format("{}", log->intervals[i].histogram.total()), rows[i][1]);
    for (std::size_t p = 0; p < std::size(kChecked); ++p) {
      EXPECT_EQ(fmt::format("{}", log->intervals[i].histogram.percentile(kChecked[p])),
                rows[i][2 + p]);
    }
  }
}

}  // namespace
}  // namespace violet::results
