#include "engine/protocol/topology.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "engine/protocol/wire.hpp"

namespace violet::protocol {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::size_t kFirstItem = 48;

std::vector<std::byte> config_with(const std::vector<TopologyItem>& items) {
  std::vector<std::byte> config(sizeof(Config));
  append_topology(config, items);
  return config;
}
std::vector<TopologyItem> mixed_topology() {
  return {TopologyPciRange{0x28, 0, PciBdf::of(0, 5, 0), PciBdf::of(0, 5, 7)},
          TopologyMmio{0x1'0000, 0xfeb0'0000}};
}
void put16(std::vector<std::byte>& bytes, std::size_t at, unsigned value) {
  bytes.at(at) = std::byte(value & 0xff);
  bytes.at(at + 1) = std::byte(value >> 8 & 0xff);
}
std::string topology_error(const std::vector<std::byte>& bytes) {
  const auto topology = parse_topology(bytes);
  return topology ? "no error" : topology.error().message;
}

TEST(Topology, ReadsWhatItBuilds) {
  const auto config = config_with(mixed_topology());
  EXPECT_EQ(config.size(), kFirstItem + 2 * 16);
  const auto read = parse_topology(config);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->items, mixed_topology());
  EXPECT_THAT(read->warnings, ElementsAre());
}

// Bytes as the draft's header has them, so that a driver of the draft would read our items.
TEST(Topology, TheItemsAreTheDrafts) {
  const auto config = config_with(mixed_topology());
  const std::vector<unsigned> expected = {2, 0, 48,   0,    0,    0, 0, 0,  // count, offset
                                          1, 0, 16,   0,    0x28, 0, 0, 0,  // PCI range
                                          0, 0, 0x28, 0,    0x2f, 0, 0, 0,  //
                                          2, 0, 16,   0,    0,    0, 1, 0,  // MMIO
                                          0, 0, 0xb0, 0xfe, 0,    0, 0, 0};
  std::vector<unsigned> found;
  for (std::size_t i = kTopologyAt; i < config.size(); ++i) {
    found.push_back(std::to_integer<unsigned>(config[i]));
  }
  EXPECT_EQ(found, expected);
}

TEST(Topology, OfNothingIsNoError) {
  const auto read = parse_topology(config_with({}));
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->items.empty());
}

TEST(Topology, TheDraftsOwnPlaceIsReadToo) {
  auto config = config_with(mixed_topology());
  put16(config, kDraftTopologyAt, 1);
  put16(config, kDraftTopologyAt + 2, kFirstItem);
  const auto read = parse_topology(config, kDraftTopologyAt);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_THAT(read->items, ElementsAre(mixed_topology().front()));
}

TEST(Topology, ErrorsNameTheOffset) {
  EXPECT_THAT(topology_error(std::vector<std::byte>(43)),
              HasSubstr("topology: offset 0x28: the configuration space of 43 bytes ends"));
  auto config = config_with(mixed_topology());
  put16(config, kTopologyAt + 2, 0x2c);
  EXPECT_THAT(topology_error(config), HasSubstr("offset 0x2a: the first item is at 0x2c"));
  put16(config, kTopologyAt + 2, 0x20);
  EXPECT_THAT(topology_error(config), HasSubstr("offset 0x2a: the first item is at 0x20"));
  config = config_with(mixed_topology());
  put16(config, kTopologyAt, 3);
  EXPECT_THAT(topology_error(config), HasSubstr("offset 0x50: item 3 of 3 begins behind the end"));
  config = config_with(mixed_topology());
  put16(config, kFirstItem + 2, 3);
  EXPECT_THAT(topology_error(config), HasSubstr("offset 0x30: item 1 has length 3"));
  put16(config, kFirstItem + 2, 8);
  EXPECT_THAT(topology_error(config), HasSubstr("offset 0x30: an item of type 1 takes 16 bytes"));
  put16(config, kFirstItem + 2, 33);
  EXPECT_THAT(topology_error(config), HasSubstr("there are 32 bytes left"));
  config = config_with(mixed_topology());
  put16(config, kFirstItem + 10, 0x30);
  EXPECT_THAT(topology_error(config),
              HasSubstr("the range 00:06.0 to 00:05.7 ends before it begins"));
}

