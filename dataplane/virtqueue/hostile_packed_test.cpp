// A packed ring written by a hostile driver, word by word: each case is one line of ring_fault.hpp.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "dataplane/virtqueue/device_queue.hpp"
#include "dataplane/virtqueue/device_ring.hpp"
#include "dataplane/virtqueue/guest_atomic.hpp"

namespace violet::hostile_packed_test {
namespace {

using ring::kIndirect;
using ring::kNext;
using ring::kWrite;

class HostilePacked : public testing::Test {
 protected:
  static constexpr std::uint32_t kSize = 6;
  static constexpr std::uint64_t kBuffers = 0x8000;
  static constexpr std::uint64_t kEnd = 0xc000;

  HostilePacked() { open(kSize, {true, false}); }

  void open(std::uint32_t size, RingFeatures features) {
    queue_.reset();
    memory_ = {};
    ASSERT_TRUE(memory_.allocate({0}, kEnd, GuestMemory::Backing::kAnonymous).has_value());
    ASSERT_TRUE(memory_.allocate({kEnd}, 0x1000, GuestMemory::Backing::kAnonymous).has_value());
    layout_ = QueueLayout::at(RingFormat::kPacked, size, {0});
    auto made = make_request_queue(memory_, layout_, features);
    ASSERT_TRUE(made.has_value());
    queue_ = std::move(*made);
  }

  std::byte* at(std::uint64_t address) { return memory_.host({address}, 1); }
  void entry(std::uint64_t where, std::uint64_t address, std::uint32_t length, std::uint16_t id,
             std::uint16_t flags) {
    store_relaxed(at(where), address);
    store_release(at(where) + 8, ring::packed_word(length, id, flags));
  }
  // A descriptor of the lap whose wrap counter is `wrap`.
  void descriptor(unsigned index, std::uint64_t address, std::uint32_t length, std::uint16_t id,
                  std::uint16_t flags, bool wrap = true) {
    entry(index * kDescriptorBytes, address, length, id,
          static_cast<std::uint16_t>(flags | ring::available_bits(wrap)));
  }
  void good_pair(unsigned index, std::uint16_t id, bool wrap = true) {
    descriptor((index + 1) % layout_.size, kBuffers + 36, 4, id, kWrite,
               index + 1 == layout_.size ? !wrap : wrap);
    descriptor(index, kBuffers, 36, id, kNext, wrap);
  }

  std::size_t pop() { return queue_->pop(requests_); }
  std::uint64_t word(unsigned index) {
    return load_acquire<std::uint64_t>(at(index * kDescriptorBytes) + 8);
  }
  bool is_used(unsigned index, bool wrap = true) {
    return ring::has_bits(ring::word_high(word(index)), ring::used_bits(wrap));
  }

  void expect_broken(RingFault fault) {
    EXPECT_EQ(pop(), 0u);
    EXPECT_TRUE(queue_->broken());
    EXPECT_EQ(queue_->fault(), fault) << to_text(queue_->fault());
    EXPECT_EQ(queue_->counters().of(fault), 1u);
    for (unsigned i = 0; i < layout_.size; ++i)
      EXPECT_FALSE(is_used(i)) << "left alone, slot " << i;
    EXPECT_EQ(pop(), 0u);
    EXPECT_FALSE(queue_->arm_kicks());
  }
  // The chain of `slots` descriptors at slot 0 comes back with length 0 and the queue goes on behind it.
  void expect_returned(RingFault fault, std::uint16_t id, unsigned slots) {
    EXPECT_EQ(pop(), 0u);
    EXPECT_FALSE(queue_->broken()) << to_text(queue_->fault());
    ASSERT_TRUE(is_used(0));
    EXPECT_EQ(ring::word_low(word(0)), id);
    EXPECT_EQ(ring::word_length(word(0)), 0u);
    EXPECT_EQ(ring::word_high(word(0)) & kWrite, 0) << "no length is meant";
    EXPECT_EQ(queue_->counters().of(fault), 1u) << to_text(fault);
    EXPECT_EQ(queue_->counters().returned.value(), 1u);
    good_pair(slots, 3);
    EXPECT_EQ(pop(), 1u) << "the queue goes on";
  }

