// A fuzzed guest, shared by the fuzzers of both formats, lies in exactly sized allocations, so that the sanitizer
// sees the first byte beyond it; its driver writes what the input says between the device's calls.
//
// Threading: one thread.
// Invariants checked: no access outside guest memory (AddressSanitizer), bounded calls (the fuzzer's
// time limit), a token is handed out once, a broken queue stays silent, counters add up.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "dataplane/virtqueue/device_queue.hpp"
#include "dataplane/virtqueue/guest_atomic.hpp"
#include "engine/base/check.hpp"
#include "engine/base/fuzz_bytes_testing.hpp"

namespace violet {

class RingFuzzer {
 public:
  RingFuzzer(RingFormat format, FuzzBytes input) : format_(format), input_(input) {
    const std::uint8_t shape = input_.take<std::uint8_t>();
    const bool split = format == RingFormat::kSplit;
    const std::uint32_t size = split ? 1u << (shape & 7) : 1u + (shape & 63);
    features_ = {(input_.take<std::uint8_t>() & 1) == 0, (shape & 128) != 0};
    layout_ = QueueLayout::at(format, size, {0});
    // The ring's region ends with the ring; the buffers' regions touch in the guest, not in the host.
    ring_bytes_ = layout_.device.value + layout_.device_bytes();
    add_region(0, ring_bytes_);
    add_region(kBuffers, kBufferBytes);
    add_region(kBuffers + kBufferBytes, 77);
    add_region(~std::uint64_t{0} - 63, 64);
  }
  ~RingFuzzer() {
    for (std::byte* const host : hosts_) std::free(host);
  }
  RingFuzzer(const RingFuzzer&) = delete;
  RingFuzzer& operator=(const RingFuzzer&) = delete;

  void run_requests() {
    auto made = make_request_queue(memory_, layout_, features_, {&count_notice, this});
    VIOLET_CHECK(made.has_value());
    requests_ = std::move(*made);
    for (int step = 0; step < kSteps && !input_.empty(); ++step) {
      switch (input_.take<std::uint8_t>() % 16) {
        case 0:
          pop();
          break;
        case 1:
          complete();
          break;
        case 2:
          write();
          break;
        case 3:
          notifications(*requests_);
          break;
        default:
          mutate();
          break;
      }
    }
    VIOLET_CHECK(requests_->counters().taken.value() == popped_);
    VIOLET_CHECK(requests_->broken() == breaks_ring(requests_->fault()));
  }

  void run_events() {
    auto made = make_event_queue(memory_, layout_, features_, {&count_notice, this});
    VIOLET_CHECK(made.has_value());
    for (int step = 0; step < kSteps && !input_.empty(); ++step) {
      switch (input_.take<std::uint8_t>() % 8) {
        case 0:
          (void)(*made)->post(std::span(kRecord).first(input_.below(25)));
          break;
        case 1:
          notifications(**made);
          break;
        default:
          mutate();
          break;
      }
    }
  }

 private:
  static constexpr int kSteps = 512;
  static constexpr std::uint64_t kBuffers = 0x10000;
  static constexpr std::uint64_t kBufferBytes = 301;
  static constexpr std::array<std::byte, 24> kRecord{};

  static void count_notice(void* self) { ++static_cast<RingFuzzer*>(self)->notices_; }

  void add_region(std::uint64_t start, std::uint64_t bytes) {
    void* host = nullptr;
    VIOLET_CHECK(::posix_memalign(&host, kCacheLine, bytes) == 0);
    std::memset(host, 0, bytes);
    hosts_.push_back(static_cast<std::byte*>(host));
    VIOLET_CHECK(memory_.add_region({{start}, bytes, hosts_.back()}).has_value());
  }

