#include "experiments/guest/flush_queue.hpp"

#include <algorithm>

#include "engine/base/check.hpp"

namespace violet {

FlushQueue::FlushQueue(Owner& owner, const FlushQueueOptions& options)
    : owner_(owner), options_(options), timeout_(ns_to_ticks(options.timeout_ns)) {
  options_.entries = std::max(2u, options.entries);
  options_.cpus = std::max(1u, options.cpus);
  rings_.resize(options_.per_cpu ? options_.cpus : 1);
  for (Ring& ring : rings_) ring.entries.resize(options_.entries);
}

void FlushQueue::flush() {
  ++begun_;
  if (!owner_.flush_all()) return;
  finished_ = begun_;
}

void FlushQueue::release_flushed(Ring& ring, unsigned cpu) {
  while (ring.head != ring.tail) {
    const Entry& entry = ring.entries[ring.head];
    if (entry.flushes_begun >= finished_) return;  // No flush began after it was queued.
    owner_.release(entry.first, entry.granules, cpu);
    ++released_;
    ring.head = next(ring.head);
  }
}

void FlushQueue::queue(Iova first, std::uint64_t granules, unsigned cpu, Ticks now) {
  VIOLET_DCHECK(cpu < options_.cpus);
  Ring& ring = ring_of(cpu);
  release_flushed(ring, cpu);
  if (full(ring)) {
    ++full_flushes_;
    flush();
    release_flushed(ring, cpu);
    // The IOMMU does not answer: the address is lost rather than used again.
    if (full(ring)) return;
  }
  ring.entries[ring.tail] = {first, granules, begun_};
  ring.tail = next(ring.tail);
  if (!timer_on_) {
    timer_on_ = true;
    timer_cpu_ = cpu;
    due_ = now + timeout_;
  }
}

void FlushQueue::expire() {
  timer_on_ = false;
  flush();
  for (Ring& ring : rings_) release_flushed(ring, timer_cpu_);
}

void FlushQueue::drain() {
  timer_on_ = false;
  flush();
  for (Ring& ring : rings_) release_flushed(ring, 0);
}

std::size_t FlushQueue::queued() const {
  std::size_t count = 0;
  for (const Ring& ring : rings_) {
    count += (ring.tail + options_.entries - ring.head) % options_.entries;
  }
  return count;
}

}  // namespace violet
