// A device queue implements engine/device/queues.hpp over a ring in guest memory: one for requests, one for events.
//
// Threading: owner-only, the engine thread; counters() may be read from anywhere.
// Invariants: those of queues.hpp and device_ring.hpp. A guest's mistake is answered as
// ring_fault.hpp says: broken(), or the chain comes back with used length 0 and the engine never sees it.
// pop() examines at most out.size() chains and may therefore return 0 while more are waiting;
// arm_kicks() tells.
// Limits: those of chain.hpp and queue_layout.hpp. A fresh queue wants kicks; an engine that polls calls
// suppress_kicks() first, one that sleeps calls arm_kicks() and sleeps only when that returns false.
#pragma once

#include <memory>

#include "dataplane/virtqueue/device_ring.hpp"
#include "engine/device/queues.hpp"

namespace violet {

// What placements and status lines need of either format, in addition.
class QueueControl {
 public:
  virtual ~QueueControl() = default;
  // Asks the driver not to kick.
  virtual void suppress_kicks() = 0;
  // Asks the driver to kick again. True: chains are waiting that it may not have kicked for, so poll
  // once more before sleeping.
  virtual bool arm_kicks() = 0;
  // Why broken() is true, or kNone.
  virtual RingFault fault() const = 0;
  virtual const RingCounters& counters() const = 0;
  // To be called after GuestMemory::replace_regions(). The areas and what is in flight stay where they
  // are: whoever replaces regions keeps the bytes behind the old ones mapped.
  virtual void refresh_regions() = 0;
};

class RingRequestQueue : public RequestQueue, public QueueControl {};
class RingEventQueue : public EventQueue, public QueueControl {};

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

// Error when the layout is impossible (queue_layout.hpp): the driver's mistake, the queue stays disabled.
Result<std::unique_ptr<RingRequestQueue>> make_request_queue(const GuestMemory& memory,
                                                             const QueueLayout& layout,
                                                             RingFeatures features,
                                                             Notifier notifier = {});
Result<std::unique_ptr<RingEventQueue>> make_event_queue(const GuestMemory& memory,
                                                         const QueueLayout& layout,
                                                         RingFeatures features,
                                                         Notifier notifier = {});

}  // namespace violet
