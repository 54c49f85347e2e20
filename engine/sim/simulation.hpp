// The simulation runs one device, some readers and a guest on one thread, interleaved by a seed at every
// point where real threads could interleave and matter. Each step one of them does one thing; the
// promises C1 to C6 are checked as it happens.
//
//     const auto parts = sim_parts("radix", "targeted-ack");
//     if (auto failure = Simulation::run(parts, {.seed = 7}, 20000)) print(failure->text());
//
// Threading: owner-only; any number of simulations on one thread, one after the other.
// Invariants: the same seed, options and parts give the same history.
// Limits: interleaves whole calls (a lookup, a walk, a poll); what happens inside one is for
// ThreadSanitizer and the threaded canary tests.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/quiescence.hpp"
#include "engine/base/rng.hpp"
#include "engine/device/any_reader.hpp"
#include "engine/device/device.hpp"
#include "engine/device/fake_queues.hpp"
#include "engine/sim/canary_memory.hpp"
#include "engine/sim/history.hpp"
#include "engine/sim/sim_guest.hpp"
#include "engine/sim/sim_reader.hpp"
#include "engine/sim/watched_store.hpp"

namespace violet {

struct SimOptions {
  std::uint64_t seed = 1;
  std::size_t readers = 3;
  unsigned endpoints = 3;
  SimGuest::Shape guest;
  bool resets = true;              // Now and then a device reset.
  bool refusing_stores = true;     // Now and then a store refuses an update.
  std::size_t iotlb_entries = 64;  // Per IOTLB: small, so that entries are replaced.
  Ticks stall_threshold = 2000;
  std::uint32_t unmap_slice = 2;
};

struct SimTotals {
  std::uint64_t steps = 0;
  std::uint64_t resets = 0;
  std::uint64_t stalls_named = 0;
  SimReaderCounts readers;
};

// What is simulated: registered parts, or broken ones that the simulation must catch.
struct SimParts {
  StoreFactory make_store;
  IotlbFactory make_iotlb;
  std::function<std::unique_ptr<Quiescence>()> make_quiescence = [] {
    return std::make_unique<EpochQuiescence>();
  };
  std::function<std::unique_ptr<AnyReader>(DeviceReader&)> open_reader = open_any_reader;
};
// Precondition: the names are registered.
SimParts sim_parts(std::string_view store, std::string_view iotlb);

class Simulation {
 public:
  Simulation(const SimParts& parts, const SimOptions& options);
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  // One thing happens; false once a promise was broken.
  bool step();
  const std::optional<SimFailure>& failure() const { return failure_; }

  // Runs `steps` steps from options.seed; what broke, if anything did.
  static std::optional<SimFailure> run(const SimParts& parts, const SimOptions& options,
                                       std::uint64_t steps);

  // The end: the readers leave, the device is reset, and what it then still holds is lost for good.
  std::size_t bytes_lost();

  Device& device() { return *device_; }
  SimGuest& guest() { return guest_; }
  SimReader& reader(std::size_t number) { return *readers_[number]; }
  const StoreWatch& watch() const { return watch_; }
  SimTotals totals() const;

 private:
  static DeviceConfig config_of(const SimOptions& options);
  void add_readers(const SimParts& parts);
  void engine_step();
  void guest_step();
  void begin_reset();
  void finish_reset();
  void check(const std::string& problem);

  SimOptions options_;
  Rng rng_;
  DeviceConfig config_;
  StoreWatch watch_;
  std::unique_ptr<Quiescence> quiescence_;
  FakeRequestQueue queue_;
  FakeEventQueue events_;
  CanaryMemory memory_;
  StepHistory history_;
  SimGuest guest_;
  std::unique_ptr<Device> device_;
  std::vector<std::unique_ptr<SimReader>> readers_;
  Ticks now_ = 0;
  bool reset_pending_ = false;
  SimTotals totals_;
  std::optional<SimFailure> failure_;
};

}  // namespace violet
