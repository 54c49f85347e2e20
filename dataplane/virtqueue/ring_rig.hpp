// A ring rig joins a driver and a device on the same ring, for tests and benches: memory, both sides, and a pair of
// buffers for every cookie.
//
// Threading: set-up once; then the driver's and the device's members each to their thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/virtqueue/device_queue.hpp"
#include "dataplane/virtqueue/driver_queue.hpp"
#include "engine/base/check.hpp"

namespace violet {

// Long single-threaded histories are for the other builds: ThreadSanitizer finds nothing in them.
#if defined(__SANITIZE_THREAD__)
inline constexpr std::uint32_t kSlowdown = 16;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr std::uint32_t kSlowdown = 16;
#else
inline constexpr std::uint32_t kSlowdown = 1;
#endif
#else
inline constexpr std::uint32_t kSlowdown = 1;
#endif

struct RingRigOptions {
  RingFormat format = RingFormat::kSplit;
  std::uint32_t size = 256;
  RingFeatures features;
  bool use_indirect = false;
  bool single_segment = false;
};

inline std::string rig_name(const RingRigOptions& options) {
  std::string name = options.format == RingFormat::kSplit ? "split" : "packed";
  name += std::to_string(options.size);
  if (options.use_indirect) name += "_indirect";
  if (options.features.event_idx) name += "_eventidx";
  return name;
}

class RingRig {
 public:
  static constexpr std::uint64_t kRingAt = 0x10000;
  static constexpr std::uint32_t kRequestBytes = 36;  // MAP.
  static constexpr std::uint32_t kTailBytes = 4;
  static constexpr std::uint64_t kStride = 64;  // A request and its answer share a cache line.

  explicit RingRig(const RingRigOptions& options)
      : options_(options), layout_(QueueLayout::at(options.format, options.size, {kRingAt})) {
    const std::uint64_t ring = QueueLayout::bytes(options.format, options.size);
    buffers_at_ = (kRingAt + ring + 4095) & ~std::uint64_t{4095};
    const std::uint64_t end = buffers_at_ + kStride * options.size;
    VIOLET_CHECK(memory_.allocate({0}, end, GuestMemory::Backing::kAnonymous).has_value());
  }

  // The driver first: it initialises the ring.
  DriverQueue& make_driver() {
    auto made = make_driver_queue(
        memory_, layout_, {options_.features, options_.use_indirect, options_.single_segment});
    VIOLET_CHECK(made.has_value());
    driver_ = std::move(*made);
    return *driver_;
  }
  RingRequestQueue& make_device(Notifier notifier = {}) {
    auto made = make_request_queue(memory_, layout_, options_.features, notifier);
    VIOLET_CHECK(made.has_value());
    device_ = std::move(*made);
    return *device_;
  }
  RingEventQueue& make_events(Notifier notifier = {}) {
    auto made = make_event_queue(memory_, layout_, options_.features, notifier);
    VIOLET_CHECK(made.has_value());
    events_ = std::move(*made);
    return *events_;
  }

  GuestMemory& memory() { return memory_; }
  const QueueLayout& layout() const { return layout_; }

  GuestPhys buffer_at(std::uint32_t cookie) const { return {buffers_at_ + cookie * kStride}; }
  std::byte* buffer(std::uint32_t cookie) { return memory_.host(buffer_at(cookie), kStride); }
  DriverBuffer request(std::uint32_t cookie) const {
    const GuestPhys at = buffer_at(cookie);
    return {at, {at.value + kRequestBytes}, kRequestBytes, kTailBytes, cookie};
  }
  // The words of a request: a number that the answer repeats.
  void fill(std::uint32_t cookie, std::uint64_t number) {
    std::byte* const to = buffer(cookie);
    std::memset(to, 0xa5, kRequestBytes + kTailBytes);
    std::memcpy(to, &number, sizeof number);
    std::memcpy(to + kRequestBytes - sizeof number, &number, sizeof number);
  }
  std::uint8_t status(std::uint32_t cookie) {
    return static_cast<std::uint8_t>(buffer(cookie)[kRequestBytes]);
  }

 private:
  RingRigOptions options_;
  QueueLayout layout_;
  std::uint64_t buffers_at_ = 0;
  GuestMemory memory_;
  std::unique_ptr<DriverQueue> driver_;
  std::unique_ptr<RingRequestQueue> device_;
  std::unique_ptr<RingEventQueue> events_;
};

// The number that fill() wrote; checks that both copies agree.
inline std::uint64_t request_number(const Request& request) {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::memcpy(&first, request.bytes.data(), sizeof first);
  std::memcpy(&last, request.bytes.data() + RingRig::kRequestBytes - sizeof last, sizeof last);
  VIOLET_CHECK(first == last);
  return first;
}

inline Completion answer(const Request& request) {
  return {request.token, RingRig::kTailBytes, 0,
          static_cast<std::uint8_t>(request_number(request) * 7 + 1)};
}

}  // namespace violet
