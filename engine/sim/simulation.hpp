// The seeded simulation: one thread, one device, some readers and a guest, interleaved by a seed at
// every point where real threads could interleave and matter. Each step one of them does one thing; the
// promises C1 to C6 are checked as it happens.
//
//     if (auto failure = Simulation<RadixStore, TargetedIotlb>::run({.seed = 7}, 20000)) print(failure->text());
//
// Threading: owner-only; any number of simulations on one thread, one after the other.
// Invariants: the same seed, options and types give the same history.
// Limits: interleaves whole calls (a lookup, a walk, a poll); what happens inside one is for
// ThreadSanitizer and the threaded canary tests.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/quiescence.hpp"
#include "engine/base/rng.hpp"
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

template <DomainStore S, Iotlb I, class Q = EpochQuiescence>
class Simulation {
 public:
  using Dev = Device<WatchedStore<S>, I>;
  using Reader = SimReader<S, I>;

  explicit Simulation(const SimOptions& options)
      : options_(options),
        rng_(options.seed),
        config_(config_of(options)),
        guest_(config_, options.guest, queue_, memory_, rng_) {
    const Watching watching(watch_);
    watch_.refuse = options.refusing_stores ? &rng_ : nullptr;
    device_ = Dev::create(config_, quiescence_, {&Simulation::clock, this}).value();
    device_->connect(&queue_, &events_);
    device_->negotiate(device_->offered_features());
    device_->on_stall(&Simulation::stalled, this);
    add_readers();
  }
  ~Simulation() {
    const Watching watching(watch_);
    device_.reset();
  }
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  // One thing happens; false once a promise was broken.
  bool step() {
    const Watching watching(watch_);
    if (failure_) return false;
    ++totals_.steps;
    now_ += rng_.below(20);
    const auto pick = rng_.below(4 + 2 * readers_.size());
    if (pick < 2) {
      engine_step();
    } else if (pick < 4) {
      guest_step();
    } else {
      check(readers_[(pick - 4) / 2]->step(totals_.steps));
    }
    return !failure_;
  }
  const std::optional<SimFailure>& failure() const { return failure_; }

  // Runs `steps` steps from options.seed; what broke, if anything did.
  static std::optional<SimFailure> run(const SimOptions& options, std::uint64_t steps) {
    Simulation simulation(options);
    for (std::uint64_t i = 0; i < steps && simulation.step(); ++i) {
    }
    return simulation.failure();
  }

  // The end: the readers leave, the device is reset, and what it then still holds is lost for good.
  std::size_t bytes_lost() {
    const Watching watching(watch_);
    for (const auto& reader : readers_) reader->leave();
    device_->reset();
    queue_.forget();
    for (int i = 0; i < 100'000 && device_->wants_poll(); ++i) device_->poll(1);
    return device_->memory_used();
  }

  Dev& device() { return *device_; }
  SimGuest& guest() { return guest_; }
  Reader& reader(std::size_t number) { return *readers_[number]; }
  const StoreWatch& watch() const { return watch_; }
  const std::vector<std::string>& stalls() const { return stalls_; }
  SimTotals totals() const {
    SimTotals totals = totals_;
    totals.stalls_named = stalls_.size();
    for (const auto& reader : readers_) add(totals.readers, reader->counts());
    return totals;
  }

 private:
  // The stores of this simulation report to it while it runs.
  class Watching {
   public:
    explicit Watching(StoreWatch& watch) : before_(StoreWatch::current()) {
      StoreWatch::current() = &watch;
    }
    ~Watching() { StoreWatch::current() = before_; }

   private:
    StoreWatch* before_;
  };

  static DeviceConfig config_of(const SimOptions& options) {
    DeviceConfig config;
    for (unsigned i = 0; i < options.endpoints; ++i) {
      config.endpoints.push_back({{8 + i}, fmt::format("endpoint {}", i), {}});
    }
    config.unmap_slice = options.unmap_slice;
    config.stall_threshold = options.stall_threshold;
    config.iotlb.entries = options.iotlb_entries;
    config.iotlb.max_readers = options.readers;
    return config;
  }
  static Ticks clock(void* simulation) noexcept {
    return static_cast<Simulation*>(simulation)->now_;
  }
  static void stalled(void* simulation, const StallReport& report) {
    static_cast<Simulation*>(simulation)->stalls_.push_back(report.name);
  }
  static void add(SimReaderCounts& sum, const SimReaderCounts& more) {
    sum.accesses += more.accesses;
    sum.hits += more.hits;
    sum.walks += more.walks;
    sum.faults += more.faults;
    sum.copies += more.copies;
    sum.certain += more.certain;
    sum.overtaken += more.overtaken;
  }

  void add_readers() {
    const typename Reader::World world{*device_, guest_, memory_, watch_, rng_, history_};
    for (std::size_t i = 0; i < options_.readers; ++i) {
      auto* reader = device_->add_reader(fmt::format("reader {}", i)).value();
      readers_.push_back(std::make_unique<Reader>(world, i, reader, options_.guest.pages + 4));
    }
  }

  void engine_step() {
    const auto work = device_->poll(static_cast<unsigned>(1 + rng_.below(6)));
    if (work > 0) history_.note(totals_.steps, "engine", 0, "poll", work);
    if (rng_.below(8) == 0) events_.add_buffer(24);
    check(guest_.receive(history_, totals_.steps));
  }

  void guest_step() {
    if (reset_pending_) {
      if (!device_->resetting()) finish_reset();
      return;
    }
    if (options_.resets && rng_.below(2000) == 0) return begin_reset();
    guest_.send(history_, totals_.steps);
  }

  void begin_reset() {
    history_.note(totals_.steps, "guest", 0, "resets the device");
    device_->reset();
    queue_.forget();
    guest_.begin_reset();
    reset_pending_ = true;
    ++totals_.resets;
  }

  void finish_reset() {
    history_.note(totals_.steps, "guest", 0, "sees the reset end");
    device_->negotiate(device_->offered_features());
    guest_.forget_everything(device_->offered_features());
    reset_pending_ = false;
  }

  void check(const std::string& problem) {
    if (problem.empty() || failure_) return;
    failure_ = SimFailure{options_.seed, totals_.steps, problem, history_.text()};
  }

  SimOptions options_;
  Rng rng_;
  DeviceConfig config_;
  StoreWatch watch_;
  Q quiescence_;
  FakeRequestQueue queue_;
  FakeEventQueue events_;
  CanaryMemory memory_;
  StepHistory history_;
  SimGuest guest_;
  std::unique_ptr<Dev> device_;
  std::vector<std::unique_ptr<Reader>> readers_;
  Ticks now_ = 0;
  bool reset_pending_ = false;
  SimTotals totals_;
  std::vector<std::string> stalls_;
  std::optional<SimFailure> failure_;
};

}  // namespace violet
