#include "engine/base/standard_streams.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>

namespace violet {
namespace {

// In a process of its own, whose streams may be broken.
template <class Body>
int exit_code_of(Body&& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(StandardStreams, ClosedOnesAreTakenAndCannotBeWritten) {
  const int code = exit_code_of([] {
    for (const int fd : {0, 1, 2}) ::close(fd);
    secure_standard_streams();
    const int next = ::open("/dev/null", O_RDONLY);
    char byte = 0;
    const bool read_fails = ::read(0, &byte, 1) < 0 && errno == EBADF;
    const bool writes_fail = ::write(1, "x", 1) < 0 && ::write(2, "x", 1) < 0;
    return next > 2 && read_fails && writes_fail ? 0 : 1;
  });
  EXPECT_EQ(code, 0);
}

TEST(StandardStreams, OpenOnesStayAsTheyAre) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  const int code = exit_code_of([&] {
    ::dup2(pipe[1], 2);
    secure_standard_streams();
    tell("{} things\n", 3);
    return 7;
  });
  EXPECT_EQ(code, 7);
  std::array<char, 16> text{};
  EXPECT_EQ(::read(pipe[0], text.data(), text.size()), 9);
  EXPECT_STREQ(text.data(), "3 things\n");
  ::close(pipe[0]);
  ::close(pipe[1]);
}

// A full disk, and a reader that went away.
TEST(StandardStreams, AMessageThatCannotBeToldChangesNothing) {
  EXPECT_EQ(exit_code_of([] {
              ::dup2(::open("/dev/full", O_WRONLY), 2);
              secure_standard_streams();
              tell("lost\n");
              return 7;
            }),
            7);
  EXPECT_EQ(exit_code_of([] {
              std::array<int, 2> pipe{};
              if (::pipe(pipe.data()) != 0) return 1;
              ::dup2(pipe[1], 2);
              ::close(pipe[0]);
              secure_standard_streams();
              tell("lost\n");
              return 7;
            }),
            7);
}

// ulimit -f
TEST(StandardStreams, AFileThatMayNotGrowIsAnErrorOfTheWrite) {
  EXPECT_EQ(exit_code_of([] {
              secure_standard_streams();
              const rlimit most{4096, 4096};
              ::setrlimit(RLIMIT_FSIZE, &most);
              std::FILE* file = std::tmpfile();
              const std::array<char, 8192> bytes{};
              const bool first = ::write(::fileno(file), bytes.data(), bytes.size()) == 4096;
              const bool more = ::write(::fileno(file), bytes.data(), bytes.size()) >= 0;
              return first && !more && errno == EFBIG ? 0 : 1;
            }),
            0);
}

}  // namespace
}  // namespace violet
