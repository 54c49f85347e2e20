// VIOT is the ACPI table that says which endpoints are behind which virtio-iommu (ACPI 6.5, section
// 5.2.31; the layout is ACPICA's actbl3.h): parsed from untrusted bytes, and built for guests and
// tests.
//
// Threading: pure functions; a table is a plain value.
// Invariants: every length and offset is checked before it is followed; any bytes end in a table or in an
// error that names the offset. What Linux refuses is an error here, what it bears is a warning: a
// wrong checksum, an unknown node type, bytes behind the table. `iommu` of every endpoint node leads
// to an IOMMU node of the same table. What build_viot() makes, parse_viot() reads back as it was.
// Limits: 65535 nodes; offsets of output nodes are 16 bits, so an IOMMU node that endpoints name lies in
// the first 64 KiB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "engine/base/result.hpp"

namespace violet::protocol {

// Bus, device and function of a PCI function as PCI numbers them in 16 bits.
struct PciBdf {
  std::uint16_t value = 0;
  auto operator<=>(const PciBdf&) const = default;
  static constexpr PciBdf of(unsigned bus, unsigned device, unsigned function) {
    return {static_cast<std::uint16_t>(bus << 8 | device << 3 | function)};
  }
};
std::string to_text(PciBdf bdf);  // "00:05.0"

// All functions from bdf_start to bdf_end in each of the segments; the first one is endpoint_start.
struct ViotPciRange {
  std::uint32_t endpoint_start = 0;
  std::uint16_t segment_start = 0, segment_end = 0;  // Inclusive.
  PciBdf bdf_start, bdf_end;                         // Inclusive.
  std::size_t iommu = 0;                             // Index among the table's nodes.
  bool operator==(const ViotPciRange&) const = default;
};
struct ViotMmioEndpoint {
  std::uint32_t endpoint = 0;
  std::uint64_t base_address = 0;
  std::size_t iommu = 0;
  bool operator==(const ViotMmioEndpoint&) const = default;
};
struct ViotPciIommu {
  std::uint16_t segment = 0;
  PciBdf bdf;
  bool operator==(const ViotPciIommu&) const = default;
};
struct ViotMmioIommu {
  std::uint64_t base_address = 0;
  bool operator==(const ViotMmioIommu&) const = default;
};

struct ViotNode {
  std::variant<ViotPciRange, ViotMmioEndpoint, ViotPciIommu, ViotMmioIommu> what;
  std::uint32_t offset = 0;  // In the table; set by the parser.
  bool is_iommu() const { return what.index() >= 2; }
};

struct ViotTable {
  std::string oem_id = "VIOLET", oem_table_id = "VIOLETVT";  // At most 6 and 8 characters.
  std::uint32_t oem_revision = 1;
  std::uint8_t revision = 0;
  std::uint32_t length = 0;  // As the header says; set by the parser.
  std::vector<ViotNode> nodes;
  std::vector<std::string> warnings;  // Only of the parser.
};

// Errors: "viot: offset 0x48: ...".
Result<ViotTable> parse_viot(std::span<const std::byte> bytes);

// Precondition: every `iommu` names an IOMMU node of the table; at most 65535 bytes.
std::vector<std::byte> build_viot(const ViotTable& table);

// The endpoint id that Linux gives a function: by the last range that holds it. Nothing: behind no IOMMU, or
// the very IOMMU that the range leads to.
std::optional<std::uint32_t> viot_endpoint(const ViotTable& table, std::uint16_t segment,
                                           PciBdf bdf);
// The last id of a range; wider than 32 bits where the ids run over.
std::uint64_t viot_last_endpoint(const ViotPciRange& range);

}  // namespace violet::protocol
