#include "experiments/guest/dma_domain.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/base/rng.hpp"
#include "experiments/guest/mock_guest.hpp"

namespace violet {
namespace {

using protocol::Type;

constexpr EndpointId kEndpoint{0};
constexpr std::uint64_t kPage = 4096;

class Domain : public testing::Test {
 protected:
  void build(MockGuestOptions options = {}, DomainOptions domain_options = {}) {
    guest = std::make_unique<MockGuest>(options);
    domain = std::make_unique<DmaDomain>(*guest->driver, DomainId{1},
                                         *make_iova_allocator("rcache", IovaConfig{}),
                                         guest->counters, domain_options);
    ASSERT_TRUE(domain->attach(kEndpoint));
    guest->device.clear_log();
    guest->counters = {};
  }
  std::size_t requests(Type type) const {
    std::size_t count = 0;
    for (const auto& logged : guest->device.log()) count += logged.type == type ? 1 : 0;
    return count;
  }
  std::optional<Iova> map(DmaBuffer buffer) {
    DmaMapping mapping{{}, buffer, DmaDirection::kToDevice, 0};
    if (!domain->map({&mapping, 1}, 0)) return std::nullopt;
    return mapping.iova;
  }
  bool map_list(std::span<const DmaBuffer> buffers, DmaDirection direction, std::span<Iova> out) {
    std::vector<DmaMapping> list;
    for (const DmaBuffer& buffer : buffers) list.push_back({{}, buffer, direction, 0});
    if (!domain->map(list, 0)) return false;
    std::ranges::transform(list, out.begin(), &DmaMapping::iova);
    return true;
  }
  std::unique_ptr<MockGuest> guest;
  std::unique_ptr<DmaDomain> domain;
};

TEST_F(Domain, MapKeepsTheOffsetAndCoversWholeGranules) {
  build();
  const DmaBuffer buffer{{0x10000 + 4000}, 200};
  const auto iova = map(buffer);
  ASSERT_TRUE(iova);
  EXPECT_EQ(iova->value & 0xfff, 4000u);
  EXPECT_EQ(domain->granules_of(buffer), 2u);
  EXPECT_EQ(guest->device.translate(kEndpoint, *iova, Access::kRead), buffer.phys);
  EXPECT_EQ(guest->device.translate(kEndpoint, {iova->value + 199}, Access::kRead),
            GuestPhys{buffer.phys.value + 199});
  EXPECT_FALSE(guest->device.translate(kEndpoint, *iova, Access::kWrite));
}

TEST_F(Domain, AnIdentityAllocatorIsToldOfThePages) {
  guest = std::make_unique<MockGuest>(MockGuestOptions{});
  domain = std::make_unique<DmaDomain>(*guest->driver, DomainId{1},
                                       *make_iova_allocator("identity", IovaConfig{}),
                                       guest->counters, DomainOptions{});
  ASSERT_TRUE(domain->attach(kEndpoint));
  EXPECT_EQ(map({{0x12345}, 100}), Iova{0x12345});
  const auto again = map({{0x12345}, 100});  // In use: an address as any other.
  ASSERT_TRUE(again);
  EXPECT_NE(*again, Iova{0x12345});
  const DmaBuffer run[] = {{{0x20000}, 0x1000}, {{0x21000}, 0x1000}};
  const DmaBuffer apart[] = {{{0x30000}, 0x1000}, {{0x40000}, 0x1000}};
  Iova at[2];
  ASSERT_TRUE(map_list(run, DmaDirection::kToDevice, at));
  EXPECT_EQ(at[1], Iova{0x21000});
  ASSERT_TRUE(map_list(apart, DmaDirection::kToDevice, at));
  EXPECT_NE(at[0], Iova{0x30000});
  EXPECT_EQ(guest->device.translate(kEndpoint, at[1], Access::kRead), GuestPhys{0x40000});
}

TEST_F(Domain, SyncMapIsOneKickForSeveralMaps) {
  build();
  // 12 KiB, at a multiple of 8 KiB: two MAPs (linux-dma.md 3.4).
  ASSERT_TRUE(map({{0x12000}, 3 * kPage}));
  EXPECT_EQ(requests(Type::kMap), 2u);
  EXPECT_EQ(guest->counters.kicks, 1u);
}

TEST_F(Domain, BeforeSyncMapEveryMapWasSynced) {
  build({}, {.sync_map = false});
  ASSERT_TRUE(map({{0x12000}, 3 * kPage}));
  EXPECT_EQ(requests(Type::kMap), 2u);
  EXPECT_EQ(guest->counters.kicks, 2u);
}

TEST_F(Domain, AdjacentSegmentsMergeBeforeTheyAreCut) {
  build();
  const DmaBuffer list[] = {
      {{0x20000}, kPage}, {{0x21000}, kPage}, {{0x22000}, 2 * kPage}, {{0x40000}, kPage}};
  Iova out[4];
  ASSERT_TRUE(map_list(list, DmaDirection::kBidirectional, out));
  EXPECT_EQ(requests(Type::kMap), 2u);  // 16 KiB in one, then 4 KiB.
  EXPECT_EQ(guest->counters.syncs, 1u);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(guest->device.translate(kEndpoint, out[i], Access::kWrite), list[i].phys);
  }
}

TEST_F(Domain, OneUnmapCoversSeveralMaps) {
  build();
  // Two pages that are not adjacent, under one 8 KiB-aligned address: 2 MAPs, 1 UNMAP.
  const DmaBuffer list[] = {{{0x20000}, kPage}, {{0x30000}, kPage}};
  Iova out[2];
  ASSERT_TRUE(map_list(list, DmaDirection::kToDevice, out));
  domain->unmap(out[0], 2);
  ASSERT_TRUE(domain->sync());
  EXPECT_EQ(requests(Type::kMap), 2u);
  EXPECT_EQ(requests(Type::kUnmap), 1u);
  EXPECT_EQ(guest->device.mappings(DomainId{1}), 0u);
}

TEST_F(Domain, UnmapExtendsToWholeMappings) {
  build();
  // One MAP of 12 KiB (odd physical page), cut for UNMAP at 8 KiB: the driver extends it.
  const auto iova = map({{0x11000}, 3 * kPage});
  domain->unmap(*iova, 3);
  ASSERT_TRUE(domain->sync());
  ASSERT_EQ(requests(Type::kMap), 1u);
  ASSERT_EQ(requests(Type::kUnmap), 1u);
  EXPECT_EQ(guest->device.log().back().range, IovaRange::of(iova->value, 3 * kPage));
}

TEST_F(Domain, PciTriesBelow4GFirstAndGivesUpForGood) {
  MockGuestOptions options;
  options.device.input_range = IovaRange::all();
  build(options);
  EXPECT_TRUE(domain->below_4g());
  EXPECT_LT(map({{0}, kPage})->value, std::uint64_t{1} << 32);
  EXPECT_FALSE(domain->allocate_iova(0x100000, 0) == std::nullopt);  // 4 GiB: does not fit below.
  EXPECT_FALSE(domain->below_4g());
  EXPECT_GE(map({{0}, 33 * kPage})->value, std::uint64_t{1} << 32);
}

TEST_F(Domain, ForceDacNeverTriesBelow4G) {
  build({}, {.force_dac = true});
  EXPECT_GE(map({{0}, kPage})->value, std::uint64_t{1} << 32);
}

TEST_F(Domain, DmaMaskLimitsAddresses) {
  build({}, {.dma_mask = 0xffff});
  for (int i = 0; i < 15; ++i) {
    EXPECT_LE(map({{0}, kPage})->value, 0xffffu);
  }
  EXPECT_FALSE(map({{0}, kPage}));
}

TEST_F(Domain, AttachReplaysWhatIsMapped) {
  MockGuestOptions options;
  MockGuest local(options);
  DmaDomain identity(*local.driver, DomainId{2}, *make_iova_allocator("rbtree", IovaConfig{}),
                     local.counters, {});
  ASSERT_TRUE(
      identity.add_range({IovaRange::of(0x100000, 0x200000), {0x100000}, Permissions::kReadWrite}));
  EXPECT_EQ(local.device.log().size(), 0u);
  ASSERT_TRUE(identity.attach(kEndpoint));
  EXPECT_EQ(local.device.translate(kEndpoint, {0x2fffff}, Access::kWrite), GuestPhys{0x2fffff});
  EXPECT_EQ(local.counters.syncs, 1u + identity.mappings());
}

TEST_F(Domain, BrokenDriverFailsAMapAndKeepsTheAddressTaken) {
  build();
  guest->device.stop();
  EXPECT_FALSE(map({{0}, kPage}));
  EXPECT_TRUE(guest->driver->broken());
  EXPECT_FALSE(map({{0}, kPage}));
}

TEST_F(Domain, RandomListsAgreeWithTheDevice) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    build();
    Rng rng(seed);
    struct Live {
      std::vector<DmaBuffer> buffers;
      std::vector<Iova> iovas;
    };
    std::vector<Live> live;
    for (int step = 0; step < 1500; ++step) {
      if (live.empty() || rng.chance(0.5)) {
        Live made;
        for (std::uint64_t n = 1 + rng.below(6); n > 0; --n) {
          made.buffers.push_back({{rng.below(1 << 24)},
                                  1 + std::uint32_t(rng.below(rng.chance(0.9) ? 9000 : 300000))});
        }
        made.iovas.resize(made.buffers.size());
        ASSERT_TRUE(map_list(made.buffers, DmaDirection::kToDevice, made.iovas));
        live.push_back(std::move(made));
      } else {
        const auto victim = rng.below(live.size());
        Live gone = live[victim];
        live.erase(live.begin() + long(victim));
        std::uint64_t granules = 0;
        for (const auto& buffer : gone.buffers) granules += domain->granules_of(buffer);
        domain->unmap(gone.iovas[0], granules);
        ASSERT_TRUE(domain->sync());
        domain->free_iova({gone.iovas[0].value & ~0xfffull}, granules, 0);
        for (const Iova iova : gone.iovas) {
          ASSERT_FALSE(guest->device.translate(kEndpoint, iova, Access::kRead));
        }
      }
      for (const auto& [buffers, iovas] : live) {
        const auto i = rng.below(buffers.size());
        const auto offset = rng.below(buffers[i].bytes);
        ASSERT_EQ(guest->device.translate(kEndpoint, {iovas[i].value + offset}, Access::kRead),
                  GuestPhys{buffers[i].phys.value + offset});
      }
    }
    EXPECT_EQ(guest->counters.failed_requests, 0u);
    EXPECT_EQ(domain->mappings(), guest->device.mappings(DomainId{1}));
  }
}

}  // namespace
}  // namespace violet
