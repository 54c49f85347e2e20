// A split ring written by a hostile driver, word by word: each case is one line of ring_fault.hpp.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "dataplane/virtqueue/device_queue.hpp"
#include "dataplane/virtqueue/device_ring.hpp"
#include "dataplane/virtqueue/guest_atomic.hpp"

namespace violet::hostile_split_test {
namespace {

using ring::kIndirect;
using ring::kNext;
using ring::kWrite;

struct UsedElement {
  std::uint32_t id;
  std::uint32_t length;
};

class HostileSplit : public testing::Test {
 protected:
  static constexpr std::uint32_t kSize = 8;
  static constexpr std::uint64_t kBuffers = 0x4000;
  static constexpr std::uint64_t kEnd = 0x8000;  // A second region follows, elsewhere in the host.

  HostileSplit() { open(kSize, {true, false}); }

  void open(std::uint32_t size, RingFeatures features) {
    queue_.reset();
    memory_ = {};
    ASSERT_TRUE(memory_.allocate({0}, kEnd, GuestMemory::Backing::kAnonymous).has_value());
    ASSERT_TRUE(memory_.allocate({kEnd}, 0x1000, GuestMemory::Backing::kAnonymous).has_value());
    layout_ = QueueLayout::at(RingFormat::kSplit, size, {0});
    auto made = make_request_queue(memory_, layout_, features);
    ASSERT_TRUE(made.has_value());
    queue_ = std::move(*made);
  }

  std::byte* at(std::uint64_t address) { return memory_.host({address}, 1); }
  void entry(std::uint64_t where, std::uint64_t address, std::uint32_t length, std::uint16_t flags,
             std::uint16_t next = 0) {
    store_relaxed(at(where), address);
    store_relaxed(at(where) + 8, ring::split_word(length, flags, next));
  }
  void descriptor(unsigned index, std::uint64_t address, std::uint32_t length, std::uint16_t flags,
                  std::uint16_t next = 0) {
    entry(layout_.descriptors.value + index * kDescriptorBytes, address, length, flags, next);
  }
  void offer(std::uint16_t head) {
    std::byte* const avail = at(layout_.driver.value);
    store_relaxed(avail + 4 + (index_ % layout_.size) * 2, head);
    set_index(static_cast<std::uint16_t>(index_ + 1));
  }
  void set_index(std::uint16_t index) {
    index_ = index;
    store_release(at(layout_.driver.value) + 2, index);
  }
  // A well-formed request at descriptors `head` and `head` + 1.
  void good_pair(std::uint16_t head) {
    descriptor(head, kBuffers, 36, kNext, static_cast<std::uint16_t>(head + 1));
    descriptor(head + 1u, kBuffers + 36, 4, kWrite);
  }

  std::size_t pop() { return queue_->pop(requests_); }
  std::uint16_t used_index() { return load_acquire<std::uint16_t>(at(layout_.device.value) + 2); }
  UsedElement used(unsigned index) {
    const std::byte* const element = at(layout_.device.value) + 4 + (index % layout_.size) * 8;
    return {load_relaxed<std::uint32_t>(element), load_relaxed<std::uint32_t>(element + 4)};
  }

  void expect_broken(RingFault fault) {
    EXPECT_EQ(pop(), 0u);
    EXPECT_TRUE(queue_->broken());
    EXPECT_EQ(queue_->fault(), fault) << to_text(queue_->fault());
    EXPECT_EQ(queue_->counters().of(fault), 1u);
    expect_silent();
  }
  // A broken queue leaves the ring alone, whatever is offered.
  void expect_silent() {
    const std::uint16_t before = used_index();
    good_pair(0);
    offer(0);
    EXPECT_EQ(pop(), 0u);
    EXPECT_FALSE(queue_->arm_kicks());
    queue_->suppress_kicks();
    EXPECT_EQ(used_index(), before);
  }
  // The chain at `head` comes back with length 0 and the queue goes on.
  void expect_returned(RingFault fault, std::uint16_t head) {
    EXPECT_EQ(pop(), 0u);
    EXPECT_FALSE(queue_->broken());
    ASSERT_EQ(used_index(), 1);
    EXPECT_EQ(used(0).id, head);
    EXPECT_EQ(used(0).length, 0u);
    EXPECT_EQ(queue_->counters().of(fault), 1u) << to_text(fault);
    EXPECT_EQ(queue_->counters().returned.value(), 1u);
    good_pair(0);
    offer(0);
    EXPECT_EQ(pop(), 1u) << "the queue goes on";
  }

