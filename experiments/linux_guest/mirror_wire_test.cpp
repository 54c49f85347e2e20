// QEMU's end of the wire, played by a socket.
#include "experiments/linux_guest/mirror_wire.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <vector>

#include "dataplane/virtio/net_peer.hpp"

namespace violet::linux_guest {
namespace {

using Bytes = std::vector<std::byte>;

constexpr int kLongMs = 10'000;
constexpr std::size_t kIpFrom = 26, kIpTo = 30;

Bytes packet(std::size_t size) {
  Bytes frame(size, std::byte{7});
  frame[12] = std::byte{0x08};  // IPv4.
  frame[13] = std::byte{0x00};
  for (std::size_t i = 0; i < 4; ++i) {
    frame[kIpFrom + i] = std::byte{1};
    frame[kIpTo + i] = std::byte{2};
  }
  return frame;
}

void send(int end, const Bytes& frame) {
  ASSERT_EQ(::send(end, frame.data(), frame.size(), 0), static_cast<ssize_t>(frame.size()));
}

Bytes receive(int end) {
  pollfd slot{end, POLLIN, 0};
  if (::poll(&slot, 1, kLongMs) != 1) return {};
  Bytes frame(2 * virtio::kMaxFrame);
  const auto got = ::recv(end, frame.data(), frame.size(), 0);
  frame.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return frame;
}

TEST(MirrorWire, SendsPacketsBackAndEndsOnNothingElse) {
  const auto wire = MirrorWire::open();
  ASSERT_TRUE(wire.has_value());
  const int end = (*wire)->qemus_end();
  send(end, packet(virtio::kMaxFrame + 1));
  send(end, packet(3 * virtio::kMaxFrame));
  send(end, {});
  send(end, Bytes(5));
  send(end, Bytes(100));  // Of no type that it knows.
  send(end, packet(200));
  const Bytes answer = receive(end);
  ASSERT_EQ(answer.size(), 200u);
  EXPECT_EQ(answer[kIpFrom], std::byte{2});
  EXPECT_EQ(answer[kIpTo], std::byte{1});
  EXPECT_EQ(answer[199], std::byte{7});
}

TEST(MirrorWire, EndsWhateverWaits) {
  for (int round = 0; round < 20; ++round) {
    const auto wire = MirrorWire::open();
    ASSERT_TRUE(wire.has_value());
    // Nobody takes the answers.
    for (int i = 0; i < round; ++i) send((*wire)->qemus_end(), packet(100));
  }
}

}  // namespace
}  // namespace violet::linux_guest
