// net-tx: a NIC driver that sends. Each packet is `fragments` buffers, mapped as one list when it is
// handed to the NIC and unmapped when the NIC says that it has been sent (skb and its frags), a burst of them in each
// interrupt. Packets of a burst are drawn by the seed around `burst`: net-tx-strict unmaps 35.4 on average before it maps
// again.
#include <array>
#include <deque>

#include "dataplane/dma/payload.hpp"
#include "experiments/workloads/burst_sizes.hpp"
#include "experiments/workloads/scatter.hpp"
#include "experiments/workloads/workloads.hpp"

namespace violet {
namespace {

constexpr std::size_t kMaxFragments = 17;  // MAX_SKB_FRAGS of Linux.

std::vector<Setting> net_tx_settings() {
  return {
      {.name = "ring",
       .initial = std::int64_t{512},
       .least = 32,
       .most = 4096,
       .help = "descriptors, a power of two"},
      {.name = "fragments",
       .initial = std::int64_t{1},
       .least = 1,
       .most = kMaxFragments,
       .help = "buffers of one packet, mapped as one list"},
      {.name = "fragment_bytes",
       .initial = std::int64_t{1500},
       .least = 64,
       .most = 9216,
       .help = "bytes of each buffer"},
      {.name = "window",
       .initial = std::int64_t{64},
       .least = 1,
       .most = 2048,
       .help = "packets on their way at the most"},
      {.name = "burst",
       .initial = 35.4,
       .least = 1,
       .most = 64,
       .help = "packets unmapped in one interrupt, mean, at the most 64 and window; as traced"},
      completion_cpu_setting(),
  };
}

class NetTx final : public Workload {
 public:
  NetTx(const SettingValues& settings, std::uint64_t seed)
      : rng_(seed),
        ring_(static_cast<std::uint32_t>(settings.integer("ring"))),
        fragments_(static_cast<std::uint32_t>(settings.integer("fragments"))),
        bytes_(static_cast<std::uint32_t>(settings.integer("fragment_bytes"))),
        window_(
            std::min(static_cast<std::uint32_t>(settings.integer("window")), ring_ / fragments_)),
        bursts_(settings.real("burst"), std::min(kBudget, window_), rng_()),
        completion_cpu_(completion_cpu(settings)) {}

  Status prepare(Guest& guest) override {
    const auto bytes = static_cast<std::uint32_t>(ring_ * sizeof(NicDescriptor));
    VIOLET_TRY(const auto at, guest.allocate(bytes));
    descriptors_ = reinterpret_cast<NicDescriptor*>(guest.bytes_at(at, bytes).data());
    ring_mapping_ = guest.map_coherent(0, {at, bytes});
    if (!ring_mapping_) return fail("net-tx could not map its descriptor ring");
    guest.endpoint(0).nic->set_tx_ring({ring_mapping_->iova, ring_});
    packets_.resize(window_);
    VIOLET_TRY(const auto buffers,
               scattered_buffers(guest, std::size_t{window_} * fragments_, bytes_, rng_));
    auto next = buffers.begin();
    for (auto& packet : packets_) {
      for (std::uint32_t i = 0; i < fragments_; ++i) packet.buffers[i] = {*next++, bytes_};
    }
    return {};
  }

  StepOutcome step(Guest& guest) override {
    NicModel& nic = *guest.endpoint(0).nic;
    if (sent_ - reaped_ == window_ && !reap_burst(guest, nic)) return StepOutcome::kWaits;
    send(guest, nic);
    guest.next_cpu();
    return StepOutcome::kDone;
  }

  void finish(Guest& guest) override {
    NicModel& nic = *guest.endpoint(0).nic;
    guest.pump_until([&] {
      reap(guest, nic, window_);
      return reaped_ == sent_ || nic.ring_errors() > 0;
    });
    for (; reaped_ != sent_; ++reaped_) unmap(guest, packets_[reaped_ % window_]);
    data_errors_ += nic.tx_data_errors();
    if (ring_mapping_) guest.unmap_coherent(*ring_mapping_);
  }

