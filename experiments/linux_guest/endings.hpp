// An ending stops a guest from outside: a signal or the end of its time, each a descriptor to poll.
//
// Threading: the main thread.
#pragma once

#include <poll.h>

#include "engine/base/file_descriptor.hpp"
#include "engine/base/result.hpp"
#include "experiments/runner/interruption.hpp"

namespace violet::linux_guest {

struct Endings {
  int signals;  // The interruption's.
  FileDescriptor timer;

  static bool due(int fd) {
    pollfd slot{fd, POLLIN, 0};
    return ::poll(&slot, 1, 0) == 1;
  }
  bool interrupted() const { return due(signals); }
  bool timed_out() const { return due(timer.get()); }
};

// 0: no end of time. The interruption outlives the endings.
Result<Endings> prepare_endings(unsigned timeout_s, const Interruption& interruption);

}  // namespace violet::linux_guest
