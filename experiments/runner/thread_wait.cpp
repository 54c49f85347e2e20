#include "experiments/runner/thread_wait.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>

namespace violet {

void ThreadWait::look_at_this_thread() {
  file_ = FileDescriptor(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC));
  known_ = false;
  ticks();
}

// "time on a CPU, time waiting for one, time slices", in nanoseconds. A thread that asks has run.
std::optional<std::uint64_t> waited_ns(std::string_view schedstat) {
  const char* const end = schedstat.data() + schedstat.size();
  std::uint64_t ran = 0, waited = 0;
  const auto first = std::from_chars(schedstat.data(), end, ran);
  if (first.ec != std::errc() || first.ptr == end || ran == 0) return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, waited);
  if (second.ec != std::errc()) return std::nullopt;
  return waited;
}

Ticks ThreadWait::ticks() noexcept {
  if (!file_.valid()) return last_;
  std::array<char, 96> text;
  const ssize_t size = ::pread(file_.get(), text.data(), text.size(), 0);
  if (size <= 0) return last_;
  const auto waited = waited_ns({text.data(), static_cast<std::size_t>(size)});
  if (!waited) return last_;
  known_ = true;
  return last_ = ns_to_ticks(*waited);
}

}  // namespace violet
