// A thread wait is the time in which one thread was ready and others had its CPU, as the kernel counts it (schedstat).
//
// Threading: owner-only: look_at_this_thread() and ticks() on one thread, known() anywhere once that is over.
// Limits: a kernel without CONFIG_SCHED_INFO does not say. What a hypervisor takes is not seen. Asking is a system call.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/base/clock.hpp"
#include "engine/base/file_descriptor.hpp"

namespace violet {

// Of a running thread's schedstat; nothing: the kernel does not count, and says zeros, or the text is another.
std::optional<std::uint64_t> waited_ns(std::string_view schedstat);

class ThreadWait {
 public:
  void look_at_this_thread();
  bool known() const { return known_; }
  // Since the thread began; what was said last where the kernel says nothing, at first 0.
  Ticks ticks() noexcept;

 private:
  FileDescriptor file_;
  bool known_ = false;
  Ticks last_ = 0;
};

}  // namespace violet
