// A chain table remembers the descriptor chains that the device has taken, until they are given back; a gather
// collects the descriptors of one while they are read.
//
// Threading: owner-only, the engine thread.
// Invariants: every segment lies in guest memory (checked against the table of regions before it is
// kept); nothing kept here is read from the guest a second time.
// Limits: kMaxChainDescriptors (chain_walk.hpp) and kMaxWritableSegments bound the work and the memory of one chain.
// A virtio-iommu driver needs two descriptors.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "dataplane/virtqueue/guest_atomic.hpp"
#include "dataplane/virtqueue/guest_memory.hpp"
#include "dataplane/virtqueue/ring_fault.hpp"
#include "engine/base/aligned_array.hpp"
#include "engine/device/queues.hpp"

namespace violet {

inline constexpr unsigned kMaxWritableSegments = 8;

struct Segment {
  std::byte* host;
  std::uint32_t bytes;
};

// The writable part of a chain in flight.
struct Chain {
  Segment first{nullptr, 0};
  std::uint32_t writable = 0;
  std::uint16_t slots = 0;  // Ring descriptors it occupies.
  std::uint8_t segments = 0;
  bool in_flight = false;
};

using MoreSegments = std::array<Segment, kMaxWritableSegments - 1>;

// The chains of a queue by token. The segments behind the first are kept apart: they are rare.
class ChainTable {
 public:
  explicit ChainTable(std::size_t tokens) : tokens_(tokens), chains_(tokens), more_(tokens) {}

  std::size_t tokens() const { return tokens_; }
  Chain& operator[](std::uint32_t token) { return chains_[token]; }
  MoreSegments& more(std::uint32_t token) { return more_[token]; }
  bool in_flight(std::uint32_t token) const { return token < tokens_ && chains_[token].in_flight; }

  // Stores bytes at an offset of the writable part; false when they do not fit.
  bool write(std::uint32_t token, std::uint64_t offset, std::span<const std::byte> bytes);

 private:
  std::size_t tokens_;
  AlignedArray<Chain> chains_;
  AlignedArray<MoreSegments> more_;
};

// A copy that was put off, so that the lines of a burst are all on their way before the first is used.
struct CopyJob {
  std::byte* to;
  const std::byte* from;
  std::uint32_t bytes;
};

// Collects the descriptors of one chain.
class ChainGather {
 public:
  ChainGather(RegionCache& regions, Request& request) : regions_(regions), request_(request) {}

  RingFault add(std::uint64_t address, std::uint32_t length, bool writable) noexcept {
    if (length == 0) return RingFault::kZeroLength;
    std::byte* const host = regions_.host({address}, length);
    if (host == nullptr) return RingFault::kOutsideMemory;
    return writable ? add_writable(host, length) : add_readable(host, length);
  }

  // Fills in the request and the chain; prefetches what the burst will touch.
  void commit(std::uint32_t token, std::uint16_t slots, ChainTable& table, CopyJob& job) noexcept {
    request_.token = token;
    request_.readable = readable_;
    request_.writable = chain_.writable;
    chain_.slots = slots;
    chain_.in_flight = true;
    table[token] = chain_;
    for (unsigned i = 1; i < chain_.segments; ++i) table.more(token)[i - 1] = more_[i - 1];
    job = {request_.bytes.data(), head_.host, head_.bytes};
    prefetch();
  }

 private:
  RingFault add_readable(const std::byte* host, std::uint32_t length) noexcept {
    if (chain_.segments != 0) return RingFault::kWrongOrder;
    if (length > std::numeric_limits<std::uint32_t>::max() - readable_) {
      return RingFault::kLengthOverflow;
    }
    const std::uint32_t at = readable_;
    readable_ += length;
    if (at >= kMaxRequestBytes) return RingFault::kNone;
    const auto room = static_cast<std::uint32_t>(kMaxRequestBytes) - at;
    const std::uint32_t bytes = length < room ? length : room;
    if (at == 0) {
      head_ = {host, bytes};
    } else {
      copy_once(request_.bytes.data() + at, host, bytes);
    }
    return RingFault::kNone;
  }

  RingFault add_writable(std::byte* host, std::uint32_t length) noexcept {
    if (length > std::numeric_limits<std::uint32_t>::max() - chain_.writable) {
      return RingFault::kLengthOverflow;
    }
    chain_.writable += length;
    if (chain_.segments++ == 0) {
      chain_.first = {host, length};
      return RingFault::kNone;
    }
    if (chain_.segments > kMaxWritableSegments) return RingFault::kTooManyWritable;
    more_[chain_.segments - 2] = {host, length};
    return RingFault::kNone;
  }

  // A request whose answer lies in its own cache line is fetched for writing at once.
  void prefetch() const noexcept {
    const auto line = [](const std::byte* at) {
      return reinterpret_cast<std::uintptr_t>(at) / kCacheLine;
    };
    if (chain_.segments != 0) prefetch_for_write(chain_.first.host);
    if (head_.bytes == 0) return;
    if (chain_.segments == 0 || line(head_.host) != line(chain_.first.host)) {
      __builtin_prefetch(head_.host);
    }
    const std::byte* const last = head_.host + (head_.bytes - 1);
    if (line(last) != line(head_.host)) __builtin_prefetch(last);
  }

  RegionCache& regions_;
  Request& request_;
  Chain chain_;
  std::uint32_t readable_ = 0;
  struct {
    const std::byte* host = nullptr;
    std::uint32_t bytes = 0;
  } head_;
  MoreSegments more_;
};

}  // namespace violet
