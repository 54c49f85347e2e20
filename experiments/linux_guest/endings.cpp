#include "experiments/linux_guest/endings.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include <cerrno>
#include <cstring>

namespace violet::linux_guest {

Result<Endings> prepare_endings(unsigned timeout_s) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  Endings endings{FileDescriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)),
                  FileDescriptor(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC))};
  if (!endings.signals.valid() || !endings.timer.valid()) {
    return fail(ErrorKind::kEnvironment, "signalfd, timerfd_create: {}", std::strerror(errno));
  }
  const itimerspec after{{0, 0}, {static_cast<time_t>(timeout_s), 0}};
  ::timerfd_settime(endings.timer.get(), 0, &after, nullptr);
  return endings;
}

}  // namespace violet::linux_guest
