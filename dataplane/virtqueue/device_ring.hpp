// A device ring takes chains off a virtqueue of either format and gives them back, in bursts: what both share.
//
// A ring type has
//   ready(n)            how many of the next n chains may be taken; looks at the ring
//   take(request, job)  reads one chain; the caller runs the job's copy afterwards
//   give_back(token, used)   writes one used entry that nobody sees before
//   publish()           shows every used entry since the last publish() with one release store, and
//                       notifies the driver if it asked for it
//   suppress_kicks(), arm_kicks()
//
// Threading: owner-only, the engine thread; counters may be read from anywhere.
// Invariants: the work of one take() is bounded: kMaxChainDescriptors reads, and for a packed chain
// that is longer one read for each ring slot that the driver gave up. Once fault() breaks the ring,
// nothing is read from it or written to it any more.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/virtqueue/chain.hpp"
#include "dataplane/virtqueue/chain_walk.hpp"
#include "dataplane/virtqueue/queue_layout.hpp"
#include "dataplane/virtqueue/ring_fault.hpp"
#include "engine/base/check.hpp"

namespace violet {

// How a used entry reaches a driver that sleeps (an eventfd, an interrupt). Null: the driver polls, and
// the device never looks whether it wants to be notified.
struct Notifier {
  void (*fire)(void* context) = nullptr;
  void* context = nullptr;
};

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

struct BurstResult {
  std::size_t taken;
  std::size_t seen;  // With the faulty ones; fewer than asked for when no more are there.
};

// Looks at up to out.size() <= kBurst chains.
template <class Ring>
BurstResult take_burst(Ring& ring, std::span<Request> out) {
  std::array<CopyJob, kBurst> jobs;
  const std::size_t ready = ring.ready(out.size());
  BurstResult result{0, 0};
  for (; result.seen < ready; ++result.seen) {
    const TakeResult one = ring.take(out[result.taken], jobs[result.taken]);
    if (one == TakeResult::kEmpty || one == TakeResult::kBroken) break;
    if (one == TakeResult::kTaken) ++result.taken;
  }
  for (std::size_t i = 0; i < result.taken; ++i) {
    copy_once(jobs[i].to, jobs[i].from, jobs[i].bytes);
  }
  if (result.taken < result.seen && !ring.broken()) ring.publish();
  return result;
}

}  // namespace violet
