#include "experiments/lessons/machine.hpp"

#include <algorithm>

#include "engine/base/check.hpp"

namespace violet::lessons {
namespace {

constexpr std::uint64_t kGranule = std::uint64_t{1} << kGranuleShift4K;

// The first is what lessons use unless asked otherwise.
const std::vector<EngineChoice>& choices() {
  static const std::vector<EngineChoice> all = {{"radix", "targeted-ack"},
                                                {"radix", "generation-domain"},
                                                {"radix", "shared-versioned"},
                                                {"interval", "locked"}};
  return all;
}

DeviceConfig machine_config() {
  DeviceConfig config;
  config.endpoints = {{kEndpointIds[kNic], "nic", {{kMsiWindow, protocol::RegionKind::kMsi}}},
                      {kEndpointIds[kDisk], "disk", {{kMsiWindow, protocol::RegionKind::kMsi}}}};
  config.domain_range.first = {1};
  config.probe_size = kProbeBytes;
  config.iotlb.entries = 256;
  config.iotlb.max_readers = kEndpointCount;
  config.limits.in_flight = 256;
  config.limits.domains = 16;
  return config;
}

Ticks read_clock(void* clock) noexcept { return *static_cast<const Ticks*>(clock); }

void look_at_store(const Domain& domain, std::span<const IovaRange> ranges, MachineView& view) {
  view.domain = domain.id;
  view.mapping_count = domain.store->mapping_count();
  for (const IovaRange& range : ranges) {
    const auto found = domain.store->translate(range.first);
    if (found) view.mappings.push_back({range, found->at(range.first), found->permissions});
  }
}

}  // namespace

Machine::Machine(const EngineChoice& choice, const Ticks& clock, RequestQueue& requests)
    : clock_(clock),
      device_(make_device(choice.store, choice.iotlb, machine_config(), quiescence_,
                          {read_clock, const_cast<Ticks*>(&clock_)}, Probe(&ring_))
                  .value()) {
  device_->connect(&requests, &events_);
  for (unsigned i = 0; i < kEndpointCount; ++i) {
    const std::string name = std::string(kEndpointNames[i]) + " lcore";
    lcores_[i].reader = open_any_reader(*device_->add_reader(name).value());
    lcores_[i].endpoint = device_->endpoint(kEndpointIds[i]).value();
  }
}

unsigned Machine::poll() {
  const unsigned done = device_->poll(kBudget);
  std::array<Event, 256> events;
  for (std::size_t count = 1; count > 0;) {
    count = ring_.drain(events);
    recorded_.insert(recorded_.end(), events.begin(), events.begin() + static_cast<long>(count));
  }
  VIOLET_CHECK(ring_.dropped() == 0);
  return done;
}

void Machine::online(unsigned endpoint) {
  if (!lcores_[endpoint].online) lcores_[endpoint].reader->online();
  lcores_[endpoint].online = true;
}

std::optional<TranslateResult> Machine::lookup(unsigned endpoint, Iova iova, Access access) {
  Lcore& lcore = lcores_[endpoint];
  lcore.iova = iova;
  lcore.access = access;
  lcore.route = lcore.reader->reader().route(lcore.endpoint, iova);
  if (lcore.route.domain == nullptr) return lcore.route.result;
  const auto hit = lcore.reader->lookup(*lcore.route.domain, iova);
  return hit ? std::optional(grant(*hit, access, true)) : std::nullopt;
}

bool Machine::walk(unsigned endpoint) {
  Lcore& lcore = lcores_[endpoint];
  lcore.reader->begin_fill(*lcore.route.domain, lcore.iova);
  lcore.found = lcore.route.domain->store->translate(lcore.iova);
  return lcore.found.has_value();
}

TranslateResult Machine::fill(unsigned endpoint) {
  Lcore& lcore = lcores_[endpoint];
  if (lcore.found) lcore.reader->fill(*lcore.route.domain, lcore.iova, *lcore.found);
  return grant(lcore.found, lcore.iova, lcore.access);
}

void Machine::report(unsigned endpoint, Iova iova, Access access, protocol::FaultReason reason) {
  lcores_[endpoint].reader->reader().report(lcores_[endpoint].endpoint, iova, access, reason);
}

void Machine::offline(unsigned endpoint) {
  if (lcores_[endpoint].online) lcores_[endpoint].reader->offline();
  lcores_[endpoint].online = false;
}

void Machine::close(unsigned endpoint) {
  lcores_[endpoint].reader->online();
  lcores_[endpoint].reader->offline();
  lcores_[endpoint].online = false;
}

std::optional<GuestPhys> Machine::reaches(unsigned endpoint, Iova iova, Access access) {
  Lcore& lcore = lcores_[endpoint];
  VIOLET_CHECK(!lcore.online);
  const AnyReader::Section section(*lcore.reader);
  const TranslateResult result = lcore.reader->translate_quietly(lcore.endpoint, iova, access);
  return result.reaches_memory() ? std::optional(result.phys) : std::nullopt;
}

MachineView Machine::look(std::span<const IovaRange> ranges) {
  MachineView view;
  const DeviceCounters& counters = device_->counters();
  view.parked = counters.parked_now();
  view.grace_periods = counters.grace_periods.value();
  view.invalidations = counters.invalidations.value();
  view.faults_posted = counters.faults_posted.value();
  view.faults_lost = counters.faults_no_buffer.value() + counters.faults_too_small.value();
  if (view.parked > 0) view.waits_for = quiescence_.waits_for();
  for (unsigned i = 0; i < kEndpointCount; ++i) look_at(i, ranges, view);
  return view;
}

void Machine::look_at(unsigned index, std::span<const IovaRange> ranges, MachineView& view) {
  const Lcore& lcore = lcores_[index];
  EndpointView& endpoint = view.endpoints[index];
  endpoint.online = lcore.online;
  endpoint.stats = lcore.reader->stats();
  // Any address: a route into a domain is the same for all that are not reserved.
  const Route route = lcore.reader->reader().route(lcore.endpoint, {0});
  if (route.domain == nullptr) return;
  endpoint.domain = route.domain->id;
  lcore.reader->online();
  for (const IovaRange& range : ranges) {
    for (std::uint64_t at = range.first.value; at <= range.last.value; at += kGranule) {
      const auto hit = lcore.reader->lookup(*route.domain, {at});
      if (!hit) continue;
      endpoint.cached.push_back({IovaRange::of(at, kGranule), hit->phys, hit->permissions});
    }
  }
  if (!view.domain) look_at_store(*route.domain, ranges, view);
}

std::unique_ptr<Machine> make_machine(const EngineChoice& choice, const Ticks& clock,
                                      RequestQueue& requests) {
  const bool offered = std::find(choices().begin(), choices().end(), choice) != choices().end();
  return offered ? std::make_unique<Machine>(choice, clock, requests) : nullptr;
}

std::span<const EngineChoice> engine_choices() { return choices(); }

}  // namespace violet::lessons
