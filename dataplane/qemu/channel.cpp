#include "dataplane/qemu/channel.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace violet::qemu {
namespace {

std::vector<FileDescriptor> take_fds(msghdr& header) {
  std::vector<FileDescriptor> fds;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      fds.emplace_back(fd);
    }
  }
  return fds;
}

}  // namespace

Result<Channel::Pair> Channel::open() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(ErrorKind::kEnvironment, "socketpair: {}", std::strerror(errno));
  }
  return Pair{Channel(FileDescriptor(ends[0])), FileDescriptor(ends[1])};
}

Result<std::optional<Message>> Channel::receive() {
  for (;;) {
    const auto room = assembler_.room();
    iovec data{room.data(), room.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxFds * sizeof(int))> control{};
    msghdr header{};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(socket_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return std::nullopt;
    if (got <= 0) {
      closed_ = true;
      return fail("the remote device's peer left{}",
                  assembler_.midway() ? " in the middle of a message" : "");
    }
    auto fds = take_fds(header);
    if ((header.msg_flags & MSG_CTRUNC) != 0) {
      return fail("the remote device's peer sent too many descriptors");
    }
    auto message = assembler_.filled(static_cast<std::size_t>(got), std::move(fds));
    if (!message || message->has_value()) return message;
  }
}

Status Channel::answer(std::uint64_t value) {
  const auto bytes = encode_return(value);
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t now = ::send(socket_.get(), bytes.data() + sent, bytes.size() - sent,
                               MSG_NOSIGNAL | MSG_DONTWAIT);
    if (now < 0 && errno == EINTR) continue;
    if (now < 0 && errno == EAGAIN) {
      pollfd room{socket_.get(), POLLOUT, 0};
      if (::poll(&room, 1, kPatienceMs) > 0) continue;
      closed_ = true;
      return fail("the remote device's peer asks and takes no answers");
    }
    if (now <= 0) {
      closed_ = true;
      return fail("the remote device's peer takes no answer: {}", std::strerror(errno));
    }
    sent += static_cast<std::size_t>(now);
  }
  return {};
}

}  // namespace violet::qemu
