// A device ring takes chains off a virtqueue of either format and gives them back, in bursts: what both share. A
// gather collects the descriptors of a chain while they are read; a chain table remembers the chains that were taken
// until they are given back.
//
// A ring type has
//   ready(n)            how many of the next n chains may be taken; looks at the ring
//   take(request, first)  reads one chain; its first readable segment is left to the caller to copy
//   give_back(token, used)   writes one used entry that nobody sees before
//   publish()           shows every used entry since the last publish() with one release store, and
//                       notifies the driver if it asked for it
//   suppress_kicks(), arm_kicks()
//
// Threading: owner-only, the engine thread; counters may be read from anywhere.
// Invariants: the work of one take() is bounded: kMaxChainDescriptors reads, and for a packed chain
// that is longer one read for each ring slot that the driver gave up. Once fault() breaks the ring,
// nothing is read from it or written to it any more. Every segment lies in guest memory (checked against the table
// of regions before it is kept); nothing kept here is read from the guest a second time.
// Limits: kMaxChainDescriptors and kMaxWritableSegments bound the work and the memory of one chain.
// A virtio-iommu driver needs two descriptors.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>

#include "dataplane/virtqueue/chain_walk.hpp"
#include "dataplane/virtqueue/device_queue.hpp"
#include "dataplane/virtqueue/guest_atomic.hpp"
#include "engine/base/aligned_array.hpp"
#include "engine/base/check.hpp"

namespace violet {

// --- Chains ---

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

  // Stores bytes at an offset of the writable part; false when they do not fit. Out of line: the answer to a MAP or an
  // UNMAP fits into the first segment.
  [[gnu::noinline]] bool write(std::uint32_t token, std::uint64_t offset,
                               std::span<const std::byte> bytes) {
    if (!in_flight(token)) return false;
    const Chain& chain = chains_[token];
    if (offset > chain.writable || bytes.size() > chain.writable - offset) return false;
    for (unsigned i = 0; i < chain.segments && !bytes.empty(); ++i) {
      const Segment& segment = i == 0 ? chain.first : more_[token][i - 1];
      if (offset >= segment.bytes) {
        offset -= segment.bytes;
        continue;
      }
      const std::size_t now = std::min<std::size_t>(bytes.size(), segment.bytes - offset);
      std::memcpy(segment.host + offset, bytes.data(), now);
      bytes = bytes.subspan(now);
      offset = 0;
    }
    return true;
  }

 private:
  std::size_t tokens_;
  AlignedArray<Chain> chains_;
  AlignedArray<MoreSegments> more_;
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

  // Fills in the request and the chain; prefetches what the burst will touch. `first` is still to be copied to the front
  // of the request's bytes: put off, so that the lines of a burst are all on their way before one is used.
  void commit(std::uint32_t token, std::uint16_t slots, ChainTable& table,
              Segment& first) noexcept {
    request_.token = token;
    request_.readable = readable_;
    request_.writable = chain_.writable;
    chain_.slots = slots;
    chain_.in_flight = true;
    table[token] = chain_;
    for (unsigned i = 1; i < chain_.segments; ++i) table.more(token)[i - 1] = more_[i - 1];
    first = first_;
    prefetch();
  }

 private:
  RingFault add_readable(std::byte* host, std::uint32_t length) noexcept {
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
      first_ = {host, bytes};
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
    if (first_.bytes == 0) return;
    if (chain_.segments == 0 || line(first_.host) != line(chain_.first.host)) {
      __builtin_prefetch(first_.host);
    }
    const std::byte* const last = first_.host + (first_.bytes - 1);
    if (line(last) != line(first_.host)) __builtin_prefetch(last);
  }

  RegionCache& regions_;
  Request& request_;
  Chain chain_;
  std::uint32_t readable_ = 0;
  Segment first_{nullptr, 0};  // Readable, as far as it has room in the request.
  MoreSegments more_;
};

// --- The ring ---

enum class TakeResult : std::uint8_t { kTaken, kReturned, kEmpty, kBroken };

class DeviceRing {
 public:
  bool broken() const noexcept { return fault_ != RingFault::kNone; }
  RingFault fault() const noexcept { return fault_; }
  const RingCounters& counters() const noexcept { return counters_; }
  ChainTable& chains() noexcept { return chains_; }
  // The guest's memory has other regions now. What is in flight keeps its addresses.
  void refresh_regions() noexcept { regions_.refresh(); }

 protected:
  DeviceRing(const GuestMemory& memory, const QueueLayout& layout, const QueueAreas& areas,
             RingFeatures features, Notifier notifier)
      : descriptors_(areas.descriptors),
        driver_(areas.driver),
        device_(areas.device),
        size_(layout.size),
        features_(features),
        notifier_(notifier),
        regions_(memory),
        chains_(layout.size) {}

  TakeResult break_ring(RingFault fault) noexcept {
    fault_ = fault;
    counters_.count(fault);
    return TakeResult::kBroken;
  }

  // Descriptors of the ring itself: aligned, and shared with a driver that may be writing.
  Descriptor read_descriptor(std::uint32_t index) const noexcept {
    const std::byte* const at = descriptors_ + std::size_t{index} * kDescriptorBytes;
    return {load_relaxed<std::uint64_t>(at), load_relaxed<std::uint64_t>(at + 8)};
  }

  // An indirect table in guest memory. Its address need not be aligned.
  struct Table {
    Descriptor operator[](std::uint32_t index) const noexcept {
      const std::byte* const at = first + std::size_t{index} * kDescriptorBytes;
      return {load_unaligned<std::uint64_t>(at), load_unaligned<std::uint64_t>(at + 8)};
    }
    const std::byte* first;
  };

  RingFault open_table(std::uint64_t address, std::uint32_t bytes, Table& table) noexcept {
    table.first = table_hint_ = regions_.host({address}, bytes);
    return table.first == nullptr ? RingFault::kOutsideMemory : RingFault::kNone;
  }

  // A driver that waits for each answer sends its next request from the same buffer. Fetched along with
  // the ring's line, it is there when the request is seen: one trip between the cores instead of two.
  void prefetch_hint() const noexcept {
    if (hint_ != nullptr) __builtin_prefetch(hint_);
    if (table_hint_ != nullptr) __builtin_prefetch(table_hint_);
  }

  void notify() noexcept {
    counters_.notifications.add();
    notifier_.fire(notifier_.context);
  }

  std::byte* descriptors_;
  std::byte* driver_;
  std::byte* device_;
  std::uint32_t size_;
  RingFeatures features_;
  RingFault fault_ = RingFault::kNone;
  const std::byte* hint_ = nullptr;        // The buffer of the last request,
  const std::byte* table_hint_ = nullptr;  // and its indirect table.
  Notifier notifier_;
  RegionCache regions_;
  ChainTable chains_;
  RingCounters counters_;
};

// Chains that are read before the first of their buffers is copied.
inline constexpr std::size_t kBurst = 32;

}  // namespace violet
