#include "dataplane/qemu/irqfd_line.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace violet::qemu {

namespace {

bool make_eventfd_safe(const FileDescriptor& fd) {
  std::array<char, 64> name{};
  const std::string link = fmt::format("/proc/self/fd/{}", fd.get());
  const ssize_t length = ::readlink(link.c_str(), name.data(), name.size());
  constexpr std::string_view kEventfd = "anon_inode:[eventfd]";
  if (length < 0 || std::string_view(name.data(), static_cast<std::size_t>(length)) != kEventfd) {
    return false;
  }
  const int flags = ::fcntl(fd.get(), F_GETFL);
  return flags >= 0 && ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) == 0;
}

}  // namespace

Status IrqfdLine::connect(FileDescriptor interrupt, FileDescriptor end) {
  if (!make_eventfd_safe(interrupt) || !make_eventfd_safe(end)) {
    return fail("an interrupt line needs two eventfds, and got something else");
  }
  interrupt_ = std::move(interrupt);
  end_ = std::move(end);
  return {};
}

void IrqfdLine::raise() {
  if (!interrupt_.valid()) return;
  const std::uint64_t one = 1;
  // A counter at its limit is an interrupt that nobody has taken: one more says nothing new.
  [[maybe_unused]] const ssize_t written = ::write(interrupt_.get(), &one, sizeof(one));
}

void IrqfdLine::ended() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(end_.get(), &count, sizeof(count));
}

}  // namespace violet::qemu
