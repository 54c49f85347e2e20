// A payload can be checked: a sequence number at both ends of a buffer, a pattern between, so
// that bytes which arrive from elsewhere or not at all are noticed at the price of two loads.
//
// Threading: plain functions.
// Limits: buffers below 16 bytes carry only as much of the first stamp as fits.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace violet {

// Differs between neighbouring sequence numbers in every byte with high probability.
constexpr std::uint64_t stamp_of(std::uint64_t sequence) {
  std::uint64_t z = sequence + 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

inline void stamp_payload(std::span<std::byte> bytes, std::uint64_t sequence) {
  const std::uint64_t stamp = stamp_of(sequence);
  const std::size_t width = std::min(bytes.size(), sizeof(stamp));
  std::memcpy(bytes.data(), &stamp, width);
  if (bytes.size() >= 2 * sizeof(stamp)) {
    std::memcpy(bytes.data() + bytes.size() - sizeof(stamp), &stamp, sizeof(stamp));
  }
}

inline bool payload_matches(std::span<const std::byte> bytes, std::uint64_t sequence) {
  const std::uint64_t stamp = stamp_of(sequence);
  const std::size_t width = std::min(bytes.size(), sizeof(stamp));
  if (std::memcmp(bytes.data(), &stamp, width) != 0) return false;
  return bytes.size() < 2 * sizeof(stamp) ||
         std::memcmp(bytes.data() + bytes.size() - sizeof(stamp), &stamp, sizeof(stamp)) == 0;
}

}  // namespace violet
