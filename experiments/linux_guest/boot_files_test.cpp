// What a guest boots from, byte by byte where its readers look.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
