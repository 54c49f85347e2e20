// mapbench: what the kernel's dma_map_benchmark does (kernel/dma/map_benchmark.c): map one buffer, wait
// a while, unmap it, over and over. Its buffer never changes, so it measures the API's path and not the
// behaviour of caches.
#include <cstring>

#include "experiments/workloads/workloads.hpp"

namespace violet {
namespace {

std::vector<Setting> mapbench_settings() {
  return {
      {.name = "granules",
       .initial = std::int64_t{1},
       .least = 1,
       .most = 1024,
       .help = "4 KiB pages of the buffer"},
      {.name = "delay_ns",
       .initial = std::int64_t{0},
       .least = 0,
       .most = 10'000'000,
       .help = "time between map and unmap"},
      {.name = "direction",
       .initial = std::string("bidirectional"),
       .choices = {"bidirectional", "to-device", "from-device"},
       .help = "of the mapping"},
  };
}

DmaDirection direction_from(const std::string& name) {
  if (name == "to-device") return DmaDirection::kToDevice;
  if (name == "from-device") return DmaDirection::kFromDevice;
  return DmaDirection::kBidirectional;
}

class MapBench final : public Workload {
 public:
  explicit MapBench(const SettingValues& settings)
      : bytes_(static_cast<std::uint32_t>(settings.integer("granules")) * 4096u),
        delay_(ns_to_ticks(static_cast<std::uint64_t>(settings.integer("delay_ns")))),
        direction_(direction_from(settings.text("direction"))) {}

  Status prepare(Guest& guest) override {
    VIOLET_TRY(const auto at, guest.allocate(bytes_));
    buffer_ = {at, bytes_};
    return {};
  }

  StepOutcome step(Guest& guest) override {
    // Dirty, so that a real cache would have something to clean; the kernel's benchmark does it too.
    if (direction_ != DmaDirection::kFromDevice) {
      std::memset(guest.bytes_at(buffer_.phys, bytes_).data(), 0x66, bytes_);
    }
    if (const auto mapping = guest.dma_map(0, buffer_, direction_)) {
      if (delay_ > 0) guest.spin(delay_);
      guest.dma_unmap(*mapping);
    }
    guest.pump();
    guest.next_cpu();
    return StepOutcome::kDone;
  }

  void finish(Guest& /*guest*/) override {}
  std::string_view unit() const override { return "map+unmap"; }
  std::uint64_t data_errors() const override { return 0; }

 private:
  std::uint32_t bytes_;
  Ticks delay_;
  DmaDirection direction_;
  DmaBuffer buffer_{};
};

}  // namespace

WorkloadInfo mapbench_workload() {
  return {{"mapbench", "one buffer mapped and unmapped, as the kernel's dma_map_benchmark",
           mapbench_settings()},
          EndpointKind::kReplay,
          [](const SettingValues& values, std::uint64_t /*seed*/) -> std::unique_ptr<Workload> {
            return std::make_unique<MapBench>(values);
          }};
}

}  // namespace violet
