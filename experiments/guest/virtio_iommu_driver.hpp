// The virtio-iommu driver queues requests and waits for them as Linux' driver does
// (drivers/iommu/virtio-iommu.c).
//
// Adding makes a request visible to the device without a kick; a device that polls may execute it at
// once. sync() kicks, if the device wants it, and spins on the used ring until all requests of all
// domains are back. ATTACH, DETACH and PROBE are sent and synced; MAP and UNMAP are only added. A full
// ring is synced on the spot.
//
// Threading: the guest lcore, which also calls transport, doorbell and spin hook. In the kernel one spinlock with
// interrupts off covers each add and each sync, spinning included: DriverStats counts the ticks that it spins.
// Invariants: nothing is lost silently: a request that failed and whose status nobody waits for is
// counted by status. A used length of 0 is a failure (R7). sync() returns within the timeout; after
// that the driver is broken() for good and refuses everything, because the device may still write.
// Limits: as many requests in flight as the ring holds.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataplane/virtqueue/driver_queue.hpp"
#include "engine/base/clock.hpp"
#include "engine/base/result.hpp"
#include "engine/protocol/properties.hpp"
#include "engine/protocol/wire.hpp"
#include "engine/telemetry/counter.hpp"
#include "engine/telemetry/event_ring.hpp"
#include "experiments/guest/dma_api.hpp"
#include "experiments/guest/guest_pages.hpp"

namespace violet {

// What the driver needs of a device besides its queue: features and config space. engine/device's Device has calls of
// the same names; the implementation gets the call to the engine thread between two polls.
class DeviceTransport {
 public:
  virtual ~DeviceTransport() = default;
  virtual std::uint64_t offered_features() = 0;
  virtual bool negotiate(std::uint64_t features) = 0;
  virtual void read_config(std::size_t offset, std::span<std::byte> out) = 0;
  virtual void write_config(std::size_t offset, std::span<const std::byte> bytes) = 0;
};

// A notification of the request queue. The placement decides what it costs and who polls then.
class Doorbell {
 public:
  virtual ~Doorbell() = default;
  virtual void kick() = 0;
};

// What else the guest's lcore does while the driver spins for its requests: pump the endpoint models
// that share the lcore. Must be short: the driver looks at the used ring only between two calls.
class SpinHook {
 public:
  virtual ~SpinHook() = default;
  virtual void while_spinning() = 0;
};

// What the driver works with; all of it outlives the driver.
struct DriverEnvironment {
  GuestPages& pages;
  DriverQueue& queue;
  DeviceTransport& transport;
  Doorbell& doorbell;
  SpinHook* spin_hook = nullptr;  // Null: only spin.
  GuestCounters& counters;
  Probe probe = {};
  TickSource clock = {};
  std::uint64_t timeout_ns = 5'000'000'000;  // Of one sync(); no device needs a second.
};

// What the device said in its features and config space.
struct DeviceFacts {
  std::uint64_t features = 0;  // Negotiated.
  std::uint64_t page_size_mask = 0;
  IovaRange input_range = IovaRange::all();
  DomainId first_domain{0};
  DomainId last_domain{~std::uint32_t{0}};
  std::uint32_t probe_size = 0;

  bool has(protocol::Feature feature) const {
    return (features & protocol::feature_bit(feature)) != 0;
  }
};

struct FailedRequest {
  protocol::Type type;
  protocol::Status status;
  std::uint32_t id;  // Domain; PROBE: endpoint.
  IovaRange range;   // MAP and UNMAP only.
};
std::string to_text(const FailedRequest& request);

struct DriverStats {
  std::array<std::uint64_t, 16> failures_by_status{};  // Of MAP and UNMAP; index: protocol::Status.
  Ticks spin_ticks = 0;                                // Spent in sync() with the lock held.
  std::uint64_t ring_full = 0;
  std::uint64_t most_in_flight = 0;
};

// The request heap holds the requests in flight in guest memory: the kernel copies each request to its heap,
// because the device reads it after the call that made it has returned. A slot is with the device from take() to
// give_back(). Slots are reused last in first out, so that a driver with few requests in flight stays on few cache
// lines. As many slots as the ring holds buffers; a slot of 128 bytes, but one buffer as large as the device wants for
// PROBE, which only one request at a time uses.
class RequestHeap {
 public:
  using Slot = std::uint32_t;

  // Allocates its pages for good.
  static Result<RequestHeap> create(GuestPages& pages, std::size_t slots, std::uint32_t probe_size);

  Slot probe_slot() const { return static_cast<Slot>(order_.size() - 1); }
  bool empty() const { return free_.empty(); }
  Slot take() {
    const Slot slot = free_.back();
    free_.pop_back();
    return slot;
  }
  void give_back(Slot slot) {
    leave_order(slot);
    if (slot != probe_slot()) free_.push_back(slot);
  }
  // The request is with the device from now on; `number` is at least 1, and above those given before.
  void set_number(Slot slot, std::uint64_t number) {
    order_[slot] = {number, newest_, kNone};
    (newest_ == kNone ? oldest_ : order_[newest_].newer) = slot;
    newest_ = slot;
  }
  std::uint64_t number(Slot slot) const { return order_[slot].number; }
  // The request that is with the device for longest, however many there are, in one step.
  std::optional<Slot> oldest() const {
    return oldest_ == kNone ? std::nullopt : std::optional(oldest_);
  }

