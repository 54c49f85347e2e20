// Features, config space and bypass: D1 to D11.
#include "engine/device/config.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "engine/device/test_rig.hpp"

namespace violet::config_test {
namespace {

using protocol::feature_bit;
using protocol::Status;

protocol::Config config_of(const ConfigSpace& space) {
  protocol::Config wire;
  space.read(0, std::as_writable_bytes(std::span(&wire, 1)));
  return wire;
}
void write_bypass(ConfigSpace& space, unsigned value) {
  const auto byte = static_cast<std::byte>(value);
  space.write(36, std::span(&byte, 1));
}
std::string refusal(const DeviceConfig& config) {
  const auto status = validate(config);
  return status ? std::string() : status.error().message;
}

TEST(Features, D1_MapUnmapIsOffered) {
  EXPECT_TRUE(DeviceConfig{}.offers(protocol::kMapUnmap));
  DeviceConfig without;
  without.features &= ~feature_bit(protocol::kMapUnmap);
  EXPECT_NE(refusal(without).find("MAP_UNMAP"), std::string::npos);
}

TEST(Features, D2_LegacyBypassIsNotOfferedByDefault) {
  EXPECT_FALSE(DeviceConfig{}.offers(protocol::kBypass));
}

TEST(Features, D3_BothBypassFeaturesTogetherAreRefused) {
  DeviceConfig config;
  config.features |= feature_bit(protocol::kBypass);
  EXPECT_NE(refusal(config).find("BYPASS_CONFIG"), std::string::npos);
  config.features &= ~feature_bit(protocol::kBypassConfig);
  EXPECT_EQ(refusal(config), "");
}

TEST(Features, OnlyOfferedOnesCanBeNegotiated) {
  DeviceConfig config;
  ConfigSpace space(config);
  EXPECT_FALSE(space.negotiate(feature_bit(protocol::kBypass)));
  EXPECT_FALSE(space.negotiate(std::uint64_t{1} << 23));
  EXPECT_EQ(space.negotiated(), 0u);
  EXPECT_TRUE(space.negotiate(feature_bit(protocol::kProbe)));
  EXPECT_TRUE(space.has(protocol::kProbe));
}

TEST(Config, D4_PageSizeMaskHasABit) {
  DeviceConfig config;
  EXPECT_EQ(refusal(config), "");
  config.page_size_mask = 0;
  EXPECT_NE(refusal(config).find("page_size_mask"), std::string::npos);
  config.page_size_mask = 0x800;
  EXPECT_NE(refusal(config).find("4096"), std::string::npos);
}

TEST(Config, D5_BypassStartsAsTheBootValue) {
  DeviceConfig config;
  EXPECT_EQ(config_of(ConfigSpace(config)).bypass, 0);
  config.boot_bypass = true;
  const ConfigSpace space(config);
  EXPECT_EQ(config_of(space).bypass, 1);
  EXPECT_TRUE(space.unattached_bypass());  // Even though the driver has accepted nothing.
}

TEST(Config, D6_BypassSurvivesADeviceResetAndNotASystemReset) {
  DeviceConfig config;
  config.boot_bypass = true;
  ConfigSpace space(config);
  space.negotiate(space.offered());
  write_bypass(space, 0);
  space.reset();
  EXPECT_FALSE(space.bypass());
  EXPECT_EQ(space.negotiated(), 0u);
  space.system_reset();
  EXPECT_TRUE(space.bypass());
}

TEST(Config, D7_BypassNeverReadsOtherThanZeroOrOne) {
  DeviceConfig config;
  ConfigSpace space(config);
  space.negotiate(space.offered());
  for (unsigned value = 0; value < 256; ++value) {
    const bool before = space.bypass();
    write_bypass(space, value);
    const auto shown = config_of(space).bypass;
    EXPECT_EQ(shown, value <= 1 ? value : static_cast<unsigned>(before));
  }
}

TEST(Config, BypassIsWritableOnlyOnceNegotiated) {
  DeviceConfig config;
  ConfigSpace space(config);
  write_bypass(space, 1);
  EXPECT_FALSE(space.bypass());
  space.negotiate(feature_bit(protocol::kBypassConfig));
  write_bypass(space, 1);
  EXPECT_TRUE(space.bypass());
}

TEST(Config, EverythingElseIsReadOnly) {
  DeviceConfig config;
  ConfigSpace space(config);
  space.negotiate(space.offered());
  const auto before = std::bit_cast<std::array<std::byte, 40>>(config_of(space));
  std::array<std::byte, 36> ones;
  ones.fill(std::byte{0xff});
  space.write(0, ones);
  space.write(37, std::span(ones).first(3));
  space.write(~std::size_t{0}, ones);
  EXPECT_EQ((std::bit_cast<std::array<std::byte, 40>>(config_of(space))), before);
}

TEST(Config, FieldsShowTheConfigurationAndBeyondTheEndIsZero) {
  DeviceConfig config;
  config.page_size_mask = 0x40201000;
  config.input_range = {{0x1000}, {0x7fffffffff}};
  config.domain_range = {{3}, {99}};
  const ConfigSpace space(config);
  const auto wire = config_of(space);
  EXPECT_EQ(wire.page_size_mask, 0x40201000u);
  EXPECT_EQ(wire.input_range.start, 0x1000u);
  EXPECT_EQ(wire.input_range.end, 0x7fffffffffu);
  EXPECT_EQ(wire.domain_range.start, 3u);
  EXPECT_EQ(wire.domain_range.end, 99u);
  EXPECT_EQ(wire.probe_size, 512u);
  std::array<std::byte, 8> tail;
  tail.fill(std::byte{0xff});
  space.read(36, tail);
  for (const auto byte : tail) EXPECT_EQ(byte, std::byte{0});
  space.read(1000, tail);
  EXPECT_EQ(tail[0], std::byte{0});
}

TEST(Config, TheTopologyFollowsTheFortyBytesAndIsReadOnly) {
  DeviceConfig config;
  config.features |= feature_bit(protocol::kTopology);
  config.topology = {protocol::TopologyPciRange{0x28, 1, {0x28}, {0x2f}},
                     protocol::TopologyMmio{0x10030, 0xfeb00000}};
  EXPECT_EQ(refusal(config), "");
  ConfigSpace space(config);
  space.negotiate(space.offered());
  std::array<std::byte, 80> whole;
  space.read(0, whole);
  const auto parsed = protocol::parse_topology(whole);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->items, config.topology);
  std::array<std::byte, 8> ones;
  ones.fill(std::byte{0xff});
  space.write(protocol::kTopologyAt, ones);
  // However it is cut, the same bytes; zeros behind them.
  for (std::size_t offset = 0; offset < whole.size(); ++offset) {
    std::array<std::byte, 5> piece;
    space.read(offset, piece);
    for (std::size_t i = 0; i < piece.size(); ++i) {
      EXPECT_EQ(piece[i], offset + i < whole.size() ? whole[offset + i] : std::byte{0});
    }
  }
}

TEST(Config, ATopologyIsOfferedAndFitsAndItsRangesHaveAnOrder) {
  DeviceConfig config;
  config.topology = {protocol::TopologyMmio{1, 0x1000}};
  EXPECT_NE(refusal(config).find("TOPOLOGY"), std::string::npos);
  config.features |= feature_bit(protocol::kTopology);
  EXPECT_EQ(refusal(config), "");
  config.topology = {protocol::TopologyPciRange{1, 0, {0x30}, {0x28}}};
  EXPECT_NE(refusal(config).find("ends before it begins"), std::string::npos);
  config.topology.assign(protocol::kMostTopologyItems, protocol::TopologyMmio{1, 0x1000});
  EXPECT_EQ(refusal(config), "");
  config.topology.push_back(protocol::TopologyMmio{2, 0x2000});
  EXPECT_NE(refusal(config).find("at most"), std::string::npos);
}

TEST(Config, MistakesAreNamed) {
  DeviceConfig config;
  config.endpoints = {{{1}, "a", {}}, {{1}, "b", {}}};
  EXPECT_NE(refusal(config).find("id 1"), std::string::npos);
  config = {};
  config.input_range = {{5}, {4}};
  EXPECT_NE(refusal(config).find("input_range"), std::string::npos);
  config = {};
  config.features |= std::uint64_t{1} << 40;
  EXPECT_NE(refusal(config).find("features"), std::string::npos);
  config = {};
  config.limits.in_flight = 0;
  EXPECT_NE(refusal(config).find("limits"), std::string::npos);
}

TEST(General, D8_SuccessIsOkInATailOfFourBytes) {
  Rig rig;
  const auto token = rig.requests.push_wire(attach_wire(1, 8), 100);
  rig.poll_until_idle();
  const Answer& answer = rig.requests.answer(token);
  EXPECT_EQ(answer.used, 4u);
  EXPECT_EQ(answer.status_at(0), Status::kOk);
  EXPECT_EQ(answer.written[4], FakeRequestQueue::kFill);
}

TEST(General, D9_UnknownTypesComeBackUnwritten) {
  Rig rig;
  for (const unsigned type : {0u, 6u, 99u, 255u}) {
    std::array<std::byte, 20> bytes{};
    bytes[0] = static_cast<std::byte>(type);
    const auto token = rig.requests.push(bytes, 16);
    rig.poll_until_idle();
    const Answer& answer = rig.requests.answer(token);
    EXPECT_EQ(answer.used, 0u);
    for (const auto byte : answer.written) EXPECT_EQ(byte, FakeRequestQueue::kFill);
  }
  EXPECT_EQ(rig.device->counters().requests[0].value(), 4u);
  EXPECT_EQ(rig.device->counters().silent.value(), 4u);
}

TEST(General, D10_HeadReservedIsIgnoredAndTailReservedIsZero) {
  Rig rig;
  auto wire = attach_wire(1, 8);
  wire.head.reserved[0] = wire.head.reserved[1] = wire.head.reserved[2] = 0xff;
  const auto token = rig.requests.push_wire(wire);
  rig.poll_until_idle();
  const Answer& answer = rig.requests.answer(token);
  EXPECT_EQ(answer.status_at(0), Status::kOk);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(answer.written[i], std::byte{0});
}

TEST(General, D11_AnUnattachedEndpointDoesNotReachMemory) {
  Rig rig;
  const auto result = rig.translate(8, 0x1234);
  EXPECT_EQ(result.outcome, Outcome::kFault);
  EXPECT_EQ(result.reason, protocol::FaultReason::kDomain);
}

TEST(General, D11_GlobalBypassIsIdentityWhileUnattached) {
  Rig rig;
  const std::byte one{1};
  rig.device->write_config(36, std::span(&one, 1));
  const auto result = rig.translate(8, 0x1234, Access::kWrite);
  EXPECT_EQ(result.outcome, Outcome::kBypass);
  EXPECT_EQ(result.phys.value, 0x1234u);
  rig.attach(1, 8);
  EXPECT_FALSE(rig.reaches(8, 0x1234));  // Attached: bypass no longer.
}

TEST(General, D11_LegacyBypassCountsOnceNegotiated) {
  DeviceConfig config = rig_config();
  config.features ^= feature_bit(protocol::kBypass) | feature_bit(protocol::kBypassConfig);
  Rig rig(config, false);
  EXPECT_FALSE(rig.reaches(8, 0x1234));
  rig.device->negotiate(feature_bit(protocol::kBypass));
  EXPECT_EQ(rig.reaches(8, 0x1234), 0x1234);
}

TEST(General, ABypassDomainIsIdentity) {
  Rig rig;
  rig.attach(1, 8, protocol::kAttachBypass);
  EXPECT_EQ(rig.reaches(8, 0xabcdef, Access::kWrite), 0xabcdef);
}

TEST(General, TooShortForATailComesBackUnwritten) {
  Rig rig;
  for (std::uint32_t writable = 0; writable < 4; ++writable) {
    const auto token = rig.requests.push_wire(attach_wire(1, 8), writable);
    rig.poll_until_idle();
    EXPECT_EQ(rig.requests.answer(token).used, 0u);
  }
  EXPECT_EQ(rig.device->domain_count(), 0u);  // And nothing was done.
}

TEST(General, AShortBodyOfAKnownTypeIsInval) {
  Rig rig;
  rig.attach(1, 8);
  const auto wire = map_wire(1, 0, kLast, 0);
  const auto token = rig.requests.push(std::as_bytes(std::span(&wire, 1)).first(35));
  rig.poll_until_idle();
  EXPECT_EQ(rig.requests.status(token), Status::kInval);
  EXPECT_FALSE(rig.reaches(8, 0));
}

TEST(MakeDevice, AnUnknownNameIsRefusedAndTheKnownOnesAreNamed) {
  EpochQuiescence quiescence;
  const auto no_store = make_device("none", kDefaultIotlb, rig_config(), quiescence);
  ASSERT_FALSE(no_store);
  EXPECT_NE(no_store.error().message.find("interval"), std::string::npos);
  const auto no_iotlb = make_device("radix", "none", rig_config(), quiescence);
  ASSERT_FALSE(no_iotlb);
  EXPECT_NE(no_iotlb.error().message.find("targeted-ack"), std::string::npos);
}

}  // namespace
}  // namespace violet::config_test