  GuestMemory memory_;
  QueueLayout layout_;
  std::unique_ptr<RingRequestQueue> queue_;
  std::array<Request, 64> requests_{};
};

TEST_F(HostilePacked, AWellFormedRequestIsTaken) {
  good_pair(0, 5);
  ASSERT_EQ(pop(), 1u);
  EXPECT_EQ(requests_[0].token, 5u);
  EXPECT_EQ(requests_[0].readable, 36u);
  EXPECT_EQ(requests_[0].writable, 4u);
}

TEST_F(HostilePacked, TheIdIsThatOfTheLastDescriptor) {
  descriptor(1, kBuffers + 36, 4, 4, kWrite);
  descriptor(0, kBuffers, 36, 2, kNext);
  ASSERT_EQ(pop(), 1u);
  EXPECT_EQ(requests_[0].token, 4u);
}

TEST_F(HostilePacked, WrongBitsAtTheHeadMeanNothingIsThere) {
  descriptor(0, kBuffers, 36, 0, 0, false);
  EXPECT_EQ(pop(), 0u);
  entry(0, kBuffers, 36, 0, ring::used_bits(true));
  EXPECT_EQ(pop(), 0u);
  entry(0, kBuffers, 36, 0, ring::used_bits(false));
  EXPECT_EQ(pop(), 0u);
  EXPECT_FALSE(queue_->broken());
}

TEST_F(HostilePacked, WrongBitsInsideAChain) {
  descriptor(1, kBuffers + 36, 4, 0, kWrite, false);
  descriptor(0, kBuffers, 36, 0, kNext);
  expect_broken(RingFault::kWrapMismatch);
}

TEST_F(HostilePacked, AChainThatForgetsToFlipItsBitsAtTheWrap) {
  for (unsigned i = 0; i + 1 < kSize; ++i) {
    descriptor(i, kBuffers, 4, static_cast<std::uint16_t>(i), kWrite);
  }
  ASSERT_EQ(pop(), kSize - 1);
  for (unsigned i = 0; i + 1 < kSize; ++i) {
    const Completion completion{i, 0, 0, 0};
    queue_->complete({&completion, 1});
  }
  descriptor(0, kBuffers + 36, 4, 0, kWrite,
             true);  // Belongs to the next lap: its bits are inverted.
  descriptor(kSize - 1, kBuffers, 36, 0, kNext, true);
  EXPECT_EQ(pop(), 0u);
  EXPECT_EQ(queue_->fault(), RingFault::kWrapMismatch);
}

TEST_F(HostilePacked, AChainMayWrap) {
  for (unsigned i = 0; i + 1 < kSize; ++i) {
    descriptor(i, kBuffers, 4, static_cast<std::uint16_t>(i), kWrite);
  }
  ASSERT_EQ(pop(), kSize - 1);
  for (unsigned i = 0; i + 1 < kSize; ++i) {
    const Completion completion{i, 0, 0, 0};
    queue_->complete({&completion, 1});
  }
  good_pair(kSize - 1, 0);
  ASSERT_EQ(pop(), 1u);
  EXPECT_EQ(requests_[0].readable, 36u);
}

TEST_F(HostilePacked, AChainOfTheWholeRingWithoutAnEnd) {
  for (unsigned i = 0; i < kSize; ++i) descriptor(i, kBuffers, 1, 0, kNext);
  expect_broken(RingFault::kLoop);
}

TEST_F(HostilePacked, DescriptorsInUseMadeAvailableAgain) {
  good_pair(0, 0);
  good_pair(2, 1);
  good_pair(4, 2);
  ASSERT_EQ(pop(), 3u);
  good_pair(0, 3, false);  // Available in the next lap, though nothing was given back.
  expect_broken(RingFault::kRingOverrun);
}

TEST_F(HostilePacked, BufferIdOutOfRange) {
  good_pair(0, kSize);
  expect_broken(RingFault::kBufferIdOutOfRange);
}

TEST_F(HostilePacked, BufferIdFarOutOfRange) {
  good_pair(0, 0xffff);
  expect_broken(RingFault::kBufferIdOutOfRange);
}

TEST_F(HostilePacked, BufferIdInFlightAlready) {
  good_pair(0, 1);
  ASSERT_EQ(pop(), 1u);
  good_pair(2, 1);
  expect_broken(RingFault::kDuplicateToken);
}

TEST_F(HostilePacked, BufferIdTwiceInOneBurst) {
  good_pair(0, 1);
  good_pair(2, 1);
  EXPECT_EQ(pop(), 1u) << "the first is whole";
  EXPECT_EQ(queue_->fault(), RingFault::kDuplicateToken);
}

TEST_F(HostilePacked, IndirectWithoutTheFeature) {
  open(kSize, {});
  descriptor(0, 0x9000, 32, 0, kIndirect);
  expect_broken(RingFault::kIndirectNotNegotiated);
}

TEST_F(HostilePacked, IndirectInsideIndirect) {
  entry(0x9000, 0xa000, 16, 0, kIndirect);
  descriptor(0, 0x9000, 16, 0, kIndirect);
  expect_broken(RingFault::kNestedIndirect);
}

TEST_F(HostilePacked, IndirectWithNext) {
  entry(0x9000, kBuffers, 36, 0, 0);
  descriptor(1, kBuffers, 4, 0, kWrite);
  descriptor(0, 0x9000, 16, 0, kIndirect | kNext);
  expect_broken(RingFault::kIndirectWithNext);
}

TEST_F(HostilePacked, IndirectOfNoBytes) {
  descriptor(0, 0x9000, 0, 0, kIndirect);
  expect_broken(RingFault::kIndirectLength);
}

TEST_F(HostilePacked, IndirectOfAFractionOfADescriptor) {
  descriptor(0, 0x9000, 17, 0, kIndirect);
  expect_broken(RingFault::kIndirectLength);
}

TEST_F(HostilePacked, InAnIndirectTableOnlyWriteHasAMeaning) {
  entry(0x9000, kBuffers, 36, 77, kNext);
  entry(0x9010, kBuffers + 36, 4, 88, kWrite | kNext | ring::kUsed);
  descriptor(0, 0x9000, 32, 2, kIndirect | kWrite);
  ASSERT_EQ(pop(), 1u) << "section 2.8.8";
  EXPECT_EQ(requests_[0].token, 2u);
  EXPECT_EQ(requests_[0].readable, 36u);
  EXPECT_EQ(requests_[0].writable, 4u);
}

TEST_F(HostilePacked, AHugeIndirectTable) {
  descriptor(0, 0x9000, (kMaxChainDescriptors + 1) * 16, 1, kIndirect);
  expect_returned(RingFault::kChainTooLong, 1, 1);
}

TEST_F(HostilePacked, AnIndirectTableOutsideMemory) {
  descriptor(0, 0x100000, 32, 1, kIndirect);
  expect_returned(RingFault::kOutsideMemory, 1, 1);
}

TEST_F(HostilePacked, AnIndirectTableAcrossRegions) {
  descriptor(0, kEnd - 16, 32, 1, kIndirect);
  expect_returned(RingFault::kOutsideMemory, 1, 1);
}

TEST_F(HostilePacked, ABufferOutsideMemory) {
  descriptor(1, kBuffers, 4, 1, kWrite);
  descriptor(0, 1ull << 50, 36, 1, kNext);
  expect_returned(RingFault::kOutsideMemory, 1, 2);
}

TEST_F(HostilePacked, ABufferAcrossRegions) {
  descriptor(0, kEnd - 2, 4, 1, kWrite);
  expect_returned(RingFault::kOutsideMemory, 1, 1);
}

TEST_F(HostilePacked, ABufferWhoseEndWraps) {
  descriptor(0, ~std::uint64_t{0}, 0xffffffff, 1, kWrite);
  expect_returned(RingFault::kOutsideMemory, 1, 1);
}

TEST_F(HostilePacked, ABufferOfNoBytes) {
  descriptor(1, kBuffers, 4, 1, kWrite);
  descriptor(0, kBuffers, 0, 1, kNext);
  expect_returned(RingFault::kZeroLength, 1, 2);
}

TEST_F(HostilePacked, WritableBeforeReadable) {
  descriptor(1, kBuffers, 36, 1, 0);
  descriptor(0, kBuffers + 36, 4, 1, kWrite | kNext);
  expect_returned(RingFault::kWrongOrder, 1, 2);
}

TEST_F(HostilePacked, TooManyWritableDescriptors) {
  open(16, {});
  for (unsigned i = kMaxWritableSegments + 1; i > 0; --i) {
    const bool last = i == kMaxWritableSegments + 1;
    descriptor(i - 1, kBuffers + i * 8, 4, 1,
               static_cast<std::uint16_t>(last ? kWrite : kWrite | kNext));
  }
  expect_returned(RingFault::kTooManyWritable, 1, kMaxWritableSegments + 1);
}

TEST_F(HostilePacked, FourGigabytesInOneDirection) {
  const std::uint64_t far = 1ull << 40;
  ASSERT_TRUE(memory_.allocate({far}, 3ull << 30, GuestMemory::Backing::kAnonymous).has_value());
  auto made = make_request_queue(memory_, layout_, {});
  ASSERT_TRUE(made.has_value());
  queue_ = std::move(*made);
  descriptor(1, far, 1u << 30, 1, kWrite);
  descriptor(0, far, 3u << 30, 1, kNext | kWrite);
  expect_returned(RingFault::kLengthOverflow, 1, 2);
}

TEST_F(HostilePacked, AChainLongerThanTheLimitIsWalkedToItsEnd) {
  open(300, {});
  const unsigned length = kMaxChainDescriptors + 5;
  for (unsigned i = length; i > 0; --i) {
    descriptor(i - 1, kBuffers, 1, 1, i == length ? std::uint16_t{0} : kNext);
  }
  expect_returned(RingFault::kChainTooLong, 1, length);
}

TEST_F(HostilePacked, ABurstOfFaultyChainsIsBoundedAndAllComeBack) {
  for (unsigned i = 0; i < kSize; ++i) descriptor(i, 0, 0, static_cast<std::uint16_t>(i), 0);
  EXPECT_EQ(queue_->pop(std::span(requests_).first(4)), 0u);
  EXPECT_TRUE(is_used(3));
  EXPECT_FALSE(is_used(4)) << "no more than were asked for";
  EXPECT_TRUE(queue_->arm_kicks()) << "more are waiting";
  EXPECT_EQ(pop(), 0u);
  EXPECT_TRUE(is_used(kSize - 1));
  EXPECT_EQ(queue_->counters().of(RingFault::kZeroLength), kSize);
}

TEST_F(HostilePacked, CompletionsOfABrokenQueueAreDropped) {
  good_pair(0, 0);
  ASSERT_EQ(pop(), 1u);
  good_pair(2, kSize);
  EXPECT_EQ(pop(), 0u);
  const Completion completion{0, 4, 0, 1};
  queue_->complete({&completion, 1});
  EXPECT_FALSE(is_used(0));
  EXPECT_FALSE(queue_->write(0, 0, {}));
}

}  // namespace
}  // namespace violet::hostile_packed_test
