// working-set: a device that reads all over what is mapped for it. So many buffers are mapped at any time; an operation
// maps one anew, the oldest, after the device has read at random addresses of all of them. How often a page is read
// before its mapping ends, and how much is mapped at once, are settings: they decide what an IOTLB is worth, which
// generators that touch each mapping once cannot show.
#include <vector>

#include "engine/base/rng.hpp"
#include "experiments/workloads/workloads.hpp"

namespace violet {
namespace {

constexpr std::uint32_t kPageBytes = GuestPages::kPageBytes;

std::vector<Setting> working_set_settings() {
  return {
      {.name = "buffers",
       .initial = std::int64_t{256},
       .least = 1,
       .most = 65536,
       .help = "buffers that are mapped at any time"},
      {.name = "buffer_pages",
       .initial = std::int64_t{1},
       .least = 1,
       .most = 512,
       .help = "4 KiB pages of each, in one mapping"},
      {.name = "touches",
       .initial = std::int64_t{16},
       .least = 1,
       .most = 4096,
       .help = "accesses of the device for each buffer that is mapped anew"},
      {.name = "access_bytes",
       .initial = std::int64_t{256},
       .least = 1,
       .most = 4096,
       .help = "bytes of each access, within a page"},
  };
}

class WorkingSet final : public Workload {
 public:
  WorkingSet(const SettingValues& settings, std::uint64_t seed)
      : buffer_bytes_(static_cast<std::uint32_t>(settings.integer("buffer_pages")) * kPageBytes),
        touches_(static_cast<std::uint32_t>(settings.integer("touches"))),
        access_bytes_(static_cast<std::uint32_t>(settings.integer("access_bytes"))),
        rng_(seed),
        slots_(static_cast<std::size_t>(settings.integer("buffers"))) {}

  Status prepare(Guest& guest) override {
    for (Slot& slot : slots_) {
      VIOLET_TRY(slot.buffer.phys, guest.allocate(buffer_bytes_));
      slot.buffer.bytes = buffer_bytes_;
      slot.mapping = guest.dma_map(0, slot.buffer, DmaDirection::kToDevice);
      if (!slot.mapping)
        return fail("working-set could not map one of its {} buffers", slots_.size());
    }
    errors_before_ = guest.endpoint(0).replay->dma_errors();
    left_ = touches_;
    return {};
  }

  StepOutcome step(Guest& guest) override {
    ReplayEndpoint& device = *guest.endpoint(0).replay;
    while (left_ > 0 && touch(device)) --left_;
    // Nothing is unmapped while the device may still read it.
    const bool idle = guest.pump_a_while([&] {
      while (left_ > 0 && touch(device)) --left_;
      return left_ == 0 && device.completed() == device.submitted();
    });
    if (!idle) return StepOutcome::kWaits;
    renew(guest);
    left_ = touches_;
    guest.next_cpu();
    return StepOutcome::kDone;
  }

  void finish(Guest& guest) override {
    const ReplayEndpoint& device = *guest.endpoint(0).replay;
    guest.pump_until([&] { return device.completed() == device.submitted(); });
    data_errors_ = device.dma_errors() - errors_before_;
    for (Slot& slot : slots_) {
      if (slot.mapping) guest.dma_unmap(*slot.mapping);
      slot.mapping.reset();
    }
  }

  std::string_view unit() const override { return "map+unmap"; }
  std::uint64_t data_errors() const override { return data_errors_; }

 private:
  struct Slot {
    DmaBuffer buffer{};
    std::optional<DmaMapping> mapping;
  };

  // One access at any place; false when the device's queue is full.
  bool touch(ReplayEndpoint& device) {
    const Slot& slot = slots_[rng_.below(slots_.size())];
    if (!slot.mapping) return true;  // It could not be mapped: there is nothing to read.
    const std::uint64_t page = rng_.below(buffer_bytes_ / kPageBytes) * kPageBytes;
    const std::uint64_t offset = rng_.below(kPageBytes - access_bytes_ + 1);
    return device.submit({slot.mapping->iova.value + page + offset}, access_bytes_, Access::kRead);
  }

  void renew(Guest& guest) {
    Slot& slot = slots_[oldest_];
    oldest_ = oldest_ + 1 == slots_.size() ? 0 : oldest_ + 1;
    if (slot.mapping) guest.dma_unmap(*slot.mapping);
    slot.mapping = guest.dma_map(0, slot.buffer, DmaDirection::kToDevice);
  }

  std::uint32_t buffer_bytes_;
  std::uint32_t touches_;
  std::uint32_t access_bytes_;
  Rng rng_;
  std::vector<Slot> slots_;
  std::size_t oldest_ = 0;
  std::uint32_t left_ = 0;  // Accesses until one is mapped anew.
  std::uint64_t errors_before_ = 0;
  std::uint64_t data_errors_ = 0;
};

}  // namespace

WorkloadInfo working_set_workload() {
  return {{"working-set", "a device reads at random in buffers of which one at a time is renewed",
           working_set_settings()},
          EndpointKind::kReplay,
          [](const SettingValues& values, std::uint64_t seed) -> std::unique_ptr<Workload> {
            return std::make_unique<WorkingSet>(values, seed);
          },
          nullptr,
          [](const SettingValues& values) {
            return static_cast<std::uint64_t>(values.integer("buffers")) *
                   static_cast<std::uint64_t>(values.integer("buffer_pages")) * kPageBytes;
          }};
}

}  // namespace violet
