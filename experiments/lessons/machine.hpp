// The real engine behind one store and one IOTLB, cut where a lesson wants to stop: between the
// request and the poll, and between any two parts of an endpoint's access.
//
// Threading: owner-only.
// Invariants: nothing is computed here that the engine computes: every answer is Device's.
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
#include "experiments/lessons/watched.hpp"

namespace violet::lessons {

enum Endpoints : unsigned { kNic = 0, kDisk = 1, kEndpointCount = 2 };
inline constexpr std::array<EndpointId, kEndpointCount> kEndpointIds{{{0x28}, {0x30}}};
inline constexpr std::array<const char*, kEndpointCount> kEndpointNames{"NIC", "Disk"};
inline constexpr IovaRange kMsiWindow{{0xfee00000}, {0xfeefffff}};
inline constexpr std::uint32_t kProbeBytes = 64;

// Which engine a lesson runs on: names of engine/store/stores.hpp and engine/iotlb/iotlbs.hpp.
struct EngineChoice {
  std::string store = "radix";
  std::string iotlb = "targeted-ack";
  bool operator==(const EngineChoice&) const = default;
};

// A range that translates, as the store or an IOTLB answers for it.
struct MappingView {
  IovaRange range;
  GuestPhys phys;
  Permissions permissions = Permissions::kNone;
  bool operator==(const MappingView&) const = default;
};

struct EndpointView {
  std::optional<DomainId> domain;
  bool online = false;
  std::vector<MappingView> cached;  // What its IOTLB would answer now.
  IotlbReaderStats stats;           // Of its accesses; looking is not counted.
};

struct MachineView {
  std::vector<MappingView> mappings;  // Of the domain of the first attached endpoint.
  std::uint64_t mapping_count = 0;
  std::optional<DomainId> domain;
  std::array<EndpointView, kEndpointCount> endpoints;
  std::uint64_t parked = 0;  // Executed, not answered: they wait for readers.
  std::uint64_t grace_periods = 0;
  std::uint64_t invalidations = 0;
  std::uint64_t faults_posted = 0;
  std::uint64_t faults_lost = 0;         // The driver had no buffer on the event queue.
  std::optional<std::string> waits_for;  // With parked > 0: the reader that holds them.
};

class Machine {
 public:
  // Precondition: the choice names a registered store and a registered IOTLB.
  Machine(const EngineChoice& choice, const Ticks& clock);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // --- The driver's and the engine's side
  WatchedRequests& requests() { return requests_; }
  FakeEventQueue& events() { return events_; }
  unsigned poll() { return device_->poll(kBudget); }
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
  WatchedRequests requests_;
  FakeEventQueue events_;
  std::unique_ptr<Device> device_;
  std::array<Lcore, kEndpointCount> lcores_;
};

// Null for a combination that is not offered.
std::unique_ptr<Machine> make_machine(const EngineChoice& choice, const Ticks& clock);
// The combinations that are.
std::span<const EngineChoice> engine_choices();

}  // namespace violet::lessons