  GuestMemory memory_;
  QueueLayout layout_;
  std::unique_ptr<RingRequestQueue> queue_;
  std::array<Request, 64> requests_{};
  std::uint16_t index_ = 0;
};

TEST_F(HostileSplit, AWellFormedRequestIsTaken) {
  good_pair(2);
  offer(2);
  ASSERT_EQ(pop(), 1u);
  EXPECT_EQ(requests_[0].token, 2u);
  EXPECT_EQ(requests_[0].readable, 36u);
  EXPECT_EQ(requests_[0].writable, 4u);
}

TEST_F(HostileSplit, IndexJumpsByMoreThanTheQueueSize) {
  good_pair(0);
  set_index(kSize + 1);
  expect_broken(RingFault::kIndexJump);
}

TEST_F(HostileSplit, IndexJumpsBackwards) {
  good_pair(0);
  offer(0);
  ASSERT_EQ(pop(), 1u);
  set_index(0);
  expect_broken(RingFault::kIndexJump);
}

TEST_F(HostileSplit, HeadOutOfRange) {
  offer(kSize);
  expect_broken(RingFault::kHeadOutOfRange);
}

TEST_F(HostileSplit, HeadFarOutOfRange) {
  offer(0xffff);
  expect_broken(RingFault::kHeadOutOfRange);
}

TEST_F(HostileSplit, NextOutOfRange) {
  descriptor(0, kBuffers, 36, kNext, kSize);
  offer(0);
  expect_broken(RingFault::kNextOutOfRange);
}

TEST_F(HostileSplit, AChainThatLoopsOnItself) {
  descriptor(0, kBuffers, 36, kNext, 0);
  offer(0);
  expect_broken(RingFault::kLoop);
}

TEST_F(HostileSplit, AChainThatLoopsOverAllDescriptors) {
  for (std::uint16_t i = 0; i < kSize; ++i) {
    descriptor(i, kBuffers, 1, kNext, static_cast<std::uint16_t>((i + 1) % kSize));
  }
  offer(0);
  expect_broken(RingFault::kLoop);
}

TEST_F(HostileSplit, ALoopInALargeQueueEndsAtTheChainLimit) {
  open(1024, {});
  descriptor(0, 0x7000, 1, kNext, 0);
  offer(0);
  EXPECT_EQ(pop(), 0u);
  EXPECT_FALSE(queue_->broken());
  EXPECT_EQ(used_index(), 1);
  EXPECT_EQ(used(0).length, 0u);
  EXPECT_EQ(queue_->counters().of(RingFault::kChainTooLong), 1u);
}

TEST_F(HostileSplit, TheLongestChainIsTaken) {
  open(256, {});
  for (std::uint16_t i = 0; i < kMaxChainDescriptors; ++i) {
    const bool last = i + 1u == kMaxChainDescriptors;
    descriptor(i, 0x7000 + i, 1, last ? kWrite : kNext, static_cast<std::uint16_t>(i + 1));
    *at(0x7000u + i) = static_cast<std::byte>(i);
  }
  offer(0);
  ASSERT_EQ(pop(), 1u);
  EXPECT_EQ(requests_[0].readable, kMaxChainDescriptors - 1);
  for (std::size_t i = 0; i < kMaxRequestBytes; ++i) {
    ASSERT_EQ(requests_[0].bytes[i], static_cast<std::byte>(i));
  }
}

TEST_F(HostileSplit, AHeadThatIsInFlightAlready) {
  good_pair(0);
  offer(0);
  ASSERT_EQ(pop(), 1u);
  offer(0);
  expect_broken(RingFault::kDuplicateToken);
}

TEST_F(HostileSplit, AHeadTwiceInOneBurst) {
  good_pair(0);
  offer(0);
  offer(0);
  EXPECT_EQ(pop(), 1u) << "the first is whole";
  EXPECT_EQ(queue_->fault(), RingFault::kDuplicateToken);
}

TEST_F(HostileSplit, IndirectWithoutTheFeature) {
  open(kSize, {});
  descriptor(0, kBuffers, 32, kIndirect);
  offer(0);
  expect_broken(RingFault::kIndirectNotNegotiated);
}

TEST_F(HostileSplit, IndirectInsideIndirect) {
  entry(0x5000, 0x6000, 16, kIndirect);
  entry(0x6000, kBuffers, 36, 0);
  descriptor(0, 0x5000, 16, kIndirect);
  offer(0);
  expect_broken(RingFault::kNestedIndirect);
}

TEST_F(HostileSplit, IndirectWithNext) {
  entry(0x5000, kBuffers, 36, 0);
  descriptor(0, 0x5000, 16, kIndirect | kNext, 1);
  offer(0);
  expect_broken(RingFault::kIndirectWithNext);
}

TEST_F(HostileSplit, IndirectOfNoBytes) {
  descriptor(0, 0x5000, 0, kIndirect);
  offer(0);
  expect_broken(RingFault::kIndirectLength);
}

TEST_F(HostileSplit, IndirectOfAFractionOfADescriptor) {
  descriptor(0, 0x5000, 24, kIndirect);
  offer(0);
  expect_broken(RingFault::kIndirectLength);
}

TEST_F(HostileSplit, IndirectNextOutsideTheTable) {
  entry(0x5000, kBuffers, 36, kNext, 2);
  entry(0x5010, kBuffers + 36, 4, kWrite);
  descriptor(0, 0x5000, 32, kIndirect);
  offer(0);
  expect_broken(RingFault::kIndirectNextOutside);
}

TEST_F(HostileSplit, AnIndirectTableThatLoops) {
  entry(0x5000, kBuffers, 36, kNext, 1);
  entry(0x5010, kBuffers, 36, kNext, 0);
  descriptor(0, 0x5000, 32, kIndirect);
  offer(0);
  expect_broken(RingFault::kLoop);
}

TEST_F(HostileSplit, AHugeIndirectTableThatLoopsEndsAtTheChainLimit) {
  entry(0x5000, kBuffers, 36, kNext, 0);
  descriptor(0, 0x5000, 0x1000, kIndirect);
  offer(0);
  expect_returned(RingFault::kChainTooLong, 0);
}

TEST_F(HostileSplit, AnIndirectTableOutsideMemory) {
  descriptor(0, 0x100000, 32, kIndirect);
  offer(0);
  expect_returned(RingFault::kOutsideMemory, 0);
}

TEST_F(HostileSplit, AnIndirectTableAcrossRegions) {
  descriptor(0, kEnd - 16, 32, kIndirect);
  offer(0);
  expect_returned(RingFault::kOutsideMemory, 0);
}

TEST_F(HostileSplit, AnUnalignedIndirectTableIsTakenAsItIs) {
  const std::uint64_t odd = 0x5003;
  const std::array<std::uint64_t, 4> words = {kBuffers, ring::split_word(36, kNext, 1),
                                              kBuffers + 36, ring::split_word(4, kWrite, 0)};
  std::memcpy(at(odd), words.data(), sizeof words);
  descriptor(0, odd, 32, kIndirect);
  offer(0);
  ASSERT_EQ(pop(), 1u);
  EXPECT_EQ(requests_[0].readable, 36u);
}

TEST_F(HostileSplit, AChainThatEndsInAnIndirectTable) {
  descriptor(0, kBuffers, 8, kNext, 1);
  entry(0x5000, kBuffers + 8, 28, kNext, 1);
  entry(0x5010, kBuffers + 36, 4, kWrite);
  descriptor(1, 0x5000, 32, kIndirect);
  offer(0);
  ASSERT_EQ(pop(), 1u) << "section 2.7.5.3.2";
  EXPECT_EQ(requests_[0].readable, 36u);
  EXPECT_EQ(requests_[0].writable, 4u);
}

TEST_F(HostileSplit, ABufferOutsideMemory) {
  descriptor(1, 0x7fffffffffff, 36, 0);
  offer(1);
  expect_returned(RingFault::kOutsideMemory, 1);
}

TEST_F(HostileSplit, ABufferAcrossRegions) {
  descriptor(1, kEnd - 1, 2, 0);
  offer(1);
  expect_returned(RingFault::kOutsideMemory, 1);
}

TEST_F(HostileSplit, ABufferWhoseEndWraps) {
  descriptor(1, ~std::uint64_t{0} - 3, 36, kWrite);
  offer(1);
  expect_returned(RingFault::kOutsideMemory, 1);
}

TEST_F(HostileSplit, ABufferOfFourGigabytes) {
  descriptor(1, kBuffers, 0xffffffff, kWrite);
  offer(1);
  expect_returned(RingFault::kOutsideMemory, 1);
}

TEST_F(HostileSplit, ABufferOfNoBytes) {
  descriptor(1, kBuffers, 0, 0);
  offer(1);
  expect_returned(RingFault::kZeroLength, 1);
}

TEST_F(HostileSplit, WritableBeforeReadable) {
  descriptor(0, kBuffers + 36, 4, kWrite | kNext, 1);
  descriptor(1, kBuffers, 36, 0);
  offer(0);
  expect_returned(RingFault::kWrongOrder, 0);
}

TEST_F(HostileSplit, TooManyWritableDescriptors) {
  open(16, {});
  for (std::uint16_t i = 0; i <= kMaxWritableSegments; ++i) {
    const bool last = i == kMaxWritableSegments;
    descriptor(i, kBuffers + i * 8u, 4, static_cast<std::uint16_t>(last ? kWrite : kWrite | kNext),
               static_cast<std::uint16_t>(i + 1));
  }
  offer(0);
  expect_returned(RingFault::kTooManyWritable, 0);
}

TEST_F(HostileSplit, FourGigabytesInOneDirection) {
  const std::uint64_t far = 1ull << 40;
  ASSERT_TRUE(memory_.allocate({far}, 3ull << 30, GuestMemory::Backing::kAnonymous).has_value());
  auto made = make_request_queue(memory_, layout_, {});
  ASSERT_TRUE(made.has_value());
  queue_ = std::move(*made);
  descriptor(2, far, 3u << 30, kNext, 3);
  descriptor(3, far, 1u << 30, 0);
  offer(2);
  expect_returned(RingFault::kLengthOverflow, 2);
  descriptor(4, far, 3u << 30, kWrite | kNext, 5);
  descriptor(5, far, 1u << 30, kWrite);
  offer(4);
  EXPECT_EQ(pop(), 0u);
  EXPECT_EQ(queue_->counters().of(RingFault::kLengthOverflow), 2u);
}

TEST_F(HostileSplit, AnswersAreScatteredOverWritableDescriptors) {
  descriptor(0, kBuffers, 36, kNext, 1);
  descriptor(1, kBuffers + 100, 3, kWrite | kNext, 2);
  descriptor(2, kBuffers + 200, 2, kWrite | kNext, 3);
  descriptor(3, kBuffers + 300, 3, kWrite);
  offer(0);
  ASSERT_EQ(pop(), 1u);
  EXPECT_EQ(requests_[0].writable, 8u);
  const std::array<std::byte, 4> bytes = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
  EXPECT_TRUE(queue_->write(0, 0, bytes));
  const Completion completion{0, 8, 4, 7};
  queue_->complete({&completion, 1});
  EXPECT_EQ(*at(kBuffers + 102), std::byte{3});
  EXPECT_EQ(*at(kBuffers + 103), std::byte{0}) << "behind the first";
  EXPECT_EQ(*at(kBuffers + 200), std::byte{4});
  EXPECT_EQ(*at(kBuffers + 201), std::byte{7}) << "the tail spans the second and third";
  EXPECT_EQ(*at(kBuffers + 303), std::byte{0});
  EXPECT_EQ(used(0).length, 8u);
}

TEST_F(HostileSplit, MoreReadableBytesThanARequestHasAreCountedNotCopied) {
  *at(kBuffers + kMaxRequestBytes - 1) = std::byte{9};
  descriptor(0, kBuffers, 0x2000, kNext, 1);
  descriptor(1, kBuffers, 4, kWrite);
  offer(0);
  ASSERT_EQ(pop(), 1u);
  EXPECT_EQ(requests_[0].readable, 0x2000u);
  EXPECT_EQ(requests_[0].bytes.back(), std::byte{9});
}

TEST_F(HostileSplit, ReadablePartsAreGathered) {
  const std::array<std::uint32_t, 4> cuts = {1, 7, 60, 30};
  std::uint64_t from = kBuffers;
  for (std::uint32_t i = 0; i < 0x100; ++i) *at(kBuffers + i) = static_cast<std::byte>(i);
  for (std::uint16_t i = 0; i < cuts.size(); ++i) {
    descriptor(i, from, cuts[i], i < 3 ? kNext : std::uint16_t{0},
               static_cast<std::uint16_t>(i + 1));
    from += cuts[i];
  }
  offer(0);
  ASSERT_EQ(pop(), 1u);
  EXPECT_EQ(requests_[0].readable, 98u);
  for (std::size_t i = 0; i < kMaxRequestBytes; ++i) {
    ASSERT_EQ(requests_[0].bytes[i], static_cast<std::byte>(i));
  }
}

TEST_F(HostileSplit, ABurstOfFaultyChainsIsBoundedAndAllComeBack) {
  for (std::uint16_t i = 0; i < kSize; ++i) descriptor(i, 0, 0, 0);
  for (std::uint16_t i = 0; i < kSize; ++i) offer(i);
  EXPECT_EQ(queue_->pop(std::span(requests_).first(4)), 0u);
  EXPECT_EQ(used_index(), 4) << "no more than were asked for";
  EXPECT_TRUE(queue_->arm_kicks()) << "more are waiting";
  EXPECT_EQ(pop(), 0u);
  EXPECT_EQ(used_index(), kSize);
  EXPECT_EQ(queue_->counters().of(RingFault::kZeroLength), kSize);
}

TEST_F(HostileSplit, CompletionsOfABrokenQueueAreDropped) {
  good_pair(0);
  offer(0);
  ASSERT_EQ(pop(), 1u);
  offer(kSize);
  EXPECT_EQ(pop(), 0u);
  const Completion completion{0, 4, 0, 1};
  queue_->complete({&completion, 1});
  EXPECT_EQ(used_index(), 0);
  EXPECT_FALSE(queue_->write(0, 0, {}));
}

}  // namespace
}  // namespace violet::hostile_split_test
