#include "dataplane/virtqueue/device_queue.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "dataplane/virtqueue/packed_device_ring.hpp"
#include "dataplane/virtqueue/split_device_ring.hpp"
#include "engine/telemetry/phase_clock.hpp"

namespace violet {

// --- Bursts ---

struct BurstResult {
  std::size_t taken;
  std::size_t seen;  // With the faulty ones; fewer than asked for when no more are there.
};

// Looks at up to out.size() <= kBurst chains; says found() once, as early as the ring knows that there are some.
template <class Ring, class Found>
BurstResult take_burst(Ring& ring, std::span<Request> out, Found&& found) {
  std::array<Segment, kBurst> firsts;
  const std::size_t ready = ring.ready(out.size());
  bool told = ready > 0;
  // Looked at once more, and only where somebody wants to know when the taking begins.
  if constexpr (!Ring::kReadyIsThere) {
    told = ready > 0 && PhaseClock::sampling() != nullptr && ring.next_is_there();
  }
  if (told) found();
  BurstResult result{0, 0};
  for (; result.seen < ready; ++result.seen) {
    const TakeResult one = ring.take(out[result.taken], firsts[result.taken]);
    if (one == TakeResult::kEmpty || one == TakeResult::kBroken) break;
    if (one == TakeResult::kTaken) ++result.taken;
  }
  if (!told && result.seen > 0) found();  // It came in between.
  for (std::size_t i = 0; i < result.taken; ++i) {
    copy_once(out[i].bytes.data(), firsts[i].host, firsts[i].bytes);
  }
  if (result.taken < result.seen && !ring.broken()) ring.publish();
  return result;
}

// --- Requests ---

template <class Ring>
class alignas(kCacheLine) DeviceRequestQueue final : public RingRequestQueue {
 public:
  DeviceRequestQueue(const GuestMemory& memory, const QueueLayout& layout, const QueueAreas& areas,
                     RingFeatures features, Notifier notifier)
      : ring_(memory, layout, areas, features, notifier) {}

  std::size_t pop(std::span<Request> out) override;
  bool write(std::uint32_t token, std::uint32_t offset, std::span<const std::byte> bytes) override;
  void complete(std::span<const Completion> completions) override;
  bool broken() const override { return ring_.broken(); }

  void suppress_kicks() override { ring_.suppress_kicks(); }
  bool arm_kicks() override { return ring_.arm_kicks(); }
  RingFault fault() const override { return ring_.fault(); }
  const RingCounters& counters() const override { return ring_.counters(); }
  void refresh_regions() override { ring_.refresh_regions(); }

 private:
  void write_tail(const Completion& completion) noexcept;

  Ring ring_;
};

template <class Ring>
std::size_t DeviceRequestQueue<Ring>::pop(std::span<Request> out) {
  std::size_t popped = 0;
  std::size_t seen = 0;
  while (seen < out.size()) {
    const std::size_t now = std::min(out.size() - seen, kBurst);
    const BurstResult burst = take_burst(ring_, out.subspan(popped, now), [] {
      // Not before: a look that finds nothing has no mark, so that sampled polls are as fast as others.
      if (PhaseClock* const clock = PhaseClock::sampling(); clock != nullptr) [[unlikely]]
        clock->enter(WorkPhase::kDecode);
    });
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

// --- Events ---

// Holds the next buffer back until a record fits into it: to the driver that is a buffer still available.
template <class Ring>
class alignas(kCacheLine) DeviceEventQueue final : public RingEventQueue {
 public:
  DeviceEventQueue(const GuestMemory& memory, const QueueLayout& layout, const QueueAreas& areas,
                   RingFeatures features, Notifier notifier)
      : ring_(memory, layout, areas, features, notifier) {}

  PostResult post(std::span<const std::byte> record) override;
  bool broken() const override { return ring_.broken(); }

  void suppress_kicks() override { ring_.suppress_kicks(); }
  bool arm_kicks() override { return ring_.arm_kicks(); }
  RingFault fault() const override { return ring_.fault(); }
  const RingCounters& counters() const override { return ring_.counters(); }
  void refresh_regions() override { ring_.refresh_regions(); }

 private:
  bool hold_next() noexcept;

  Ring ring_;
  Request held_{};
  bool holding_ = false;
};

// Tries of one post(): a faulty chain costs kMaxChainDescriptors reads, and a poll posts many faults.
constexpr unsigned kBuffersTried = 2;

// True when a buffer is held. Faulty ones are given back on the way.
template <class Ring>
bool DeviceEventQueue<Ring>::hold_next() noexcept {
  for (unsigned i = 0; i < kBuffersTried && !holding_; ++i) {
    const BurstResult burst = take_burst(ring_, std::span(&held_, 1), [] {});
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
