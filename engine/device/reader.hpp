// A reader is an endpoint lcore as the device knows it: where the device finds its faults, and what its
// path to guest memory (reader_path.hpp) is made of.
//
// Threading: report() and the path belong to the lcore; take_fault() to the engine; faults_dropped() and
// the statistics of `cache()` to anyone. A route may be asked for by several readers at once.
// Invariants: a fault that was reported is taken once, or was counted as dropped.
// Limits: a ring of DeviceConfig::fault_ring faults.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/base/clock.hpp"
#include "engine/base/quiescence.hpp"
#include "engine/base/spsc_ring.hpp"
#include "engine/device/config_space.hpp"
#include "engine/device/domain.hpp"
#include "engine/iotlb/iotlb.hpp"
#include "engine/protocol/fault.hpp"
#include "engine/telemetry/counter.hpp"
#include "engine/telemetry/event_ring.hpp"

namespace violet {

enum class Outcome : std::uint8_t {
  kMapped,
  kBypass,    // Identity, everything allowed.
  kReserved,  // A RESERVED or MSI region: not guest memory.
  kFault,
};

struct TranslateResult {
  GuestPhys phys{};              // With kMapped and kBypass.
  std::uint64_t bytes_left = 0;  // From the address on, contiguous and of the same mapping; >= 1.
  Outcome outcome = Outcome::kFault;
  protocol::FaultReason reason = protocol::FaultReason::kUnknown;
  bool hit = false;  // The IOTLB answered.

  bool reaches_memory() const { return outcome <= Outcome::kBypass; }
};

struct BurstAccess {
  Iova iova;
  Access access;
};

using EndpointHandle = const Endpoint*;

// Where an access goes: into `domain`, or nowhere further and `result` says why.
struct Route {
  const Domain* domain = nullptr;
  TranslateResult result;
};

// What all readers of a device share.
struct ReaderContext {
  const ConfigSpace& config;
  IotlbControl& iotlb;
  Quiescence& quiescence;
  TickSource ticks;
  // Called on a reader's thread after it left a fault. Set-up.
  void (*fault_signal)(void* context) = nullptr;
  void* fault_context = nullptr;
};

class DeviceReader {
 public:
  DeviceReader(const ReaderContext& context, ReaderId id, IotlbReader& cache,
               std::size_t fault_ring, Probe probe)
      : context_(context), id_(id), cache_(cache), probe_(probe), faults_(fault_ring) {}

  const ReaderContext& context() const { return context_; }
  ReaderId id() const { return id_; }
  IotlbReader& cache() const { return cache_; }

  // Inside a section, like everything that follows from the route.
  Route route(EndpointHandle endpoint, Iova iova) const noexcept {
    // acquire: partner is the engine's release store of the attachment, Device::publish().
    const Domain* const domain = endpoint->attachment.load(std::memory_order_acquire);
    if (domain == nullptr || domain->bypass || endpoint->reserved.may_contain(iova)) [[unlikely]] {
      return route_apart(endpoint, domain, iova);
    }
    return {domain, {}};
  }
  // A fault on its way to the driver.
  void report(EndpointHandle endpoint, Iova iova, Access access,
              protocol::FaultReason reason) noexcept;

  // The engine's end.
  bool has_faults() const { return !faults_.empty(); }
  bool take_fault(protocol::FaultReport& fault) { return faults_.pop(fault); }
  // All that report() was told, whether the engine has seen them or not.
  std::uint64_t faults_reported() const { return faults_reported_.value(); }
  // Faults that found the ring to the engine full.
  std::uint64_t faults_dropped() const { return faults_dropped_.value(); }

 private:
  Route route_apart(EndpointHandle endpoint, const Domain* domain, Iova iova) const noexcept;
  TranslateResult unattached(EndpointHandle endpoint, Iova iova) const noexcept;

  const ReaderContext& context_;
  ReaderId id_;
  IotlbReader& cache_;
  Probe probe_;
  Counter faults_reported_;
  Counter faults_dropped_;
  SpscRing<protocol::FaultReport> faults_;
};

// D29: nothing beyond the mapping's permissions; a write-only mapping is not readable.
inline TranslateResult grant(const IotlbHit& hit, Access access, bool from_iotlb) noexcept {
  if (!allows(hit.permissions, access)) [[unlikely]] {
    return {{}, 0, Outcome::kFault, protocol::FaultReason::kMapping, from_iotlb};
  }
  return {hit.phys, hit.bytes_left, Outcome::kMapped, {}, from_iotlb};
}
// The same of a walk.
inline TranslateResult grant(const std::optional<Translation>& translation, Iova iova,
                             Access access) noexcept {
  if (!translation) return {{}, 0, Outcome::kFault, protocol::FaultReason::kMapping, false};
  const std::uint64_t beyond = translation->extent.last.value - iova.value;
  return grant(IotlbHit{translation->at(iova), translation->permissions,
                        beyond + (beyond != ~std::uint64_t{0})},
               access, false);
}

}  // namespace violet
