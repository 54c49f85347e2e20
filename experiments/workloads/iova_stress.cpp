// iova-stress: what an IOVA allocator has to do for a NIC that receives and acknowledges (M. Malka et al., "EiovaR", FAST 2015),
// and nothing else. A ring of buffers lives long, first in, first out; between the end of its oldest one and its
// replacement another one is mapped that lives briefly. Sizes are one or many, beyond those of the allocator's magazines
// too. No device touches what is mapped.
#include <vector>

#include "engine/base/rng.hpp"
#include "experiments/workloads/workloads.hpp"

namespace violet {
namespace {

constexpr std::uint32_t kIovaPage = GuestPages::kPageBytes;

std::vector<Setting> iova_stress_settings() {
  return {
      {.name = "ring",
       .initial = std::int64_t{256},
       .least = 1,
       .most = 65536,
       .help = "buffers that live long; an operation renews the oldest"},
      {.name = "pages",
       .initial = std::int64_t{1},
       .least = 1,
       .most = 512,
       .help = "4 KiB pages of each buffer; magazines have up to 32"},
      {.name = "mixed",
       .initial = false,
       .help = "sizes are drawn, from one page to `pages`; else all are `pages`"},
      completion_cpu_setting(),
  };
}

class IovaStress final : public Workload {
 public:
  IovaStress(const SettingValues& settings, std::uint64_t seed)
      : pages_(static_cast<std::uint32_t>(settings.integer("pages"))),
        mixed_(settings.flag("mixed")),
        completion_cpu_(completion_cpu(settings)),
        rng_(seed),
        ring_(static_cast<std::size_t>(settings.integer("ring"))) {}

  Status prepare(Guest& guest) override {
    VIOLET_TRY(brief_.phys, guest.allocate(std::uint64_t{pages_} * kIovaPage));
    for (Slot& slot : ring_) {
      VIOLET_TRY(slot.phys, guest.allocate(std::uint64_t{pages_} * kIovaPage));
      map(guest, slot);
      if (!slot.mapping)
        return fail("iova-stress could not map one of its {} buffers", ring_.size());
    }
    return {};
  }

  StepOutcome step(Guest& guest) override {
    Slot& slot = ring_[oldest_];
    oldest_ = oldest_ + 1 == ring_.size() ? 0 : oldest_ + 1;
    unmap(guest, slot);
    map(guest, brief_);
    map(guest, slot);
    unmap(guest, brief_);
    guest.pump();
    guest.next_cpu();
    return StepOutcome::kDone;
  }

  void finish(Guest& guest) override {
    for (Slot& slot : ring_) unmap(guest, slot);
  }

  std::string_view unit() const override { return "renewal"; }
  std::uint64_t data_errors() const override { return 0; }

 private:
  struct Slot {
    GuestPhys phys{};
    std::optional<DmaMapping> mapping;
    unsigned cpu = 0;  // That mapped it.
  };

  void map(Guest& guest, Slot& slot) {
    const std::uint64_t pages = mixed_ ? 1 + rng_.below(pages_) : pages_;
    slot.cpu = guest.cpu();
    slot.mapping = guest.dma_map(0, {slot.phys, static_cast<std::uint32_t>(pages) * kIovaPage},
                                 DmaDirection::kFromDevice);
  }
  void unmap(Guest& guest, Slot& slot) const {
    if (!slot.mapping) return;  // It could not be mapped: counted by the strategy.
    const Guest::OnCpu on(guest, completion_cpu_ == CompletionCpu::kFirst ? 0 : slot.cpu);
    guest.dma_unmap(*slot.mapping);
    slot.mapping.reset();
  }

  std::uint32_t pages_;
  bool mixed_;
  CompletionCpu completion_cpu_;
  Rng rng_;
  std::vector<Slot> ring_;
  Slot brief_;
  std::size_t oldest_ = 0;
};

}  // namespace

WorkloadInfo iova_stress_workload() {
  return {
      {"iova-stress", "a ring of buffers renewed around short-lived ones (EiovaR, FAST 2015)",
       iova_stress_settings()},
      EndpointKind::kReplay,
      [](const SettingValues& values, std::uint64_t seed) -> std::unique_ptr<Workload> {
        return std::make_unique<IovaStress>(values, seed);
      },
      nullptr,
      [](const SettingValues& values) {
        return static_cast<std::uint64_t>((values.integer("ring") + 1) * values.integer("pages")) *
               kIovaPage;
      }};
}

}  // namespace violet
