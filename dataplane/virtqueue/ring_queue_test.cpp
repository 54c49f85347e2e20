// The features of both formats, driver against device in one thread.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/virtqueue/guest_atomic.hpp"
#include "dataplane/virtqueue/ring_rig.hpp"
#include "engine/base/effort_testing.hpp"

namespace violet {
namespace {

std::vector<RingRigOptions> all_rigs() {
  std::vector<RingRigOptions> rigs;
  for (const RingFormat format : {RingFormat::kSplit, RingFormat::kPacked}) {
    for (const std::uint32_t size : {2u, format == RingFormat::kSplit ? 8u : 7u, 256u}) {
      for (const bool indirect : {false, true}) {
        for (const bool event_idx : {false, true}) {
          rigs.push_back({format, size, {indirect, event_idx}, indirect, false});
        }
      }
    }
  }
  return rigs;
}

class Ring : public testing::TestWithParam<RingRigOptions> {
 protected:
  Ring()
      : rig_(GetParam()), driver_(rig_.make_driver()), device_(rig_.make_device({&fire, this})) {}

  static void fire(void* self) { ++static_cast<Ring*>(self)->notifications_; }

  std::size_t add(std::uint32_t count) {
    std::size_t added = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      rig_.fill(next_ % capacity(), next_);
      const DriverBuffer buffer = rig_.request(next_ % capacity());
      if (driver_.add({&buffer, 1}) == 0) break;
      ++next_;
      ++added;
    }
    driver_.publish();
    return added;
  }
  std::uint32_t capacity() const { return static_cast<std::uint32_t>(driver_.capacity()); }

  std::vector<Request> pop(std::size_t count) {
    std::vector<Request> requests(count);
    requests.resize(device_.pop(requests));
    return requests;
  }
  void complete(const std::vector<Request>& requests) {
    std::vector<Completion> completions;
    for (const Request& request : requests) completions.push_back(answer(request));
    device_.complete(completions);
  }
  // Checks the answers; returns how many came.
  std::size_t collect(std::size_t count) {
    std::vector<UsedBuffer> used(count);
    used.resize(driver_.pop_used(used));
    for (const UsedBuffer& buffer : used) {
      EXPECT_EQ(buffer.bytes, RingRig::kTailBytes);
      std::uint64_t number = 0;
      std::memcpy(&number, rig_.buffer(buffer.cookie), sizeof number);
      EXPECT_EQ(rig_.status(buffer.cookie), static_cast<std::uint8_t>(number * 7 + 1));
    }
    return used.size();
  }
  // One request there and back.
  void round() {
    ASSERT_EQ(add(1), 1u);
    const auto requests = pop(4);
    ASSERT_EQ(requests.size(), 1u);
    complete(requests);
    ASSERT_EQ(collect(4), 1u);
  }

  RingRig rig_;
  int notifications_ = 0;
  std::uint32_t next_ = 0;
  DriverQueue& driver_;
  RingRequestQueue& device_;
};

INSTANTIATE_TEST_SUITE_P(All, Ring, testing::ValuesIn(all_rigs()),
                         [](const auto& rig) { return rig_name(rig.param); });

TEST_P(Ring, CarriesARequestAndItsAnswer) {
  ASSERT_EQ(add(1), 1u);
  const auto requests = pop(4);
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].readable, RingRig::kRequestBytes);
  EXPECT_EQ(requests[0].writable, RingRig::kTailBytes);
  EXPECT_EQ(collect(1), 0u) << "not answered yet";
  complete(requests);
  EXPECT_EQ(collect(4), 1u);
  EXPECT_EQ(driver_.in_flight(), 0u);
}

TEST_P(Ring, NothingIsVisibleBeforePublish) {
  rig_.fill(0, 0);
  const DriverBuffer buffer = rig_.request(0);
  ASSERT_EQ(driver_.add({&buffer, 1}), 1u);
  EXPECT_TRUE(pop(1).empty());
  driver_.publish();
  EXPECT_EQ(pop(1).size(), 1u);
}

TEST_P(Ring, HoldsItsCapacityAndNotOneMore) {
  const bool pairs = !GetParam().use_indirect;
  EXPECT_EQ(capacity(), pairs ? GetParam().size / 2 : GetParam().size);
  EXPECT_EQ(add(capacity() + 1), capacity());
  EXPECT_EQ(driver_.in_flight(), capacity());
  const auto requests = pop(capacity() + 1);
  ASSERT_EQ(requests.size(), capacity());
  complete(requests);
  EXPECT_EQ(collect(capacity() + 1), capacity());
}

