// The DMA port over a real device: translate through the reader's IOTLB, check the guest's memory
// table, copy.
//
// Threading: owner-only: the lcore that runs the endpoint, which is one reader of the device.
// Invariants: those of dma_port.hpp. One online section a run(), with a quiescent state between its bursts
// of kBurst ops; results of a translation are used before the next one of these only. With a probe, the
// first translation of one op in kTranslateSampling is timed, by itself.
#pragma once

#include <algorithm>
#include <array>

#include "dataplane/dma/dma_port.hpp"
#include "dataplane/virtqueue/guest_atomic.hpp"
#include "dataplane/virtqueue/guest_memory.hpp"
#include "dataplane/virtqueue/region_cache.hpp"
#include "engine/base/clock.hpp"
#include "engine/device/device.hpp"

namespace violet {

template <DomainStore S, Iotlb I>
class EnginePort final : public DmaPort {
 public:
  using Dev = Device<S, I>;

  // All outlive the port.
  EnginePort(Dev& device, typename Dev::Reader& reader, typename Dev::EndpointHandle endpoint,
             const GuestMemory& memory, Probe probe = {})
      : device_(device), reader_(reader), endpoint_(endpoint), regions_(memory), probe_(probe) {}

  std::size_t run(std::span<DmaOp> ops) override {
    typename Dev::Section section(device_, reader_);
    std::size_t good = 0;
    while (!ops.empty()) {
      const auto burst = ops.first(next_burst(ops));
      good += burst.empty() ? skip_one(ops.front()) : run_burst(burst);
      ops = ops.subspan(std::max<std::size_t>(burst.size(), 1));
      if (!ops.empty()) section.quiescent();  // An UNMAP waits for one burst, not for all of them.
    }
    return good;
  }

  bool probe(Iova iova, Access access) override {
    const typename Dev::Section section(device_, reader_);
    const auto result = device_.translate_quietly(reader_, endpoint_, iova, access);
    return result.reaches_memory() && regions_.host(result.phys, 1) != nullptr;
  }

  IotlbReaderStats stats() const override { return device_.path().stats(reader_); }
  void refresh_regions() override { regions_.refresh(); }

 private:
  static constexpr std::size_t kBurst = 32;
  static_assert(kBurst < kTranslateSampling);

  // Where an op goes on: `bytes` from `host` on, or nowhere and `failure` says why.
  struct Place {
    std::byte* host;
    std::uint64_t bytes;
    DmaResult failure;
  };

  // First the translations, then the copies, whose lines are by then on their way.
  std::size_t run_burst(std::span<DmaOp> ops) {
    std::array<Place, kBurst> places;
    if (const auto timed = next_timed(ops.size()); timed == ops.size()) [[likely]] {
      translate(ops, places.data());
    } else {
      translate(ops.first(timed), places.data());
      places[timed] = place(translate_timed(ops[timed]), ops[timed].bytes);
      translate(ops.subspan(timed + 1), places.data() + timed + 1);
    }
    std::size_t good = 0;
    for (std::size_t i = 0; i < ops.size(); ++i) {
      ops[i].result = run_one(ops[i], places[i]);
      good += ops[i].result == DmaResult::kOk;
    }
    return good;
  }

  void translate(std::span<DmaOp> ops, Place* places) {
    device_.translate_burst(
        reader_, endpoint_, ops.size(),
        [&](std::size_t i) {
          return typename Dev::Path::BurstAccess{ops[i].iova, ops[i].access};
        },
        [&](std::size_t i, const TranslateResult& result) {
          places[i] = place(result, ops[i].bytes);
          __builtin_prefetch(places[i].host);
        });
  }

  // Which of the next `count` ops is timed; `count` when none of them is.
  std::size_t next_timed(std::size_t count) {
    if (!probe_.on()) return count;
    if (until_timed_ >= count) {
      until_timed_ -= count;
      return count;
    }
    const auto timed = until_timed_;
    until_timed_ += kTranslateSampling - count;
    return timed;
  }

  [[gnu::noinline]] TranslateResult translate_timed(const DmaOp& op) {
    const Ticks before = now_ticks();
    const auto result = device_.translate(reader_, endpoint_, op.iova, op.access);
    const Ticks after = now_ticks();
    const bool fault = result.outcome == Outcome::kFault;
    if (!fault && result.outcome != Outcome::kMapped) return result;  // Nothing was looked up.
    using How = TranslateEvent::Outcome;
    const How how = fault ? How::kFault : result.hit ? How::kHit : How::kMiss;
    probe_.record(TranslateEvent{endpoint_->id, op.iova, result.bytes_left, how}.event(
        after, after - before));
    return result;
  }

  // How many of the next ops are translated together: an op without bytes is not translated at all.
  static std::size_t next_burst(std::span<const DmaOp> ops) {
    const auto most = ops.first(std::min(ops.size(), kBurst));
    const auto end =
        std::find_if(most.begin(), most.end(), [](const DmaOp& op) { return op.bytes == 0; });
    return static_cast<std::size_t>(end - most.begin());
  }

  static std::size_t skip_one(DmaOp& op) {
    op.result = DmaResult::kOk;
    return 1;
  }

  DmaResult run_one(const DmaOp& op, Place at) {
    std::uint64_t done = 0;
    while (at.host != nullptr) {
      if (op.access == Access::kRead) {
        dma_read(op.buffer + done, at.host, at.bytes);
      } else {
        dma_write(at.host, op.buffer + done, at.bytes);
      }
      done += at.bytes;
      if (done == op.bytes) return DmaResult::kOk;
      if (done > ~op.iova.value)
        return DmaResult::kFaultMapping;  // Nothing follows the last address.
      at = place(device_.translate(reader_, endpoint_, {op.iova.value + done}, op.access),
                 op.bytes - done);
    }
    return at.failure;
  }

  Place place(const TranslateResult& result, std::uint64_t left) {
    if (!result.reaches_memory()) return {nullptr, 0, failure(result)};
    std::uint64_t bytes = std::min(left, result.bytes_left);
    std::byte* host = regions_.host_part(result.phys, bytes);
    return {host, bytes, DmaResult::kOutsideMemory};
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
  Probe probe_;
  std::size_t until_timed_ = kTranslateSampling - 1;  // Ops before the next timed one.
};

}  // namespace violet
