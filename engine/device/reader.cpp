#include "engine/device/reader.hpp"
#include "engine/telemetry/event_bodies.hpp"

#include <algorithm>

namespace violet {
namespace {

// Up to the next reserved region (D47) or the end of the space.
TranslateResult identity(EndpointHandle endpoint, Iova iova) noexcept {
  std::uint64_t left = ~iova.value;
  if (left != ~std::uint64_t{0}) ++left;
  for (const auto& region : endpoint->regions) {
    if (region.range.first > iova) left = std::min(left, region.range.first.value - iova.value);
  }
  return {{iova.value}, left, Outcome::kBypass, {}, false};
}

}  // namespace

Route DeviceReader::route_apart(EndpointHandle endpoint, const Domain* domain,
                                Iova iova) const noexcept {
  for (const auto& region : endpoint->regions) {
    if (!region.range.contains(iova)) continue;
    return {nullptr, {{}, 0, Outcome::kReserved, protocol::FaultReason::kMapping, false}};  // D47
  }
  if (domain == nullptr) return {nullptr, unattached(endpoint, iova)};
  if (domain->bypass) return {nullptr, identity(endpoint, iova)};
  return {domain, {}};
}

TranslateResult DeviceReader::unattached(EndpointHandle endpoint, Iova iova) const noexcept {
  if (context_.config.unattached_bypass()) return identity(endpoint, iova);
  return {{}, 0, Outcome::kFault, protocol::FaultReason::kDomain, false};  // D11
}

void DeviceReader::report(EndpointHandle endpoint, Iova iova, Access access,
                          protocol::FaultReason reason) noexcept {
  faults_reported_.add();
  if (!faults_.push({iova, endpoint->id, access, reason})) faults_dropped_.add();
  if (context_.fault_signal != nullptr) context_.fault_signal(context_.fault_context);
  if (!probe_.on()) return;
  probe_.record(
      FaultEvent{endpoint->id, iova, static_cast<std::uint8_t>(reason)}.event(context_.ticks()));
}

}  // namespace violet