TEST_P(Ring, ComesBackInTheOrderOfCompletion) {
  ASSERT_EQ(add(capacity()), capacity());
  auto requests = pop(capacity());
  std::reverse(requests.begin(), requests.end());
  complete(requests);
  std::vector<UsedBuffer> used(capacity());
  ASSERT_EQ(driver_.pop_used(used), capacity());
  for (std::uint32_t i = 0; i < capacity(); ++i) EXPECT_EQ(used[i].cookie, capacity() - 1 - i);
}

TEST_P(Ring, SurvivesManyLaps) {
  const std::uint32_t rounds = by_effort(70000 / kSlowdown);
  for (std::uint32_t i = 0; i < rounds; ++i) {
    round();
    if (HasFatalFailure()) return;
  }
  EXPECT_EQ(device_.counters().taken.value(), rounds);
  EXPECT_FALSE(device_.broken());
}

TEST_P(Ring, AnUnansweredRequestHasLengthZero) {
  ASSERT_EQ(add(1), 1u);
  const auto requests = pop(1);
  ASSERT_EQ(requests.size(), 1u);
  const Completion completion{requests[0].token, 0, 0, 9};
  device_.complete({&completion, 1});
  UsedBuffer used{};
  ASSERT_EQ(driver_.pop_used({&used, 1}), 1u);
  EXPECT_EQ(used.bytes, 0u);
  EXPECT_EQ(rig_.status(used.cookie), 0xa5) << "D9: the buffer is not written";
}

TEST_P(Ring, WritesOnlyWithinTheWritablePart) {
  ASSERT_EQ(add(1), 1u);
  const auto requests = pop(1);
  ASSERT_EQ(requests.size(), 1u);
  const std::array<std::byte, 8> bytes{};
  const std::span<const std::byte> four = std::span(bytes).first(4);
  const std::uint32_t token = requests[0].token;
  EXPECT_TRUE(device_.write(token, 0, four));
  EXPECT_TRUE(device_.write(token, 4, {}));
  EXPECT_FALSE(device_.write(token, 1, four));
  EXPECT_FALSE(device_.write(token, 5, {}));
  EXPECT_FALSE(device_.write(token, 0xffffffff, four));
  EXPECT_FALSE(device_.write(token + 1, 0, four)) << "not in flight";
  EXPECT_FALSE(device_.write(0xffffffff, 0, four));
}

TEST_P(Ring, APollingDeviceIsNotKicked) {
  device_.suppress_kicks();
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(add(1), 1u);
    ASSERT_FALSE(driver_.needs_kick()) << i;
    complete(pop(1));
    ASSERT_EQ(collect(1), 1u);
  }
}

TEST_P(Ring, ASuppressedKickStaysSuppressedOverTheIndexWrap) {
  device_.suppress_kicks();
  for (std::uint32_t i = 0; i < by_effort(140000 / kSlowdown); ++i) {
    round();
    ASSERT_FALSE(driver_.needs_kick()) << i;
  }
}

TEST_P(Ring, AFreshDeviceIsKicked) {
  ASSERT_EQ(add(1), 1u);
  EXPECT_TRUE(driver_.needs_kick());
}

TEST_P(Ring, AnArmedDeviceIsKickedForTheNextRequest) {
  device_.suppress_kicks();
  for (int i = 0; i < 600; ++i) {
    ASSERT_FALSE(device_.arm_kicks()) << i;
    ASSERT_EQ(add(1), 1u);
    ASSERT_TRUE(driver_.needs_kick()) << i;
    device_.suppress_kicks();
    complete(pop(1));
    ASSERT_EQ(collect(1), 1u);
  }
}

TEST_P(Ring, ArmingSeesWhatCameBefore) {
  device_.suppress_kicks();
  ASSERT_EQ(add(1), 1u);
  EXPECT_FALSE(driver_.needs_kick());
  EXPECT_TRUE(device_.arm_kicks()) << "the device must poll again";
  complete(pop(1));
  EXPECT_FALSE(device_.arm_kicks());
}

TEST_P(Ring, WithEventIndexOneKickIsEnoughUntilTheDeviceAsksAgain) {
  ASSERT_FALSE(device_.arm_kicks());
  round();
  EXPECT_TRUE(driver_.needs_kick());
  round();
  EXPECT_EQ(driver_.needs_kick(), !GetParam().features.event_idx) << "the event is behind already";
}

