#include "engine/protocol/viot.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/base/check.hpp"
#include "engine/protocol/wire.hpp"

namespace violet::protocol {
namespace {

constexpr std::size_t kMostWarnings = 20;

enum NodeType : std::uint8_t {
  kPciRangeNode = 1,
  kMmioEndpoint = 2,
  kPciIommu = 3,
  kMmioIommu = 4,
};

struct WireHeader {
  char signature[4];
  le32 length;
  std::uint8_t revision;
  std::uint8_t checksum;  // The bytes of the table sum to zero.
  char oem_id[6];
  char oem_table_id[8];
  le32 oem_revision;
  char creator_id[4];
  le32 creator_revision;
  le16 node_count;
  le16 node_offset;
  std::uint8_t reserved[8];
};
struct WireNode {
  std::uint8_t type;
  std::uint8_t reserved;
  le16 length;
};
struct WirePciRangeNode {
  WireNode head;
  le32 endpoint_start;
  le16 segment_start, segment_end, bdf_start, bdf_end, output_node;
  std::uint8_t reserved[6];
};
struct WireMmioEndpoint {
  WireNode head;
  le32 endpoint;
  le64 base_address;
  le16 output_node;
  std::uint8_t reserved[6];
};
struct WirePciIommu {
  WireNode head;
  le16 segment, bdf;
  std::uint8_t reserved[8];
};
struct WireMmioIommu {
  WireNode head;
  std::uint8_t reserved[4];
  le64 base_address;
};
static_assert(sizeof(WireHeader) == 48 && offsetof(WireHeader, node_count) == 36);
static_assert(sizeof(WirePciRangeNode) == 24 && offsetof(WirePciRangeNode, output_node) == 16);
static_assert(sizeof(WireMmioEndpoint) == 24 && offsetof(WireMmioEndpoint, output_node) == 16);
static_assert(sizeof(WirePciIommu) == 16 && sizeof(WireMmioIommu) == 16);

// ACPI pads its texts with spaces or zeros; what is not printable must not reach a screen.
template <std::size_t N>
std::string text_of(const char (&field)[N]) {
  std::string text(field, std::find(field, field + N, '\0'));
  while (!text.empty() && text.back() == ' ') text.pop_back();
  for (char& c : text) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return text;
}

template <std::size_t N>
void put_text(char (&field)[N], const std::string& text) {
  std::fill(field, field + N, ' ');
  std::copy_n(text.begin(), std::min(N, text.size()), field);
}

std::uint8_t sum_of(std::span<const std::byte> bytes) {
  unsigned sum = 0;
  for (const std::byte byte : bytes) sum += std::to_integer<unsigned>(byte);
  return static_cast<std::uint8_t>(sum);
}

template <class... Args>
tl::unexpected<Error> viot_error(std::size_t offset, fmt::format_string<Args...> format,
                                 Args&&... args) {
  return fail(ErrorKind::kUsage, "viot: offset {:#x}: {}", offset,
              fmt::format(format, std::forward<Args>(args)...));
}

using Outcome = Result<void>;  // Status is the wire's here.

class Parser {
 public:
  explicit Parser(std::span<const std::byte> bytes) : bytes_(bytes) {}

  Result<ViotTable> run() {
    VIOLET_TRY(header());
    VIOLET_TRY(nodes());
    VIOLET_TRY(link());
    if (skipped_ > kMostWarnings) {
      table_.warnings.push_back(
          fmt::format("{} more nodes of unknown types", skipped_ - kMostWarnings));
    }
    return std::move(table_);
  }

 private:
  Outcome header() {
    if (bytes_.size() < sizeof(WireHeader)) {
      return viot_error(bytes_.size(), "the file ends here; a VIOT table has at least {} bytes",
                        sizeof(WireHeader));
    }
    header_ = read<WireHeader>(bytes_, 0);
    if (std::memcmp(header_.signature, "VIOT", 4) != 0) {
      return viot_error(0, "expected the signature 'VIOT', found '{}'", text_of(header_.signature));
    }
    table_.length = header_.length;
    if (table_.length < sizeof(WireHeader)) {
      return viot_error(4, "the length is {}; a VIOT table has at least {} bytes", table_.length,
                        sizeof(WireHeader));
    }
    if (table_.length > bytes_.size()) {
      return viot_error(4, "the length is {}, but the file has {} bytes", table_.length,
                        bytes_.size());
    }
    if (bytes_.size() > table_.length) {
      table_.warnings.push_back(
          fmt::format("{} bytes behind the table are ignored", bytes_.size() - table_.length));
    }
    bytes_ = bytes_.first(table_.length);
    take_identity();
    return {};
  }

  void take_identity() {
    table_.oem_id = text_of(header_.oem_id);
    table_.oem_table_id = text_of(header_.oem_table_id);
    table_.oem_revision = header_.oem_revision;
    table_.revision = header_.revision;
    if (const std::uint8_t sum = sum_of(bytes_); sum != 0) {
      const auto right = static_cast<std::uint8_t>(header_.checksum - sum);
      table_.warnings.push_back(
          fmt::format("the checksum is wrong: the table says {:#04x}, its bytes make it {:#04x}",
                      header_.checksum, right));
    }
  }

