// A network peer takes and gives frames at the other end of a network card's wire.
//
// Threading: owner-only: the lcore of the card.
// Invariants: what comes in is any bytes; what goes out is no longer than kMaxFrame. A peer that has no room
// drops a frame, as a wire does, and counts it.
// Limits: no VLANs, no offloads: frames carry complete checksums.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "engine/telemetry/counter.hpp"

namespace violet::virtio {

inline constexpr std::size_t kMaxFrame = 1514;  // Ethernet without its check sequence.
using MacAddress = std::array<std::uint8_t, 6>;

class NetPeer {
 public:
  virtual ~NetPeer() = default;
  // A frame from the card.
  virtual void take(std::span<const std::byte> frame) = 0;
  // The next frame for the card; empty: none. It stays until pop().
  virtual std::span<const std::byte> front() = 0;
  virtual void pop() = 0;
  // The card was reset: what waits for it was for the driver before.
  virtual void reset() = 0;
  // Frames for which there was no room, or of which this end makes nothing. From any thread.
  virtual std::uint64_t dropped() const = 0;
};

// A host that is not there: it answers ARP for every address, and sends every IPv4 packet back with source
// and destination exchanged. Checksums stay right, because their sums do not know an order. So a program that
// connects from address A to any address B of the card's network reaches the one that listens at A, and every
// byte between them goes over the card twice.
class MirrorPeer final : public NetPeer {
 public:
  static constexpr std::size_t kMostWaiting = 1024;  // Frames.
  static constexpr MacAddress kMac = {0x52, 0x56, 0x00, 0x00, 0x00, 0x02};

  void take(std::span<const std::byte> frame) override;
  std::span<const std::byte> front() override {
    return waiting_.empty() ? std::span<const std::byte>() : std::span(waiting_.front());
  }
  void pop() override { waiting_.pop_front(); }
  void reset() override { waiting_.clear(); }

  std::uint64_t dropped() const override { return dropped_.value(); }

  std::uint64_t mirrored() const { return mirrored_.value(); }

 private:
  bool answer_arp(std::span<std::byte> frame) const;

  std::deque<std::vector<std::byte>> waiting_;
  Counter mirrored_, dropped_;
};

}  // namespace violet::virtio
