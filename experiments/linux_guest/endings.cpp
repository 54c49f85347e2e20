#include "experiments/linux_guest/endings.hpp"

#include <sys/timerfd.h>

#include <cerrno>
#include <cstring>

namespace violet::linux_guest {

Result<Endings> prepare_endings(unsigned timeout_s, const Interruption& interruption) {
  Endings endings{interruption.fd(),
                  FileDescriptor(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC))};
  if (endings.signals < 0 || !endings.timer.valid()) {
    return fail(ErrorKind::kEnvironment, "eventfd, timerfd_create: {}", std::strerror(errno));
  }
  const itimerspec after{{0, 0}, {static_cast<time_t>(timeout_s), 0}};
  ::timerfd_settime(endings.timer.get(), 0, &after, nullptr);
  return endings;
}

}  // namespace violet::linux_guest