  // --- the driver ---
  std::uint64_t address() {
    const auto what = input_.take<std::uint16_t>();
    switch (what >> 13) {
      case 0:
        return input_.take<std::uint64_t>();
      case 1:
        return what & 0x1fff;  // The ring itself, and beyond it.
      case 2:
        return ~std::uint64_t{0} - (what & 127);
      default:
        return kBuffers + what % (kBufferBytes + 100);
    }
  }
  std::uint32_t length() {
    const auto what = input_.take<std::uint8_t>();
    if (what < 8) return input_.take<std::uint32_t>();
    return what < 128 ? what : (what % 20u) * 16;
  }
  std::uint64_t second_half() {
    const std::uint32_t bytes = length();
    const auto bits = input_.take<std::uint8_t>();
    const auto index = static_cast<std::uint16_t>(input_.below(layout_.size + 1));
    if (format_ == RingFormat::kSplit) return ring::split_word(bytes, bits & 7, index);
    // Mostly available in the lap that the input is in.
    if (bits >= 0xf0) lap_ = !lap_;
    const auto flags = bits >= 0xe0 ? (bits & 7) | (bits & 8 ? ring::kUsed : ring::kAvail)
                                    : (bits & 7) | ring::available_bits(lap_);
    return ring::packed_word(bytes, index, static_cast<std::uint16_t>(flags));
  }
  void put_descriptor(std::byte* at, std::size_t room) {
    const std::array<std::uint64_t, 2> words = {address(), second_half()};
    std::memcpy(at, words.data(), std::min(room, sizeof words));
  }

  // A chain as a driver would make it, in descriptors of the ring or of a table, from one of the inputs'
  // short recipes; what mutate() does afterwards spoils it.
  void make_chain() {
    const std::uint32_t count = 1 + input_.below(12);
    const std::uint32_t writable = input_.below(count + 1);
    const bool table = input_.take<std::uint8_t>() % 3 == 0;
    if (table) {
      const std::uint32_t at = input_.below(64);
      for (std::uint32_t i = 0; i < count; ++i) {
        put_link(hosts_[1] + at + i * kDescriptorBytes, i, count, writable, i + 1, false);
      }
      make_head(kBuffers + at, count * 16, ring::kIndirect);
      return;
    }
    const std::uint32_t first = cursor_;
    for (std::uint32_t i = 0; i < count; ++i) {
      const bool wraps = first + i >= layout_.size;
      const std::uint32_t slot = (first + i) % layout_.size;
      put_link(hosts_[0] + slot * kDescriptorBytes, i, count, writable, (slot + 1) % layout_.size,
               lap_ != wraps);
    }
    advance(first, count);
  }

  void put_link(std::byte* at, std::uint32_t i, std::uint32_t count, std::uint32_t writable,
                std::uint32_t next, bool lap) {
    const std::uint32_t bytes = 1 + input_.take<std::uint8_t>() % 40;
    const std::uint64_t where = kBuffers + input_.take<std::uint8_t>();
    const auto flags = static_cast<std::uint16_t>((i + 1 < count ? ring::kNext : 0) |
                                                  (i + writable >= count ? ring::kWrite : 0));
    const std::array<std::uint64_t, 2> words = {
        where,
        format_ == RingFormat::kSplit
            ? ring::split_word(bytes, flags, static_cast<std::uint16_t>(next))
            : ring::packed_word(bytes, id_,
                                static_cast<std::uint16_t>(flags | ring::available_bits(lap)))};
    std::memcpy(at, words.data(), sizeof words);
  }

  void make_head(std::uint64_t where, std::uint32_t bytes, std::uint16_t flags) {
    const bool split = format_ == RingFormat::kSplit;
    const auto available = static_cast<std::uint16_t>(flags | ring::available_bits(lap_));
    const std::array<std::uint64_t, 2> words = {
        where,
        split ? ring::split_word(bytes, flags, 0) : ring::packed_word(bytes, id_, available)};
    std::memcpy(hosts_[0] + cursor_ * kDescriptorBytes, words.data(), sizeof words);
    advance(cursor_, 1);
  }

  void advance(std::uint32_t first, std::uint32_t count) {
    offer(first);
    cursor_ += count;
    for (; cursor_ >= layout_.size; cursor_ -= layout_.size) lap_ = !lap_;
    id_ = static_cast<std::uint16_t>((id_ + 1u) % layout_.size);
  }

