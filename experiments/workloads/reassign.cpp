// reassign: a guest that gives its device to another domain, over and over, and a device that holds accesses back (the deferred
// DMA attack on passed-through devices, 2025). The device is asked to write to buffers and does not yet; they are unmapped,
// the endpoint leaves its domain for a fresh one, and other buffers are mapped there; then the device does what it was
// asked for. What the first owner got back must stay as it is; what it does to the second's is read from memory. Whether the accesses reach the next owner's memory is
// the matter of who gives the device away: with `reset` the device forgets them before.
#include <algorithm>
#include <string>
#include <vector>

#include "experiments/workloads/workloads.hpp"

namespace violet {
namespace {

constexpr std::uint32_t kReassignPage = GuestPages::kPageBytes;
constexpr std::uint32_t kAccessBytes = 64;
constexpr std::byte kUntouched{0x5a};  // A replay endpoint writes zeros.

std::vector<Setting> reassign_settings() {
  return {
      {.name = "buffers",
       .initial = std::int64_t{16},
       .least = 1,
       .most = 512,
       .help = "pages of each owner, and accesses that the device holds back"},
      {.name = "reset",
       .initial = true,
       .help = "the device is reset before it is given away, as a function level reset does"},
  };
}

class Reassign final : public Workload {
 public:
  using Conduct = ReplayEndpoint::Conduct;

  explicit Reassign(const SettingValues& settings)
      : reset_(settings.flag("reset")),
        first_(static_cast<std::size_t>(settings.integer("buffers"))),
        second_(first_.size()) {}

  Status prepare(Guest& guest) override {
    for (auto* owner : {&first_, &second_}) {
      for (Slot& slot : *owner) {
        VIOLET_TRY(slot.phys, guest.allocate(kReassignPage));
      }
    }
    return {};
  }

  StepOutcome step(Guest& guest) override {
    if (!behave(guest, Conduct::kHoldsBack)) return StepOutcome::kWaits;
    // Of a step that time cut short.
    end(guest, first_);
    end(guest, second_);
    submit(guest);
    end(guest, first_);
    if (reset_ && !forget(guest)) return StepOutcome::kWaits;
    if (const Status given = guest.reassign(0); !given) {
      ++data_errors_;
      if (trouble_.empty()) trouble_ = given.error().message;
    }
    fill(guest, second_);
    map(guest, second_);
    if (!let_go(guest)) return StepOutcome::kWaits;
    held_back_.hits += touched(guest, second_);  // Before a bounce buffer is copied over it.
    end(guest, second_);
    data_errors_ += touched(guest, first_);
    guest.next_cpu();
    return StepOutcome::kDone;
  }

  void finish(Guest& guest) override {
    ReplayEndpoint& device = *guest.endpoint(0).replay;
    device.behave(Conduct::kForgets);
    guest.pump_until([&] { return device.completed() == device.submitted(); });
    end(guest, first_);
    end(guest, second_);
  }

  std::string_view unit() const override { return "reassignment"; }
  std::uint64_t data_errors() const override { return data_errors_; }
  const char* why_it_strays() const override { return "the device holds accesses back by intent"; }
  std::optional<HeldBack> held_back() const override { return held_back_; }
  std::string trouble() const override { return trouble_; }

 private:
  struct Slot {
    GuestPhys phys{};
    std::optional<DmaMapping> mapping;
  };
  using Owner = std::vector<Slot>;

  static bool behave(Guest& guest, Conduct conduct) {
    ReplayEndpoint& device = *guest.endpoint(0).replay;
    device.behave(conduct);
    return guest.pump_until([&] { return device.behaves(conduct); });
  }

  // The device is asked for a write to each of the first owner's buffers.
  void submit(Guest& guest) {
    fill(guest, first_);
    map(guest, first_);
    for (const Slot& slot : first_) {
      if (slot.mapping &&
          guest.endpoint(0).replay->submit(slot.mapping->iova, kAccessBytes, Access::kWrite)) {
        ++held_back_.accesses;
      }
    }
  }
  static bool forget(Guest& guest) {
    const ReplayEndpoint& device = *guest.endpoint(0).replay;
    return behave(guest, Conduct::kForgets) &&
           guest.pump_until([&] { return device.completed() == device.submitted(); });
  }
  static bool let_go(Guest& guest) {
    const ReplayEndpoint& device = *guest.endpoint(0).replay;
    return behave(guest, Conduct::kPerforms) &&
           guest.pump_until([&] { return device.completed() == device.submitted(); });
  }

  static void map(Guest& guest, Owner& owner) {
    for (Slot& slot : owner) {
      slot.mapping = guest.dma_map(0, {slot.phys, kReassignPage}, DmaDirection::kFromDevice);
    }
  }
  static void end(Guest& guest, Owner& owner) {
    for (Slot& slot : owner) {
      if (slot.mapping) guest.dma_unmap(*slot.mapping);
      slot.mapping.reset();
    }
  }
  static void fill(Guest& guest, const Owner& owner) {
    for (const Slot& slot : owner) {
      const auto bytes = guest.bytes_at(slot.phys, kReassignPage);
      std::fill(bytes.begin(), bytes.end(), kUntouched);
    }
  }
  // Pages that are no longer as they were filled.
  static std::uint64_t touched(const Guest& guest, const Owner& owner) {
    return static_cast<std::uint64_t>(
        std::count_if(owner.begin(), owner.end(), [&](const Slot& slot) {
          const auto bytes = guest.bytes_at(slot.phys, kReassignPage);
          return std::any_of(bytes.begin(), bytes.end(),
                             [](std::byte one) { return one != kUntouched; });
        }));
  }

  bool reset_;
  Owner first_, second_;
  HeldBack held_back_;
  std::uint64_t data_errors_ = 0;
  std::string trouble_;
};

}  // namespace

WorkloadInfo reassign_workload() {
  return {
      {"reassign", "a device given to another domain with accesses held back (deferred DMA, 2025)",
       reassign_settings()},
      EndpointKind::kReplay,
      [](const SettingValues& values, std::uint64_t /*seed*/) -> std::unique_ptr<Workload> {
        return std::make_unique<Reassign>(values);
      },
      nullptr,
      [](const SettingValues& values) {
        return static_cast<std::uint64_t>(2 * values.integer("buffers")) * kReassignPage;
      },
      true};
}

}  // namespace violet
