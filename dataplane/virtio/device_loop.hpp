// A device loop polls the functions of a guest on an lcore for ever, and runs bodies of other threads in between.
//
// Threading: add() comes first. run() belongs to the lcore; control() and stop() to any other.
// Invariants: a body given to control() runs between two rounds, so it may touch every function of the
// loop; bodies of several threads run one after the other. A round is bounded: kBudget for each function.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <vector>

#include "dataplane/virtio/virtio_pci.hpp"

namespace violet::virtio {

class DeviceLoop {
 public:
  // The function outlives the loop.
  void add(VirtioPci& function) { functions_.push_back(&function); }

  // Until stop().
  void run();
  void stop() { stop_.store(true, std::memory_order_release); }  // partner: run()'s acquire
  // Runs `body` on the lcore, and returns when it has run. Before run() has begun it waits for that; false: run()
  // has ended, and `body` was not run.
  bool control(const std::function<void()>& body);

  std::uint64_t rounds() const { return rounds_.value(); }

 private:
  static constexpr unsigned kBudget = 64;

  std::vector<VirtioPci*> functions_;
  std::mutex controlling_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> ended_{false};
  std::atomic<const std::function<void()>*> control_{nullptr};
  Counter rounds_;
};

}  // namespace violet::virtio
