// A watched ring is the request queue in guest memory, seen from outside at both of its ends: what the driver wrote,
// what the engine took, what it answered and what the driver has read, without a change to either of them.
//
// Threading: owner-only.
// Invariants: everything is handed through to the two sides of a split ring unchanged; the copies kept here are of
// requests that passed by, in the order in which they were written. RequestView::token is their number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dataplane/virtqueue/device_queue.hpp"
#include "dataplane/virtqueue/driver_queue.hpp"
#include "engine/base/clock.hpp"
#include "experiments/lessons/views.hpp"

namespace violet::lessons {

// What the driver does at its end of the ring, at the moment it does it.
class RingListener {
 public:
  virtual ~RingListener() = default;
  virtual void before_request() = 0;  // It is about to write one.
  virtual void written(const RequestView& request) = 0;
  virtual void published() = 0;  // The engine can see what was written; no kick was sent.
  virtual void read(const RequestView& request) = 0;
};

class WatchedRing final : public DriverQueue, public RequestQueue {
 public:
  // `polling`: the engine looks by itself and asks not to be kicked.
  WatchedRing(const GuestMemory& memory, const QueueLayout& layout, bool polling,
              const Ticks& clock, RingListener& listener);

  const std::vector<RequestView>& views() const { return views_; }
  // Numbers of requests that the engine took, or gave back, since the last call.
  std::vector<std::uint32_t> newly_taken() { return std::exchange(taken_, {}); }
  const std::vector<std::uint32_t>& answered() const { return answered_; }
  std::vector<std::uint32_t> newly_answered() { return std::exchange(answered_, {}); }

  // --- The driver's side
  std::size_t add(std::span<const DriverBuffer> buffers) override;
  void publish() override;
  bool needs_kick() override { return driver_->needs_kick(); }
  std::size_t pop_used(std::span<UsedBuffer> out) override;
  void suppress_interrupts() override { driver_->suppress_interrupts(); }
  bool arm_interrupts() override { return driver_->arm_interrupts(); }
  std::size_t capacity() const override { return driver_->capacity(); }
  std::size_t in_flight() const override { return driver_->in_flight(); }

  // --- The engine's side
  std::size_t pop(std::span<Request> out) override;
  bool write(std::uint32_t token, std::uint32_t offset, std::span<const std::byte> bytes) override {
    return device_->write(token, offset, bytes);
  }
  void complete(std::span<const Completion> completions) override;
  bool broken() const override { return device_->broken(); }

 private:
  std::vector<std::byte> copy(GuestPhys phys, std::uint32_t bytes) const;

  const GuestMemory& memory_;
  const Ticks& clock_;
  RingListener& listener_;
  std::unique_ptr<DriverQueue> driver_;
  std::unique_ptr<RingRequestQueue> device_;
  std::vector<RequestView> views_;
  std::vector<GuestPhys> writable_;  // Of each.
  std::size_t next_taken_ = 0;       // The engine takes them in order.
  std::unordered_map<std::uint32_t, std::uint32_t>
      by_cookie_;  // The driver's names of those in flight.
  std::unordered_map<std::uint32_t, std::uint32_t> by_chain_;  // The ring's.
  std::vector<std::uint32_t> taken_;
  std::vector<std::uint32_t> answered_;
};

}  // namespace violet::lessons
