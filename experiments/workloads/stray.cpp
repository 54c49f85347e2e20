// stray: a device that goes where it must not. Beside each access that its mapping allows it makes two that nothing
// allows: a write through a mapping for reading, and a read of an address that was never handed out. A strategy that
// protects has both refused, and the engine reports them as faults.
#include "experiments/workloads/workloads.hpp"

namespace violet {
namespace {

constexpr std::uint32_t kBytes = 4096;
// IOVA allocators never hand out page 0.
constexpr Iova kNowhere{0x100};

class Stray final : public Workload {
 public:
  Status prepare(Guest& guest) override {
    VIOLET_TRY(const auto at, guest.allocate(kBytes));
    buffer_ = {at, kBytes};
    return {};
  }

  bool step(Guest& guest) override {
    if (const auto mapping = guest.dma_map(0, buffer_, DmaDirection::kToDevice)) {
      if (!reaches(guest, mapping->iova, Access::kRead)) ++data_errors_;
      reaches(guest, mapping->iova, Access::kWrite);
      reaches(guest, kNowhere, Access::kRead);
      guest.dma_unmap(*mapping);
    }
    guest.pump();
    guest.next_cpu();
    return true;
  }

  void finish(Guest& /*guest*/) override {}
  std::string_view unit() const override { return "map+unmap"; }
  std::uint64_t data_errors() const override { return data_errors_; }

 private:
  // One access, waited for.
  static bool reaches(Guest& guest, Iova iova, Access access) {
    ReplayEndpoint& device = *guest.endpoint(0).replay;
    const std::uint64_t refused = device.dma_errors();
    while (!device.submit(iova, 64, access)) guest.pump();
    while (device.completed() != device.submitted()) guest.pump();
    return device.dma_errors() == refused;
  }

  DmaBuffer buffer_{};
  std::uint64_t data_errors_ = 0;
};

}  // namespace

WorkloadInfo stray_workload() {
  return {
      {"stray", "a device that also writes where it may only read, and reads where nothing is"},
      EndpointKind::kReplay,
      [](const SettingValues& /*settings*/, std::uint64_t /*seed*/) -> std::unique_ptr<Workload> {
        return std::make_unique<Stray>();
      }};
}

}  // namespace violet
