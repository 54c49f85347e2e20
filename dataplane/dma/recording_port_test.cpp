#include "dataplane/dma/recording_port.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace violet {
namespace {

// Reads give `value`, writes go nowhere; what is at 0xbad is not mapped.
class Memory final : public DmaPort {
 public:
  std::size_t run(std::span<DmaOp> ops) override {
    std::size_t good = 0;
    for (DmaOp& op : ops) {
      op.result = op.iova == Iova{0xbad} ? DmaResult::kFaultMapping : DmaResult::kOk;
      if (op.access == Access::kRead)
        std::memcpy(op.buffer, &value, std::min<std::size_t>(op.bytes, 8));
      good += op.result == DmaResult::kOk;
    }
    return good;
  }
  bool probe(Iova, Access) override { return true; }
  IotlbReaderStats stats() const override { return {}; }
  std::uint64_t value = 0;
};

struct Rig {
  std::size_t run(std::uint64_t iova, std::uint32_t bytes, Access access) {
    DmaOp op{{iova}, bytes, access, reinterpret_cast<std::byte*>(buffer.data()), DmaResult::kOk};
    return port.run(std::span(&op, 1));
  }
  std::vector<Event> events() {
    std::vector<Event> out(64);
    out.resize(ring.drain(out));
    return out;
  }
  EventRing ring{64};
  Memory* memory = new Memory;
  RecordingPort port{std::unique_ptr<DmaPort>(memory), {0x28}, Probe(&ring)};
  std::array<std::uint64_t, 64> buffer{};
};

TEST(RecordingPort, EveryOpLeavesWhatBecameOfIt) {
  Rig rig;
  EXPECT_EQ(rig.run(0x1000, 512, Access::kWrite), 1u);
  EXPECT_EQ(rig.run(0xbad, 4, Access::kRead), 0u);
  EXPECT_EQ(rig.run(0xbad, 4, Access::kRead), 0u) << "a denied one is no polling";
  const auto events = rig.events();
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].kind, EventKind::kAccess);
  EXPECT_EQ(events[0].id, 0x28u);
  EXPECT_EQ(events[0].a, 0x1000u);
  EXPECT_EQ(events[0].b, 512u);
  EXPECT_EQ(events[0].status, 2);
  EXPECT_EQ(events[1].status, 1 | 2 << 2);
}

TEST(RecordingPort, PollingAWordThatDoesNotChangeIsOnlyCounted) {
  Rig rig;
  for (int i = 0; i < 10; ++i) {
    rig.run(0x2002, 2, Access::kRead);
    rig.run(0x3002, 2, Access::kRead);
  }
  EXPECT_EQ(rig.events().size(), 2u);
  EXPECT_EQ(rig.port.polls(), 18u);
  rig.memory->value = 1;
  rig.run(0x2002, 2, Access::kRead);
  rig.run(0x2002, 2, Access::kRead);
  EXPECT_EQ(rig.events().size(), 1u) << "the change";
  rig.run(0x2002, 4, Access::kRead);
  EXPECT_EQ(rig.events().size(), 1u) << "another length";
  for (int i = 0; i < 3; ++i) rig.run(0x2000, 64, Access::kRead);
  EXPECT_EQ(rig.events().size(), 3u) << "more than a word is data";
}

}  // namespace
}  // namespace violet
