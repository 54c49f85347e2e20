// A placement decides which core runs the device and what a notification of the guest costs.
//
//   samecore     the engine is polled inline on the guest's core at each kick, as a hypervisor that
//                emulates the device in its exit handler; the exit's cost is injected
//   kick-thread  an engine lcore that sleeps on an eventfd and is woken by each kick (ioeventfd)
//   sidecore     an engine lcore that polls for ever and suppresses kicks
//
// Threading: start(), stop() and kick() belong to the guest lcore.
// Invariants: injected costs are those of InjectedCosts, and how long they really took is counted where they are
// spun; the cost of a real eventfd write and wake-up is real and comes on top. With samecore and kick-thread nobody
// looks at the queue between kicks: a queued UNMAP stays undone until the next one. What was taken from
// the queue is finished without one: the kick thread goes on polling, in naps once it takes long, and
// is woken by a fault; with samecore a guest that waits calls wait() over and over.
// Limits: one engine. kick-thread and sidecore need an lcore of their own. With samecore a fault is
// posted at the next kick() or wait(): there is no engine to wake.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "dataplane/eal/eal.hpp"
#include "dataplane/virtqueue/device_queue.hpp"
#include "engine/base/deadline.hpp"
#include "engine/base/registry.hpp"
#include "engine/device/device.hpp"
#include "engine/telemetry/counter.hpp"

namespace violet {

enum class PlacementKind : std::uint8_t { kSamecore, kKickThread, kSidecore };

struct PlacementInfo : RegistryEntry {
  PlacementKind kind;
};

Registry<PlacementInfo> placements();
std::string_view to_text(PlacementKind kind);

struct InjectedCosts {
  // Spun on the guest's core at each kick, before the device runs: leaving the guest, and entering it again
  // where that is not told apart.
  std::uint64_t exit_ns = 0;
  std::uint64_t entry_ns = 0;  // Spun on the guest's core at the end of each kick.
  // Read on the guest's core at each kick, one byte a cache line: what a host's exit handler evicts of the caches and
  // of the TLB. Its time is its own.
  std::uint64_t pollution_bytes = 0;
  std::uint64_t wake_ns = 0;  // Spun by the kick thread after each wake-up.
  // Behind it nothing is spun. Outlives the placement; null: for ever.
  const Deadline* until = nullptr;
};

// Ticks that injected costs really took since the start: on the guest's core, but for the kick thread's wake.
struct SpunCosts {
  Counter exit, entry, pollution;
  alignas(kCacheLine) Counter wake;
};

class Placement {
 public:
  // `requests` is the queue that the device is connected to. `engine_lcore` is ignored for samecore. All
  // outlive the placement.
  Placement(Eal& eal, Device& device, QueueControl& requests, PlacementKind kind,
            InjectedCosts costs, unsigned engine_lcore = 1);
  ~Placement();
  Placement(const Placement&) = delete;
  Placement& operator=(const Placement&) = delete;

  Status start();
  void stop();  // Idempotent; no request is half done afterwards.
  void kick();
  // What a guest that waits for an answer does between two looks at the used ring.
  void wait();
  // The kick thread's sleeps that ended without a wake-up.
  std::uint64_t naps() const { return naps_.value(); }
  // Runs `body` on the engine's thread between two polls, and returns when it has run: features, config
  // space, reset. Before start() and after stop() it runs at once.
  void control(const std::function<void()>& body);

  PlacementKind kind() const { return kind_; }
  std::uint64_t kicks() const { return kicks_.value(); }
  std::uint64_t wakes() const { return wakes_.value(); }
  const SpunCosts& spun() const { return spun_; }

 private:
  static constexpr unsigned kBudget = 64;

  bool poll_until_idle(std::uint64_t patience_ns);
  void run_control();
  void leave_guest();
  void enter_guest();
  void wake();
  void sleep();
  static void note_fault(void* placement);
  void run_sidecore();
  void run_kick_thread();

  Eal& eal_;
  Device& device_;
  QueueControl& requests_;
  PlacementKind kind_;
  Ticks exit_ticks_;
  Ticks entry_ticks_;
  Ticks wake_ticks_;
  std::vector<std::byte> polluting_;  // What an exit reads.
  const Deadline* costs_until_;
  unsigned engine_lcore_;
  int eventfd_ = -1;
  bool running_ = false;
  std::atomic<bool> stop_{false};
  std::atomic<bool> asleep_{false};  // The kick thread, or about to: a fault must wake it.
  std::atomic<const std::function<void()>*> control_{nullptr};
  Counter kicks_;
  Counter wakes_;
  Counter naps_;
  SpunCosts spun_;
};

}  // namespace violet
