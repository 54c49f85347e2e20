#include "dataplane/dma/engine_port.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "dataplane/virtqueue/guest_atomic.hpp"
#include "dataplane/virtqueue/guest_memory.hpp"
#include "engine/base/clock.hpp"
#include "engine/device/reader_path.hpp"
#include "engine/iotlb/designs.hpp"
#include "engine/telemetry/event_bodies.hpp"

namespace violet {
namespace {

template <IotlbCache I>
class EnginePort final : public DmaPort {
 public:
  EnginePort(I& iotlb, DeviceReader& reader, EndpointHandle endpoint, const GuestMemory& memory,
             Probe probe)
      : path_(iotlb, reader), endpoint_(endpoint), regions_(memory), probe_(probe) {}

  std::size_t run(std::span<DmaOp> ops) override {
    typename ReaderPath<I>::Section section(path_);
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
    const typename ReaderPath<I>::Section section(path_);
    const auto result = path_.translate_quietly(endpoint_, iova, access);
    return result.reaches_memory() && regions_.host(result.phys, 1) != nullptr;
  }

  IotlbReaderStats stats() const override { return path_.stats(); }
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
    path_.translate_burst(
        endpoint_, ops.size(),
        [&](std::size_t i) {
          return BurstAccess{ops[i].iova, ops[i].access};
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
    const auto result = path_.translate(endpoint_, op.iova, op.access);
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
      at = place(path_.translate(endpoint_, {op.iova.value + done}, op.access), op.bytes - done);
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

  ReaderPath<I> path_;
  EndpointHandle endpoint_;
  RegionCache regions_;
  Probe probe_;
  std::size_t until_timed_ = kTranslateSampling - 1;  // Ops before the next timed one.
};

}  // namespace

Result<std::unique_ptr<DmaPort>> open_port(Device& device, EndpointId id, std::string reader_name,
                                           const GuestMemory& memory, Probe probe) {
  VIOLET_TRY(const EndpointHandle endpoint, device.endpoint(id));
  VIOLET_TRY(DeviceReader* const reader, device.add_reader(std::move(reader_name), probe));
  return visit_design(device.iotlb(), [&]<class I>(I& iotlb) -> std::unique_ptr<DmaPort> {
    return std::make_unique<EnginePort<I>>(iotlb, *reader, endpoint, memory, probe);
  });
}

}  // namespace violet
