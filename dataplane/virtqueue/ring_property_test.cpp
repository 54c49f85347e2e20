// Random histories against a model: whatever order requests are added, taken and answered in, each comes
// back once, with its own answer.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "dataplane/virtqueue/ring_rig.hpp"
#include "engine/base/effort_testing.hpp"
#include "engine/base/rng.hpp"

namespace violet {
namespace {

std::vector<RingRigOptions> rigs() {
  std::vector<RingRigOptions> all;
  for (const auto& [format, sizes] :
       {std::pair{RingFormat::kSplit, std::array<std::uint32_t, 3>{4, 16, 64}},
        std::pair{RingFormat::kPacked, std::array<std::uint32_t, 3>{5, 16, 97}}}) {
    for (const std::uint32_t size : sizes) {
      for (const bool indirect : {false, true}) {
        for (const bool event_idx : {false, true}) {
          all.push_back({format, size, {indirect, event_idx}, indirect, false});
        }
      }
    }
  }
  return all;
}

// One random history. A cookie is free, with the device's queue, with the device, answered, or free again.
class History {
 public:
  History(const RingRigOptions& options, std::uint64_t seed)
      : rng_(seed),
        rig_(options),
        driver_(rig_.make_driver()),
        device_(rig_.make_device({&fire, this})) {
    for (std::uint32_t i = 0; i < driver_.capacity(); ++i) free_.push_back(i);
  }

  // Until `target` requests came back.
  void run(std::uint64_t target) {
    std::uint64_t steps = 0;
    while (collected_ < target && !testing::Test::HasFailure()) {
      ASSERT_LT(++steps, target * 100) << "the history stands still";
      switch (rng_.below(6)) {
        case 0:
          add();
          break;
        case 1:
          publish();
          break;
        case 2:
          pop();
          break;
        case 3:
          complete();
          break;
        case 4:
          collect();
          break;
        default:
          notifications();
          break;
      }
      ASSERT_EQ(driver_.in_flight(), driver_.capacity() - free_.size());
    }
    drain();
  }

 private:
  static void fire(void*) {}

  void add() {
    for (auto count = rng_.below(8); count > 0 && !free_.empty(); --count) {
      const std::size_t pick = rng_.below(free_.size());
      const std::uint32_t cookie = free_[pick];
      DriverBuffer buffer = rig_.request(cookie);
      // Some have no writable part and take one descriptor.
      if (rng_.below(4) == 0) buffer.writable_bytes = 0;
      rig_.fill(cookie, ++number_);
      ASSERT_EQ(driver_.add({&buffer, 1}), 1u);
      free_[pick] = free_.back();
      free_.pop_back();
    }
  }

  void publish() {
    driver_.publish();
    (void)driver_.needs_kick();
  }

  void pop() {
    std::array<Request, 40> requests;
    const std::size_t count = device_.pop(std::span(requests).first(rng_.below(40) + 1));
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(requests[i].readable, RingRig::kRequestBytes);
      ASSERT_TRUE(requests[i].writable == 0 || requests[i].writable == RingRig::kTailBytes);
      ASSERT_EQ(request_number(requests[i]), ++popped_) << "requests come in order";
      pending_.push_back(requests[i]);
    }
  }

  // A random subset, in random order.
  void complete() {
    std::vector<Completion> completions;
    for (auto count = rng_.below(8); count > 0 && !pending_.empty(); --count) {
      const std::size_t pick = rng_.below(pending_.size());
      const Request request = pending_[pick];
      pending_[pick] = pending_.back();
      pending_.pop_back();
      Completion completion = answer(request);
      if (request.writable == 0 || rng_.below(8) == 0) completion.used = 0;
      completions.push_back(completion);
      answers_.push_back(request_number(request) << 1 | (completion.used != 0 ? 1 : 0));
    }
    device_.complete(completions);
  }

  void collect() {
    std::array<UsedBuffer, 16> used;
    const std::size_t count = driver_.pop_used(std::span(used).first(rng_.below(16) + 1));
    for (std::size_t i = 0; i < count; ++i) {
      std::uint64_t number = 0;
      std::memcpy(&number, rig_.buffer(used[i].cookie), sizeof number);
      ASSERT_LT(collected_, answers_.size());
      const std::uint64_t expected = answers_[collected_++];
      ASSERT_EQ(number, expected >> 1) << "answers come in the order of completion";
      const bool answered = (expected & 1) != 0;
      ASSERT_EQ(used[i].bytes, answered ? RingRig::kTailBytes : 0);
      const auto status = answered ? static_cast<std::uint8_t>(number * 7 + 1) : std::uint8_t{0xa5};
      ASSERT_EQ(rig_.status(used[i].cookie), status);
      free_.push_back(used[i].cookie);
    }
  }

  void notifications() {
    switch (rng_.below(4)) {
      case 0:
        device_.suppress_kicks();
        break;
      case 1:
        (void)device_.arm_kicks();
        break;
      case 2:
        driver_.suppress_interrupts();
        break;
      default:
        (void)driver_.arm_interrupts();
        break;
    }
  }

  void drain() {
    publish();
    for (int rounds = 0; rounds < 10000 && driver_.in_flight() > 0; ++rounds) {
      pop();
      complete();
      collect();
      if (testing::Test::HasFailure()) return;
    }
    EXPECT_EQ(driver_.in_flight(), 0u);
    EXPECT_FALSE(device_.broken()) << to_text(device_.fault());
    EXPECT_EQ(popped_, number_);
    EXPECT_EQ(collected_, number_);
  }

  Rng rng_;
  RingRig rig_;
  DriverQueue& driver_;
  RingRequestQueue& device_;
  std::vector<std::uint32_t> free_;
  std::vector<Request> pending_;
  std::vector<std::uint64_t> answers_;
  std::uint64_t number_ = 0;
  std::uint64_t popped_ = 0;
  std::uint64_t collected_ = 0;
};

class RingHistory : public testing::TestWithParam<RingRigOptions> {};

INSTANTIATE_TEST_SUITE_P(All, RingHistory, testing::ValuesIn(rigs()),
                         [](const auto& rig) { return rig_name(rig.param); });

TEST_P(RingHistory, EveryRequestComesBackOnceWithItsAnswer) {
  for (std::uint64_t seed = 1; seed <= 6 && !HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    History(GetParam(), seed).run(by_effort(std::uint64_t{GetParam().size} * 200 / kSlowdown));
  }
}

TEST_P(RingHistory, TheIndexesWrapMoreThanOnce) {
  History(GetParam(), 99).run(by_effort(133000 / kSlowdown));
}

}  // namespace
}  // namespace violet
