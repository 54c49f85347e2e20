// stray: a device that goes where it must not. Beside each access that its mapping allows it makes two that nothing
// allows: a write through a mapping for reading, and a read of an address that was never handed out. A strategy that
// protects has both refused, and the engine reports them as faults.
#include <optional>

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

  StepOutcome step(Guest& guest) override {
    const auto mapping = guest.dma_map(0, buffer_, DmaDirection::kToDevice);
    std::optional<bool> last = false;
    if (mapping) {
      const auto allowed = reaches(guest, mapping->iova, Access::kRead);
      if (allowed == false) ++data_errors_;
      last = allowed ? reaches(guest, mapping->iova, Access::kWrite) : std::nullopt;
      if (last) last = reaches(guest, kNowhere, Access::kRead);
      guest.dma_unmap(*mapping);
    }
    guest.pump();
    guest.next_cpu();
    return last ? StepOutcome::kDone : StepOutcome::kWaits;
  }

  void finish(Guest& /*guest*/) override {}
  std::string_view unit() const override { return "map+unmap"; }
  std::uint64_t data_errors() const override { return data_errors_; }
  const char* why_it_strays() const override { return "the workload strays by intent"; }

 private:
  // One access, waited for; nothing when time is up first.
  static std::optional<bool> reaches(Guest& guest, Iova iova, Access access) {
    ReplayEndpoint& device = *guest.endpoint(0).replay;
    const auto idle = [&] { return device.completed() == device.submitted(); };
    if (!guest.pump_until(idle)) return std::nullopt;
    const std::uint64_t refused = device.dma_errors();
    device.submit(iova, 64, access);
    if (!guest.pump_until(idle)) return std::nullopt;
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
