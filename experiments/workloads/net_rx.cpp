// net-rx: a NIC driver that receives. Every buffer of the ring is mapped while it waits for a packet,
// is unmapped when one has arrived, checked, and a fresh one takes its place ("net-rx-legacy" of the
// literature: one mapping a packet, lifetimes in the ring's order).
//
// It works as NAPI does: a poll, on one CPU, unmaps the packets that have arrived, `budget` at the most, and refills the
// ring at its end or whenever `batch` of it are free. Packets of a poll are drawn by the seed around `burst`: net-rx-strict
// (virtio-net) unmaps 42.2 on average before it maps again, e1000e-rx-strict 14.8, which is batch = 16.
#include <array>
#include <deque>

#include "dataplane/dma/payload.hpp"
#include "experiments/workloads/burst_sizes.hpp"
#include "experiments/workloads/scatter.hpp"
#include "experiments/workloads/workloads.hpp"

namespace violet {
namespace {

std::vector<Setting> net_rx_settings() {
  return {
      {.name = "ring",
       .initial = std::int64_t{256},
       .least = 8,
       .most = 4096,
       .help = "descriptors, a power of two"},
      {.name = "packet_bytes",
       .initial = std::int64_t{1500},
       .least = 64,
       .most = 9216,
       .help = "bytes of each packet"},
      {.name = "buffer_bytes",
       .initial = std::int64_t{2048},
       .least = 64,
       .most = 65536,
       .help = "bytes mapped for each packet"},
      {.name = "batch",
       .initial = std::int64_t{64},
       .least = 1,
       .most = 64,
       .help = "free buffers after which a poll refills the ring; at its end it always does"},
      {.name = "budget",
       .initial = std::int64_t{64},
       .least = 1,
       .most = 64,
       .help = "packets of one poll at the most; NAPI_POLL_WEIGHT of Linux"},
      {.name = "burst",
       .initial = 42.2,
       .least = 1,
       .most = 64,
       .help = "packets of one poll, mean, at the most budget and ring; as traced from virtio-net"},
      {.name = "recycle",
       .initial = std::string("lifo"),
       .choices = {"lifo", "fifo"},
       .help = "order in which freed buffers are used again"},
  };
}

class NetRx final : public Workload {
 public:
  NetRx(const SettingValues& settings, std::uint64_t seed)
      : rng_(seed),
        ring_(static_cast<std::uint32_t>(settings.integer("ring"))),
        packet_bytes_(static_cast<std::uint32_t>(settings.integer("packet_bytes"))),
        buffer_bytes_(static_cast<std::uint32_t>(settings.integer("buffer_bytes"))),
        batch_(static_cast<std::uint32_t>(settings.integer("batch"))),
        lifo_(settings.text("recycle") == "lifo"),
        bursts_(settings.real("burst"),
                std::min(static_cast<std::uint32_t>(settings.integer("budget")), ring_), rng_()),
        slots_(ring_) {}

  Status prepare(Guest& guest) override {
    VIOLET_TRY(const auto descriptors,
               guest.allocate(std::uint64_t{ring_} * sizeof(NicDescriptor)));
    const auto bytes = static_cast<std::uint32_t>(ring_ * sizeof(NicDescriptor));
    descriptors_ = reinterpret_cast<NicDescriptor*>(guest.bytes_at(descriptors, bytes).data());
    ring_mapping_ = guest.map_coherent(0, {descriptors, bytes});
    if (!ring_mapping_) return fail("net-rx could not map its descriptor ring");
    VIOLET_TRY(const auto buffers, scattered_buffers(guest, 2 * ring_, buffer_bytes_, rng_));
    free_.assign(buffers.begin(), buffers.end());
    NicModel& nic = *guest.endpoint(0).nic;
    nic.set_rx_ring({ring_mapping_->iova, ring_});
    nic.set_packet_bytes(std::min(packet_bytes_, buffer_bytes_));
    for (std::uint32_t i = 0; i < ring_; ++i) {
      if (!refill(guest)) return fail("net-rx could not map buffer {} of its ring", i);
    }
    publish(nic);
    return {};
  }

  StepOutcome step(Guest& guest) override {
    NicModel& nic = *guest.endpoint(0).nic;
    // With nothing posted because nothing could be mapped there is nothing to wait for.
    if (left_ == 0 && posted_ != consumed_ && !begin_poll(guest)) return StepOutcome::kWaits;
    if (left_ > 0) {
      receive(guest);
      --left_;
    }
    if (left_ == 0 || ring_ - (posted_ - consumed_) >= batch_) {
      while (posted_ - consumed_ < ring_ && refill(guest)) continue;
      publish(nic);
    }
    if (left_ == 0) guest.next_cpu();
    return StepOutcome::kDone;
  }

