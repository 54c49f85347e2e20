// The flush queue of lazy mode (dma-iommu.c) holds I/O virtual addresses that were unmapped until a flush of the
// IOMMU, so that they are not used again while the device might still translate them.
//
// Threading: owner-only; in the kernel each ring has a lock of its own.
// Invariants:
//   An address is released only after a flush that began after it was queued: its entry carries the count of
//   flushes begun, and is released when that is below the count of flushes finished.
//   A full ring flushes at once, and that flush serves the rings of all CPUs.
//   The first entry arms the timer; when it expires everything is flushed and every ring released.
// Limits: a ring of n entries holds n - 1.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/clock.hpp"
#include "engine/base/types.hpp"

namespace violet {

struct FlushQueueOptions {
  bool per_cpu = true;          // False: one ring for all CPUs (IOMMU_DMA_OPTS_SINGLE_QUEUE).
  std::uint32_t entries = 256;  // Per ring; IOVA_DEFAULT_FQ_SIZE, and 32768 for the single one.
  std::uint64_t timeout_ns = 10'000'000;  // 10 ms, and 1 s for the single one.
  unsigned cpus = 1;
};

class FlushQueue {
 public:
  // What the queue needs of the domain.
  class Owner {
   public:
    virtual ~Owner() = default;
    // flush_iotlb_all: afterwards nothing that was unmapped before can be translated any more. False
    // when the IOMMU did not answer: nothing is released then.
    virtual bool flush_all() = 0;
    virtual void release(Iova first, std::uint64_t granules, unsigned cpu) = 0;
  };

  FlushQueue(Owner& owner, const FlushQueueOptions& options);

  // Parks an address. `now` arms the timer.
  void queue(Iova first, std::uint64_t granules, unsigned cpu, Ticks now);
  // Runs the timer when it is due.
  void tick(Ticks now) {
    if (timer_on_ && now >= due_) [[unlikely]]
      expire();
  }
  // Flushes and releases everything, as when the domain is freed.
  void drain();

  std::size_t queued() const;
  bool timer_on() const { return timer_on_; }
  std::uint64_t flushes() const { return finished_; }
  std::uint64_t full_flushes() const { return full_flushes_; }
  // Entries released since the start.
  std::uint64_t released() const { return released_; }

 private:
  struct Entry {
    Iova first;
    std::uint64_t granules;
    std::uint64_t flushes_begun;
  };
  struct Ring {
    std::vector<Entry> entries;
    std::uint32_t head = 0;
    std::uint32_t tail = 0;
  };

  Ring& ring_of(unsigned cpu) { return rings_[options_.per_cpu ? cpu : 0]; }
  std::uint32_t next(std::uint32_t at) const { return at + 1 == options_.entries ? 0 : at + 1; }
  bool full(const Ring& ring) const { return next(ring.tail) == ring.head; }
  void flush();
  void release_flushed(Ring& ring, unsigned cpu);
  void expire();

  Owner& owner_;
  FlushQueueOptions options_;
  Ticks timeout_;
  std::vector<Ring> rings_;
  std::uint64_t begun_ = 0;
  std::uint64_t finished_ = 0;
  bool timer_on_ = false;
  Ticks due_ = 0;
  unsigned timer_cpu_ = 0;  // The timer runs where it was armed, and so frees there.
  std::uint64_t full_flushes_ = 0;
  std::uint64_t released_ = 0;
};

}  // namespace violet
