// Signals of a process that does what it should, and of one that looks at nothing.
#include "experiments/runner/interruption.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>

namespace violet {
namespace {

// A process that says when it is ready; its exit code and what it wrote on stderr.
class Victim {
 public:
  template <class Body>
  explicit Victim(Body&& body) {
    std::array<int, 2> ready{}, said{};
    EXPECT_EQ(::pipe(ready.data()), 0);
    EXPECT_EQ(::pipe(said.data()), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(said[1], STDERR_FILENO);
      ::_exit(body([&] { static_cast<void>(!::write(ready[1], "r", 1)); }));
    }
    ::close(ready[1]);
    ::close(said[1]);
    said_ = said[0];
    ready_ = ready[0];
    wait_until_ready();
  }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;
  ~Victim() {
    ::close(said_);
    ::close(ready_);
  }

  // It said so once more.
  void wait_until_ready() const {
    char byte = 0;
    EXPECT_EQ(::read(ready_, &byte, 1), 1);
  }
  void send(int signal) const { ::kill(pid_, signal); }
  int end() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  std::string said() const {
    std::string text(4096, '\0');
    const ssize_t got = ::read(said_, text.data(), text.size());
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  }

 private:
  pid_t pid_ = -1;
  int said_ = -1;
  int ready_ = -1;
};

// Waits for ever and looks at nothing, but says when the first signal has come: two that are pending are one.
template <class Ready>
int deaf(Ready&& ready) {
  Interruption interruption;
  interruption.farewell("three repetitions\n", 4);
  ready();
  pollfd first{interruption.fd(), POLLIN, 0};
  while (::poll(&first, 1, -1) != 1) continue;
  ready();
  for (;;) ::pause();
}

TEST(Interruption, ASecondSignalEndsAProcessThatLooksAtNothingAndItSaysWhatItHad) {
  for (const int second : {SIGINT, SIGTERM, SIGHUP}) {
    Victim victim([](auto&& ready) { return deaf(ready); });
    victim.send(SIGINT);
    victim.wait_until_ready();
    victim.send(second);
    EXPECT_EQ(victim.end(), 4);
    EXPECT_EQ(victim.said(), "three repetitions\n");
  }
}

TEST(Interruption, OneSigtermAndOneSighupDoToo) {
  for (const int signal : {SIGTERM, SIGHUP}) {
    Victim victim([](auto&& ready) { return deaf(ready); });
    victim.send(signal);
    EXPECT_EQ(victim.end(), 4);
    EXPECT_EQ(victim.said(), "three repetitions\n");
  }
}

// What is in hand is left when now() says so; the process then has time to end as it likes.
TEST(Interruption, WhoLooksEndsByItself) {
  for (const int signal : {SIGTERM, SIGHUP}) {
    Victim victim([](auto&& ready) {
      Interruption interruption;
      ready();
      while (!interruption.now().load()) ::usleep(1000);
      return interruption.asked() ? 7 : 8;
    });
    victim.send(signal);
    EXPECT_EQ(victim.end(), 7);
    EXPECT_EQ(victim.said(), "");
  }
}

TEST(Interruption, OneSigintAsksAndWakesAndLeavesAlone) {
  Victim victim([](auto&& ready) {
    Interruption interruption;
    ready();
    pollfd slot{interruption.fd(), POLLIN, 0};
    while (::poll(&slot, 1, -1) != 1) continue;
    ::usleep(700'000);  // More than the patience after a SIGTERM.
    return interruption.asked() && !interruption.now().load() ? 7 : 8;
  });
  victim.send(SIGINT);
  EXPECT_EQ(victim.end(), 7);
}

TEST(Interruption, AfterItSignalsDoWhatTheyDidBeforeAndNohupStays) {
  Victim victim([](auto&& ready) {
    ::signal(SIGHUP, SIG_IGN);
    { const Interruption interruption; }
    ::raise(SIGHUP);
    {
      const Interruption interruption;
      ::raise(SIGHUP);
      if (interruption.asked()) return 8;
    }
    ready();
    ::raise(SIGTERM);
    return 9;
  });
  EXPECT_EQ(victim.end(), 128 + SIGTERM);
}

// Nobody reads what is said, and the pipe is full.
TEST(Interruption, AFullPipeDoesNotHoldTheEnd) {
  Victim victim([](auto&& ready) {
    std::array<int, 2> full{};
    if (::pipe2(full.data(), O_NONBLOCK) != 0) return 1;
    const std::string page(4096, 'x');
    while (::write(full[1], page.data(), page.size()) > 0) continue;
    ::fcntl(full[1], F_SETFL, 0);
    ::dup2(full[1], STDERR_FILENO);
    return deaf(ready);
  });
  victim.send(SIGTERM);
  EXPECT_EQ(victim.end(), 4);
}

}  // namespace
}  // namespace violet
