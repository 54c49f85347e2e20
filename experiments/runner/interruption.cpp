#include "experiments/runner/interruption.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "engine/base/check.hpp"

namespace violet {
namespace {

constexpr timespec kPatience{0, 500'000'000};  // With what is in hand, after SIGTERM and SIGHUP.
constexpr timespec kLastPatience{1, 250'000'000};

// What a handler may touch. Two texts, so that one is whole while the other is written.
struct Farewell {
  std::array<char, Interruption::kLongestFarewell> text;
  std::size_t bytes = 0;
  int code = 1;
};
std::array<Farewell, 2> farewells;
std::atomic<int> current_farewell{0};
std::atomic<int> signals_seen{0};
std::atomic<bool> leave_now{false};
std::atomic<int> event_fd{-1};
std::atomic<timer_t> end_timer{};
std::atomic<bool> end_timer_runs{false};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free &&
              std::atomic<timer_t>::is_always_lock_free);

void wake_after(timespec patience) {
  if (!end_timer_runs.load(std::memory_order_relaxed)) return;
  const itimerspec once{{0, 0}, patience};
  ::timer_settime(end_timer.load(std::memory_order_relaxed), 0, &once, nullptr);
}

void leave() {
  if (leave_now.exchange(true, std::memory_order_relaxed)) return;
  wake_after(kLastPatience);
}

void on_signal(int signal) {
  const int saved = errno;
  const bool again = signals_seen.fetch_add(1, std::memory_order_relaxed) > 0;
  const std::uint64_t one = 1;
  const int fd = event_fd.load(std::memory_order_relaxed);
  if (fd >= 0) static_cast<void>(!::write(fd, &one, sizeof(one)));
  if (again) {
    leave();
  } else if (signal != SIGINT) {
    wake_after(kPatience);
  }
  errno = saved;
}

void on_alarm(int /*signal*/) {
  const int saved = errno;
  if (leave_now.load(std::memory_order_relaxed)) {
    // partner: farewell()'s release
    const auto& last =
        farewells[static_cast<std::size_t>(current_farewell.load(std::memory_order_acquire))];
    // A pipe that has room has it for a whole text of ours; one that nobody reads must not hold us.
    pollfd slot{STDERR_FILENO, POLLOUT, 0};
    if (::poll(&slot, 1, 0) > 0) {
      static_cast<void>(!::write(STDERR_FILENO, last.text.data(), last.bytes));
    }
    ::_exit(last.code);
  }
  leave();
  errno = saved;
}

void handle(int signal, void (*handler)(int), struct sigaction& old) {
  struct sigaction action {};
  action.sa_handler = handler;
  // None of them while another is handled, so that each sees the state that the one before left.
  for (const int other : {SIGINT, SIGTERM, SIGHUP, SIGALRM}) sigaddset(&action.sa_mask, other);
  sigaction(signal, &action, &old);
}

}  // namespace

Interruption::Interruption() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  VIOLET_CHECK(event_fd.load() < 0 && "one interruption at a time");
  signals_seen = 0;
  leave_now = false;
  event_fd = event_.get();
  farewell("violet: ended by a signal\n", 130);
  handle(SIGALRM, on_alarm, old_alarm_);
  sigevent tell{};
  tell.sigev_notify = SIGEV_SIGNAL;
  tell.sigev_signo = SIGALRM;
  has_timer_ = ::timer_create(CLOCK_MONOTONIC, &tell, &timer_) == 0;
  end_timer = timer_;
  end_timer_runs = has_timer_;
  handle(SIGINT, on_signal, old_interrupt_);
  handle(SIGTERM, on_signal, old_terminate_);
  handle(SIGHUP, on_signal, old_hangup_);
  if (old_hangup_.sa_handler == SIG_IGN) sigaction(SIGHUP, &old_hangup_, nullptr);
}

Interruption::~Interruption() {
  end_timer_runs = false;
  if (has_timer_) ::timer_delete(timer_);
  sigaction(SIGHUP, &old_hangup_, nullptr);
  sigaction(SIGTERM, &old_terminate_, nullptr);
  sigaction(SIGINT, &old_interrupt_, nullptr);
  sigaction(SIGALRM, &old_alarm_, nullptr);
  event_fd = -1;
}

bool Interruption::asked() const { return signals_seen.load(std::memory_order_relaxed) > 0; }

const std::atomic<bool>& Interruption::now() const { return leave_now; }

void Interruption::farewell(std::string_view text, int code) {
  const int next = 1 - current_farewell.load(std::memory_order_relaxed);
  Farewell& other = farewells[static_cast<std::size_t>(next)];
  other.bytes = std::min(text.size(), other.text.size());
  std::memcpy(other.text.data(), text.data(), other.bytes);
  other.code = code;
  current_farewell.store(next, std::memory_order_release);  // partner: on_alarm()'s acquire
}

}  // namespace violet
