#include "dataplane/qemu/qtest.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace violet::qemu {

Result<QtestMessages::Pair> QtestMessages::open() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(ErrorKind::kEnvironment, "socketpair: {}", std::strerror(errno));
  }
  return Pair{std::make_unique<QtestMessages>(FileDescriptor(ends[0])), FileDescriptor(ends[1])};
}

bool QtestMessages::send(std::uint64_t address, std::uint32_t data) {
  std::array<char, 64> line{};
  const auto end =
      fmt::format_to_n(line.data(), line.size(), "writel {:#x} {:#x}\n", address, data);
  // Linux takes a small packet whole or, when the peer's buffer is full, not at all.
  const ssize_t sent = ::send(socket_.get(), line.data(), end.size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) return errno != EAGAIN && errno != EINTR;  // QEMU is gone: nobody to interrupt.
  sent_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

bool QtestMessages::drain() {
  std::array<char, 4096> answers{};
  for (;;) {
    const ssize_t got = ::recv(socket_.get(), answers.data(), answers.size(), MSG_DONTWAIT);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EINTR;
  }
}

}  // namespace violet::qemu
