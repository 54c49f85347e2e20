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

RingFault DmaChain::add(std::uint64_t address, std::uint32_t bytes, bool writable) {
  if (bytes == 0) return RingFault::kZeroLength;
  if (count_ == kMaxSegments) return RingFault::kChainTooLong;
  if (!writable && count_ != readable_count_) return RingFault::kWrongOrder;
  std::uint64_t& total = writable ? writable_ : readable_;
  if (total + bytes > std::numeric_limits<std::uint32_t>::max()) return RingFault::kLengthOverflow;
  total += bytes;
  segments_[count_++] = {{address}, bytes};
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
    const RingFault fault = walk_chain(*this, chain, head, layout_.size, features_);
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

bool DmaQueue::fetch(std::uint32_t index, Descriptor& out) {
  return read(layout_.descriptors.value + std::uint64_t{index} * kDescriptorBytes, out);
}

// A copy of the whole table, in one DMA.
RingFault DmaQueue::open_table(std::uint64_t address, std::uint32_t bytes, Table& table) {
  const auto into = std::as_writable_bytes(std::span(table_));
  if (bytes > into.size()) return RingFault::kChainTooLong;
  table = table_.data();
  const bool there = dma({address}, Access::kRead, into.first(bytes));
  return there ? RingFault::kNone : RingFault::kOutsideMemory;
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
