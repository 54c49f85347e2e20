// Messages of QEMU's proxy to a function: what each one does to configuration space, BAR, memory and interrupt line.
#include "dataplane/qemu/remote_function.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "dataplane/qemu/channel.hpp"

namespace violet::qemu {
namespace {

constexpr virtio::PciIdentity kIdentity{0x1af4, 0x1057, 0x1af4, 0x1100, 0x080600, 1};

class Echo final : public virtio::PciFunction {
 public:
  Echo() : PciFunction(kIdentity, 0x1000) {}
  using PciFunction::raise_line;

  void memory_changed() override { ++memory_changes; }
  bool resetting() const override { return resets > 1; }
  void interrupt_ended() override {
    if (has_reason) raise_line();
  }

  std::uint32_t written_at = 0;
  std::uint64_t written = 0;
  int memory_changes = 0;
  int resets = 0;
  bool has_reason = false;

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

struct Proxy {
  std::uint64_t ask(const Body& body) { return remote.handle({body, {}}).value().value(); }
  std::uint64_t read(std::uint32_t at, unsigned bytes) { return ask(ConfigRead{at, bytes}); }
  void write(std::uint32_t at, unsigned bytes, std::uint32_t value) {
    ask(ConfigWrite{at, bytes, value});
  }
  RemoteMemory ram;
  Echo function;
  RemoteFunction remote{function, ram};
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

TEST(RemoteFunction, ConfigurationSpaceIsReadWrittenAndReset) {
  Proxy proxy;
  EXPECT_EQ(proxy.read(0, 4), 0x10571af4u);
  proxy.write(0x10, 4, ~0u);
  EXPECT_EQ(proxy.read(0x10, 4), 0xfffff000u);
  EXPECT_EQ(proxy.read(256, 4), ~0u);
  EXPECT_EQ(proxy.ask(Reset{}), 0u);
  EXPECT_EQ(proxy.read(0x10, 4), 0u);
  EXPECT_EQ(proxy.function.resets, 1);
  EXPECT_FALSE(proxy.remote.resetting());
  proxy.ask(Reset{});
  EXPECT_TRUE(proxy.remote.resetting()) << "as the function says";
}

TEST(RemoteFunction, TheBarAnswersWhereItIsAndOnlyWhenItIsOn) {
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
  Proxy proxy;
  const FileDescriptor ram = ram_file(16 << 20);
  SyncMemory sync{{}, 3};
  sync.regions[0] = {4ull << 30, 8 << 20, 8 << 20};
  sync.regions[1] = {0, 0xa0000, 0};
  sync.regions[2] = {0x100000, 7 << 20, 1 << 20};
  ASSERT_TRUE(proxy.remote.handle({sync, copies(ram, 3)}));
  EXPECT_EQ(proxy.function.memory_changes, 1);
  const GuestMemory& memory = proxy.ram.table();
  std::byte* const high = memory.host({(4ull << 30) + 4096}, 4096);
  ASSERT_NE(high, nullptr);
  EXPECT_EQ(high - memory.host({0}, 1), (8 << 20) + 4096);
  EXPECT_EQ(memory.host({0xa0000}, 1), nullptr);

  ASSERT_TRUE(proxy.remote.handle({sync, copies(ram, 3)}));
  EXPECT_EQ(proxy.function.memory_changes, 1) << "nothing is new";
  sync.count = 2;
  ASSERT_TRUE(proxy.remote.handle({sync, copies(ram, 2)}));
  EXPECT_EQ(proxy.function.memory_changes, 2);
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

TEST(RemoteFunction, TheLineIsRaisedAgainWhenThereIsStillAReason) {
  Proxy proxy;
  proxy.function.raise_line();
  EXPECT_EQ(proxy.remote.interrupt_end_fd(), -1) << "no line yet";
  const FileDescriptor line(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  const FileDescriptor end(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  std::vector<FileDescriptor> fds;
  fds.emplace_back(::dup(line.get()));
  fds.emplace_back(::dup(end.get()));
  const auto answer = proxy.remote.handle({SetInterrupt{}, std::move(fds)});
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->has_value()) << "it has no answer";
  EXPECT_GE(proxy.remote.interrupt_end_fd(), 0);
  const auto take = [](const FileDescriptor& from) {
    std::uint64_t count = 0;
    return ::read(from.get(), &count, sizeof(count)) == sizeof(count);
  };
  const auto guest_ends = [&] {
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(end.get(), &one, sizeof(one)), static_cast<ssize_t>(sizeof(one)));
    proxy.remote.interrupt_ended();
    EXPECT_FALSE(take(end)) << "taken note of";
  };
  proxy.function.raise_line();
  EXPECT_TRUE(take(line));
  guest_ends();
  EXPECT_FALSE(take(line));
  proxy.function.has_reason = true;
  guest_ends();
  EXPECT_TRUE(take(line));
}

// A pipe that is full would hold up the lcore that raises, one that nobody reads would end the process.
TEST(RemoteFunction, OnlyEventfdsAreALine) {
  for (const bool first : {true, false}) {
    Proxy proxy;
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
    const FileDescriptor reading(pipe[0]);
    std::vector<FileDescriptor> fds;
    fds.emplace_back(::eventfd(0, EFD_CLOEXEC));
    fds.emplace(first ? fds.begin() : fds.end(), pipe[1]);
    EXPECT_FALSE(proxy.remote.handle({SetInterrupt{}, std::move(fds)}));
    proxy.function.raise_line();
    EXPECT_EQ(proxy.remote.interrupt_end_fd(), -1);
  }
}

TEST(RemoteFunction, ALineThatNobodyTakesDoesNotHoldUpWhoRaises) {
  Proxy proxy;
  const FileDescriptor line(::eventfd(0, EFD_CLOEXEC));  // Blocking, and full.
  const std::uint64_t most = ~std::uint64_t{0} - 1;
  ASSERT_EQ(::write(line.get(), &most, sizeof(most)), static_cast<ssize_t>(sizeof(most)));
  std::vector<FileDescriptor> fds;
  fds.emplace_back(::dup(line.get()));
  fds.emplace_back(::eventfd(0, EFD_CLOEXEC));
  ASSERT_TRUE(proxy.remote.handle({SetInterrupt{}, std::move(fds)}));
  proxy.function.raise_line();
  proxy.remote.interrupt_ended();  // Nothing to take note of, and nothing to wait for.
}

// A peer that asks and asks, and reads no answer.
TEST(Channel, APeerThatTakesNoAnswersIsGivenUp) {
  auto pair = Channel::open();
  ASSERT_TRUE(pair);
  Status sent;
  for (int i = 0; i < 1'000'000 && sent; ++i) sent = pair->ours.answer(1);
  ASSERT_FALSE(sent);
  EXPECT_NE(sent.error().message.find("takes no answers"), std::string::npos);
  EXPECT_TRUE(pair->ours.closed());
}

}  // namespace
}  // namespace violet::qemu
