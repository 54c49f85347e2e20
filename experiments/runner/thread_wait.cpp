#include "experiments/runner/thread_wait.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>

namespace violet {

void ThreadWait::look_at_this_thread() {
  file_ = FileDescriptor(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC));
  known_ = false;
  ticks();
}

// "time on a CPU, time waiting for one, time slices", in nanoseconds.
Ticks ThreadWait::ticks() noexcept {
  if (!file_.valid()) return last_;
  std::array<char, 96> text;
  const ssize_t size = ::pread(file_.get(), text.data(), text.size(), 0);
  if (size <= 0) return last_;
  const char* const end = text.data() + size;
  std::uint64_t ran = 0, waited = 0;
  const auto first = std::from_chars(text.data(), end, ran);
  if (first.ec != std::errc() || first.ptr == end) return last_;
  const auto second = std::from_chars(first.ptr + 1, end, waited);
  if (second.ec != std::errc()) return last_;
  known_ = true;
  return last_ = ns_to_ticks(waited);
}

}  // namespace violet
