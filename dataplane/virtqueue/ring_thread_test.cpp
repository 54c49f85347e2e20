// Driver and device on two threads, over the ring alone: what ThreadSanitizer checks here is that every
// byte of a request and of its answer is ordered by the ring's own words.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "dataplane/virtqueue/guest_atomic.hpp"
#include "dataplane/virtqueue/ring_rig.hpp"
#include "engine/base/clock.hpp"
#include "engine/base/rng.hpp"

namespace violet {
namespace {

// An eventfd that says when a wake-up was lost: nobody waits longer than this for one.
class Bell {
 public:
  Bell() : fd_(::eventfd(0, EFD_NONBLOCK)) { VIOLET_CHECK(fd_ >= 0); }
  ~Bell() { ::close(fd_); }
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  void ring() {
    const std::uint64_t one = 1;
    VIOLET_CHECK(::write(fd_, &one, sizeof one) == sizeof one);
  }
  bool wait() {
    pollfd entry{fd_, POLLIN, 0};
    if (::poll(&entry, 1, 20000) != 1) return false;
    std::uint64_t count = 0;
    (void)!::read(fd_, &count, sizeof count);
    return true;
  }
  static void fire(void* bell) { static_cast<Bell*>(bell)->ring(); }

 private:
  int fd_;
};

struct Mode {
  RingRigOptions rig;
  bool sleeping;  // Both sides sleep on a bell instead of polling.
};

std::vector<Mode> modes() {
  std::vector<Mode> all;
  for (const RingFormat format : {RingFormat::kSplit, RingFormat::kPacked}) {
    for (const bool indirect : {false, true}) {
      all.push_back({{format, 64, {indirect, false}, indirect, false}, false});
      for (const bool event_idx : {false, true}) {
        const std::uint32_t size = format == RingFormat::kSplit ? 8 : 7;
        all.push_back({{format, size, {indirect, event_idx}, indirect, false}, true});
      }
    }
  }
  return all;
}

constexpr std::uint64_t kRequests = 20000;

// The device's thread: takes bursts, answers in random order.
class DeviceSide {
 public:
  DeviceSide(RingRequestQueue& queue, bool sleeping, Bell& bell)
      : queue_(queue), sleeping_(sleeping), bell_(bell) {
    if (!sleeping) queue.suppress_kicks();
  }

  void run() {
    std::array<Request, 16> requests;
    while (done_ < kRequests) {
      const std::size_t count = queue_.pop(std::span(requests).first(rng_.below(16) + 1));
      pending_.insert(pending_.end(), requests.begin(),
                      requests.begin() + static_cast<std::ptrdiff_t>(count));
      if (!pending_.empty()) {
        answer_some();
      } else if (!wait()) {
        ADD_FAILURE() << "a kick was lost after " << done_ << " requests";
        return;
      }
    }
  }

 private:
  bool wait() {
    if (!sleeping_) {
      std::this_thread::yield();
      return true;
    }
    const bool woken = queue_.arm_kicks() || bell_.wait();
    queue_.suppress_kicks();
    return woken;
  }

  void answer_some() {
    std::vector<Completion> completions;
    for (auto count = rng_.below(pending_.size()) + 1; count > 0; --count) {
      const std::size_t pick = rng_.below(pending_.size());
      completions.push_back(answer(pending_[pick]));
      pending_[pick] = pending_.back();
      pending_.pop_back();
    }
    done_ += completions.size();
    queue_.complete(completions);
  }

  RingRequestQueue& queue_;
  bool sleeping_;
  Bell& bell_;
  Rng rng_{11};
  std::vector<Request> pending_;
  std::uint64_t done_ = 0;
};

// The driver's thread.
class DriverSide {
 public:
  DriverSide(RingRig& rig, DriverQueue& queue, bool sleeping, Bell& kick, Bell& interrupt)
      : rig_(rig), queue_(queue), sleeping_(sleeping), kick_(kick), interrupt_(interrupt) {
    if (!sleeping) queue.suppress_interrupts();
    for (std::uint32_t i = 0; i < queue.capacity(); ++i) free_.push_back(i);
  }

  void run() {
    while (collected_ < kRequests) {
      send(rng_.below(free_.size() + 1));
      if (collect() > 0) continue;
      if (queue_.in_flight() > 0 && !wait()) {
        ADD_FAILURE() << "an interrupt was lost after " << collected_ << " answers";
        return;
      }
    }
  }

 private:
  void send(std::size_t count) {
    for (; count > 0 && sent_ < kRequests; --count) {
      const std::uint32_t cookie = free_.back();
      free_.pop_back();
      rig_.fill(cookie, ++sent_);
      const DriverBuffer buffer = rig_.request(cookie);
      ASSERT_EQ(queue_.add({&buffer, 1}), 1u);
    }
    queue_.publish();
    if (queue_.needs_kick()) kick_.ring();
  }

  std::size_t collect() {
    std::array<UsedBuffer, 16> used;
    const std::size_t count = queue_.pop_used(used);
    for (std::size_t i = 0; i < count; ++i) {
      std::uint64_t number = 0;
      std::memcpy(&number, rig_.buffer(used[i].cookie), sizeof number);
      EXPECT_EQ(used[i].bytes, RingRig::kTailBytes);
      EXPECT_EQ(rig_.status(used[i].cookie), static_cast<std::uint8_t>(number * 7 + 1));
      free_.push_back(used[i].cookie);
    }
    collected_ += count;
    return count;
  }