TEST_P(Ring, APollingDriverIsNotNotified) {
  driver_.suppress_interrupts();
  for (std::uint32_t i = 0; i < by_effort(70000 / kSlowdown); ++i) round();
  EXPECT_EQ(notifications_, 0);
  EXPECT_EQ(device_.counters().notifications.value(), 0u);
}

TEST_P(Ring, AnArmedDriverIsNotifiedOfEveryAnswer) {
  driver_.suppress_interrupts();
  for (int i = 0; i < 600; ++i) {
    ASSERT_FALSE(driver_.arm_interrupts());
    ASSERT_EQ(add(1), 1u);
    complete(pop(1));
    ASSERT_EQ(notifications_, i + 1);
    driver_.suppress_interrupts();
    ASSERT_EQ(collect(1), 1u);
  }
}

TEST_P(Ring, ArmingInterruptsSeesWhatCameBefore) {
  driver_.suppress_interrupts();
  ASSERT_EQ(add(1), 1u);
  complete(pop(1));
  EXPECT_EQ(notifications_, 0);
  EXPECT_TRUE(driver_.arm_interrupts()) << "the driver must look again";
  EXPECT_EQ(collect(1), 1u);
  EXPECT_FALSE(driver_.arm_interrupts());
}

TEST_P(Ring, ABurstOfAnswersIsOneNotification) {
  const auto count = std::min(capacity(), 32u);
  ASSERT_EQ(add(count), count);
  complete(pop(count));
  EXPECT_EQ(notifications_, 1);
  EXPECT_EQ(collect(count), count);
}

// The event queue over both formats.
class Events : public testing::TestWithParam<RingFormat> {
 protected:
  Events()
      : rig_({GetParam(), 4, {}, false, true}),
        driver_(rig_.make_driver()),
        events_(rig_.make_events()) {}

  void add(std::uint32_t cookie, std::uint32_t bytes) {
    const DriverBuffer buffer{{}, rig_.buffer_at(cookie), 0, bytes, cookie};
    ASSERT_EQ(driver_.add({&buffer, 1}), 1u);
    driver_.publish();
  }
  static constexpr std::array<std::byte, 24> kRecord = {std::byte{1}, std::byte{2}};

  RingRig rig_;
  DriverQueue& driver_;
  RingEventQueue& events_;
};

INSTANTIATE_TEST_SUITE_P(Both, Events, testing::Values(RingFormat::kSplit, RingFormat::kPacked),
                         [](const auto& format) {
                           return format.param == RingFormat::kSplit ? "split" : "packed";
                         });

TEST_P(Events, ARecordGoesIntoOneBuffer) {
  EXPECT_EQ(driver_.capacity(), 4u);
  for (std::uint32_t i = 0; i < 100; ++i) {
    add(i % 4, 64);
    ASSERT_EQ(events_.post(kRecord), PostResult::kPosted);
    UsedBuffer used{};
    ASSERT_EQ(driver_.pop_used({&used, 1}), 1u);
    EXPECT_EQ(used.cookie, i % 4);
    EXPECT_EQ(used.bytes, 24u);
    EXPECT_EQ(std::memcmp(rig_.buffer(used.cookie), kRecord.data(), kRecord.size()), 0);
  }
}

TEST_P(Events, NoBufferIsReported) {
  EXPECT_EQ(events_.post(kRecord), PostResult::kNoBuffer);
  add(0, 24);
  EXPECT_EQ(events_.post(kRecord), PostResult::kPosted);
  EXPECT_EQ(events_.post(kRecord), PostResult::kNoBuffer);
}

// One small buffer in front must not swallow every record behind it.
TEST_P(Events, D52_ATooSmallBufferIsGivenBackUnusedAndTheOthersServe) {
  add(0, 16);
  add(1, 24);
  add(2, 24);
  EXPECT_EQ(events_.post(kRecord), PostResult::kPosted);
  EXPECT_EQ(events_.post(kRecord), PostResult::kPosted);
  EXPECT_EQ(events_.post(kRecord), PostResult::kNoBuffer);
  std::array<UsedBuffer, 4> used{};
  ASSERT_EQ(driver_.pop_used(used), 3u);
  for (std::uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(used[i].cookie, i);
    EXPECT_EQ(used[i].bytes, i == 0 ? 0u : 24u);
  }
  EXPECT_EQ(rig_.buffer(0)[0], std::byte{0});
}

TEST_P(Events, D52_OnlySmallBuffersAreToldApartFromNone) {
  for (std::uint32_t i = 0; i < 4; ++i) add(i, 23);
  EXPECT_EQ(events_.post(kRecord), PostResult::kBufferTooSmall);
  EXPECT_EQ(events_.post(kRecord), PostResult::kBufferTooSmall);
  EXPECT_EQ(events_.post(kRecord), PostResult::kNoBuffer);
}