TEST(Topology, AnUnknownItemIsSkippedByItsLength) {
  auto config = config_with(mixed_topology());
  config[kFirstItem] = std::byte{9};
  const auto read = parse_topology(config);
  ASSERT_TRUE(read);
  EXPECT_THAT(read->items, ElementsAre(mixed_topology().back()));
  EXPECT_THAT(read->warnings, ElementsAre("offset 0x30: an item of unknown type 9 is skipped"));
}

TEST(Topology, IsWhatViotSaysOfOneIommu) {
  ViotTable viot;
  viot.nodes.push_back({ViotPciIommu{0, PciBdf::of(0, 3, 0)}});
  viot.nodes.push_back({ViotMmioIommu{0xfeb0'0000}});
  viot.nodes.push_back({ViotPciRange{0x100, 2, 3, PciBdf::of(0, 5, 0), PciBdf::of(0, 6, 7), 0}});
  viot.nodes.push_back({ViotMmioEndpoint{7, 0xfec0'0000, 1}});
  EXPECT_THAT(topology_of(viot, 0),
              ElementsAre(TopologyPciRange{0x100, 2, PciBdf::of(0, 5, 0), PciBdf::of(0, 6, 7)},
                          TopologyPciRange{0x1'0100, 3, PciBdf::of(0, 5, 0), PciBdf::of(0, 6, 7)}));
  EXPECT_THAT(topology_of(viot, 1), ElementsAre(TopologyItem(TopologyMmio{7, 0xfec0'0000})));
  for (const TopologyItem& item : topology_of(viot, 0)) {
    const auto& range = std::get<TopologyPciRange>(item);
    EXPECT_EQ(viot_endpoint(viot, range.segment, range.bdf_start), range.endpoint_start);
  }
}

TEST(Topology, LeavesOutTheIommuItself) {
  ViotTable viot;
  viot.nodes.push_back({ViotPciIommu{0, PciBdf::of(0, 2, 0)}});
  viot.nodes.push_back({ViotPciRange{0x100, 0, 0, PciBdf::of(0, 0, 0), PciBdf::of(0, 0x1f, 7), 0}});
  const auto items = topology_of(viot, 0);
  EXPECT_THAT(items,
              ElementsAre(TopologyPciRange{0x100, 0, PciBdf::of(0, 0, 0), PciBdf::of(0, 1, 7)},
                          TopologyPciRange{0x111, 0, PciBdf::of(0, 2, 1), PciBdf::of(0, 0x1f, 7)}));
  for (const TopologyItem& item : items) {
    const auto& range = std::get<TopologyPciRange>(item);
    EXPECT_EQ(viot_endpoint(viot, 0, range.bdf_start), range.endpoint_start);
  }
  viot.nodes[1] = {ViotPciRange{0x100, 0, 0, PciBdf::of(0, 2, 0), PciBdf::of(0, 2, 0), 0}};
  EXPECT_TRUE(topology_of(viot, 0).empty());
}

RC_GTEST_PROP(Topology, AnyItemsComeBack, ()) {
  const auto count = *rc::gen::inRange<std::size_t>(0, kMostTopologyItems + 1);
  std::vector<TopologyItem> items;
  for (std::size_t i = 0; i < count; ++i) {
    if (*rc::gen::arbitrary<bool>()) {
      items.push_back(
          TopologyMmio{*rc::gen::arbitrary<std::uint32_t>(), *rc::gen::arbitrary<std::uint64_t>()});
    } else {
      const auto a = *rc::gen::arbitrary<std::uint16_t>();
      const auto b = *rc::gen::arbitrary<std::uint16_t>();
      items.push_back(TopologyPciRange{*rc::gen::arbitrary<std::uint32_t>(),
                                       *rc::gen::arbitrary<std::uint16_t>(),
                                       {std::min(a, b)},
                                       {std::max(a, b)}});
    }
  }
  const auto config = config_with(items);
  RC_ASSERT(config.size() <= kMostConfigBytes);
  const auto read = parse_topology(config);
  RC_ASSERT(read.has_value());
  RC_ASSERT(read->items == items);
}

}  // namespace
}  // namespace violet::protocol
