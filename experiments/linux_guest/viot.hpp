// The ACPI table that tells a guest which of its PCI functions are behind which virtio-iommu (VIOT, ACPI
// 6.5, section 5.2.33).
//
// Threading: a pure function.
// Limits: one IOMMU on PCI; segment 0. QEMU's -acpitable file= fills in the checksum.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace violet::linux_guest {

// A function of bus 0.
struct PciAddress {
  std::uint8_t device;
  std::uint8_t function = 0;
  std::uint16_t bdf() const { return static_cast<std::uint16_t>(device << 3 | function); }
};

// Functions first..last, both included; their endpoint ids count up from `endpoint`.
struct PciRange {
  PciAddress first;
  PciAddress last;
  std::uint32_t endpoint;
};

std::string viot_table(PciAddress iommu, const std::vector<PciRange>& ranges);

}  // namespace violet::linux_guest
