#include "dataplane/virtqueue/device_queue.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "dataplane/virtqueue/packed_device_ring.hpp"
#include "dataplane/virtqueue/split_device_ring.hpp"

namespace violet {

template <class Ring>
std::size_t DeviceRequestQueue<Ring>::pop(std::span<Request> out) {
  std::size_t popped = 0;
  std::size_t seen = 0;
  while (seen < out.size()) {
    const std::size_t now = std::min(out.size() - seen, kBurst);
    const BurstResult burst = take_burst(ring_, out.subspan(popped, now));
    popped += burst.taken;
    seen += burst.seen;
    if (burst.seen < now) break;
  }
  return popped;
}

template <class Ring>
bool DeviceRequestQueue<Ring>::write(std::uint32_t token, std::uint32_t offset,
                                     std::span<const std::byte> bytes) {
  return !ring_.broken() && ring_.chains().write(token, offset, bytes);
}

template <class Ring>
void DeviceRequestQueue<Ring>::write_tail(const Completion& completion) noexcept {
  const std::array<std::byte, 4> tail = {std::byte{completion.status}};
  const Chain& chain = ring_.chains()[completion.token];
  if (std::uint64_t{completion.tail_offset} + tail.size() <= chain.first.bytes) [[likely]] {
    std::memcpy(chain.first.host + completion.tail_offset, tail.data(), tail.size());
    return;
  }
  const bool fits = ring_.chains().write(completion.token, completion.tail_offset, tail);
  VIOLET_CHECK(fits);
}

template <class Ring>
void DeviceRequestQueue<Ring>::complete(std::span<const Completion> completions) {
  if (ring_.broken() || completions.empty()) return;
  for (const Completion& completion : completions) {
    VIOLET_CHECK(ring_.chains().in_flight(completion.token));
    if (completion.used != 0) write_tail(completion);
    ring_.give_back(completion.token, completion.used);
  }
  ring_.publish();
}

// Tries of one post(): a faulty chain costs kMaxChainDescriptors reads, and a poll posts many faults.
constexpr unsigned kBuffersTried = 2;

// True when a buffer is held. Faulty ones are given back on the way.
template <class Ring>
bool DeviceEventQueue<Ring>::hold_next() noexcept {
  for (unsigned i = 0; i < kBuffersTried && !holding_; ++i) {
    const BurstResult burst = take_burst(ring_, std::span(&held_, 1));
    if (burst.seen == 0) break;
    holding_ = burst.taken == 1;
  }
  return holding_;
}

// A driver that offered a buffer too small for any record would have it in front for ever otherwise.
template <class Ring>
PostResult DeviceEventQueue<Ring>::post(std::span<const std::byte> record) {
  PostResult result = PostResult::kNoBuffer;
  for (unsigned i = 0; i < kBuffersTried && !ring_.broken() && (holding_ || hold_next()); ++i) {
    const bool fits = ring_.chains().write(held_.token, 0, record);
    ring_.give_back(held_.token, fits ? static_cast<std::uint32_t>(record.size()) : 0);
    ring_.publish();
    holding_ = false;
    if (fits) return PostResult::kPosted;
    result = PostResult::kBufferTooSmall;
  }
  return result;
}

template class DeviceRequestQueue<SplitDeviceRing>;
template class DeviceRequestQueue<PackedDeviceRing>;
template class DeviceEventQueue<SplitDeviceRing>;
template class DeviceEventQueue<PackedDeviceRing>;

namespace {

template <class Interface, template <class> class Queue>
Result<std::unique_ptr<Interface>> make_queue(const GuestMemory& memory, const QueueLayout& layout,
                                              RingFeatures features, Notifier notifier) {
  VIOLET_TRY(const auto areas, resolve(memory, layout));
  std::unique_ptr<Interface> queue;
  if (layout.format == RingFormat::kSplit) {
    queue = std::make_unique<Queue<SplitDeviceRing>>(memory, layout, areas, features, notifier);
  } else {
    queue = std::make_unique<Queue<PackedDeviceRing>>(memory, layout, areas, features, notifier);
  }
  return queue;
}

}  // namespace

Result<std::unique_ptr<RingRequestQueue>> make_request_queue(const GuestMemory& memory,
                                                             const QueueLayout& layout,
                                                             RingFeatures features,
                                                             Notifier notifier) {
  return make_queue<RingRequestQueue, DeviceRequestQueue>(memory, layout, features, notifier);
}

Result<std::unique_ptr<RingEventQueue>> make_event_queue(const GuestMemory& memory,
                                                         const QueueLayout& layout,
                                                         RingFeatures features, Notifier notifier) {
  return make_queue<RingEventQueue, DeviceEventQueue>(memory, layout, features, notifier);
}

}  // namespace violet
