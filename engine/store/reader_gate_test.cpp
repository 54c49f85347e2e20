#include "engine/store/reader_gate.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace violet {
namespace {

TEST(ReaderGate, TheEngineDoesNotWaitForAReader) {
  ReaderGate gate;
  gate.enter();
  EXPECT_FALSE(gate.try_close());
  gate.leave();
  EXPECT_TRUE(gate.try_close());
  EXPECT_TRUE(gate.closed());
  gate.open();
  EXPECT_FALSE(gate.closed());
}

TEST(ReaderGate, ReadersShare) {
  ReaderGate gate;
  gate.enter();
  gate.enter();
  gate.leave();
  EXPECT_FALSE(gate.try_close());
  gate.leave();
  EXPECT_TRUE(gate.try_close());
}

TEST(ReaderGate, AnEngineThatNeverComesBackHangsNobody) {
  ReaderGate gate;
  gate.enter();
  EXPECT_FALSE(gate.try_close());
  gate.enter();  // Returns when its patience is at an end.
  gate.leave();
  gate.leave();
}

TEST(ReaderGate, AReaderStaysOutsideWhileTheGateIsClosed) {
  ReaderGate gate;
  ASSERT_TRUE(gate.try_close());
  std::atomic<bool> inside{false};
  std::thread reader([&] {
    gate.enter();
    inside.store(true);
    gate.leave();
  });
  for (unsigned i = 0; i < 2 * ReaderGate::kPatience; ++i) cpu_pause();
  EXPECT_FALSE(inside.load());
  gate.open();
  reader.join();
  EXPECT_TRUE(inside.load());
}

// Gate.1 and Gate.2 together: plain data behind the gate, and readers that keep coming.
TEST(ReaderGate, ReadersThatKeepComingDoNotStarveTheEngine) {
  constexpr int kUpdates = 2000;
  ReaderGate gate;
  std::uint64_t left = 0;
  std::uint64_t right = 0;
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!stop.load(std::memory_order_relaxed)) {
        gate.enter();
        if (left != right) torn.fetch_add(1);
        gate.leave();
      }
    });
  }
  for (int done = 0; done < kUpdates;) {
    if (!gate.try_close()) {
      std::this_thread::yield();
      continue;
    }
    ++left;
    ++right;
    ++done;
    gate.open();
  }
  stop.store(true);
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(torn.load(), 0);
  EXPECT_EQ(left, static_cast<std::uint64_t>(kUpdates));
}

}  // namespace
}  // namespace violet
