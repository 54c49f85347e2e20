#include "experiments/linux_guest/mirror_wire.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "dataplane/virtio/net_peer.hpp"

namespace violet::linux_guest {

Result<std::unique_ptr<MirrorWire>> MirrorWire::open() {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) != 0) {
    return fail(ErrorKind::kEnvironment, "socketpair: {}", std::strerror(errno));
  }
  return std::unique_ptr<MirrorWire>(
      new MirrorWire(FileDescriptor(pair[0]), FileDescriptor(pair[1])));
}

MirrorWire::~MirrorWire() {
  ending_ = true;
  ::shutdown(ours_.get(), SHUT_RD);  // Whoever waits receives nothing, from now on.
  thread_.join();
}

void MirrorWire::run() {
  virtio::MirrorPeer mirror;
  std::array<std::byte, virtio::kMaxFrame + 1> frame;
  for (;;) {
    const auto got = ::recv(ours_.get(), frame.data(), frame.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 || ending_) return;
    mirror.take(std::span(frame).first(static_cast<std::size_t>(got)));
    for (auto answer = mirror.front(); !answer.empty(); answer = mirror.front()) {
      ::send(ours_.get(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      mirror.pop();
    }
  }
}

}  // namespace violet::linux_guest
