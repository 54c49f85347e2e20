// A shifted port maps all of guest memory at a fixed distance, but for pages that fault: a DMA port
// for tests of devices.
//
// Threading: tests only.
#pragma once

#include <cstring>
#include <set>

#include "dataplane/dma/dma_port.hpp"
#include "dataplane/virtqueue/guest_memory.hpp"

namespace violet::virtio {

inline constexpr std::uint64_t kIova = std::uint64_t{7} << 40;  // Where guest-physical 0 is mapped.

class ShiftedPort final : public DmaPort {
 public:
  explicit ShiftedPort(const GuestMemory& memory) : memory_(memory) {}
  std::size_t run(std::span<DmaOp> ops) override {
    std::size_t good = 0;
    for (DmaOp& op : ops) {
      const std::uint64_t first = op.iova.value - shift;
      std::byte* const at = memory_.host({first}, op.bytes);
      const bool mapped = at != nullptr && !faulting.contains(first >> 12) &&
                          !faulting.contains((first + op.bytes - 1) >> 12);
      op.result = mapped ? DmaResult::kOk : DmaResult::kFaultMapping;
      if (!mapped) continue;
      if (op.access == Access::kRead) std::memcpy(op.buffer, at, op.bytes);
      if (op.access == Access::kWrite) std::memcpy(at, op.buffer, op.bytes);
      ++good;
    }
    return good;
  }
  bool probe(Iova, Access) override { return false; }
  IotlbReaderStats stats() const override { return {}; }

  std::set<std::uint64_t> faulting;  // Pages.
  std::uint64_t shift = kIova;

 private:
  const GuestMemory& memory_;
};

}  // namespace violet::virtio
