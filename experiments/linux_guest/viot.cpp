#include "experiments/linux_guest/viot.hpp"

namespace violet::linux_guest {
namespace {

constexpr std::size_t kHeaderBytes = 36;
constexpr std::size_t kNodesOffset = 48;
constexpr std::size_t kLengthAt = 4;
enum NodeType : std::uint8_t { kPciRange = 1, kVirtioIommuPci = 3 };

template <class T>
void append(std::string& table, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    table += static_cast<char>(static_cast<std::uint64_t>(value) >> 8 * i);
  }
}

void begin_node(std::string& table, NodeType type, std::uint16_t bytes) {
  append(table, static_cast<std::uint8_t>(type));
  append(table, std::uint8_t{0});
  append(table, bytes);
}

}  // namespace

std::string viot_table(PciAddress iommu, const std::vector<PciRange>& ranges) {
  std::string table = "VIOT";
  append(table, std::uint32_t{0});  // Length, below.
  append(table, std::uint8_t{0});   // Revision.
  append(table, std::uint8_t{0});   // Checksum: QEMU's.
  table += "VIOLETGUESTVIO";        // OEM and OEM table ids: 6 and 8 bytes.
  append(table, std::uint32_t{1});
  table += "VIOL";
  append(table, std::uint32_t{1});
  table.resize(kHeaderBytes);
  append(table, static_cast<std::uint16_t>(ranges.size() + 1));
  append(table, static_cast<std::uint16_t>(kNodesOffset));
  append(table, std::uint64_t{0});

  begin_node(table, kVirtioIommuPci, 16);
  append(table, std::uint16_t{0});
  append(table, iommu.bdf());
  append(table, std::uint64_t{0});
  for (const PciRange& range : ranges) {
    begin_node(table, kPciRange, 24);
    append(table, range.endpoint);
    append(table, std::uint16_t{0});
    append(table, std::uint16_t{0});
    append(table, range.first.bdf());
    append(table, range.last.bdf());
    append(table, static_cast<std::uint16_t>(kNodesOffset));
    append(table, std::uint16_t{0});
    append(table, std::uint32_t{0});
  }
  for (std::size_t i = 0; i < 4; ++i)
    table[kLengthAt + i] = static_cast<char>(table.size() >> 8 * i);
  return table;
}

}  // namespace violet::linux_guest
