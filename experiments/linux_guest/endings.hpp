// An ending stops a guest from outside: SIGINT, SIGTERM or the end of its time, each a descriptor
// to poll.
//
// Threading: the main thread.
#pragma once

#include <poll.h>

#include "engine/base/file_descriptor.hpp"
#include "engine/base/result.hpp"

namespace violet::linux_guest {

struct Endings {
  FileDescriptor signals;
  FileDescriptor timer;

  static bool due(const FileDescriptor& fd) {
    pollfd slot{fd.get(), POLLIN, 0};
    return ::poll(&slot, 1, 0) == 1;
  }
};

// Signals are blocked for good, so before any thread starts. 0: no end of time.
Result<Endings> prepare_endings(unsigned timeout_s);

}  // namespace violet::linux_guest
