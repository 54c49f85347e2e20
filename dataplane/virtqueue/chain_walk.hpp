// A chain walk follows the descriptors of one chain of a split virtqueue, wherever the ring lies, and finds
// everything that can be wrong with them.
//
// A source reads descriptors, each one once:
//   bool fetch(index, descriptor)                of the ring; false: the ring is out of reach
//   RingFault open_table(address, bytes, table)  an indirect table of whole descriptors; table[index] reads one
// A sink keeps what it needs of them:
//   RingFault add(address, length, writable)   one buffer; only faults of one chain
//
// Threading: owner-only, as source and sink are.
// Invariants: at most kMaxChainDescriptors descriptors of the ring and as many of a table are read; an index is checked
// before it is used.
#pragma once

#include <cstdint>

#include "dataplane/virtqueue/queue_layout.hpp"
#include "dataplane/virtqueue/ring_fault.hpp"

namespace violet {

// Whether a descriptor with INDIRECT may point to a table (sections 2.7.5.3 and 2.8.8), for either format.
constexpr RingFault check_indirect(RingFeatures features, std::uint16_t flags,
                                   std::uint32_t bytes) noexcept {
  if ((flags & ring::kNext) != 0) return RingFault::kIndirectWithNext;
  if (!features.indirect) return RingFault::kIndirectNotNegotiated;
  if (bytes == 0 || bytes % kDescriptorBytes != 0) return RingFault::kIndirectLength;
  return RingFault::kNone;
}

template <class Source, class Sink>
class ChainWalk {
 public:
  static RingFault run(Source& source, Sink& sink, std::uint16_t head, std::uint32_t size,
                       RingFeatures features) noexcept {
    std::uint16_t index = head;
    for (unsigned count = 1;; ++count) {
      Descriptor descriptor;
      if (!source.fetch(index, descriptor)) return RingFault::kUnreachable;
      const std::uint16_t flags = ring::word_low(descriptor.word);
      if ((flags & ring::kIndirect) != 0) return walk_table(source, sink, descriptor, features);
      if (const RingFault fault = add(sink, descriptor); fault != RingFault::kNone) return fault;
      if ((flags & ring::kNext) == 0) return RingFault::kNone;
      index = ring::word_high(descriptor.word);
      if (index >= size) return RingFault::kNextOutOfRange;
      if (count >= size) return RingFault::kLoop;
      if (count >= kMaxChainDescriptors) return RingFault::kChainTooLong;
    }
  }

 private:
  static RingFault add(Sink& sink, const Descriptor& descriptor) noexcept {
    return sink.add(descriptor.address, ring::word_length(descriptor.word),
                    (ring::word_low(descriptor.word) & ring::kWrite) != 0);
  }

  // Out of line: drivers that use tables wait for memory here, and those that do not keep a short loop.
  [[gnu::noinline]] static RingFault walk_table(Source& source, Sink& sink,
                                                const Descriptor& pointer,
                                                RingFeatures features) noexcept {
    const std::uint32_t bytes = ring::word_length(pointer.word);
    RingFault fault = check_indirect(features, ring::word_low(pointer.word), bytes);
    if (fault != RingFault::kNone) return fault;
    typename Source::Table table;
    fault = source.open_table(pointer.address, bytes, table);
    if (fault != RingFault::kNone) return fault;
    const std::uint32_t entries = bytes / static_cast<std::uint32_t>(kDescriptorBytes);
    std::uint32_t index = 0;
    for (unsigned count = 1;; ++count) {
      const Descriptor entry = table[index];
      const std::uint16_t flags = ring::word_low(entry.word);
      if ((flags & ring::kIndirect) != 0) return RingFault::kNestedIndirect;
      if (fault = add(sink, entry); fault != RingFault::kNone) return fault;
      if ((flags & ring::kNext) == 0) return RingFault::kNone;
      index = ring::word_high(entry.word);
      if (index >= entries) return RingFault::kIndirectNextOutside;
      if (count >= entries) return RingFault::kLoop;
      if (count >= kMaxChainDescriptors) return RingFault::kChainTooLong;
    }
  }
};

// `head` is below `size`, the ring's.
template <class Source, class Sink>
RingFault walk_chain(Source& source, Sink& sink, std::uint16_t head, std::uint32_t size,
                     RingFeatures features) noexcept {
  return ChainWalk<Source, Sink>::run(source, sink, head, size, features);
}

}  // namespace violet
