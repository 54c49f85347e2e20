#include "dataplane/virtio/tap_peer.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace violet::virtio {

Status TapPeer::check(const std::string& name) {
  ifreq request{};
  if (name.empty() || name.size() >= sizeof(request.ifr_name)) {
    return fail(ErrorKind::kUsage, "tap '{}': a name has 1 to {} characters", name,
                sizeof(request.ifr_name) - 1);
  }
  // The kernel would make one, which only its caller may do.
  if (::if_nametoindex(name.c_str()) == 0) {
    return fail(ErrorKind::kEnvironment,
                "tap '{}': there is none; make one for yourself with: ip tuntap add {} mode tap "
                "user $USER",
                name, name);
  }
  return {};
}

Result<std::unique_ptr<TapPeer>> TapPeer::open(const std::string& name) {
  VIOLET_TRY(check(name));
  ifreq request{};
  FileDescriptor tap(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!tap.valid()) {
    return fail(ErrorKind::kEnvironment, "/dev/net/tun: {}", std::strerror(errno));
  }
  std::memcpy(request.ifr_name, name.data(), name.size());
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (::ioctl(tap.get(), TUNSETIFF, &request) != 0) {
    return fail(ErrorKind::kEnvironment,
                "tap '{}': {}; make one for yourself with: ip tuntap add {} mode tap user $USER",
                name, std::strerror(errno), name);
  }
  return std::make_unique<TapPeer>(std::move(tap));
}

TapPeer::TapPeer(FileDescriptor frames)
    : frames_(std::move(frames)), quiet_(static_cast<Ticks>(kQuietUs * 1e3 / ns_per_tick())) {}

void TapPeer::take(std::span<const std::byte> frame) {
  const auto written = ::write(frames_.get(), frame.data(), frame.size());
  if (written != static_cast<ssize_t>(frame.size())) dropped_.add();
}

std::span<const std::byte> TapPeer::front() {
  if (bytes_ == 0 && now_ticks() >= next_look_ && !read_one()) next_look_ = now_ticks() + quiet_;
  return std::span(frame_).first(bytes_);
}

// False: there was none, or one that is too long.
bool TapPeer::read_one() {
  const auto got = ::read(frames_.get(), frame_.data(), frame_.size());
  if (got <= 0) return false;
  if (static_cast<std::size_t>(got) > kMaxFrame) {
    dropped_.add();
    return false;
  }
  bytes_ = static_cast<std::size_t>(got);
  return true;
}

void TapPeer::reset() {
  bytes_ = 0;
  for (unsigned i = 0; i < kMostThrownAway; ++i) {
    if (::read(frames_.get(), frame_.data(), frame_.size()) <= 0) return;
  }
}

}  // namespace violet::virtio