  std::string_view unit() const override { return "packet"; }
  std::uint64_t data_errors() const override { return data_errors_; }

 private:
  struct Packet {
    std::array<DmaBuffer, kMaxFragments> buffers;
    std::array<DmaMapping, kMaxFragments> mappings;
    unsigned cpu = 0;  // That mapped them.
    bool mapped = false;
  };

  void send(Guest& guest, NicModel& nic) {
    Packet& packet = packets_[sent_ % window_];
    const std::span buffers(packet.buffers.data(), fragments_);
    const std::span mappings(packet.mappings.data(), fragments_);
    for (std::uint32_t i = 0; i < fragments_; ++i) {
      stamp_payload(guest.bytes_at(buffers[i].phys, bytes_), sequence_ + i);
    }
    packet.mapped = guest.dma_map_list(0, buffers, DmaDirection::kToDevice, mappings);
    packet.cpu = guest.cpu();
    if (!packet.mapped) return;  // Counted by the strategy; the packet is tried again.
    for (const auto& mapping : mappings) {
      descriptors_[posted_++ & (ring_ - 1)] = {mapping.iova.value, mapping.buffer.bytes, 0, 0};
    }
    sequence_ += fragments_;
    ++sent_;
    nic.post_tx(posted_);
  }

  // False: so many are not sent yet.
  bool reap_burst(Guest& guest, const NicModel& nic) {
    if (wanted_ == 0) wanted_ = bursts_.draw();
    const auto sent = [&] { return (nic.tx_completed() - done_) / fragments_ >= wanted_; };
    if (!guest.pump_a_while(sent)) return false;
    reap(guest, nic, std::exchange(wanted_, 0));
    return true;
  }

  void reap(Guest& guest, const NicModel& nic, std::uint32_t most) {
    const std::uint32_t completed = nic.tx_completed();
    // Free-running counters: at most ring_ descriptors can be done and not reaped.
    for (; most > 0 && reaped_ != sent_ && completed - done_ >= fragments_; --most) {
      for (std::uint32_t i = 0; i < fragments_; ++i) {
        if (descriptors_[(done_ + i) & (ring_ - 1)].flags != kNicDone) ++data_errors_;
      }
      done_ += fragments_;
      unmap(guest, packets_[reaped_++ % window_]);
    }
  }

  void unmap(Guest& guest, const Packet& packet) const {
    const Guest::OnCpu on(guest, completion_cpu_ == CompletionCpu::kFirst ? 0 : packet.cpu);
    guest.dma_unmap_list(std::span(packet.mappings.data(), fragments_));
  }

  static constexpr std::uint32_t kBudget = 64;  // NAPI_POLL_WEIGHT of Linux.

  Rng rng_;
  std::uint32_t ring_;
  std::uint32_t fragments_;
  std::uint32_t bytes_;
  std::uint32_t window_;
  BurstSizes bursts_;
  CompletionCpu completion_cpu_;
  std::uint32_t wanted_ = 0;  // Packets of the burst that is waited for; 0: not drawn.
  std::vector<Packet> packets_;
  NicDescriptor* descriptors_ = nullptr;
  std::optional<DmaMapping> ring_mapping_;
  std::uint64_t sent_ = 0;
  std::uint64_t reaped_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint32_t posted_ = 0;
  std::uint32_t done_ = 0;
  std::uint64_t data_errors_ = 0;
};

}  // namespace

WorkloadInfo net_tx_workload() {
  return {
      {"net-tx", "a NIC sends at full speed, one list of fragments a packet", net_tx_settings()},
      EndpointKind::kNic,
      [](const SettingValues& values, std::uint64_t seed) -> std::unique_ptr<Workload> {
        return std::make_unique<NetTx>(values, seed);
      },
      &ring_problem,
      [](const SettingValues& values) {
        const auto packets = std::min(values.integer("window"),
                                      values.integer("ring") / values.integer("fragments"));
        return static_cast<std::uint64_t>(packets * values.integer("fragments")) *
               whole_pages(static_cast<std::uint64_t>(values.integer("fragment_bytes")));
      }};
}

}  // namespace violet
