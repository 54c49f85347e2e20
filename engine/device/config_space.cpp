#include "engine/device/config_space.hpp"

#include <algorithm>
#include <cstring>

namespace violet {
namespace {

constexpr std::size_t kBypassOffset = offsetof(protocol::Config, bypass);

}  // namespace

ConfigSpace::ConfigSpace(const DeviceConfig& config)
    : offered_(config.features), boot_bypass_(config.boot_bypass) {
  const IovaRange input = config.effective_input_range();
  wire_.page_size_mask = config.page_size_mask;
  wire_.input_range.start = input.first.value;
  wire_.input_range.end = input.last.value;
  const bool ranged = config.offers(protocol::kDomainRange);
  wire_.domain_range.start = ranged ? config.domain_range.first.value : 0;
  wire_.domain_range.end = ranged ? config.domain_range.last.value : ~std::uint32_t{0};
  wire_.probe_size = config.offers(protocol::kProbe) ? config.probe_size : 0;
  if (config.offers(protocol::kTopology)) {
    std::vector<std::byte> whole(sizeof(wire_));
    protocol::append_topology(whole, config.topology);
    topology_.assign(whole.begin() + sizeof(wire_), whole.end());
  }
  system_reset();
}

bool ConfigSpace::negotiate(std::uint64_t features) {
  if ((features & ~offered_) != 0) return false;
  negotiated_ = features;
  update();
  return true;
}

void ConfigSpace::read(std::size_t offset, std::span<std::byte> out) const {
  std::fill(out.begin(), out.end(), std::byte{0});
  const auto wire = std::as_bytes(std::span(&wire_, 1));
  const std::span<const std::byte> parts[] = {wire, topology_};
  for (const auto part : parts) {
    if (offset < part.size()) {
      const auto there = part.subspan(offset).first(std::min(out.size(), part.size() - offset));
      out = out.subspan(static_cast<std::size_t>(
          std::copy(there.begin(), there.end(), out.begin()) - out.begin()));
    }
    offset -= std::min(offset, part.size());
  }
}

void ConfigSpace::write(std::size_t offset, std::span<const std::byte> bytes) {
  if (!has(protocol::kBypassConfig)) return;
  if (offset > kBypassOffset || kBypassOffset - offset >= bytes.size()) return;
  const auto value = std::to_integer<std::uint8_t>(bytes[kBypassOffset - offset]);
  if (value > 1) return;  // D7
  wire_.bypass = value;
  update();
}

void ConfigSpace::reset() {
  negotiated_ = 0;
  update();
}

void ConfigSpace::system_reset() {
  wire_.bypass = boot_bypass_ ? 1 : 0;  // D5
  reset();
}

void ConfigSpace::update() {
  // BYPASS_CONFIG counts when it is offered, accepted or not; legacy BYPASS when it is negotiated.
  const bool by_config =
      (offered_ & protocol::feature_bit(protocol::kBypassConfig)) != 0 && bypass();
  unattached_bypass_.store(by_config || has(protocol::kBypass),
                           std::memory_order_release);  // partner: unattached_bypass()
}

}  // namespace violet
