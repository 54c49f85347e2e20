// EAL where nobody can write to /run, and where there is no temporary folder either: it starts, or names the folder.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "dataplane/eal/eal.hpp"
#include "engine/base/file_descriptor.hpp"

namespace violet {
namespace {

constexpr const char* kSkipped = "skipped";

// In a mount namespace of our own; false: this process may not have one.
bool make_run_read_only() {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("none", "/run", "tmpfs", MS_RDONLY, nullptr) == 0;
}

std::string start(bool huge_pages) {
  if (!make_run_read_only()) return kSkipped;
  std::error_code error;
  if (std::filesystem::create_directory("/run/dpdk", error) || !error) return "/run is writable";
  EalOptions options{.cpus = {allowed_cpus().front()}};
  options.huge_pages = huge_pages;
  options.before_anew = [] { ::_exit(3); };  // Hugepages are not what is amiss.
  const auto eal = Eal::start(options);
  return eal ? "" : eal.error().message;
}

// What start() says in a process of its own, where EAL has not been started.
std::string said_by_start(bool huge_pages) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const FileDescriptor reading(ends[0]);
  FileDescriptor writing(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string text = start(huge_pages);
    const bool told = ::write(writing.get(), text.data(), text.size()) >= 0;
    ::_exit(told ? 0 : 1);
  }
  writing.reset();
  std::string text(4096, '\0');
  const ssize_t got = ::read(reading.get(), text.data(), text.size());
  text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  return text;
}

void expect_a_start_on_any_pages() {
  for (const bool huge_pages : {false, true}) {
    const std::string said = said_by_start(huge_pages);
    if (said == kSkipped) GTEST_SKIP() << "this user may not mount anything";
    EXPECT_EQ(said, "") << huge_pages;
  }
}

TEST(Eal, StartsWhereRunIsReadOnly) { expect_a_start_on_any_pages(); }

TEST(Eal, StartsWhereThereIsNoTemporaryFolderEither) {
  ::setenv("TMPDIR", "/nosuch", 1);
  expect_a_start_on_any_pages();
  ::unsetenv("TMPDIR");
}

}  // namespace
}  // namespace violet
