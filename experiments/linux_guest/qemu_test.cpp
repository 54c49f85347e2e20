#include "experiments/linux_guest/qemu.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace violet::linux_guest {
namespace {

// What stands behind the option; empty: it is not there, or there more than once.
std::string value_of(const std::vector<std::string>& arguments, const std::string& option) {
  if (std::count(arguments.begin(), arguments.end(), option) != 1) return {};
  const auto at = std::find(arguments.begin(), arguments.end(), option);
  return at + 1 == arguments.end() ? std::string() : *(at + 1);
}

// Without times in its lines a capture knows the order alone.
TEST(Qemu, IsAskedForTimesInTheLogOfItsOwnIommu) {
  QemuSetup setup;
  setup.own_disk = "disk.img";
  setup.own_log = "qemu.log";
  const auto arguments = qemu_arguments(setup);
  EXPECT_EQ(value_of(arguments, "-msg"), "timestamp=on");
  EXPECT_EQ(value_of(arguments, "-trace"), "virtio_iommu_*");
  EXPECT_EQ(value_of(arguments, "-D"), "qemu.log");
}

TEST(Qemu, WithoutALogWritesNone) {
  QemuSetup own_iommu;
  own_iommu.own_disk = "disk.img";
  for (const auto& arguments : {qemu_arguments(own_iommu), qemu_arguments(QemuSetup())}) {
    for (const char* option : {"-msg", "-trace", "-D"}) {
      EXPECT_EQ(std::count(arguments.begin(), arguments.end(), option), 0) << option;
    }
  }
}

}  // namespace
}  // namespace violet::linux_guest
