// Configuration space and BAR of a function, sized and addressed as a machine does.
#include "dataplane/virtio/pci_function.hpp"

#include <gtest/gtest.h>

#include <array>

namespace violet::virtio {
namespace {

constexpr PciIdentity kIdentity{0x1af4, 0x1057, 0x1af4, 0x1100, 0x080600, 1};

class Echo final : public PciFunction {
 public:
  Echo() : PciFunction(kIdentity, 0x1000) {}

  void memory_changed() override {}
  bool resetting() const override { return false; }
  void interrupt_ended() override {}

  std::uint32_t written_at = 0;
  std::uint64_t written = 0;
  int resets = 0;

 private:
  std::uint64_t read_bar(std::uint32_t offset, unsigned bytes) override {
    return offset << 8 | bytes;
  }
  void write_bar(std::uint32_t offset, unsigned /*bytes*/, std::uint64_t value) override {
    written_at = offset;
    written = value;
  }
  void system_reset() override { ++resets; }
};

struct Machine {
  std::uint32_t read(std::uint32_t at, unsigned bytes) { return function.read_config(at, bytes); }
  void write(std::uint32_t at, unsigned bytes, std::uint32_t value) {
    function.write_config(at, bytes, value);
  }
  Echo function;
};

TEST(PciConfig, IsSizedWordByWord) {
  Machine machine;
  EXPECT_EQ(machine.read(0, 2), 0x1af4u);
  EXPECT_EQ(machine.read(2, 2), 0x1057u);
  EXPECT_EQ(machine.read(8, 4), 0x08060001u);
  EXPECT_EQ(machine.read(0x2e, 2), 0x1100u);
  EXPECT_EQ(machine.read(0x3d, 1), 1u);
  for (std::uint32_t bar = 0; bar <= 6; ++bar) {
    machine.write(0x10 + 4 * bar, 4, ~0u);
    EXPECT_EQ(machine.read(0x10 + 4 * bar, 4), bar == 0 ? 0xfffff000u : 0u) << bar;
  }
}

TEST(PciConfig, TheGuestChangesNothingElse) {
  Machine machine;
  for (std::uint32_t at = 0; at < 256; ++at) machine.write(at, 1, 0xff);
  EXPECT_EQ(machine.read(0, 4), 0x10571af4u);
  EXPECT_EQ(machine.read(4, 4), 0x0406u);
  EXPECT_EQ(machine.read(0x30, 4), 0u);
  EXPECT_EQ(machine.read(0x3c, 4), 0x01ffu);
  machine.function.reset();
  EXPECT_EQ(machine.read(4, 4), 0u);
  EXPECT_EQ(machine.read(0x10, 4), 0u);
  EXPECT_EQ(machine.function.resets, 1);
}

TEST(PciConfig, OutsideItIsAllOnes) {
  Machine machine;
  EXPECT_EQ(machine.read(256, 4), ~0u);
  EXPECT_EQ(machine.read(254, 4), 0xffff0000u);
  EXPECT_EQ(machine.read(~0u, 4), ~0u);
  machine.write(0x1000, 4, 7);
  machine.write(~0u, 4, 7);
}

TEST(PciConfig, CapabilitiesAreLinked) {
  PciConfig config(kIdentity, 0x1000);
  const std::array<std::uint8_t, 3> first = {5, 0, 1};
  const std::array<std::uint8_t, 3> mask = {0, 0xc0, 0};
  EXPECT_EQ(config.add_capability(0x11, first, mask), 0x40);
  EXPECT_EQ(config.add_capability(0x09, first), 0x48);
  EXPECT_EQ(config.read(6, 2), 0x10u);
  EXPECT_EQ(config.read(0x34, 1), 0x40u);
  EXPECT_EQ(config.read(0x40, 4), 0x00054811u);
  EXPECT_EQ(config.read(0x49, 1), 0u);
  config.write(0x40, ~0u, 4);
  EXPECT_EQ(config.read(0x40, 4), 0xc0054811u);
}

TEST(PciFunction, TheBarAnswersWhereItIsAndOnlyWhenItIsOn) {
  Machine machine;
  machine.write(0x10, 4, 0xfebf1000);
  EXPECT_EQ(machine.function.read_bus(0xfebf1004, 4), ~std::uint64_t{0}) << "memory space is off";
  machine.write(4, 2, 2);
  EXPECT_EQ(machine.function.read_bus(0xfebf1004, 4), 0x404u);
  EXPECT_EQ(machine.function.read_bus(0xfebf0fff, 1), ~std::uint64_t{0});
  EXPECT_EQ(machine.function.read_bus(0xfebf1ffe, 4), ~std::uint64_t{0}) << "runs out of the BAR";
  machine.function.write_bus(0xfebf1ff8, 8, 77);
  EXPECT_EQ(machine.function.written_at, 0xff8u);
  EXPECT_EQ(machine.function.written, 77u);
}

}  // namespace
}  // namespace violet::virtio
