// What a guest boots from, byte by byte where its readers look.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "experiments/linux_guest/initramfs.hpp"
#include "experiments/linux_guest/qemu.hpp"
#include "experiments/linux_guest/viot.hpp"

namespace violet::linux_guest {
namespace {

template <class T>
T at(const std::string& bytes, std::size_t offset) {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

// ACPI 6.5, section 5.2.33.
TEST(Viot, NamesTheIommuAndTheRangesBehindIt) {
  const auto table = viot_table({3}, {{{5}, {5, 7}, 0x28}, {{6}, {6}, 0x30}});
  ASSERT_EQ(table.size(), 112u);
  EXPECT_EQ(table.substr(0, 4), "VIOT");
  EXPECT_EQ(at<std::uint32_t>(table, 4), table.size());
  EXPECT_EQ(at<std::uint16_t>(table, 36), 3u);
  EXPECT_EQ(at<std::uint16_t>(table, 38), 48u);
  EXPECT_EQ(at<std::uint8_t>(table, 48), 3u);
  EXPECT_EQ(at<std::uint16_t>(table, 50), 16u);
  EXPECT_EQ(at<std::uint16_t>(table, 54), 0x18u);
  EXPECT_EQ(at<std::uint8_t>(table, 64), 1u);
  EXPECT_EQ(at<std::uint16_t>(table, 66), 24u);
  EXPECT_EQ(at<std::uint32_t>(table, 68), 0x28u);
  EXPECT_EQ(at<std::uint16_t>(table, 76), 0x28u);
  EXPECT_EQ(at<std::uint16_t>(table, 78), 0x2fu);
  EXPECT_EQ(at<std::uint16_t>(table, 80), 48u);
  EXPECT_EQ(at<std::uint32_t>(table, 92), 0x30u);
}

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
