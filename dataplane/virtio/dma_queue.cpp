#include "dataplane/virtio/dma_queue.hpp"

#include <algorithm>
#include <limits>

#include "dataplane/virtqueue/guest_atomic.hpp"

namespace violet::virtio {
namespace {

// VIRTIO 1.2, section 2.7.
constexpr std::uint64_t kIndex = 2;
constexpr std::uint64_t kFlags = 0;

struct UsedElement {
  std::uint32_t id;
  std::uint32_t bytes;
};

}  // namespace

void DmaChain::clear(std::uint16_t head) {
  head_ = head;
  count_ = readable_count_ = 0;
  readable_ = writable_ = 0;
}

RingFault DmaChain::add(Iova iova, std::uint32_t bytes, bool writable) {
  if (bytes == 0) return RingFault::kZeroLength;
  if (count_ == kMaxSegments) return RingFault::kChainTooLong;
  if (!writable && count_ != readable_count_) return RingFault::kWrongOrder;
  std::uint64_t& total = writable ? writable_ : readable_;
  if (total + bytes > std::numeric_limits<std::uint32_t>::max()) return RingFault::kLengthOverflow;
  total += bytes;
  segments_[count_++] = {iova, bytes};
  if (!writable) ++readable_count_;
  return RingFault::kNone;
}

std::size_t DmaChain::plan(Access access, std::uint64_t from, std::uint32_t bytes,
                           std::byte* buffer, std::span<DmaOp> ops) const {
  const bool reads = access == Access::kRead;
  const unsigned end = reads ? readable_count_ : count_;
  std::size_t planned = 0;
  for (unsigned i = reads ? 0 : readable_count_; i < end && bytes > 0; ++i) {
    const DmaSegment& segment = segments_[i];
    if (from >= segment.bytes) {
      from -= segment.bytes;
      continue;
    }
    const std::uint32_t now = std::min(bytes, segment.bytes - static_cast<std::uint32_t>(from));
    ops[planned++] = {{segment.iova.value + from}, now, access, buffer, DmaResult::kOk};
    buffer += now;
    bytes -= now;
    from = 0;
  }
  return planned;
}

DmaQueue::DmaQueue(DmaPort& port, const QueueSetup& setup)
    : port_(port), layout_(setup.layout), features_(setup.features), notifier_(setup.notifier) {}

bool DmaQueue::dma(Iova iova, Access access, std::span<std::byte> bytes) {
  DmaOp op{iova, static_cast<std::uint32_t>(bytes.size()), access, bytes.data(), DmaResult::kOk};
  return port_.run(std::span(&op, 1)) == 1;
}

bool DmaQueue::break_ring(RingFault fault) {
  fault_ = fault;
  counters_.count(fault);
  return false;
}

bool DmaQueue::suppress_kicks() {
  if (write(layout_.device.value + kFlags, ring::kNoNotification)) return true;
  return break_ring(RingFault::kUnreachable);
}

bool DmaQueue::refresh() {
  if (!read(layout_.driver.value + kIndex, seen_)) return break_ring(RingFault::kUnreachable);
  const auto there = static_cast<std::uint16_t>(seen_ - next_);
  if (there > layout_.size) return break_ring(RingFault::kIndexJump);
  // The entries after the index; partner: the driver's barrier between the two.
  __atomic_thread_fence(__ATOMIC_ACQUIRE);
  return there > 0;
}

// As many heads at once as do not wrap.
bool DmaQueue::read_heads() {
  const std::uint32_t slot = next_ & mask();
  const std::uint32_t there = static_cast<std::uint16_t>(seen_ - next_);
  heads_left_ = std::min({there, kHeads, layout_.size - slot});
  next_head_ = 0;
  const Iova at{layout_.driver.value + ring::kRingHead + std::uint64_t{slot} * 2};
  if (dma(at, Access::kRead, std::as_writable_bytes(std::span(heads_).first(heads_left_)))) {
    return true;
  }
  return break_ring(RingFault::kUnreachable);
}

bool DmaQueue::take(DmaChain& chain) {
  while (!broken()) {
    if (heads_left_ == 0) {
      if (seen_ == next_ && !refresh()) return false;
      if (!read_heads()) return false;
    }
    const std::uint16_t head = heads_[next_head_++];
    --heads_left_;
    ++next_;
    if (head >= layout_.size) return break_ring(RingFault::kHeadOutOfRange);
    chain.clear(head);
    const RingFault fault = walk(chain);
    if (fault == RingFault::kNone) {
      counters_.taken.add();
      return true;
    }
    if (breaks_ring(fault)) return break_ring(fault);
    counters_.count(fault);
    counters_.returned.add();
    give_back(head, 0);
    return false;  // One chain a call, good or not: the caller's budget bounds the work.
  }
  return false;
}

RingFault DmaQueue::walk(DmaChain& chain) {
  std::uint16_t index = chain.head();
  for (unsigned count = 1;; ++count) {
    Descriptor descriptor{};
    const std::uint64_t at = layout_.descriptors.value + std::uint64_t{index} * kDescriptorBytes;
    if (!read(at, descriptor)) return RingFault::kUnreachable;
    const std::uint16_t flags = ring::word_low(descriptor.word);
    if ((flags & ring::kIndirect) != 0) return walk_table(descriptor, chain);
    const RingFault fault = chain.add({descriptor.address}, ring::word_length(descriptor.word),
                                      (flags & ring::kWrite) != 0);
    if (fault != RingFault::kNone) return fault;
    if ((flags & ring::kNext) == 0) return RingFault::kNone;
    index = ring::word_high(descriptor.word);
    if (index >= layout_.size) return RingFault::kNextOutOfRange;
    if (count >= layout_.size) return RingFault::kLoop;
  }
}

RingFault DmaQueue::walk_table(Descriptor pointer, DmaChain& chain) {
  if (!features_.indirect) return RingFault::kIndirectNotNegotiated;
  if ((ring::word_low(pointer.word) & ring::kNext) != 0) return RingFault::kIndirectWithNext;
  const std::uint32_t bytes = ring::word_length(pointer.word);
  if (bytes == 0 || bytes % kDescriptorBytes != 0) return RingFault::kIndirectLength;
  const std::uint32_t entries = bytes / static_cast<std::uint32_t>(kDescriptorBytes);
  if (entries > table_.size()) return RingFault::kChainTooLong;
  if (!dma({pointer.address}, Access::kRead,
           std::as_writable_bytes(std::span(table_).first(entries)))) {
    return RingFault::kOutsideMemory;
  }
  std::uint32_t index = 0;
  for (unsigned count = 1;; ++count) {
    const Descriptor& entry = table_[index];
    const std::uint16_t flags = ring::word_low(entry.word);
    if ((flags & ring::kIndirect) != 0) return RingFault::kNestedIndirect;
    const RingFault fault =
        chain.add({entry.address}, ring::word_length(entry.word), (flags & ring::kWrite) != 0);
    if (fault != RingFault::kNone) return fault;
    if ((flags & ring::kNext) == 0) return RingFault::kNone;
    index = ring::word_high(entry.word);
    if (index >= entries) return RingFault::kIndirectNextOutside;
    if (count >= entries) return RingFault::kLoop;
  }
}

void DmaQueue::give_back(std::uint16_t head, std::uint32_t used) {
  if (broken()) return;
  const std::uint64_t slot = used_ & mask();
  const UsedElement element{head, used};
  if (!write(layout_.device.value + ring::kRingHead + slot * ring::kUsedElement, element)) {
    break_ring(RingFault::kUnreachable);
    return;
  }
  ++used_;
}

void DmaQueue::publish() {
  if (broken() || used_ == published_) return;
  // Partner: the driver's barrier between the used index and the elements.
  __atomic_thread_fence(__ATOMIC_RELEASE);
  std::uint16_t driver_flags = 0;
  const bool shown = write(layout_.device.value + kIndex, used_);
  // Either we see the driver's wish or the driver sees our index (partner: its barrier after the wish).
  full_barrier();
  if (!shown || !read(layout_.driver.value + kFlags, driver_flags)) {
    break_ring(RingFault::kUnreachable);
    return;
  }
  published_ = used_;
  if (notifier_.fire == nullptr || (driver_flags & ring::kNoNotification) != 0) return;
  counters_.notifications.add();
  notifier_.fire(notifier_.context);
}

}  // namespace violet::virtio
