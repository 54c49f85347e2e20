// The tap at the end of a wire, with a socket that keeps frames apart in the place of the kernel's tap.
#include "dataplane/virtio/tap_peer.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>
#include <vector>

namespace violet::virtio::tap_peer_test {
namespace {

using ::testing::HasSubstr;
using Bytes = std::vector<std::byte>;

struct TapPeerTest : testing::Test {
  void SetUp() override {
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    host = FileDescriptor(pair[0]);
    peer.emplace(FileDescriptor(pair[1]));
  }
  void send(std::size_t bytes, int value) {
    const Bytes frame(bytes, static_cast<std::byte>(value));
    ASSERT_EQ(::write(host.get(), frame.data(), bytes), static_cast<ssize_t>(bytes));
  }
  // The next frame once the quiet after an empty look is over.
  Bytes next() {
    std::this_thread::sleep_for(std::chrono::microseconds(50));
    const auto front = peer->front();
    Bytes frame(front.begin(), front.end());
    peer->pop();
    return frame;
  }
  FileDescriptor host;
  std::optional<TapPeer> peer;
};

TEST_F(TapPeerTest, FramesGoBothWays) {
  EXPECT_TRUE(next().empty());
  send(60, 1);
  send(kMaxFrame, 2);
  EXPECT_EQ(next(), Bytes(60, std::byte{1}));
  EXPECT_EQ(next(), Bytes(kMaxFrame, std::byte{2}));
  EXPECT_TRUE(next().empty());
  peer->take(Bytes(99, std::byte{3}));
  std::byte got[200];
  EXPECT_EQ(::read(host.get(), got, sizeof(got)), 99);
  EXPECT_EQ(got[98], std::byte{3});
  EXPECT_EQ(peer->dropped(), 0u);
}

TEST_F(TapPeerTest, AFrameStaysUntilItIsPopped) {
  send(60, 1);
  send(61, 2);
  EXPECT_EQ(peer->front().size(), 60u);
  EXPECT_EQ(peer->front().size(), 60u);
  peer->pop();
  EXPECT_EQ(peer->front().size(), 61u);
}

TEST_F(TapPeerTest, WhatIsTooLongIsDroppedAndCounted) {
  send(kMaxFrame + 1, 1);
  send(9000, 1);
  send(60, 2);
  EXPECT_TRUE(next().empty());
  EXPECT_TRUE(next().empty());
  EXPECT_EQ(next(), Bytes(60, std::byte{2}));
  EXPECT_EQ(peer->dropped(), 2u);
}

TEST_F(TapPeerTest, AHostThatTakesNothingCostsTheFrame) {
  host = FileDescriptor();
  peer->take(Bytes(60));
  EXPECT_EQ(peer->dropped(), 1u);
  EXPECT_TRUE(next().empty());
}

TEST_F(TapPeerTest, AResetThrowsAwayWhatWaited) {
  send(60, 1);
  send(60, 2);
  EXPECT_EQ(peer->front().size(), 60u);
  peer->reset();
  EXPECT_TRUE(next().empty());
  send(60, 3);
  EXPECT_EQ(next(), Bytes(60, std::byte{3}));
}

TEST(TapPeerOpen, ANameThatIsNoneIsRefused) {
  for (const char* name : {"", "a-name-too-long-for-it"}) {
    const auto tap = TapPeer::open(name);
    ASSERT_FALSE(tap);
    EXPECT_THAT(tap.error().message, HasSubstr("1 to 15 characters"));
  }
}

TEST(TapPeerOpen, ANameThatNobodyMadeIsNotMade) {
  const auto tap = TapPeer::open("violet-nosuch");
  ASSERT_FALSE(tap);
  EXPECT_THAT(tap.error().message, HasSubstr("there is none; make one for yourself"));
  EXPECT_FALSE(TapPeer::check("violet-nosuch"));
}

}  // namespace
}  // namespace violet::virtio::tap_peer_test