  Outcome nodes() {
    std::size_t at = header_.node_offset;
    if (header_.node_count > 0 && at < sizeof(WireHeader)) {
      return viot_error(38, "the nodes begin at {:#x}, inside the header", at);
    }
    for (unsigned i = 0; i < header_.node_count; ++i) {
      if (at > bytes_.size() || bytes_.size() - at < sizeof(WireNode)) {
        return viot_error(at, "node {} of {} begins behind the end of the table", i + 1,
                          static_cast<unsigned>(header_.node_count));
      }
      const auto head = read<WireNode>(bytes_, at);
      if (head.length < sizeof(WireNode) || head.length > bytes_.size() - at) {
        return viot_error(at, "node {} has length {}; there are {} bytes left", i + 1,
                          static_cast<unsigned>(head.length), bytes_.size() - at);
      }
      if (Outcome status = node(head, at); !status) return status;
      at += head.length;
    }
    return {};
  }

  Outcome node(const WireNode& head, std::size_t at) {
    switch (head.type) {
      case kPciRangeNode:
        return typed<WirePciRangeNode>(head, at, "a PCI range");
      case kMmioEndpoint:
        return typed<WireMmioEndpoint>(head, at, "an MMIO endpoint");
      case kPciIommu:
        return typed<WirePciIommu>(head, at, "a virtio-iommu on PCI");
      case kMmioIommu:
        return typed<WireMmioIommu>(head, at, "a virtio-iommu on MMIO");
      default:
        if (skipped_++ < kMostWarnings) {
          table_.warnings.push_back(
              fmt::format("offset {:#x}: a node of unknown type {} is skipped", at, head.type));
        }
        return {};
    }
  }

  // A later version may append to a node; one that is too short cannot be read.
  template <class Wire>
  Outcome typed(const WireNode& head, std::size_t at, const char* what) {
    if (head.length < sizeof(Wire)) {
      return viot_error(at, "{} takes {} bytes, its length says {}", what, sizeof(Wire),
                        static_cast<unsigned>(head.length));
    }
    return take(read<Wire>(bytes_, at), at);
  }

  Outcome take(const WirePciRangeNode& wire, std::size_t at) {
    const ViotPciRange range{wire.endpoint_start, wire.segment_start, wire.segment_end,
                             {wire.bdf_start},    {wire.bdf_end},     0};
    if (range.segment_end < range.segment_start || range.bdf_end < range.bdf_start) {
      return viot_error(at, "the range {:04x}:{} to {:04x}:{} ends before it begins",
                        range.segment_start, to_text(range.bdf_start), range.segment_end,
                        to_text(range.bdf_end));
    }
    if (viot_last_endpoint(range) > 0xffff'ffff) {
      table_.warnings.push_back(
          fmt::format("offset {:#x}: the endpoint ids of this range exceed 32 bits", at));
    }
    add(range, at, wire.output_node);
    return {};
  }
  Outcome take(const WireMmioEndpoint& wire, std::size_t at) {
    add(ViotMmioEndpoint{wire.endpoint, wire.base_address, 0}, at, wire.output_node);
    return {};
  }
  Outcome take(const WirePciIommu& wire, std::size_t at) {
    add(ViotPciIommu{wire.segment, {wire.bdf}}, at, 0);
    return {};
  }
  Outcome take(const WireMmioIommu& wire, std::size_t at) {
    add(ViotMmioIommu{wire.base_address}, at, 0);
    return {};
  }

  template <class Node>
  void add(const Node& node, std::size_t at, std::uint16_t output) {
    table_.nodes.push_back({node, static_cast<std::uint32_t>(at)});
    outputs_.push_back(output);
  }

  // Nodes lie at ascending offsets, so the one that an output names is found by bisection.
  Outcome link() {
    for (std::size_t i = 0; i < table_.nodes.size(); ++i) {
      ViotNode& node = table_.nodes[i];
      if (node.is_iommu()) continue;
      const auto found = std::lower_bound(
          table_.nodes.begin(), table_.nodes.end(), outputs_[i],
          [](const ViotNode& one, std::uint16_t offset) { return one.offset < offset; });
      if (found == table_.nodes.end() || found->offset != outputs_[i] || !found->is_iommu()) {
        return viot_error(node.offset, "its output node is at {:#x}, where no virtio-iommu begins",
                          outputs_[i]);
      }
      const auto index = static_cast<std::size_t>(found - table_.nodes.begin());
      if (auto* range = std::get_if<ViotPciRange>(&node.what)) range->iommu = index;
      if (auto* endpoint = std::get_if<ViotMmioEndpoint>(&node.what)) endpoint->iommu = index;
    }
    return {};
  }

  std::span<const std::byte> bytes_;
  WireHeader header_{};
  ViotTable table_;
  std::vector<std::uint16_t> outputs_;  // As long as the nodes.
  std::size_t skipped_ = 0;
};

std::size_t wire_size(const ViotNode& node) {
  return node.is_iommu() ? sizeof(WirePciIommu) : sizeof(WirePciRangeNode);
}

// Turns a node into its bytes; `offsets` are those of all nodes.
struct Build {
  const std::vector<std::size_t>& offsets;