  void mutate() {
    const std::uint32_t slot = input_.below(layout_.size);
    switch (input_.take<std::uint8_t>() % 8) {
      case 0: {
        const std::uint32_t at = input_.below(static_cast<std::uint32_t>(ring_bytes_));
        hosts_[0][at] = input_.take<std::byte>();
        break;
      }
      case 1: {  // A table of descriptors among the buffers.
        const std::uint32_t at = input_.below(18) * 16 + (slot % 2);
        put_descriptor(hosts_[1] + at, kBufferBytes - at);
        break;
      }
      case 2:
        offer(slot);
        break;
      case 3:
      case 4:
        make_chain();
        break;
      case 5: {  // Which notifications the driver wants.
        const bool split = format_ == RingFormat::kSplit;
        std::byte* const area = hosts_[0] + layout_.driver.value;
        const auto wish = input_.take<std::uint32_t>() & 0x3807f;
        if (split) store_relaxed(area + 4 + layout_.size * 2, static_cast<std::uint16_t>(wish));
        if (!split) store_relaxed(area, wish);
        break;
      }
      default:
        put_descriptor(hosts_[0] + slot * kDescriptorBytes, kDescriptorBytes);
        break;
    }
  }

  void offer(std::uint32_t slot) {
    if (format_ == RingFormat::kPacked) return;  // put_descriptor() makes available.
    std::byte* const avail = hosts_[0] + layout_.driver.value;
    const auto index = load_relaxed<std::uint16_t>(avail + 2);
    store_relaxed(avail + 4 + (index % layout_.size) * 2, static_cast<std::uint16_t>(slot));
    store_relaxed(avail + 2, static_cast<std::uint16_t>(index + 1));
  }

  // --- the device's engine ---
  void pop() {
    const bool broken = requests_->broken();
    std::array<Request, 70> out;
    const std::size_t wanted = input_.below(out.size() + 1);
    const std::size_t count = requests_->pop(std::span(out).first(wanted));
    VIOLET_CHECK(count <= wanted && (!broken || count == 0));
    for (std::size_t i = 0; i < count; ++i) {
      for (const Request& other : pending_) VIOLET_CHECK(other.token != out[i].token);
      pending_.push_back(out[i]);
    }
    popped_ += count;
  }

  void complete() {
    std::vector<Completion> completions;
    for (auto count = input_.below(8); count > 0 && !pending_.empty(); --count) {
      const std::size_t pick = input_.below(static_cast<std::uint32_t>(pending_.size()));
      const Request request = pending_[pick];
      pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(pick));
      Completion completion{request.token, 0, 0, 1};
      if (request.writable >= 4) {
        completion.tail_offset = input_.take<std::uint32_t>() % (request.writable - 3);
        completion.used = completion.tail_offset + 4;
      }
      completions.push_back(completion);
    }
    requests_->complete(completions);
  }

  void write() {
    if (pending_.empty()) return;
    const std::array<std::byte, 40> bytes{};
    const Request& request = pending_[input_.below(static_cast<std::uint32_t>(pending_.size()))];
    const std::uint32_t offset = input_.below(400);
    const std::size_t count = input_.below(bytes.size() + 1);
    const bool fits = std::uint64_t{offset} + count <= request.writable;
    const bool written = requests_->write(request.token, offset, std::span(bytes).first(count));
    VIOLET_CHECK(written == (fits && !requests_->broken()));
  }

  void notifications(QueueControl& queue) {
    if (input_.take<std::uint8_t>() % 2 == 0) {
      queue.suppress_kicks();
    } else {
      (void)queue.arm_kicks();
    }
  }

  RingFormat format_;
  FuzzBytes input_;
  RingFeatures features_;
  QueueLayout layout_;
  std::uint64_t ring_bytes_ = 0;
  GuestMemory memory_;
  std::vector<std::byte*> hosts_;
  std::unique_ptr<RingRequestQueue> requests_;
  std::vector<Request> pending_;
  std::uint64_t popped_ = 0;
  std::uint64_t notices_ = 0;
  bool lap_ = true;           // The driver's wrap counter.
  std::uint32_t cursor_ = 0;  // Its next descriptor,
  std::uint16_t id_ = 0;      // and its next buffer id.
};

inline int fuzz_ring(RingFormat format, const std::uint8_t* data, std::size_t size) {
  FuzzBytes input(data, size);
  const bool events = input.take<std::uint8_t>() % 4 == 0;
  RingFuzzer fuzzer(format, input);
  if (events) {
    fuzzer.run_events();
  } else {
    fuzzer.run_requests();
  }
  return 0;
}

}  // namespace violet
