#include "engine/base/files.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "engine/base/test_folder_testing.hpp"

namespace violet {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Files : public ::testing::Test {
 protected:
  void write(const fs::path& path, const std::string& text) const { std::ofstream(path) << text; }
  std::string read(const fs::path& path) const { return read_whole_file(path).value(); }
  TestFolder folder_;
  fs::path ours_ = folder_.path() / "ours", precious_ = folder_.path() / "precious";
};

TEST_F(Files, AreReplacedWhole) {
  ASSERT_TRUE(replace_file(ours_, "one"));
  ASSERT_TRUE(replace_file(ours_, "two"));
  EXPECT_EQ(read(ours_), "two");
  EXPECT_FALSE(fs::exists(ours_.string() + ".next"));
  const Status failed = replace_file(ours_, [](const WritePiece& write) -> Status {
    VIOLET_TRY(write("half"));
    return fail("no more");
  });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "no more");
  EXPECT_EQ(read(ours_), "two");
  EXPECT_FALSE(fs::exists(ours_.string() + ".next"));
}

TEST_F(Files, AreNotReplacedThroughALink) {
  write(precious_, "precious");
  fs::create_symlink(precious_, ours_.string() + ".next");
  ASSERT_TRUE(replace_file(ours_, "ours"));
  EXPECT_EQ(read(precious_), "precious");
  EXPECT_EQ(read(ours_), "ours");
  EXPECT_FALSE(fs::is_symlink(ours_));
  // A link with the name itself gives way to the file.
  fs::remove(ours_);
  fs::create_symlink(precious_, ours_);
  ASSERT_TRUE(replace_file(ours_, "again"));
  EXPECT_EQ(read(precious_), "precious");
  EXPECT_FALSE(fs::is_symlink(ours_));
}

TEST_F(Files, OfOursAreNoLinksAndNobodyElses) {
  ASSERT_TRUE(open_own_file(ours_, O_WRONLY | O_CREAT));
  write(precious_, "precious");
  const fs::path soft = folder_.path() / "soft", hard = folder_.path() / "hard";
  fs::create_symlink(precious_, soft);
  fs::create_hard_link(precious_, hard);
  const auto linked = open_own_file(soft, O_WRONLY | O_CREAT | O_TRUNC);
  ASSERT_FALSE(linked);
  EXPECT_THAT(linked.error().message, HasSubstr("soft: cannot be written: it is a link"));
  EXPECT_FALSE(open_own_file(hard, O_WRONLY | O_CREAT));
  const fs::path pipe = folder_.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_FALSE(open_own_file(pipe, O_RDWR | O_CREAT));
  EXPECT_FALSE(open_own_file(folder_.path() / "none" / "file", O_WRONLY | O_CREAT));
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_EQ(::chown(ours_.c_str(), 65534, 65534), 0);
  EXPECT_FALSE(open_own_file(ours_, O_WRONLY | O_CREAT));
  EXPECT_EQ(read(precious_), "precious");
}

TEST_F(Files, ThatAreReadAreRegular) {
  const fs::path pipe = folder_.path() / "pipe", soft = folder_.path() / "soft";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto refused = open_regular_file(pipe);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("is no regular file"));
  EXPECT_FALSE(open_regular_file("/dev/zero"));
  EXPECT_FALSE(open_regular_file(folder_.path()));
  write(ours_, "0123456789");
  fs::create_symlink(ours_, soft);
  EXPECT_TRUE(open_regular_file(soft));
  EXPECT_FALSE(open_regular_file(soft, Links::kRefused));
  const auto file = open_regular_file(ours_);
  ASSERT_TRUE(file);
  std::byte bytes[4];
  EXPECT_EQ(read_at(file->get(), 3, bytes), 4u);
  EXPECT_EQ(bytes[0], std::byte{'3'});
  EXPECT_EQ(read_at(file->get(), 8, bytes), 2u);
  EXPECT_EQ(read_at(file->get(), 100, bytes), 0u);
}

}  // namespace
}  // namespace violet
