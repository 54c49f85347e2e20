// A device queue implements engine/device/queues.hpp over a ring in guest memory: one for requests, one for events.
//
// Threading: owner-only, the engine thread; counters() may be read from anywhere.
// Invariants: those of queues.hpp and device_ring.hpp. A guest's mistake is answered as
// ring_fault.hpp says: broken(), or the chain comes back with used length 0 and the engine never sees it.
// pop() examines at most out.size() chains and may therefore return 0 while more are waiting;
// arm_kicks() tells.
// Limits: those of device_ring.hpp and queue_layout.hpp. A fresh queue wants kicks; an engine that polls calls
// suppress_kicks() first, one that sleeps calls arm_kicks() and sleeps only when that returns false.
#pragma once

#include <memory>

#include "dataplane/virtqueue/guest_memory.hpp"
#include "dataplane/virtqueue/queue_layout.hpp"
#include "dataplane/virtqueue/ring_fault.hpp"
#include "engine/device/queues.hpp"

namespace violet {

// How a used entry reaches a driver that sleeps (an eventfd, an interrupt). Null: the driver polls, and
// the device never looks whether it wants to be notified.
struct Notifier {
  void (*fire)(void* context) = nullptr;
  void* context = nullptr;
};

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
