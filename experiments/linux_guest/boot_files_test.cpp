// What a guest boots from, byte by byte where its readers look.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <set>
#include <sstream>

#include "experiments/linux_guest/initramfs.hpp"
#include "experiments/linux_guest/qemu.hpp"

namespace violet::linux_guest {
namespace {

TEST(Initramfs, IsAnArchiveOfAlignedEntries) {
  Initramfs root;
  root.add_folder("bin");
  root.add_program("init", "#!");
  const auto archive = root.finish();
  EXPECT_EQ(archive.size() % 4, 0u);
  EXPECT_EQ(archive.substr(0, 6), "070701");
  EXPECT_EQ(archive.substr(110, 3), "bin");
  const std::size_t second = 110 + 6;  // The name with its end, and padding: 114 + 2.
  EXPECT_EQ(archive.substr(second, 6), "070701");
  EXPECT_EQ(archive.substr(second + 14, 8), "000081ed");
  EXPECT_EQ(archive.substr(second + 54, 8), "00000002");
  EXPECT_NE(archive.find("TRAILER!!!"), std::string::npos);
}

TEST(Qemu, GetsItsDevicesByDescriptor) {
  QemuSetup setup;
  setup.devices = {{"iommu0", {3}, 7}, {"disk0", {5}, 8}};
  auto arguments = qemu_arguments(setup);
  using testing::Contains;
  EXPECT_THAT(arguments, Contains("x-pci-proxy-dev,id=disk0,fd=8,addr=0x5.0x0"));
  EXPECT_THAT(arguments, Contains("memory-backend-memfd,id=ram,size=512M,share=on"));
  EXPECT_THAT(arguments, testing::Not(Contains("-qtest")));
  setup.qtest_fd = 9;
  EXPECT_THAT(qemu_arguments(setup), Contains("socket,id=qtest,fd=9"));
}

// In QEMU's lists a comma ends a value.
TEST(Qemu, PathsMayHaveCommas) {
  QemuSetup setup;
  setup.viot = "/a,b/viot.bin";
  using testing::Contains;
  EXPECT_THAT(qemu_arguments(setup), Contains("file=/a,,b/viot.bin"));
  setup.own_disk = "/a,b/disk.img";
  EXPECT_THAT(qemu_arguments(setup),
              Contains("if=none,id=disk,format=raw,cache=unsafe,file=/a,,b/disk.img"));
}

// Least of all the engine's memory, which DPDK leaves open for whoever is started.
TEST(ChildProcess, InheritsOnlyWhatItIsGiven) {
  std::array<int, 2> pipe{}, kept{}, ours{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(kept.data(), O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(ours.data(), 0), 0);
  auto child = ChildProcess::start({"/bin/ls", "/proc/self/fd"}, {0, pipe[1]}, {kept[0]}, {});
  ASSERT_TRUE(child) << child.error().message;
  ::close(pipe[1]);
  EXPECT_EQ(child->wait(), 0);
  std::string listed(4096, '\0');
  const ssize_t got = ::read(pipe[0], listed.data(), listed.size());
  listed.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  std::set<int> fds;
  std::istringstream lines(listed);
  for (int fd = 0; lines >> fd;) fds.insert(fd);
  const int listing = kept[0] == 3 ? 4 : 3;  // The folder that ls reads.
  EXPECT_EQ(fds, (std::set<int>{0, 1, 2, kept[0], listing}));
  for (const int fd : {pipe[0], kept[0], kept[1], ours[0], ours[1]}) ::close(fd);
}

TEST(ChildProcess, TellsHowItEnded) {
  const auto run = [](std::vector<std::string> arguments) {
    return ChildProcess::start(arguments, {0, 1}, {}, {}).value();
  };
  auto sleeper = run({"sleep", "1000"});
  EXPECT_EQ(sleeper.stop(), 128 + 9);
  EXPECT_EQ(sleeper.stop(), 128 + 9) << "once is enough";
  EXPECT_EQ(run({"/nonexistent/program"}).wait(), 127);
  EXPECT_EQ(run({"sh", "-c", "exit 3"}).wait(), 3);
}

}  // namespace
}  // namespace violet::linux_guest
