// Configuration space, BAR and memory of a function, asked as QEMU's proxy does.
#include "dataplane/remote/pci_function.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <cstring>

namespace violet::remote {
namespace {

constexpr PciIdentity kIdentity{0x1af4, 0x1057, 0x1af4, 0x1100, 0x080600, 1};

class Echo final : public PciFunction {
 public:
  Echo() : PciFunction(kIdentity, 0x1000, ram) {}
  using PciFunction::config;

  RemoteMemory ram;
  std::uint32_t written_at = 0;
  std::uint64_t written = 0;
  int memory_changes = 0;
  int resets = 0;

 private:
  std::uint64_t read_bar(std::uint32_t offset, unsigned bytes) override {
    return offset << 8 | bytes;
  }
  void write_bar(std::uint32_t offset, unsigned /*bytes*/, std::uint64_t value) override {
    written_at = offset;
    written = value;
  }
  void memory_changed() override { ++memory_changes; }
  void set_interrupt(FileDescriptor /*interrupt*/, FileDescriptor /*end*/) override {}
  void reset() override { ++resets; }
};

struct Proxy {
  std::uint64_t ask(const Body& body) { return function.handle({body, {}}).value().value(); }
  std::uint64_t read(std::uint32_t at, unsigned bytes) { return ask(ConfigRead{at, bytes}); }
  void write(std::uint32_t at, unsigned bytes, std::uint32_t value) {
    ask(ConfigWrite{at, bytes, value});
  }
  Echo function;
};

FileDescriptor ram_file(std::size_t bytes, int seals = F_SEAL_SHRINK) {
  FileDescriptor fd(::memfd_create("ram", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(bytes)), 0);
  EXPECT_EQ(::fcntl(fd.get(), F_ADD_SEALS, seals), 0);
  return fd;
}

std::vector<FileDescriptor> copies(const FileDescriptor& fd, std::size_t count) {
  std::vector<FileDescriptor> fds;
  for (std::size_t i = 0; i < count; ++i) fds.emplace_back(::dup(fd.get()));
  return fds;
}

TEST(PciConfig, IsSizedAsTheProxyDoes) {
  Proxy proxy;
  EXPECT_EQ(proxy.read(0, 2), 0x1af4u);
  EXPECT_EQ(proxy.read(2, 2), 0x1057u);
  EXPECT_EQ(proxy.read(8, 4), 0x08060001u);
  EXPECT_EQ(proxy.read(0x2e, 2), 0x1100u);
  EXPECT_EQ(proxy.read(0x3d, 1), 1u);
  for (std::uint32_t bar = 0; bar <= 6; ++bar) {
    proxy.write(0x10 + 4 * bar, 4, ~0u);
    EXPECT_EQ(proxy.read(0x10 + 4 * bar, 4), bar == 0 ? 0xfffff000u : 0u) << bar;
  }
}

TEST(PciConfig, TheGuestChangesNothingElse) {
  Proxy proxy;
  for (std::uint32_t at = 0; at < 256; ++at) proxy.write(at, 1, 0xff);
  EXPECT_EQ(proxy.read(0, 4), 0x10571af4u);
  EXPECT_EQ(proxy.read(4, 4), 0x0406u);
  EXPECT_EQ(proxy.read(0x30, 4), 0u);
  EXPECT_EQ(proxy.read(0x3c, 4), 0x01ffu);
  proxy.ask(Reset{});
  EXPECT_EQ(proxy.read(4, 4), 0u);
  EXPECT_EQ(proxy.read(0x10, 4), 0u);
  EXPECT_EQ(proxy.function.resets, 1);
}

TEST(PciConfig, OutsideItIsAllOnes) {
  Proxy proxy;
  EXPECT_EQ(proxy.read(256, 4), ~0u);
  EXPECT_EQ(proxy.read(254, 4), 0xffff0000u);
  EXPECT_EQ(proxy.read(~0u, 4), ~0u);
  proxy.write(0x1000, 4, 7);
  proxy.write(~0u, 4, 7);
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
  Proxy proxy;
  proxy.write(0x10, 4, 0xfebf1000);
  EXPECT_EQ(proxy.ask(BarRead{0xfebf1004, 4}), ~std::uint64_t{0}) << "memory space is off";
  proxy.write(4, 2, 2);
  EXPECT_EQ(proxy.ask(BarRead{0xfebf1004, 4}), 0x404u);
  EXPECT_EQ(proxy.ask(BarRead{0xfebf0fff, 1}), ~std::uint64_t{0});
  EXPECT_EQ(proxy.ask(BarRead{0xfebf1ffe, 4}), ~std::uint64_t{0}) << "runs out of the BAR";
  proxy.ask(BarWrite{0xfebf1ff8, 8, 77});
  EXPECT_EQ(proxy.function.written_at, 0xff8u);
  EXPECT_EQ(proxy.function.written, 77u);
}

TEST(RemoteMemory, FollowsTheRegionsAndKeepsAddresses) {
  Echo function;
  const FileDescriptor ram = ram_file(16 << 20);
  SyncMemory sync{{}, 3};
  sync.regions[0] = {4ull << 30, 8 << 20, 8 << 20};
  sync.regions[1] = {0, 0xa0000, 0};
  sync.regions[2] = {0x100000, 7 << 20, 1 << 20};
  ASSERT_TRUE(function.handle({sync, copies(ram, 3)}));
  EXPECT_EQ(function.memory_changes, 1);
  const GuestMemory& memory = function.memory().table();
  std::byte* const high = memory.host({(4ull << 30) + 4096}, 4096);
  ASSERT_NE(high, nullptr);
  EXPECT_EQ(high - memory.host({0}, 1), (8 << 20) + 4096);
  EXPECT_EQ(memory.host({0xa0000}, 1), nullptr);

  ASSERT_TRUE(function.handle({sync, copies(ram, 3)}));
  EXPECT_EQ(function.memory_changes, 1) << "nothing is new";
  sync.count = 2;
  ASSERT_TRUE(function.handle({sync, copies(ram, 2)}));
  EXPECT_EQ(function.memory_changes, 2);
  EXPECT_EQ(memory.host({(4ull << 30) + 4096}, 4096), high);
  EXPECT_EQ(memory.host({0x100000}, 1), nullptr);
  high[0] = std::byte{1};
}

TEST(RemoteMemory, RefusesWhatCannotBeShared) {
  RemoteMemory memory;
  SyncMemory sync{{}, 1};
  sync.regions[0] = {0, 4096, 0};
  EXPECT_FALSE(memory.sync(sync, copies(ram_file(4096, 0), 1))) << "could shrink";
  EXPECT_FALSE(memory.sync(sync, copies(FileDescriptor(::open("/dev/null", O_RDWR)), 1)));
  sync.regions[0].bytes = 4097;
  EXPECT_FALSE(memory.sync(sync, copies(ram_file(4096), 1)));
  sync.regions[0] = {0, 4096, ~std::uint64_t{0} - 4095};
  EXPECT_FALSE(memory.sync(sync, copies(ram_file(4096), 1)));
  sync.regions[0] = {~std::uint64_t{0} - 4095, 8192, 0};
  EXPECT_FALSE(memory.sync(sync, copies(ram_file(8192), 1))) << "wraps";
  sync = {{}, 2};
  sync.regions[0] = {0, 4096, 0};
  sync.regions[1] = {4095, 4096, 0};
  EXPECT_FALSE(memory.sync(sync, copies(ram_file(4096), 2))) << "overlap";
  EXPECT_TRUE(memory.table().regions().empty());
}

}  // namespace
}  // namespace violet::remote
