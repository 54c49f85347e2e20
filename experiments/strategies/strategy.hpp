// A strategy decides what a guest kernel does between dma_map and dma_unmap.
//
// Threading: the guest lcore only. Several modelled CPUs share it; `cpu` says which one is acting, so
// that per-CPU magazines and flush queues behave as on a real guest.
// Invariants:
//   An IOVA is not handed out again while any device could still translate its last use (the exposure ledger
//   counts violations; the number must be 0), unless for the same page with the same rights (DmaMapping::kept).
//   After unmap() of a strict strategy returns, no endpoint can reach the buffer.
//   A failed map() leaves nothing mapped.
//   What map_list() made is unmapped whole: all of it, in its order, in one unmap_list() (which may hold other
//   lists and single mappings beside it).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "engine/base/clock.hpp"
#include "engine/base/result.hpp"
#include "experiments/guest/dma_api.hpp"

namespace violet {

class Strategy {
 public:
  virtual ~Strategy() = default;

  // Attaches the endpoints as this strategy needs (a bypass domain, an identity map, an empty
  // domain) and prepares pools. Called once, before the first map().
  virtual Status start() = 0;
  // dma_map_single(); nothing when the mapping could not be made.
  virtual std::optional<DmaMapping> map(std::uint16_t endpoint, DmaBuffer buffer,
                                        DmaDirection direction, unsigned cpu) = 0;
  // dma_map_sg() of several buffers with one sync at its end. All or nothing; `out` is as long.
  virtual bool map_list(std::uint16_t endpoint, std::span<const DmaBuffer> buffers,
                        DmaDirection direction, unsigned cpu, std::span<DmaMapping> out) = 0;
  // dma_unmap_single().
  virtual void unmap(const DmaMapping& mapping, unsigned cpu) = 0;
  virtual void unmap_list(std::span<const DmaMapping> mappings, unsigned cpu) = 0;
  // dma_sync_single_for_device() / _for_cpu(): only strategies that copy do anything.
  virtual void sync_for_device(const DmaMapping& mapping) = 0;
  virtual void sync_for_cpu(const DmaMapping& mapping) = 0;
  // dma_alloc_coherent() and its end: rings and lists that both sides use all the time, without syncs.
  // A strategy that copies must map these directly; for the others they are mappings like any other.
  virtual std::optional<DmaMapping> map_coherent(std::uint16_t endpoint, DmaBuffer buffer,
                                                 unsigned cpu) {
    return map(endpoint, buffer, DmaDirection::kBidirectional, cpu);
  }
  virtual void unmap_coherent(const DmaMapping& mapping, unsigned cpu) { unmap(mapping, cpu); }
  // Timers: flush-queue timeout, pool eviction. Called often; must be cheap when nothing is due.
  virtual void tick(Ticks now) = 0;
  // Ends all deferred work (flushes queues), as an unbind would.
  virtual void drain() = 0;
  // Gives an endpoint of which nothing is mapped to a fresh domain, as a guest that hands its device on. What is deferred is
  // drained before. Only of a strategy whose StrategyInfo says that it reassigns.
  virtual Status reassign(std::uint16_t /*endpoint*/) {
    return fail("this strategy keeps something of the domain that an endpoint leaves");
  }
  // Bytes that stay reachable by the device whatever is mapped (direct: all memory; bounce: the pools).
  virtual std::uint64_t always_mapped_bytes() const = 0;
};

}  // namespace violet