  // Stores the device-readable part and clears the tail; returns the slot's buffer with their lengths.
  template <class Wire>
  const DriverBuffer& write(Slot slot, const Wire& request, std::uint32_t writable);
  const std::byte* readable(Slot slot) const { return host_ + offset(slot); }
  // The device-writable part.
  const std::byte* writable(Slot slot) const { return host_ + offset(slot) + kWritableAt; }

 private:
  static constexpr std::size_t kSlotBytes = 128;
  static constexpr std::size_t kWritableAt = 96;  // Behind the longest readable part (72), aligned.

  static constexpr Slot kNone = ~Slot{0};

  // A slot's place in the order of the requests that are with the device.
  struct Place {
    std::uint64_t number = 0;  // 0: not in flight.
    Slot older = kNone, newer = kNone;
  };

  RequestHeap(GuestPhys phys, std::byte* host, std::size_t slots);
  // The probe slot is the last and may be longer.
  std::size_t offset(Slot slot) const { return std::size_t{slot} * kSlotBytes; }
  // Answers come in any order; one for what is not in flight changes nothing.
  void leave_order(Slot slot) {
    Place& place = order_[slot];
    if (place.number == 0) return;
    (place.older == kNone ? oldest_ : order_[place.older].newer) = place.newer;
    (place.newer == kNone ? newest_ : order_[place.newer].older) = place.older;
    place = {};
  }

  std::byte* host_;
  std::vector<DriverBuffer> buffers_;  // Of the slots, where each lies in guest memory.
  std::vector<Slot> free_;
  std::vector<Place> order_;  // By slot.
  Slot oldest_ = kNone, newest_ = kNone;
};

class VirtioIommuDriver {
 public:
  // Negotiates features, reads the config space and allocates memory for requests.
  static Result<std::unique_ptr<VirtioIommuDriver>> create(const DriverEnvironment& environment);

  const DeviceFacts& facts() const { return facts_; }

  // --- Synchronous ---
  Status attach(DomainId domain, EndpointId endpoint, bool bypass);
  Status detach(DomainId domain, EndpointId endpoint);
  // R5. An empty list when the device has no PROBE.
  Result<protocol::ParsedProperties> probe(EndpointId endpoint);
  Status map_now(DomainId domain, const Mapping& mapping);
  // config.bypass: what an endpoint that is attached to nothing may do.
  Status set_global_bypass(bool on);

  // --- Asynchronous; false when the driver is broken ---
  bool add_map(DomainId domain, const Mapping& mapping);
  bool add_unmap(DomainId domain, IovaRange range);
  // Kicks and waits for everything in flight.
  bool sync();

  // --- What Linux does not do: to send, and look later ---
  // Kicks, if the device wants it, and does not wait.
  void post();
  // Takes back what is answered; does not wait.
  void reap();
  // Requests are numbered from 1 as they are added: the last one's number, and the last one's before which all
  // are answered. A device that never answers leaves the second where it is.
  std::uint64_t added() const { return next_number_ - 1; }
  std::uint64_t answered() const;

  bool broken() const { return !diagnosis_.empty(); }
  // Why, in a sentence that names the request and the state of the ring.
  Status health() const;
  // Sent and not answered; any thread may look.
  std::size_t in_flight() const { return in_flight_.value(); }
  const DriverStats& stats() const { return stats_; }
  // The last MAP or UNMAP that failed.
  const std::optional<FailedRequest>& last_failure() const { return last_failure_; }

 private:
  using Slot = RequestHeap::Slot;
  static constexpr Slot kNoSlot = ~Slot{0};

  VirtioIommuDriver(const DriverEnvironment& environment, const DeviceFacts& facts,
                    RequestHeap heap);

  template <class Wire>
  bool add(const Wire& request);
  template <class Wire>
  protocol::Status send(const Wire& request);
  template <class Wire>
  bool add_in(Slot slot, const Wire& request, std::uint32_t writable);
  Status answer(protocol::Status status, const char* what, std::uint32_t id) const;
  bool make_room();
  void kick();
  bool spin();
  void take_back(const UsedBuffer& used);
  protocol::Status status_of(const UsedBuffer& used) const;
  FailedRequest describe(Slot slot, protocol::Status status) const;
  void give_up(Ticks waited);

  DriverEnvironment env_;
  DeviceFacts facts_;
  RequestHeap heap_;
  Ticks timeout_;
  Level in_flight_;
  std::uint64_t next_number_ = 1;
  Slot waited_for_ = kNoSlot;
  protocol::Status waited_status_ = protocol::Status::kOk;
  DriverStats stats_;
  std::optional<FailedRequest> last_failure_;
  std::string diagnosis_;
};

}  // namespace violet
