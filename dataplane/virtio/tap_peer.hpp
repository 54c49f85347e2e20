// A tap peer joins a network card's wire to a tap device of the host: its own network stack, or whatever it bridges
// the tap to.
//
// Threading: owner-only: the lcore of the card.
// Invariants: no call waits. What the host has no room for is dropped and counted, as is what is too long for the
// card. Limits: a read or a write of the tap is a system call on the lcore of the card, about a microsecond; an
// empty tap is asked again after kQuietUs only. No offloads: frames carry complete checksums.
#pragma once

#include <memory>
#include <string>

#include "dataplane/virtio/net_peer.hpp"
#include "engine/base/clock.hpp"
#include "engine/base/file_descriptor.hpp"
#include "engine/base/result.hpp"

namespace violet::virtio {

class TapPeer final : public NetPeer {
 public:
  static constexpr double kQuietUs = 10;

  // Whether there is an interface of this name; a tap is not made for whoever misspells one.
  static Status check(const std::string& name);
  // Attaches to the tap `name`. Errors (kEnvironment): no /dev/net/tun, not permitted, no such name.
  static Result<std::unique_ptr<TapPeer>> open(const std::string& name);
  // `frames` gives and takes one frame a call, and does not block.
  explicit TapPeer(FileDescriptor frames);

  void take(std::span<const std::byte> frame) override;
  std::span<const std::byte> front() override;
  void pop() override { bytes_ = 0; }
  void reset() override;
  std::uint64_t dropped() const override { return dropped_.value(); }

 private:
  static constexpr unsigned kMostThrownAway = 4096;  // Frames at a reset; a tap holds a thousand.

  bool read_one();

  FileDescriptor frames_;
  Ticks quiet_;
  Ticks next_look_ = 0;
  std::size_t bytes_ = 0;  // Of the frame at the front; 0: none.
  std::array<std::byte, kMaxFrame + 1> frame_{};
  Counter dropped_;
};

}  // namespace violet::virtio
