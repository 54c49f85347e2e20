// The real engine behind one store and one IOTLB, cut where a lesson wants to stop: between the
// request and the poll, and between any two parts of an endpoint's access.
//
// Threading: owner-only.
// Invariants: M1 nothing is computed here that the engine computes: every answer is Device's. M2
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

#include "engine/device/translation.hpp"
#include "engine/iotlb/iotlb.hpp"
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
  virtual ~Machine() = default;

  // --- The driver's and the engine's side
  virtual WatchedRequests& requests() = 0;
  virtual FakeEventQueue& events() = 0;
  virtual unsigned poll() = 0;
  virtual bool wants_poll() const = 0;
  virtual std::uint64_t invalidations() const = 0;

  // --- An endpoint's access: online, lookup, [walk, fill,] offline. lookup() returns nothing on a
  // miss; fill() gives the result after one.
  virtual void online(unsigned endpoint) = 0;
  virtual std::optional<TranslateResult> lookup(unsigned endpoint, Iova iova, Access access) = 0;
  virtual bool walk(unsigned endpoint) = 0;  // Did the store know it?
  virtual TranslateResult fill(unsigned endpoint) = 0;
  virtual void report(unsigned endpoint, Iova iova, Access access,
                      protocol::FaultReason reason) = 0;
  virtual void offline(unsigned endpoint) = 0;

  // M2. A line for each range whose first page translates, in IOTLBs for each page that hits.
  virtual MachineView look(std::span<const IovaRange> ranges) = 0;
};

// Null for a combination that is not offered.
std::unique_ptr<Machine> make_machine(const EngineChoice& choice, const Ticks& clock);
// The combinations that are.
std::span<const EngineChoice> engine_choices();

}  // namespace violet::lessons