TEST_P(Events, FaultyBuffersAreGivenBackAndPassedOver) {
  const DriverBuffer outside{{}, {1ull << 60}, 0, 24, 3};
  ASSERT_EQ(driver_.add({&outside, 1}), 1u);
  add(1, 24);
  EXPECT_EQ(events_.post(kRecord), PostResult::kPosted);
  std::array<UsedBuffer, 4> used{};
  ASSERT_EQ(driver_.pop_used(used), 2u);
  EXPECT_EQ(used[0].cookie, 3u);
  EXPECT_EQ(used[0].bytes, 0u);
  EXPECT_EQ(used[1].cookie, 1u);
  EXPECT_EQ(events_.counters().of(RingFault::kOutsideMemory), 1u);
}

TEST_P(Events, OnePostTriesFewFaultyBuffers) {
  for (std::uint32_t i = 0; i < 3; ++i) {
    const DriverBuffer outside{{}, {1ull << 60}, 0, 24, i};
    ASSERT_EQ(driver_.add({&outside, 1}), 1u);
  }
  add(3, 24);
  EXPECT_EQ(events_.post(kRecord), PostResult::kNoBuffer);
  EXPECT_EQ(events_.counters().of(RingFault::kOutsideMemory), 2u);
  EXPECT_EQ(events_.post(kRecord), PostResult::kPosted);
}

// Set-up.
TEST(Layout, SizesAndPlacesAreChecked) {
  GuestMemory memory;
  ASSERT_TRUE(memory.allocate({0}, 4u << 20, GuestMemory::Backing::kAnonymous).has_value());
  const auto make = [&](QueueLayout layout) {
    return make_request_queue(memory, layout, {}).has_value();
  };
  for (const std::uint32_t size : {1u, 2u, 256u, 32768u}) {
    EXPECT_TRUE(make(QueueLayout::at(RingFormat::kSplit, size, {0}))) << size;
    EXPECT_TRUE(make(QueueLayout::at(RingFormat::kPacked, size, {0}))) << size;
  }
  for (const std::uint32_t size : {0u, 32769u, 65536u}) {
    EXPECT_FALSE(make(QueueLayout::at(RingFormat::kSplit, size, {0}))) << size;
    EXPECT_FALSE(make(QueueLayout::at(RingFormat::kPacked, size, {0}))) << size;
  }
  EXPECT_FALSE(make(QueueLayout::at(RingFormat::kSplit, 100, {0})));
  EXPECT_TRUE(make(QueueLayout::at(RingFormat::kPacked, 100, {0})));
  EXPECT_FALSE(make(QueueLayout::at(RingFormat::kSplit, 256, {(4u << 20) - 64})));
  for (const RingFormat format : {RingFormat::kSplit, RingFormat::kPacked}) {
    for (const auto area :
         {&QueueLayout::descriptors, &QueueLayout::driver, &QueueLayout::device}) {
      auto layout = QueueLayout::at(format, 16, {0});
      (layout.*area).value += 1;
      EXPECT_FALSE(make(layout)) << "misaligned";
      (layout.*area).value = 1ull << 50;
      EXPECT_FALSE(make(layout)) << "outside";
    }
  }
}

TEST(Layout, TheLargestQueuesWork) {
  for (const RingFormat format : {RingFormat::kSplit, RingFormat::kPacked}) {
    RingRig rig({format, kMaxQueueSize, {}, false, false});
    DriverQueue& driver = rig.make_driver();
    RingRequestQueue& device = rig.make_device();
    std::vector<Request> requests(kMaxQueueSize);
    for (int lap = 0; lap < 5; ++lap) {
      std::uint32_t added = 0;
      for (;; ++added) {
        rig.fill(added % kMaxQueueSize, added);
        const DriverBuffer buffer = rig.request(added % kMaxQueueSize);
        if (driver.add({&buffer, 1}) == 0) break;
      }
      driver.publish();
      ASSERT_EQ(added, kMaxQueueSize / 2);
      ASSERT_EQ(device.pop(requests), added);
      std::vector<Completion> completions;
      for (std::uint32_t i = 0; i < added; ++i) completions.push_back(answer(requests[i]));
      device.complete(completions);
      std::vector<UsedBuffer> used(kMaxQueueSize);
      ASSERT_EQ(driver.pop_used(used), added);
    }
  }
}

}  // namespace
}  // namespace violet