  le16 output(std::size_t iommu) const { return static_cast<std::uint16_t>(offsets.at(iommu)); }
  template <class Wire>
  static std::vector<std::byte> bytes(NodeType type, Wire wire) {
    wire.head = {type, 0, static_cast<std::uint16_t>(sizeof(wire))};
    std::vector<std::byte> out(sizeof(wire));
    std::memcpy(out.data(), &wire, sizeof(wire));
    return out;
  }
  std::vector<std::byte> operator()(const ViotPciRange& range) const {
    WirePciRangeNode wire{};
    wire.endpoint_start = range.endpoint_start;
    wire.segment_start = range.segment_start;
    wire.segment_end = range.segment_end;
    wire.bdf_start = range.bdf_start.value;
    wire.bdf_end = range.bdf_end.value;
    wire.output_node = output(range.iommu);
    return bytes(kPciRangeNode, wire);
  }
  std::vector<std::byte> operator()(const ViotMmioEndpoint& endpoint) const {
    WireMmioEndpoint wire{};
    wire.endpoint = endpoint.endpoint;
    wire.base_address = endpoint.base_address;
    wire.output_node = output(endpoint.iommu);
    return bytes(kMmioEndpoint, wire);
  }
  std::vector<std::byte> operator()(const ViotPciIommu& iommu) const {
    WirePciIommu wire{};
    wire.segment = iommu.segment;
    wire.bdf = iommu.bdf.value;
    return bytes(kPciIommu, wire);
  }
  std::vector<std::byte> operator()(const ViotMmioIommu& iommu) const {
    WireMmioIommu wire{};
    wire.base_address = iommu.base_address;
    return bytes(kMmioIommu, wire);
  }
};

WireHeader header_of(const ViotTable& table, std::size_t length) {
  WireHeader header{};
  std::memcpy(header.signature, "VIOT", 4);
  header.length = static_cast<std::uint32_t>(length);
  header.revision = table.revision;
  put_text(header.oem_id, table.oem_id);
  put_text(header.oem_table_id, table.oem_table_id);
  header.oem_revision = table.oem_revision;
  put_text(header.creator_id, "VLET");
  header.creator_revision = 1;
  header.node_count = static_cast<std::uint16_t>(table.nodes.size());
  header.node_offset = static_cast<std::uint16_t>(sizeof(header));
  return header;
}

}  // namespace

std::string to_text(PciBdf bdf) {
  return fmt::format("{:02x}:{:02x}.{:x}", bdf.value >> 8, bdf.value >> 3 & 0x1f, bdf.value & 7);
}

Result<ViotTable> parse_viot(std::span<const std::byte> bytes) { return Parser(bytes).run(); }

std::vector<std::byte> build_viot(const ViotTable& table) {
  std::vector<std::size_t> offsets;
  std::size_t length = sizeof(WireHeader);
  for (const ViotNode& node : table.nodes) {
    offsets.push_back(length);
    length += wire_size(node);
  }
  VIOLET_CHECK(length <= 0xffff);
  const WireHeader header = header_of(table, length);
  std::vector<std::byte> bytes(sizeof(header));
  std::memcpy(bytes.data(), &header, sizeof(header));
  for (const ViotNode& node : table.nodes) {
    const auto more = std::visit(Build{offsets}, node.what);
    bytes.insert(bytes.end(), more.begin(), more.end());
  }
  bytes[offsetof(WireHeader, checksum)] = std::byte(static_cast<std::uint8_t>(0 - sum_of(bytes)));
  return bytes;
}

std::uint64_t viot_last_endpoint(const ViotPciRange& range) {
  const unsigned segments = range.segment_end - range.segment_start;
  const unsigned functions = range.bdf_end.value - range.bdf_start.value;
  return std::uint64_t{range.endpoint_start} + (std::uint64_t{segments} << 16) + functions;
}

// As Linux' drivers/acpi/viot.c: of the ranges that hold a function the one listed last counts, alone, and an
// IOMMU does not translate itself.
std::optional<std::uint32_t> viot_endpoint(const ViotTable& table, std::uint16_t segment,
                                           PciBdf bdf) {
  for (auto node = table.nodes.rbegin(); node != table.nodes.rend(); ++node) {
    const auto* range = std::get_if<ViotPciRange>(&node->what);
    if (range == nullptr || segment < range->segment_start || segment > range->segment_end ||
        bdf < range->bdf_start || bdf > range->bdf_end) {
      continue;
    }
    const auto* iommu = std::get_if<ViotPciIommu>(&table.nodes.at(range->iommu).what);
    if (iommu != nullptr && *iommu == ViotPciIommu{segment, bdf}) return std::nullopt;
    const auto segments = static_cast<std::uint32_t>(segment - range->segment_start);
    const auto functions = static_cast<std::uint32_t>(bdf.value - range->bdf_start.value);
    return (segments << 16) + functions + range->endpoint_start;
  }
  return std::nullopt;
}

}  // namespace violet::protocol
