#include "engine/sim/simulation.hpp"

#include <fmt/format.h>

#include "engine/iotlb/iotlbs.hpp"
#include "engine/store/stores.hpp"

namespace violet {
namespace {

void add(SimReaderCounts& sum, const SimReaderCounts& more) {
  sum.accesses += more.accesses;
  sum.hits += more.hits;
  sum.walks += more.walks;
  sum.faults += more.faults;
  sum.copies += more.copies;
  sum.certain += more.certain;
  sum.overtaken += more.overtaken;
}

}  // namespace

SimParts sim_parts(std::string_view store, std::string_view iotlb) {
  SimParts parts;
  parts.make_store = stores().find(store)->make;
  parts.make_iotlb = iotlbs().find(iotlb)->make;
  return parts;
}

Simulation::Simulation(const SimParts& parts, const SimOptions& options)
    : options_(options),
      rng_(options.seed),
      config_(config_of(options)),
      quiescence_(parts.make_quiescence()),
      guest_(config_, options.guest, queue_, memory_, rng_) {
  watch_.refuse = options.refusing_stores ? &rng_ : nullptr;
  const TickSource clock{[](void* now) noexcept { return *static_cast<Ticks*>(now); }, &now_};
  device_ = Device::create(config_, {watched(parts.make_store, watch_), parts.make_iotlb},
                           *quiescence_, clock)
                .value();
  device_->connect(&queue_, &events_);
  device_->negotiate(device_->offered_features());
  add_readers(parts);
}

bool Simulation::step() {
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

std::optional<SimFailure> Simulation::run(const SimParts& parts, const SimOptions& options,
                                          std::uint64_t steps) {
  Simulation simulation(parts, options);
  for (std::uint64_t i = 0; i < steps && simulation.step(); ++i) {
  }
  return simulation.failure();
}

std::size_t Simulation::bytes_lost() {
  for (const auto& reader : readers_) reader->leave();
  device_->reset();
  queue_.forget();
  for (int i = 0; i < 100'000 && device_->wants_poll(); ++i) device_->poll(1);
  return device_->memory_used();
}

SimTotals Simulation::totals() const {
  SimTotals totals = totals_;
  totals.stalls_named = device_->stalled_readers().size();
  for (const auto& reader : readers_) add(totals.readers, reader->counts());
  return totals;
}

DeviceConfig Simulation::config_of(const SimOptions& options) {
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

void Simulation::add_readers(const SimParts& parts) {
  const SimReader::World world{*device_, guest_, memory_, watch_, rng_, history_};
  for (std::size_t i = 0; i < options_.readers; ++i) {
    auto reader = parts.open_reader(*device_->add_reader(fmt::format("reader {}", i)).value());
    readers_.push_back(
        std::make_unique<SimReader>(world, i, std::move(reader), options_.guest.pages + 4));
  }
}

void Simulation::engine_step() {
  const auto work = device_->poll(static_cast<unsigned>(1 + rng_.below(6)));
  if (work > 0) history_.note(totals_.steps, "engine", 0, "poll", work);
  if (rng_.below(8) == 0) events_.add_buffer(24);
  check(guest_.receive(history_, totals_.steps));
}

void Simulation::guest_step() {
  if (reset_pending_) {
    if (!device_->resetting()) finish_reset();
    return;
  }
  if (options_.resets && rng_.below(2000) == 0) return begin_reset();
  guest_.send(history_, totals_.steps);
}

void Simulation::begin_reset() {
  history_.note(totals_.steps, "guest", 0, "resets the device");
  device_->reset();
  queue_.forget();
  guest_.begin_reset();
  reset_pending_ = true;
  ++totals_.resets;
}

void Simulation::finish_reset() {
  history_.note(totals_.steps, "guest", 0, "sees the reset end");
  device_->negotiate(device_->offered_features());
  guest_.forget_everything(device_->offered_features());
  reset_pending_ = false;
}

void Simulation::check(const std::string& problem) {
  if (problem.empty() || failure_) return;
  failure_ = SimFailure{options_.seed, totals_.steps, problem, history_.text()};
}

}  // namespace violet