  bool wait() {
    if (!sleeping_) {
      std::this_thread::yield();
      return true;
    }
    const bool woken = queue_.arm_interrupts() || interrupt_.wait();
    queue_.suppress_interrupts();
    return woken;
  }

  RingRig& rig_;
  DriverQueue& queue_;
  bool sleeping_;
  Bell& kick_;
  Bell& interrupt_;
  Rng rng_{12};
  std::vector<std::uint32_t> free_;
  std::uint64_t sent_ = 0;
  std::uint64_t collected_ = 0;
};

class TwoThreads : public testing::TestWithParam<Mode> {};

INSTANTIATE_TEST_SUITE_P(All, TwoThreads, testing::ValuesIn(modes()), [](const auto& mode) {
  return rig_name(mode.param.rig) + (mode.param.sleeping ? "_sleeping" : "_polling");
});

TEST_P(TwoThreads, EveryRequestIsAnsweredAndNoWakeUpIsLost) {
  Bell kick;
  Bell interrupt;
  RingRig rig(GetParam().rig);
  DriverQueue& driver = rig.make_driver();
  RingRequestQueue& device = rig.make_device({&Bell::fire, &interrupt});
  DriverSide driver_side(rig, driver, GetParam().sleeping, kick, interrupt);
  DeviceSide device_side(device, GetParam().sleeping, kick);
  std::thread thread([&] { device_side.run(); });
  driver_side.run();
  thread.join();
  EXPECT_EQ(driver.in_flight(), 0u);
  EXPECT_EQ(device.counters().taken.value(), kRequests);
  EXPECT_FALSE(device.broken());
}

// A driver that rewrites its ring while the device reads it. What it rewrites are ring words, with
// atomics, so that the test itself has no data race; what is checked is that the device survives.
class Vandal : public testing::TestWithParam<RingFormat> {};

INSTANTIATE_TEST_SUITE_P(Both, Vandal, testing::Values(RingFormat::kSplit, RingFormat::kPacked),
                         [](const auto& format) {
                           return format.param == RingFormat::kSplit ? "split" : "packed";
                         });

// Rewrites one descriptor, mostly to what a driver might write, so that the device gets past the first
// check.
void vandalise(RingRig& rig, Rng& rng) {
  const std::uint32_t size = rig.layout().size;
  const bool split = rig.layout().format == RingFormat::kSplit;
  const bool sane = !rng.chance(0.05);
  std::byte* const at =
      rig.memory().host(rig.layout().descriptors, 1) + rng.below(size) * kDescriptorBytes;
  const std::uint64_t buffer = rig.buffer_at(static_cast<std::uint32_t>(rng.below(8))).value;
  store_relaxed(at, sane ? buffer : rng());
  const auto length = static_cast<std::uint32_t>(sane ? 1 + rng.below(60) : rng());
  const auto id = static_cast<std::uint16_t>(rng.below(sane ? size : size + 1));
  const auto flags = static_cast<std::uint16_t>(rng() & (sane ? 3u : 7u));
  const std::uint16_t bits = ring::available_bits(rng.chance(0.5));
  store_relaxed(at + 8,
                split ? ring::split_word(length, flags, id)
                      : ring::packed_word(length, id, static_cast<std::uint16_t>(flags | bits)));
}

// Takes and gives back single chains until the ring breaks. Rewrites descriptors in between as well, so
// that it gets on when the other thread does not run.
std::uint64_t serve_until_broken(RingRig& rig, Rng& rng) {
  RingRequestQueue& device = rig.make_device();
  std::byte* const avail = rig.memory().host(rig.layout().driver, 4);
  const bool split = rig.layout().format == RingFormat::kSplit;
  std::uint64_t served = 0;
  for (std::uint16_t index = 1; index < 500 && !device.broken(); ++index) {
    for (int i = 0; i < 4; ++i) vandalise(rig, rng);
    if (split) {
      store_relaxed(avail + 4 + (index - 1) % 8 * 2, static_cast<std::uint16_t>(index % 8));
      store_release(avail + 2, index);
    }
    Request request;
    if (device.pop({&request, 1}) == 0) continue;
    const Completion completion{request.token, 0, 0, 0};
    device.complete({&completion, 1});
    ++served;
  }
  if (split) store_relaxed(avail + 2, std::uint16_t{0});
  return served;
}

TEST_P(Vandal, DescriptorsThatChangeWhileTheyAreReadDoNoHarm) {
  // The tables of indirect descriptors would be data: they are not atomic, so the feature is off.
  RingRig rig({GetParam(), 8, {}, false, false});
  (void)rig.make_driver();
  std::atomic<bool> stop{false};
  std::thread thread([&] {
    Rng rng(5);
    while (!stop.load(std::memory_order_relaxed)) vandalise(rig, rng);
  });
  Rng rng(6);
  std::uint64_t served = 0;
  for (int round = 0; round < 5000; ++round) served += serve_until_broken(rig, rng);
  stop.store(true, std::memory_order_relaxed);
  thread.join();
  EXPECT_GE(served, 5000u) << "the vandals let too little through";
}

}  // namespace
}  // namespace violet
