// Bodies between rounds: from two threads, and after the end.
#include "dataplane/virtio/device_loop.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace violet::virtio {
namespace {

TEST(DeviceLoop, BodiesOfTwoThreadsRunOneAfterTheOther) {
  DeviceLoop loop;
  std::thread lcore([&] { loop.run(); });
  int sum = 0;  // Only the lcore touches it.
  const auto add = [&] {
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(loop.control([&] { ++sum; }));
  };
  std::thread other(add);
  add();
  other.join();
  loop.stop();
  lcore.join();
  EXPECT_EQ(sum, 2000);
}

TEST(DeviceLoop, AfterTheEndNobodyWaits) {
  DeviceLoop loop;
  std::thread lcore([&] { loop.run(); });
  std::atomic<int> ran{0}, done{0};
  std::thread other([&] {
    while (loop.control([&] { ++ran; })) ++done;
  });
  while (done < 10) std::this_thread::yield();
  loop.stop();
  lcore.join();
  other.join();
  EXPECT_EQ(ran, done) << "true exactly when it was run";
}

}  // namespace
}  // namespace violet::virtio
