#include "dataplane/virtio/net_peer.hpp"

#include <algorithm>
#include <cstring>

namespace violet::virtio {
namespace {

// IEEE 802.3: destination, source, EtherType.
constexpr std::size_t kTo = 0, kFrom = 6, kEtherType = 12, kEthernet = 14;
// RFC 791: where an IPv4 header has its addresses.
constexpr std::size_t kIpFrom = kEthernet + 12, kIpTo = kEthernet + 16, kIpv4 = kEthernet + 20;
// RFC 826: hardware and protocol types and lengths, operation, sender's and target's addresses.
constexpr std::size_t kArpOperation = kEthernet + 6, kArpSender = kEthernet + 8;
constexpr std::size_t kArpTarget = kEthernet + 18, kArp = kEthernet + 28;
constexpr std::size_t kArpAddresses = 10;  // Six of hardware, four of IPv4.
constexpr std::uint8_t kRequest = 1, kReply = 2;

std::uint16_t word_at(std::span<const std::byte> frame, std::size_t at) {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(frame[at]) << 8 |
                                    std::to_integer<unsigned>(frame[at + 1]));
}
void put_mac(std::span<std::byte> frame, std::size_t at) {
  std::memcpy(frame.data() + at, MirrorPeer::kMac.data(), MirrorPeer::kMac.size());
}
void exchange(std::span<std::byte> frame, std::size_t a, std::size_t b, std::size_t bytes) {
  std::swap_ranges(frame.begin() + static_cast<std::ptrdiff_t>(a),
                   frame.begin() + static_cast<std::ptrdiff_t>(a + bytes),
                   frame.begin() + static_cast<std::ptrdiff_t>(b));
}

}  // namespace

// Who asks gets our address, whatever he asks for.
bool MirrorPeer::answer_arp(std::span<std::byte> frame) const {
  if (frame.size() < kArp || word_at(frame, kArpOperation) != kRequest) return false;
  frame[kArpOperation + 1] = std::byte{kReply};
  exchange(frame, kArpSender, kArpTarget, kArpAddresses);
  put_mac(frame, kArpSender);
  return true;
}

void MirrorPeer::take(std::span<const std::byte> frame) {
  constexpr std::uint16_t kTypeIpv4 = 0x0800, kTypeArp = 0x0806;
  if (frame.size() < kEthernet || frame.size() > kMaxFrame) return dropped_.add();
  if (waiting_.size() >= kMostWaiting) return dropped_.add();
  std::vector<std::byte> answer(frame.begin(), frame.end());
  const std::uint16_t type = word_at(frame, kEtherType);
  if (type == kTypeIpv4 && frame.size() >= kIpv4) {
    exchange(answer, kIpFrom, kIpTo, 4);
  } else if (type != kTypeArp || !answer_arp(answer)) {
    return dropped_.add();
  }
  std::memcpy(answer.data() + kTo, frame.data() + kFrom, kMac.size());
  put_mac(answer, kFrom);
  waiting_.push_back(std::move(answer));
  mirrored_.add();
}

}  // namespace violet::virtio
