// A machine runs the real device with one store and one IOTLB and stops where a lesson wants:
// between a request and the poll, and between any two parts of an endpoint's access.
//
// Threading: owner-only.
// Invariants: nothing is computed here that the engine computes: every answer is Device's. What its features and config
// space say reaches the driver through this transport.
// look() asks the IOTLBs by lookups, which count as hits and misses and make some designs apply
// what was posted to them; so it belongs to a machine that is thrown away afterwards (player.hpp).
// Limits: two endpoints, kNic and kDisk, each with a reader (an endpoint lcore) of its own.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/device/any_reader.hpp"
#include "engine/device/device.hpp"
#include "engine/device/fake_queues.hpp"
#include "engine/telemetry/event_ring.hpp"
#include "experiments/guest/virtio_iommu_driver.hpp"
#include "experiments/lessons/views.hpp"
#include "experiments/lessons/watched_quiescence.hpp"

namespace violet::lessons {

class Machine final : public DeviceTransport {
 public:
  // Precondition: the choice names a registered store and a registered IOTLB.
  Machine(const EngineChoice& choice, const Ticks& clock, RequestQueue& requests);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // --- The driver's and the engine's side
  FakeEventQueue& events() { return events_; }
  unsigned poll();
  // Events that the engine recorded, since the machine was made.
  const std::vector<Event>& recorded() const { return recorded_; }
  bool wants_poll() const { return device_->wants_poll(); }
  std::uint64_t invalidations() const { return device_->counters().invalidations.value(); }

  // --- An endpoint's access: online, lookup, [walk, fill,] offline. lookup() returns nothing on a
  // miss; fill() gives the result after one.
  void online(unsigned endpoint);
  std::optional<TranslateResult> lookup(unsigned endpoint, Iova iova, Access access);
  bool walk(unsigned endpoint);  // Did the store know it?
  TranslateResult fill(unsigned endpoint);
  void report(unsigned endpoint, Iova iova, Access access, protocol::FaultReason reason);
  void offline(unsigned endpoint);
  // Lets go whatever it holds, also what look() made it hold.
  void close(unsigned endpoint);
  // Where an access of an endpoint that is not under way would end; nobody hears of it.
  std::optional<GuestPhys> reaches(unsigned endpoint, Iova iova, Access access);

  std::uint64_t offered_features() override { return device_->offered_features(); }
  bool negotiate(std::uint64_t features) override { return device_->negotiate(features); }
  void read_config(std::size_t offset, std::span<std::byte> out) override {
    device_->read_config(offset, out);
  }
  void write_config(std::size_t offset, std::span<const std::byte> bytes) override {
    device_->write_config(offset, bytes);
  }

  // A line for each range whose first page translates, in IOTLBs for each page that hits.
  MachineView look(std::span<const IovaRange> ranges);

 private:
  static constexpr unsigned kBudget = 64;
  struct Lcore {
    std::unique_ptr<AnyReader> reader;
    EndpointHandle endpoint = nullptr;
    bool online = false;
    Route route;
    std::optional<Translation> found;
    Iova iova{};
    Access access = Access::kRead;
  };

  void look_at(unsigned index, std::span<const IovaRange> ranges, MachineView& view);

  const Ticks& clock_;
  WatchedQuiescence quiescence_;
  FakeEventQueue events_;
  EventRing ring_{1024};
  std::vector<Event> recorded_;
  std::unique_ptr<Device> device_;
  std::array<Lcore, kEndpointCount> lcores_;
};

// Null for a combination that is not offered.
std::unique_ptr<Machine> make_machine(const EngineChoice& choice, const Ticks& clock,
                                      RequestQueue& requests);

}  // namespace violet::lessons