  void finish(Guest& guest) override {
    // As a driver that closes its queue: no buffer is unmapped while the card may still write to it. A card that
    // cannot reach its ring never ends.
    const NicModel& nic = *guest.endpoint(0).nic;
    guest.pump_until([&] { return nic.rx_completed() == published_ || nic.ring_errors() > 0; });
    for (; consumed_ != posted_; ++consumed_) {
      if (auto& mapping = slots_[consumed_ & (ring_ - 1)].mapping) guest.dma_unmap(*mapping);
    }
    if (ring_mapping_) guest.unmap_coherent(*ring_mapping_);
  }

  std::string_view unit() const override { return "packet"; }
  std::uint64_t data_errors() const override { return data_errors_; }

 private:
  struct Slot {
    GuestPhys buffer;
    std::optional<DmaMapping> mapping;
  };

  // Waits for the packets of the next poll; false: not yet.
  bool begin_poll(Guest& guest) {
    const NicModel& nic = *guest.endpoint(0).nic;
    if (wanted_ == 0) wanted_ = bursts_.draw();
    const std::uint32_t wanted = std::min(wanted_, posted_ - consumed_);
    if (!guest.pump_a_while([&] { return nic.rx_completed() - consumed_ >= wanted; })) return false;
    left_ = wanted;
    wanted_ = 0;
    return true;
  }

  void publish(NicModel& nic) {
    published_ = posted_;
    nic.post_rx(posted_);
  }

  // Puts one free buffer into the ring; false when it could not be mapped.
  bool refill(Guest& guest) {
    const GuestPhys buffer = lifo_ ? free_.back() : free_.front();
    auto mapping = guest.dma_map(0, {buffer, buffer_bytes_}, DmaDirection::kFromDevice);
    if (!mapping) return false;
    lifo_ ? free_.pop_back() : free_.pop_front();
    const std::uint32_t at = posted_++ & (ring_ - 1);
    slots_[at] = {buffer, mapping};
    descriptor(at) = {mapping->iova.value, buffer_bytes_, 0, 0};
    return true;
  }

  void receive(Guest& guest) {
    const std::uint32_t at = consumed_++ & (ring_ - 1);
    Slot& slot = slots_[at];
    const NicDescriptor done = descriptor(at);
    guest.dma_unmap(*slot.mapping);
    slot.mapping.reset();
    const auto bytes = guest.bytes_at(slot.buffer, buffer_bytes_);
    const bool good = done.flags == kNicDone && done.bytes <= buffer_bytes_ &&
                      payload_matches(bytes.first(done.bytes), sequence_);
    if (!good) ++data_errors_;
    ++sequence_;
    free_.push_back(slot.buffer);
  }

  NicDescriptor& descriptor(std::uint32_t at) { return descriptors_[at]; }

  Rng rng_;
  std::uint32_t ring_;
  std::uint32_t packet_bytes_;
  std::uint32_t buffer_bytes_;
  std::uint32_t batch_;
  bool lifo_;
  BurstSizes bursts_;
  std::uint32_t wanted_ = 0;  // Packets of the poll that is waited for; 0: not drawn.
  std::uint32_t left_ = 0;    // Of the poll in hand.
  std::vector<Slot> slots_;
  std::deque<GuestPhys> free_;
  NicDescriptor* descriptors_ = nullptr;
  std::optional<DmaMapping> ring_mapping_;
  std::uint32_t posted_ = 0;
  std::uint32_t published_ = 0;
  std::uint32_t consumed_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t data_errors_ = 0;
};

}  // namespace

WorkloadInfo net_rx_workload() {
  return {{"net-rx", "a NIC receives at full speed, one mapping a packet", net_rx_settings()},
          EndpointKind::kNic,
          [](const SettingValues& values, std::uint64_t seed) -> std::unique_ptr<Workload> {
            return std::make_unique<NetRx>(values, seed);
          },
          &ring_problem,
          [](const SettingValues& values) {
            const auto buffers = static_cast<std::uint64_t>(2 * values.integer("ring"));
            return buffers *
                   whole_pages(static_cast<std::uint64_t>(values.integer("buffer_bytes")));
          }};
}

}  // namespace violet
