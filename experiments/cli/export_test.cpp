// What `export` prints of run folders that somebody else made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "experiments/cli/verbs.hpp"
#include "experiments/query/run_fixture_testing.hpp"
#include "experiments/results/sqlite.hpp"

namespace violet::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

struct Said {
  int code;
  std::string out, err;
};

struct ExportedLogs : testing::Test {
  void SetUp() override {
    std::ofstream(secret) << "secret\n";
    std::error_code error;
    fs::remove_all(run / "hlog", error);
    fs::create_directory(run / "hlog");
  }
  Said exported(const std::string& what = "hdr") const {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = export_verb({}, {run.string(), what});
    return {code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
  }
  void expect_refused(const char* why) const {
    const Said said = exported();
    EXPECT_EQ(said.code, static_cast<int>(kRunFailed));
    EXPECT_THAT(said.err, HasSubstr(why));
    EXPECT_THAT(said.out, Not(HasSubstr("secret")));
  }
  const TestFolder folder;
  const fs::path run = query::write_fixture_run(folder.path(), {{"strict"}});
  const fs::path log = run / "hlog" / "x.hlog", secret = folder.path() / "secret";
};

TEST_F(ExportedLogs, AreRegularFiles) {
  fs::create_directory(log);
  expect_refused("is no regular file");
  fs::remove(log);
  ASSERT_EQ(::mkfifo(log.c_str(), 0600), 0);
  expect_refused("is no regular file");
}

TEST_F(ExportedLogs, AreNotFoundThroughLinks) {
  for (const fs::path& target : {secret, fs::path("/dev/zero")}) {
    fs::create_symlink(target, log);
    expect_refused("x.hlog");
    fs::remove(log);
  }
  fs::remove(run / "hlog");
  fs::create_directory(folder.path() / "elsewhere");
  fs::copy(secret, folder.path() / "elsewhere" / "x.hlog");
  fs::create_directory_symlink(folder.path() / "elsewhere", run / "hlog");
  expect_refused("is a link");
}

TEST_F(ExportedLogs, HaveAnEnd) {
  std::ofstream(log).flush();
  fs::resize_file(log, std::uintmax_t{1} << 40);
  expect_refused("longer than 256 MiB");
}

TEST_F(ExportedLogs, SendNothingToATerminalButText) {
  std::ofstream(run / "hlog" / "\033]0;mine\a.hlog") << "#[\033[2J\xc2\x9b]\n1,2,3,HIST\n";
  const Said said = exported();
  EXPECT_EQ(said.code, static_cast<int>(kOk)) << said.err;
  EXPECT_EQ(said.out, "#[Cell: ?]0;mine?]\n#[?[2J??]\n1,2,3,HIST\n");
}

TEST_F(ExportedLogs, NorDoesJson) {
  auto database = results::Database::open(run / "results.sqlite", results::Database::Mode::kWrite);
  ASSERT_TRUE(
      database->run("DROP TABLE checks; DROP INDEX notes_of_repetition; UPDATE cells SET label = "
                    "char(27) || '[2J'"));
  const Said said = exported("json");
  EXPECT_EQ(said.code, static_cast<int>(kOk)) << said.err;
  EXPECT_THAT(said.out, Not(HasSubstr("\033")));
}

}  // namespace
}  // namespace violet::cli
