// The DMA port over a real device: what it must get right beyond the device itself.
#include "dataplane/dma/engine_port.hpp"

#include <gtest/gtest.h>

#include <array>

#include "engine/device/typed_rigs.hpp"

namespace violet {
namespace {

template <class R>
struct PortOf;
template <DomainStore S, Iotlb I>
struct PortOf<Rig<S, I>> {
  using Type = EnginePort<S, I>;
};

template <class R>
class EnginePorts : public testing::Test {};
TYPED_TEST_SUITE(EnginePorts, TestedRigs);

// Two regions of memory that adjoin in the guest and not in the host; one mapping over both.
TYPED_TEST(EnginePorts, ADmaCrossesAdjoiningRegionsOnAMissAndOnAHit) {
  TypeParam rig;
  GuestMemory memory;
  ASSERT_TRUE(memory.allocate({0}, 0x10000, GuestMemory::Backing::kAnonymous));
  ASSERT_TRUE(memory.allocate({0x10000}, 0x10000, GuestMemory::Backing::kAnonymous));
  rig.attach(1, 8);
  rig.map(1, 0, 0x2ffff, 0);
  typename PortOf<TypeParam>::Type port(*rig.device, *rig.reader, rig.device->endpoint({8}).value(),
                                        memory);
  std::array<std::byte, 8192> data;
  data.fill(std::byte{0x5a});
  for (int twice = 0; twice < 2; ++twice) {
    DmaOp op{{0xf000}, 8192, Access::kWrite, data.data(), DmaResult::kOk};
    EXPECT_EQ(port.run(std::span(&op, 1)), 1u);
    EXPECT_EQ(op.result, DmaResult::kOk);
  }
  EXPECT_EQ(*memory.host({0xffff}, 1), std::byte{0x5a});
  EXPECT_EQ(*memory.host({0x10fff}, 1), std::byte{0x5a});
  DmaOp beyond{{0x1f000}, 8192, Access::kWrite, data.data(), DmaResult::kOk};
  EXPECT_EQ(port.run(std::span(&beyond, 1)), 0u);
  EXPECT_EQ(beyond.result, DmaResult::kOutsideMemory);
}

}  // namespace
}  // namespace violet
