// The DMA port over a real device: translate through the reader's IOTLB, check the guest's memory
// table, copy.
//
// Threading: owner-only: the lcore that runs the endpoint, which is one reader of the device.
// Invariants: those of dma_port.hpp. One online section a burst; results of translate() are used inside
// it only.
#pragma once

#include <algorithm>
#include <cstring>

#include "dataplane/dma/dma_port.hpp"
#include "dataplane/virtqueue/guest_memory.hpp"
#include "dataplane/virtqueue/region_cache.hpp"
#include "engine/device/device.hpp"

namespace violet {

template <DomainStore S, Iotlb I>
class EnginePort final : public DmaPort {
 public:
  using Dev = Device<S, I>;

  // All outlive the port.
  EnginePort(Dev& device, typename Dev::Reader& reader, typename Dev::EndpointHandle endpoint,
             const GuestMemory& memory)
      : device_(device), reader_(reader), endpoint_(endpoint), regions_(memory) {}

  std::size_t run(std::span<DmaOp> ops) override {
    const typename Dev::Section section(device_, reader_);
    std::size_t good = 0;
    for (DmaOp& op : ops) {
      op.result = run_one(op);
      good += op.result == DmaResult::kOk;
    }
    return good;
  }

  bool probe(Iova iova, Access access) override {
    const typename Dev::Section section(device_, reader_);
    const auto result = device_.translate_quietly(reader_, endpoint_, iova, access);
    return result.reaches_memory() && regions_.host(result.phys, 1) != nullptr;
  }

  IotlbReaderStats stats() const override { return device_.path().stats(reader_); }

 private:
  DmaResult run_one(const DmaOp& op) {
    Iova at = op.iova;
    std::byte* buffer = op.buffer;
    for (std::uint64_t left = op.bytes; left > 0;) {
      const auto result = device_.translate(reader_, endpoint_, at, op.access);
      if (!result.reaches_memory()) return failure(result);
      std::uint64_t bytes = std::min(left, result.bytes_left);
      std::byte* host = regions_.host_part(result.phys, bytes);
      if (host == nullptr) return DmaResult::kOutsideMemory;
      if (op.access == Access::kRead) {
        std::memcpy(buffer, host, bytes);
      } else {
        std::memcpy(host, buffer, bytes);
      }
      at.value += bytes;
      buffer += bytes;
      left -= bytes;
    }
    return DmaResult::kOk;
  }

  static DmaResult failure(const TranslateResult& result) {
    if (result.outcome == Outcome::kReserved) return DmaResult::kReserved;
    return result.reason == protocol::FaultReason::kDomain ? DmaResult::kFaultDomain
                                                           : DmaResult::kFaultMapping;
  }

  Dev& device_;
  typename Dev::Reader& reader_;
  typename Dev::EndpointHandle endpoint_;
  RegionCache regions_;
};

}  // namespace violet
