// An endpoint model is a device behind the IOMMU, polled by whichever lcore the placement gives it.
//
// Threading: poll() from one lcore, the owner of the model's DmaPort. The driver's side of each
// model (posting descriptors, reading completion counts) is one other thread or the same one; the
// two meet in atomic registers, as a driver and a device meet in MMIO. Invariants: poll() is
// bounded by its budget and never waits.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/base/types.hpp"
#include "engine/telemetry/counter.hpp"

namespace violet {

class EndpointModel {
 public:
  virtual ~EndpointModel() = default;
  // Does up to `budget` units of work (packets, commands, accesses); returns how many.
  virtual unsigned poll(unsigned budget) = 0;
  // DMA operations that did not end in kOk.
  virtual std::uint64_t dma_errors() const = 0;
  // Those of them that were to its driver's rings. After one of these what was posted may never be answered, and
  // nobody should wait for it.
  virtual std::uint64_t ring_errors() const { return 0; }
};

// A register that one side writes and the other reads. The writer's release publishes what it wrote
// to guest memory before; the reader's acquire makes that visible.
class alignas(kCacheLine) Register {
 public:
  void write(std::uint32_t value) { value_.store(value, std::memory_order_release); }
  std::uint32_t read() const { return value_.load(std::memory_order_acquire); }

 private:
  std::atomic<std::uint32_t> value_{0};
};

}  // namespace violet
