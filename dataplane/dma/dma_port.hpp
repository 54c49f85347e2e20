// A DMA port is all that an endpoint model sees of the IOMMU: bursts of DMA, translated through the IOTLB
// of its lcore and then really copied. One virtual call per burst.
//
// Threading: owner-only: the lcore that runs the endpoint. run() and probe() each are one online
// section of that lcore's reader (quiescence.hpp), so nothing is held between calls. A long run() is
// quiescent now and then.
// Invariants: an op touches guest memory only inside its translated range (C1, C3); an op that
// faults part-way has copied nothing of the faulting page and reports kFault...; one that leaves the
// guest's memory has copied what lies in front of its end; other ops still run. An aligned word of 2, 4 or
// 8 bytes is moved at once. Ops of one run() need not see the same mappings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/types.hpp"
#include "engine/iotlb/iotlb.hpp"

namespace violet {

enum class DmaResult : std::uint8_t {
  kOk,
  kFaultDomain,    // Endpoint attached to nothing and not in bypass.
  kFaultMapping,   // No mapping, or not this access.
  kOutsideMemory,  // Translated (or bypassed) to an address where the guest has no memory.
  kReserved,       // A RESV_MEM region: goes to its owner, never to guest memory (D47).
};

struct DmaOp {
  Iova iova;
  std::uint32_t bytes;  // May cross pages. 0: nothing is touched, and that is kOk.
  Access access;        // kRead: the endpoint reads guest memory into buffer. kWrite: the reverse.
  std::byte* buffer;    // The endpoint's own memory, `bytes` long.
  DmaResult result;     // Set by run().
};

class DmaPort {
 public:
  virtual ~DmaPort() = default;
  // Runs the ops in order; returns how many ended in kOk. Faults are reported to the event queue.
  virtual std::size_t run(std::span<DmaOp> ops) = 0;
  // Would a one-byte access reach guest memory now? Copies nothing and reports no fault: the rogue
  // endpoint uses it to measure exposure.
  virtual bool probe(Iova iova, Access access) = 0;
  virtual IotlbReaderStats stats() const = 0;
  // The regions of the guest's memory were replaced. Nothing to do for a port that remembers none.
  virtual void refresh_regions() {}
};

}  // namespace violet
