#include "engine/protocol/viot.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace violet::protocol {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// QEMU: the IOMMU first, then a range for each host bridge.
ViotTable two_bridges() {
  ViotTable table;
  table.nodes.push_back({ViotPciIommu{0, PciBdf::of(0, 2, 0)}});
  table.nodes.push_back({ViotPciRange{0, 0, 0, PciBdf::of(0, 0, 0), PciBdf::of(0, 0x1f, 7), 0}});
  table.nodes.push_back(
      {ViotPciRange{0x8000, 0, 1, PciBdf::of(0x80, 0, 0), PciBdf::of(0xff, 0x1f, 7), 0}});
  return table;
}

ViotTable mixed() {
  ViotTable table = two_bridges();
  table.nodes.push_back({ViotMmioIommu{0xfeb0'0000}});
  table.nodes.push_back({ViotMmioEndpoint{0x1'0000, 0xfeb1'0000, 3}});
  return table;
}

void set16(std::vector<std::byte>& bytes, std::size_t at, unsigned value) {
  bytes.at(at) = std::byte(value & 0xff);
  bytes.at(at + 1) = std::byte(value >> 8 & 0xff);
}

std::string error_of(const std::vector<std::byte>& bytes) {
  const auto table = parse_viot(bytes);
  return table ? "no error" : table.error().message;
}

TEST(Viot, ReadsWhatItBuilds) {
  const ViotTable built = mixed();
  const auto bytes = build_viot(built);
  EXPECT_EQ(bytes.size(), 48u + 3 * 16 - 16 + 3 * 24);
  const auto read = parse_viot(bytes);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_THAT(read->warnings, ElementsAre());
  EXPECT_EQ(read->oem_id, "VIOLET");
  EXPECT_EQ(read->length, bytes.size());
  ASSERT_EQ(read->nodes.size(), built.nodes.size());
  for (std::size_t i = 0; i < built.nodes.size(); ++i) {
    EXPECT_EQ(read->nodes[i].what, built.nodes[i].what) << i;
  }
  EXPECT_EQ(read->nodes[1].offset, 64u);
}

std::vector<std::byte> from_hex(const std::string& text) {
  std::vector<std::byte> bytes;
  std::istringstream words(text);
  for (std::string word; words >> word;) bytes.push_back(std::byte(std::stoul(word, nullptr, 16)));
  return bytes;
}

// The layout of a table of QEMU, written down byte by byte: one bridge, IOMMU at 00:02.0.
TEST(Viot, ReadsTheBytesOfQemu) {
  auto bytes = from_hex(
      "56 49 4f 54 58 00 00 00 00 00 42 4f 43 48 53 20 "  // Signature, length, OEM id.
      "42 58 50 43 20 20 20 20 01 00 00 00 42 58 50 43 "
      "01 00 00 00 02 00 30 00 00 00 00 00 00 00 00 00 "  // Two nodes from 0x30.
      "03 00 10 00 00 00 10 00 00 00 00 00 00 00 00 00 "  // The virtio-iommu.
      "01 00 18 00 00 00 00 00 00 00 00 00 00 00 ff ff "  // The range.
      "30 00 00 00 00 00 00 00");
  unsigned sum = 0;
  for (const std::byte byte : bytes) sum += std::to_integer<unsigned>(byte);
  bytes[9] = std::byte(static_cast<std::uint8_t>(0x100 - (sum & 0xff)));
  const auto read = parse_viot(bytes);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_THAT(read->warnings, ElementsAre());
  EXPECT_EQ(read->oem_id, "BOCHS");
  ASSERT_EQ(read->nodes.size(), 2u);
  EXPECT_EQ(to_text(std::get<ViotPciIommu>(read->nodes[0].what).bdf), "00:02.0");
  const auto& range = std::get<ViotPciRange>(read->nodes[1].what);
  EXPECT_EQ(to_text(range.bdf_end), "ff:1f.7");
  EXPECT_EQ(range.iommu, 0u);
}

TEST(Viot, EndpointIdsFollowLinux) {
  const ViotTable table = two_bridges();
  EXPECT_EQ(viot_endpoint(table, 0, PciBdf::of(0, 5, 0)), 0x28u);
  EXPECT_EQ(viot_endpoint(table, 1, PciBdf::of(0x80, 0, 1)), 0x1'8001u);
  EXPECT_EQ(viot_endpoint(table, 2, PciBdf::of(0, 5, 0)), std::nullopt);
  EXPECT_EQ(viot_endpoint(table, 0, PciBdf::of(0x20, 0, 0)), std::nullopt);
}

// Linux puts each range before those that it has read.
TEST(Viot, OfTwoRangesTheLaterCountsAsInLinux) {
  ViotTable twice = two_bridges();
  twice.nodes.push_back({ViotPciRange{0x900, 0, 0, PciBdf::of(0, 5, 0), PciBdf::of(0, 5, 7), 0}});
  EXPECT_EQ(viot_endpoint(twice, 0, PciBdf::of(0, 5, 0)), 0x900u);
  EXPECT_EQ(viot_endpoint(twice, 0, PciBdf::of(0, 6, 0)), 0x30u);
}

// QEMU's range of a host bridge holds the IOMMU's own function.
TEST(Viot, AnIommuIsNoEndpointOfItsOwn) {
  ViotTable table = two_bridges();
  EXPECT_EQ(viot_endpoint(table, 0, PciBdf::of(0, 2, 0)), std::nullopt);
  EXPECT_EQ(viot_endpoint(table, 0, PciBdf::of(0, 2, 1)), 0x11u);
  // One that another IOMMU translates is an endpoint of that one.
  table.nodes.push_back({ViotPciIommu{0, PciBdf::of(0, 3, 0)}});
  EXPECT_EQ(viot_endpoint(table, 0, PciBdf::of(0, 3, 0)), 0x18u);
  // The range that counts decides alone, as in Linux.
  table.nodes.push_back({ViotPciRange{0x900, 0, 0, PciBdf::of(0, 3, 0), PciBdf::of(0, 3, 0), 3}});
  EXPECT_EQ(viot_endpoint(table, 0, PciBdf::of(0, 3, 0)), std::nullopt);
}

TEST(Viot, FunctionsAreWrittenAsPeopleDo) {
  EXPECT_EQ(to_text(PciBdf::of(0, 5, 0)), "00:05.0");
  EXPECT_EQ(to_text(PciBdf{0xffff}), "ff:1f.7");
}

TEST(Viot, AWrongChecksumIsAWarning) {
  auto bytes = build_viot(two_bridges());
  bytes[9] ^= std::byte{0x55};
  const auto read = parse_viot(bytes);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_THAT(read->warnings, ElementsAre(HasSubstr("checksum")));
}

TEST(Viot, UnknownNodesAreSkippedWithAWarning) {
  auto bytes = build_viot(mixed());
  bytes[48 + 16 + 24] = std::byte{77};  // The second range.
  const auto read = parse_viot(bytes);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->nodes.size(), 4u);
  EXPECT_THAT(read->warnings, ElementsAre(HasSubstr("checksum"), HasSubstr("0x58")));
  EXPECT_EQ(std::get<ViotMmioEndpoint>(read->nodes[3].what).iommu, 2u);
}

TEST(Viot, ManyUnknownNodesGiveFewWarnings) {
  std::vector<std::byte> bytes = build_viot({});
  for (int i = 0; i < 500; ++i) {
    bytes.insert(bytes.end(), {std::byte{9}, std::byte{0}, std::byte{4}, std::byte{0}});
  }
  set16(bytes, 4, static_cast<unsigned>(bytes.size()));
  set16(bytes, 36, 500);
  const auto read = parse_viot(bytes);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_LT(read->warnings.size(), 30u);
  EXPECT_THAT(read->warnings.back(), HasSubstr("480 more"));
}

TEST(Viot, BytesBehindTheTableAreAWarning) {
  auto bytes = build_viot(two_bridges());
  bytes.resize(bytes.size() + 5);
  EXPECT_THAT(parse_viot(bytes)->warnings, ElementsAre(HasSubstr("5 bytes")));
}

TEST(Viot, ErrorsNameTheOffset) {
  const auto good = build_viot(two_bridges());
  auto bytes = good;
  bytes.resize(20);
  EXPECT_THAT(error_of(bytes), HasSubstr("offset 0x14: the file ends here"));
  bytes = good;
  bytes[0] = std::byte{'X'};
  EXPECT_THAT(error_of(bytes), HasSubstr("offset 0x0: expected the signature"));
  bytes = good;
  set16(bytes, 4, 4000);
  EXPECT_THAT(error_of(bytes), HasSubstr("offset 0x4: the length is 4000"));
  bytes = good;
  set16(bytes, 4, 12);
  EXPECT_THAT(error_of(bytes), HasSubstr("at least 48"));
  bytes = good;
  set16(bytes, 38, 8);
  EXPECT_THAT(error_of(bytes), HasSubstr("inside the header"));
  bytes = good;
  set16(bytes, 36, 4);
  EXPECT_THAT(error_of(bytes), HasSubstr("offset 0x70: node 4 of 4 begins behind"));
}

TEST(Viot, BadLengthsOfNodesAreErrors) {
  const auto good = build_viot(two_bridges());
  for (const unsigned length : {0u, 3u, 2000u}) {
    auto bytes = good;
    set16(bytes, 64 + 2, length);
    EXPECT_THAT(error_of(bytes), HasSubstr("offset 0x40: node 2 has length")) << length;
  }
  auto bytes = good;
  set16(bytes, 64 + 2, 20);
  EXPECT_THAT(error_of(bytes), HasSubstr("offset 0x40: a PCI range takes 24 bytes"));
}

TEST(Viot, EveryOutputLeadsToAnIommu) {
  for (const unsigned output : {0u, 40u, 49u, 64u, 0xffffu}) {
    auto bytes = build_viot(two_bridges());
    set16(bytes, 64 + 16, output);
    EXPECT_THAT(error_of(bytes), HasSubstr("offset 0x40: its output node is at")) << output;
  }
}

TEST(Viot, RangesThatAreNoneAreErrors) {
  auto bytes = build_viot(two_bridges());
  set16(bytes, 64 + 12, 0x200);
  EXPECT_THAT(error_of(bytes), HasSubstr("0000:02:00.0 to 0000:00:1f.7 ends before"));
}

TEST(Viot, TextsOfTheHeaderAreMadePrintable) {
  auto bytes = build_viot(two_bridges());
  bytes[10] = std::byte{0x1b};
  EXPECT_EQ(parse_viot(bytes)->oem_id, "?IOLET");
}

RC_GTEST_PROP(ViotProperties, AnyTableSurvivesTheRoundTrip, ()) {
  ViotTable table;
  table.nodes.push_back(
      {ViotPciIommu{*rc::gen::arbitrary<std::uint16_t>(), {*rc::gen::arbitrary<std::uint16_t>()}}});
  const auto count = *rc::gen::inRange<std::size_t>(0, 40);
  for (std::size_t i = 0; i < count; ++i) {
    const auto start = *rc::gen::arbitrary<std::uint16_t>();
    const auto end = *rc::gen::inRange<unsigned>(start, 0x10000);
    table.nodes.push_back({ViotPciRange{static_cast<std::uint32_t>(i) << 17,
                                        static_cast<std::uint16_t>(i),
                                        static_cast<std::uint16_t>(i + 1),
                                        {start},
                                        {static_cast<std::uint16_t>(end)},
                                        0}});
  }
  const auto read = parse_viot(build_viot(table));
  RC_ASSERT(read.has_value());
  RC_ASSERT(read->warnings.empty());
  RC_ASSERT(read->nodes.size() == table.nodes.size());
  for (std::size_t i = 0; i < table.nodes.size(); ++i) {
    RC_ASSERT(read->nodes[i].what == table.nodes[i].what);
  }
}

// The reference disassembler reads the same fields from our bytes.
TEST(Viot, IaslReadsWhatIsBuilt) {
  if (std::system("iasl -v >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "iasl is not installed (package acpica-tools)";
  }
  namespace fs = std::filesystem;
  std::string name = (fs::temp_directory_path() / "viot-XXXXXX").string();
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  const auto bytes = build_viot(mixed());
  std::ofstream(name + "/viot.dat", std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  const std::string command = "cd " + name + " && iasl -d viot.dat >said 2>&1";
  const int status = std::system(command.c_str());
  std::ifstream said_file(name + "/said"), file(name + "/viot.dsl");
  const std::string said{std::istreambuf_iterator<char>(said_file), {}};
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  fs::remove_all(name);
  ASSERT_EQ(status, 0) << said;
  EXPECT_THAT(said, HasSubstr("valid ACPI table")) << said;
  EXPECT_THAT(said + text, testing::Not(HasSubstr("Incorrect checksum")));
  EXPECT_THAT(text, HasSubstr("Oem ID : \"VIOLET\""));
  if (text.find("Unknown ACPI table") != std::string::npos) {
    GTEST_SKIP()
        << "this iasl (Debian 12's is of 2020) knows the header of a VIOT and not its nodes";
  }
  EXPECT_THAT(text, HasSubstr("[Virtual I/O Translation Table]"));
  EXPECT_THAT(text, HasSubstr("Node count : 0005"));
  EXPECT_THAT(text, HasSubstr("Endpoint start : 00008000"));
  EXPECT_THAT(text, HasSubstr("PCI BDF end : FFFF"));
  EXPECT_THAT(text, HasSubstr("Output node : 0030"));
  EXPECT_THAT(text, HasSubstr("Output node : 0070"));
  for (const char* type : {"01 [PCI Range]", "02 [MMIO Endpoint]", "03 [VirtIO-PCI IOMMU]",
                           "04 [VirtIO-MMIO IOMMU]"}) {
    EXPECT_THAT(text, HasSubstr(std::string("Type : ") + type));
  }
  EXPECT_THAT(text, HasSubstr("Base address : 00000000FEB10000"));
}

}  // namespace
}  // namespace violet::protocol
