// PROBE and RESV_MEM: D35 to D47.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "engine/device/test_rig.hpp"

namespace violet::probe_test {
namespace {

using protocol::RegionKind;
using protocol::Status;

constexpr std::uint32_t kProbeSize = 512;
constexpr std::uint32_t kWhole = kProbeSize + 4;

const Answer& probe(Rig& rig, const protocol::Probe& wire, std::uint32_t writable) {
  const auto token = rig.requests.push_wire(wire, writable);
  rig.poll_until_idle();
  return rig.requests.answer(token);
}
const Answer& probe(Rig& rig, std::uint32_t endpoint, std::uint32_t writable = kWhole) {
  return probe(rig, probe_wire(endpoint), writable);
}
bool untouched(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [](std::byte b) { return b == FakeRequestQueue::kFill; });
}

TEST(Probing, D35_ReservedIsIgnored) {
  Rig rig;
  auto wire = probe_wire(10);
  for (auto& byte : wire.reserved) byte = 0xff;
  EXPECT_EQ(probe(rig, wire, kWhole).status_at(kProbeSize), Status::kOk);
}

TEST(Probing, D36_UnknownEndpointIsNoEnt) {
  Rig rig;
  const Answer& answer = probe(rig, 77);
  EXPECT_EQ(answer.used, kWhole);
  EXPECT_EQ(answer.status_at(kProbeSize), Status::kNoEnt);
  const auto parsed = protocol::parse_properties(std::span(answer.written).first(kProbeSize));
  EXPECT_TRUE(parsed.regions.empty());
}

TEST(Probing, D37_WithoutFProbeNothingIsWritten) {
  Rig rig(rig_config(), false);
  rig.device->negotiate(rig.device->offered_features() & ~protocol::feature_bit(protocol::kProbe));
  const Answer& answer = probe(rig, 10);
  EXPECT_EQ(answer.used, 0u);
  EXPECT_TRUE(untouched(answer.written));
}

TEST(Probing, D38_D39_D40_D43_TheListIsTheEndpointsRegions) {
  Rig rig;
  const Answer& answer = probe(rig, 10);
  EXPECT_EQ(answer.used, kWhole);
  EXPECT_EQ(answer.status_at(kProbeSize), Status::kOk);
  const auto parsed = protocol::parse_properties(std::span(answer.written).first(kProbeSize));
  const std::vector<protocol::ReservedRegion> expected = {{kReservedRange, RegionKind::kReserved},
                                                          {kMsiRange, RegionKind::kMsi}};
  EXPECT_EQ(parsed.regions, expected);
  EXPECT_EQ(parsed.ignored, 0u);
}

TEST(Probing, D41_AShortBufferIsInvalWithNoProperty) {
  Rig rig;
  for (const std::uint32_t writable : {4u, 5u, 24u, kWhole - 1}) {
    const Answer& answer = probe(rig, 10, writable);
    EXPECT_EQ(answer.used, writable);
    EXPECT_EQ(answer.status_at(writable - 4), Status::kInval);  // In the last four bytes.
    // The used length claims all of it: an empty list of properties, and no byte left as it was.
    const auto before = std::span(answer.written).first(writable - 4);
    EXPECT_TRUE(
        std::all_of(before.begin(), before.end(), [](std::byte b) { return b == std::byte{0}; }));
  }
  EXPECT_EQ(probe(rig, 10, 3).used, 0u);  // No room for a tail.
}

TEST(Probing, D42_TheRestIsZero) {
  Rig rig;
  const Answer& answer = probe(rig, 10);
  const auto rest = std::span(answer.written).subspan(48, kProbeSize - 48);
  EXPECT_TRUE(std::all_of(rest.begin(), rest.end(), [](std::byte b) { return b == std::byte{0}; }));
  const Answer& none = probe(rig, 8);  // An endpoint without a region: all of it.
  const auto all = std::span(none.written).first(kProbeSize);
  EXPECT_TRUE(std::all_of(all.begin(), all.end(), [](std::byte b) { return b == std::byte{0}; }));
}

TEST(Probing, ALongerBufferHasItsTailAtProbeSize) {
  Rig rig;
  const Answer& answer = probe(rig, 10, kWhole + 100);
  EXPECT_EQ(answer.used, kWhole);
  EXPECT_EQ(answer.status_at(kProbeSize), Status::kOk);
  EXPECT_TRUE(untouched(std::span(answer.written).subspan(kWhole)));
}

TEST(Probing, AProbeWithoutItsWholeBodyIsInval) {
  Rig rig;
  const auto wire = probe_wire(10);
  const auto bytes = std::as_bytes(std::span(&wire, 1)).first(71);
  const auto token = rig.requests.push(bytes, kWhole);
  rig.poll_until_idle();
  EXPECT_EQ(rig.requests.answer(token).status_at(kProbeSize), Status::kInval);
}

TEST(ProbeConfig, D44_MoreThanOneMsiRegionIsRefused) {
  DeviceConfig config = rig_config();
  config.endpoints[2].reserved = {{kMsiRange, RegionKind::kMsi},
                                  {kReservedRange, RegionKind::kMsi}};
  const auto status = validate(config);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("gpu"), std::string::npos);
  EXPECT_NE(status.error().message.find("MSI"), std::string::npos);
}

TEST(ProbeConfig, D45_OverlappingRegionsAreRefused) {
  DeviceConfig config = rig_config();
  config.endpoints[2].reserved = {{{{0}, {0x1fff}}, RegionKind::kReserved},
                                  {{{0x1fff}, {0x2fff}}, RegionKind::kMsi}};
  const auto status = validate(config);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("0x1fff"), std::string::npos);
}

TEST(ProbeConfig, PropertiesThatDoNotFitAreRefused) {
  DeviceConfig config = rig_config();
  config.probe_size = 47;
  EXPECT_FALSE(validate(config));
  config.probe_size = 48;
  EXPECT_TRUE(validate(config));
}

TEST(Probing, D47_AccessesToReservedRegionsNeverReachMemory) {
  Rig rig;
  const auto try_all = [&](const char* when) {
    for (const auto& region : {kReservedRange, kMsiRange}) {
      for (const auto at : {region.first.value, region.first.value + 123, region.last.value}) {
        for (const auto access : {Access::kRead, Access::kWrite}) {
          EXPECT_EQ(rig.translate(10, at, access).outcome, Outcome::kReserved) << when << at;
        }
      }
    }
  };
  try_all("unattached");
  rig.attach(1, 10);
  try_all("attached");
  rig.attach(2, 10, protocol::kAttachBypass);
  try_all("bypass domain");
  EXPECT_EQ(rig.reaches(10, kMsiRange.last.value + 1), kMsiRange.last.value + 1);
  rig.detach(2, 10);
  const std::byte one{1};
  rig.device->write_config(36, std::span(&one, 1));
  try_all("global bypass");
}

TEST(Probing, D47_BytesLeftStopAtTheNextRegion) {
  Rig rig;
  rig.attach(2, 10, protocol::kAttachBypass);
  const auto at = kReservedRange.first.value - 10;
  EXPECT_EQ(rig.translate(10, at).bytes_left, 10u);
  EXPECT_EQ(rig.translate(10, kReservedRange.last.value + 1).bytes_left,
            kMsiRange.first.value - kReservedRange.last.value - 1);
  EXPECT_EQ(rig.translate(10, ~std::uint64_t{0}).bytes_left, 1u);
}

}  // namespace
}  // namespace violet::probe_test
