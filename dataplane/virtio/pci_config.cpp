#include "dataplane/virtio/pci_config.hpp"

#include <bit>

#include "engine/base/check.hpp"

namespace violet::virtio {
namespace {

// PCI 3.0, section 6.1.
namespace pci {
constexpr std::uint32_t kVendor = 0x00;
constexpr std::uint32_t kDevice = 0x02;
constexpr std::uint32_t kCommand = 0x04;
constexpr std::uint32_t kStatus = 0x06;
constexpr std::uint32_t kRevision = 0x08;
constexpr std::uint32_t kClass = 0x09;
constexpr std::uint32_t kBar0 = 0x10;
constexpr std::uint32_t kSubsystemVendor = 0x2c;
constexpr std::uint32_t kSubsystemOffset = 0x2e;
constexpr std::uint8_t kCapabilities = 0x34;
constexpr std::uint32_t kInterruptLine = 0x3c;
constexpr std::uint32_t kInterruptPin = 0x3d;
constexpr std::uint8_t kFirstCapability = 0x40;

constexpr std::uint32_t kMemorySpace = 1u << 1;
constexpr std::uint32_t kBusMaster = 1u << 2;
constexpr std::uint32_t kIntxDisable = 1u << 10;
constexpr std::uint8_t kInterruptStatus = 1u << 3;
constexpr std::uint8_t kHasCapabilities = 1u << 4;
}  // namespace pci

}  // namespace

PciConfig::PciConfig(const PciIdentity& identity, std::uint32_t bar_bytes)
    : bar_bytes_(bar_bytes),
      last_link_(pci::kCapabilities),
      next_capability_(pci::kFirstCapability) {
  VIOLET_CHECK(std::has_single_bit(bar_bytes) && bar_bytes >= 16);
  put(pci::kVendor, identity.vendor, 2);
  put(pci::kDevice, identity.device, 2);
  put(pci::kRevision, identity.revision, 1);
  put(pci::kClass, identity.class_code, 3);
  put(pci::kSubsystemVendor, identity.subsystem_vendor, 2);
  put(pci::kSubsystemOffset, identity.subsystem, 2);
  put(pci::kInterruptPin, 1, 1);
  make_writable(pci::kCommand, pci::kMemorySpace | pci::kBusMaster | pci::kIntxDisable, 2);
  make_writable(pci::kBar0, ~(bar_bytes - 1), 4);
  make_writable(pci::kInterruptLine, 0xff, 1);
}

std::uint8_t PciConfig::add_capability(std::uint8_t id, std::span<const std::uint8_t> body,
                                       std::span<const std::uint8_t> writable) {
  const std::uint8_t at = next_capability_;
  VIOLET_CHECK(at + 2 + body.size() <= kBytes && writable.size() <= body.size());
  put(pci::kStatus, pci::kHasCapabilities, 1);
  put(last_link_, at, 1);
  put(at, id, 1);
  for (std::size_t i = 0; i < body.size(); ++i) {
    put(static_cast<std::uint32_t>(at + 2 + i), body[i], 1);
  }
  for (std::size_t i = 0; i < writable.size(); ++i) {
    make_writable(static_cast<std::uint32_t>(at + 2 + i), writable[i], 1);
  }
  last_link_ = static_cast<std::uint8_t>(at + 1);
  next_capability_ = static_cast<std::uint8_t>((at + 2 + body.size() + 3) & ~std::size_t{3});
  return at;
}

void PciConfig::put(std::uint32_t address, std::uint32_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) {
    bytes_[address + i] = at_reset_[address + i] = static_cast<std::uint8_t>(value >> 8 * i);
  }
}

void PciConfig::make_writable(std::uint32_t address, std::uint32_t mask, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) {
    writable_[address + i] = static_cast<std::uint8_t>(mask >> 8 * i);
  }
}

std::uint32_t PciConfig::read(std::uint32_t address, unsigned bytes) const {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < bytes; ++i) {
    const std::uint32_t byte = address < kBytes - i ? bytes_[address + i] : 0xffu;
    value |= byte << 8 * i;
  }
  return value;
}

void PciConfig::write(std::uint32_t address, std::uint32_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes && address < kBytes - i; ++i) {
    const std::uint8_t mask = writable_[address + i];
    const std::uint32_t kept = bytes_[address + i] & (0xffu ^ mask);
    bytes_[address + i] = static_cast<std::uint8_t>(kept | (value >> 8 * i & mask));
  }
}

void PciConfig::poke(std::uint32_t address, std::uint32_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) {
    bytes_[address + i] = static_cast<std::uint8_t>(value >> 8 * i);
  }
}

void PciConfig::reset() { bytes_ = at_reset_; }

std::optional<std::uint32_t> PciConfig::bar_offset(std::uint64_t address, unsigned bytes) const {
  if ((read(pci::kCommand, 2) & pci::kMemorySpace) == 0) return std::nullopt;
  const std::uint64_t offset = address - read(pci::kBar0, 4);
  if (offset >= bar_bytes_ || bytes > bar_bytes_ - offset) return std::nullopt;
  return static_cast<std::uint32_t>(offset);
}

bool PciConfig::bus_master() const { return (read(pci::kCommand, 2) & pci::kBusMaster) != 0; }
bool PciConfig::intx_disabled() const { return (read(pci::kCommand, 2) & pci::kIntxDisable) != 0; }

void PciConfig::set_interrupt_status(bool pending) {
  const auto others = static_cast<std::uint8_t>(bytes_[pci::kStatus] & ~pci::kInterruptStatus);
  bytes_[pci::kStatus] = static_cast<std::uint8_t>(others | (pending ? pci::kInterruptStatus : 0));
}

}  // namespace violet::virtio
