#include "engine/base/scratch_folder.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>

#include "engine/base/test_folder_testing.hpp"

namespace violet {
namespace {

namespace fs = std::filesystem;

struct ScratchFolders : testing::Test {
  void SetUp() override { ::setenv("TMPDIR", folder.path().c_str(), 1); }
  void TearDown() override { ::unsetenv("TMPDIR"); }
  // As if it had been made long ago.
  static void age(const fs::path& path) {
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::minutes(2));
  }
  std::size_t count() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()));
  }
  const TestFolder folder;
};

TEST_F(ScratchFolders, GoWithTheirOwners) {
  {
    auto made = ScratchFolder::make("guest");
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->path().parent_path(), folder.path());
    EXPECT_TRUE(made->path().filename().string().starts_with("violet-guest-"));
    EXPECT_EQ(fs::status(made->path()).permissions(), fs::perms::owner_all);
    std::ofstream(made->path() / "file") << "x";
    const ScratchFolder moved = *std::move(made);
    EXPECT_TRUE(fs::exists(moved.path() / "file"));
  }
  EXPECT_EQ(count(), 0u);
}

TEST_F(ScratchFolders, OfAKilledProcessGoWithTheNext) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto made = ScratchFolder::make("guest");
    std::ofstream(made->path() / "file") << "x";
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_EQ(count(), 1u);
  const fs::path left = fs::directory_iterator(folder.path())->path();
  // One that is young may be about to be locked; one of another kind is for others.
  EXPECT_TRUE(ScratchFolder::make("guest"));
  EXPECT_TRUE(fs::exists(left / "file"));
  age(left);
  EXPECT_TRUE(ScratchFolder::make("eal"));
  EXPECT_TRUE(fs::exists(left / "file"));
  EXPECT_TRUE(ScratchFolder::make("guest"));
  EXPECT_FALSE(fs::exists(left));
}

TEST_F(ScratchFolders, OfTheLivingStayAsDoesWhatIsNone) {
  const auto living = ScratchFolder::make("guest");
  ASSERT_TRUE(living);
  age(living->path());
  const fs::path precious = folder.path() / "precious",
                 link = folder.path() / "violet-guest-abcdef",
                 file = folder.path() / "violet-guest-abcdeg",
                 long_name = folder.path() / "violet-guest-kept-by-me";
  fs::create_directory(precious);
  std::ofstream(precious / "file") << "x";
  fs::create_directory_symlink(precious, link);
  std::ofstream(file) << "x";
  fs::create_directory(long_name);
  for (const fs::path& path : {precious, file, long_name}) age(path);
  EXPECT_TRUE(ScratchFolder::make("guest"));
  for (const fs::path& path : {living->path(), precious / "file", link, file, long_name}) {
    EXPECT_TRUE(fs::exists(path)) << path;
  }
}

TEST_F(ScratchFolders, AreNotMadeWhereThereIsNoPlace) {
  ::setenv("TMPDIR", (folder.path() / "none").c_str(), 1);
  EXPECT_FALSE(ScratchFolder::make("guest"));
}

}  // namespace
}  // namespace violet
