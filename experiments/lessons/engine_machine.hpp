// Machine over Device<S, I>: see machine.hpp for the contract.
//
// Threading: owner-only.
#pragma once

#include <optional>

#include "engine/base/check.hpp"
#include "engine/device/device.hpp"
#include "experiments/lessons/machine.hpp"

namespace violet::lessons {

template <DomainStore S, Iotlb I>
class EngineMachine final : public Machine {
 public:
  using Dev = Device<S, I>;
  using Path = typename Dev::Path;

  explicit EngineMachine(const Ticks& clock)
      : clock_(clock),
        requests_(clock),
        device_(
            Dev::create(config(), quiescence_, {&EngineMachine::now, const_cast<Ticks*>(&clock_)})
                .value()) {
    device_->connect(&requests_, &events_);
    VIOLET_CHECK(device_->negotiate(device_->offered_features()));
    for (unsigned i = 0; i < kEndpointCount; ++i) {
      lcores_[i].reader = device_->add_reader(std::string(kEndpointNames[i]) + " lcore").value();
      lcores_[i].endpoint = device_->endpoint(kEndpointIds[i]).value();
    }
  }

  WatchedRequests& requests() override { return requests_; }
  FakeEventQueue& events() override { return events_; }
  unsigned poll() override { return device_->poll(kBudget); }
  bool wants_poll() const override { return device_->wants_poll(); }
  std::uint64_t invalidations() const override { return device_->counters().invalidations.value(); }

  void online(unsigned endpoint) override {
    if (!lcores_[endpoint].online) device_->path().online(*lcores_[endpoint].reader);
    lcores_[endpoint].online = true;
  }
  std::optional<TranslateResult> lookup(unsigned endpoint, Iova iova, Access access) override {
    Lcore& lcore = lcores_[endpoint];
    lcore.iova = iova;
    lcore.access = access;
    lcore.route = device_->path().route(lcore.endpoint, iova);
    if (lcore.route.domain == nullptr) return lcore.route.result;
    const auto hit = device_->path().lookup(*lcore.reader, lcore.route, iova);
    return hit ? std::optional(Path::grant(*hit, access, true)) : std::nullopt;
  }
  bool walk(unsigned endpoint) override {
    Lcore& lcore = lcores_[endpoint];
    lcore.ticket.emplace(device_->path().begin_fill(*lcore.reader, lcore.route, lcore.iova));
    lcore.found = device_->path().walk(lcore.route, lcore.iova);
    return lcore.found.has_value();
  }
  TranslateResult fill(unsigned endpoint) override {
    Lcore& lcore = lcores_[endpoint];
    if (lcore.found) {
      device_->path().fill(*lcore.reader, lcore.route, *lcore.ticket, lcore.iova, *lcore.found);
    }
    return Path::grant(lcore.found, lcore.iova, lcore.access);
  }
  void report(unsigned endpoint, Iova iova, Access access, protocol::FaultReason reason) override {
    Lcore& lcore = lcores_[endpoint];
    device_->path().report(*lcore.reader, lcore.endpoint, iova, access, reason);
  }
  void offline(unsigned endpoint) override {
    if (lcores_[endpoint].online) device_->path().offline(*lcores_[endpoint].reader);
    lcores_[endpoint].online = false;
  }

  MachineView look(std::span<const IovaRange> ranges) override {
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

 private:
  static constexpr unsigned kBudget = 64;
  static constexpr std::uint64_t kGranule = std::uint64_t{1} << kGranuleShift4K;
  struct Lcore {
    typename Dev::Reader* reader = nullptr;
    typename Dev::EndpointHandle endpoint = nullptr;
    bool online = false;
    typename Path::Route route;
    std::optional<typename I::FillTicket> ticket;
    std::optional<Translation> found;
    Iova iova{};
    Access access = Access::kRead;
  };

  static DeviceConfig config() {
    DeviceConfig config;
    config.endpoints = {{kEndpointIds[kNic], "nic", {{kMsiWindow, protocol::RegionKind::kMsi}}},
                        {kEndpointIds[kDisk], "disk", {{kMsiWindow, protocol::RegionKind::kMsi}}}};
    config.probe_size = kProbeBytes;
    config.iotlb.entries = 256;
    config.iotlb.max_readers = kEndpointCount;
    config.limits.in_flight = 256;
    config.limits.domains = 16;
    return config;
  }
  static Ticks now(void* clock) noexcept { return *static_cast<const Ticks*>(clock); }

  void look_at(unsigned index, std::span<const IovaRange> ranges, MachineView& view) {
    Lcore& lcore = lcores_[index];
    EndpointView& endpoint = view.endpoints[index];
    endpoint.online = lcore.online;
    endpoint.stats = device_->path().stats(*lcore.reader);
    // Any address: a route into a domain is the same for all that are not reserved.
    const auto route = device_->path().route(lcore.endpoint, {0});
    if (route.domain == nullptr) return;
    endpoint.domain = route.domain->id;
    device_->path().online(*lcore.reader);
    for (const IovaRange& range : ranges) {
      for (std::uint64_t at = range.first.value; at <= range.last.value; at += kGranule) {
        const auto hit = device_->path().lookup(*lcore.reader, route, {at});
        if (!hit) continue;
        endpoint.cached.push_back({IovaRange::of(at, kGranule), hit->phys, hit->permissions});
      }
    }
    if (!view.domain) look_at_store(*route.domain, ranges, view);
  }

  void look_at_store(const Domain<S>& domain, std::span<const IovaRange> ranges,
                     MachineView& view) {
    view.domain = domain.id;
    view.mapping_count = domain.store->mapping_count();
    for (const IovaRange& range : ranges) {
      const auto found = domain.store->translate(range.first);
      if (found) view.mappings.push_back({range, found->at(range.first), found->permissions});
    }
  }

  const Ticks& clock_;
  WatchedQuiescence quiescence_;
  WatchedRequests requests_;
  FakeEventQueue events_;
  std::unique_ptr<Dev> device_;
  std::array<Lcore, kEndpointCount> lcores_;
};

}  // namespace violet::lessons
