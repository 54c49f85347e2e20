// Domains and attachments from creation to the last freed byte, and reset.
//
// A domain is: live (in domains_) -> parked with the request that took its last endpoint -> dying
// (its store is emptied a slice a poll) -> garbage (its memory passes its grace periods) -> destroyed.
// It is charged to the budget until then. The dead are buried as fast as requests are served, and an
// ATTACH that would make too many of them waits.
//
// Threading: the engine thread only. Invariants and limits: see device.hpp, which includes this file.
#pragma once

#include "engine/device/device.hpp"

namespace violet {

template <DomainStore S, Iotlb I>
Device<S, I>::Device(const DeviceConfig& config, Quiescence& quiescence, TickSource ticks,
                     Probe probe)
    : settings_(config),
      granule_mask_((std::uint64_t{1} << config.granule_shift()) - 1),
      input_range_(config.effective_input_range()),
      quiescence_(quiescence),
      ticks_(ticks),
      probe_(probe),
      config_(config),
      budget_(config.limits.memory_bytes),
      iotlb_(config.iotlb, quiescence),
      path_(config_, iotlb_, quiescence, config.fault_ring, ticks),
      endpoint_table_(config.endpoints.size()),
      domains_(config.limits.domains),
      zeros_(config.probe_size),
      parked_(config.limits.in_flight),
      deferred_(config.limits.in_flight) {
  for (const auto& each : config.endpoints) {
    auto endpoint = std::make_unique<E>(each.id);
    endpoint->name = each.name;
    endpoint->regions = each.reserved;
    std::sort(endpoint->regions.begin(), endpoint->regions.end(),
              [](const auto& a, const auto& b) { return a.range.first < b.range.first; });
    for (const auto& region : endpoint->regions) endpoint->reserved.add(region.range);
    endpoint->properties = protocol::build_properties(endpoint->regions);
    endpoint_table_.insert(each.id.value, endpoint.get());
    endpoints_.push_back(std::move(endpoint));
  }
}

template <DomainStore S, Iotlb I>
auto Device<S, I>::create(const DeviceConfig& config, Quiescence& quiescence, TickSource ticks,
                          Probe probe) -> Result<std::unique_ptr<Device>> {
  if (auto status = validate(config); !status) return tl::unexpected<Error>(status.error());
  DeviceConfig adjusted = config;
  adjusted.iotlb.granule_shift = config.granule_shift();
  return std::unique_ptr<Device>(new Device(adjusted, quiescence, ticks, probe));
}

template <DomainStore S, Iotlb I>
auto Device<S, I>::find_domain(DomainId id) -> D* {
  if (last_domain_ != nullptr && last_domain_->id == id) [[likely]]
    return last_domain_;
  D** found = domains_.find(id.value);
  if (found == nullptr) return nullptr;
  last_domain_ = *found;
  return last_domain_;
}

template <DomainStore S, Iotlb I>
auto Device<S, I>::find_endpoint(EndpointId id) -> E* {
  E** found = endpoint_table_.find(id.value);
  return found != nullptr ? *found : nullptr;
}

// The domain that `first` is about to leave without endpoints makes room for the new one.
template <DomainStore S, Iotlb I>
bool Device<S, I>::has_room_for_domain(const E& first) const {
  const bool makes_room = first.domain != nullptr && first.domain->endpoints == 1;
  return domains_.size() - (makes_room ? 1 : 0) < settings_.limits.domains;
}

// What waits ahead of an ATTACH may make or end domains: the guest sent it first, so it counts. And a
// guest cannot pile up dead domains faster than they are freed.
template <DomainStore S, Iotlb I>
bool Device<S, I>::must_wait_for_room(const E& first) const {
  if (deferred_.attachment_ahead() &&
      domains_.size() + deferred_.attachments() >= settings_.limits.domains) {
    return true;
  }
  const std::size_t dead = all_domains_.size() - domains_.size();
  return dead >= settings_.limits.domains + kDeadFloor && has_room_for_domain(first);
}

// Null when a limit is reached.
template <DomainStore S, Iotlb I>
auto Device<S, I>::create_domain(DomainId id, bool bypass, const E& first) -> D* {
  if (!has_room_for_domain(first)) return nullptr;
  if (next_tag_ >= settings_.limits.domain_tags) {
    need_reset();
    return nullptr;
  }
  if (!budget_.charge(kDomainCharge)) return nullptr;
  const DomainTag tag{next_tag_++};
  const StoreConfig store{settings_.granule_shift(), input_range_,
                          settings_.limits.mappings_per_domain};
  auto domain = bypass ? std::make_unique<D>(id, tag)
                       : std::make_unique<D>(id, tag, store, quiescence_, budget_);
  domain->index = all_domains_.size();
  all_domains_.push_back(std::move(domain));
  counters_.domains_created.add();
  return all_domains_.back().get();
}

template <DomainStore S, Iotlb I>
void Device<S, I>::publish(E& endpoint, D* domain) {
  endpoint.domain = domain;
  // release: partner is the readers' acquire in route(); the domain is built before it is seen.
  endpoint.attachment.store(domain, std::memory_order_release);
}

// Takes the endpoint off its domain's books; the caller publishes what comes instead. The request
// that is being executed parks, and with it a domain that has no endpoint left.
template <DomainStore S, Iotlb I>
void Device<S, I>::leave(E& endpoint) {
  D& domain = *endpoint.domain;
  VIOLET_DCHECK(!domain.slicing || domain.endpoints > 1);  // The UNMAP came first: deferred.hpp.
  domain.reserved.remove(endpoint.regions);
  if (probe_.on()) {
    probe_.record(ticks_(), EventKind::kDetach, endpoint.id.value, domain.id.value, 0);
  }
  if (--domain.endpoints > 0) return;
  domains_.erase(domain.id.value);
  if (last_domain_ == &domain) last_domain_ = nullptr;
  parking_.dying = &domain;
  if (domain.bypass) return;
  parking_.invalidation = last_invalidation_ = iotlb_.invalidate_domain(domain.tag);
  counters_.invalidations.add();
}

template <DomainStore S, Iotlb I>
void Device<S, I>::join(E& endpoint, D& domain) {
  if (domain.endpoints == 0) domains_.insert(domain.id.value, &domain);
  ++domain.endpoints;
  domain.reserved.add(endpoint.regions);
  publish(endpoint, &domain);
  if (probe_.on()) {
    probe_.record(ticks_(), EventKind::kAttach, endpoint.id.value, domain.id.value, 0);
  }
}

template <DomainStore S, Iotlb I>
void Device<S, I>::destroy(D* domain) {
  const std::size_t at = domain->index;
  std::swap(all_domains_[at], all_domains_.back());
  all_domains_[at]->index = at;
  all_domains_.pop_back();
  budget_.release(kDomainCharge);
  counters_.domains_freed.add();
}

template <DomainStore S, Iotlb I>
void Device<S, I>::add_garbage(D& domain) {
  if (domain.has_garbage) return;
  domain.has_garbage = true;
  garbage_.push(&domain);
}

// The oldest dead domains: at least as many as may have died of the requests just executed, and one
// slice of mappings in all.
template <DomainStore S, Iotlb I>
unsigned Device<S, I>::bury(unsigned executed) {
  unsigned buried = 0;
  std::uint32_t left = settings_.unmap_slice;
  for (; buried <= executed && left > 0 && !dying_.empty(); ++buried) {
    D* domain = dying_.front();
    if (domain->store && domain->store->mapping_count() > 0) {
      if (!domain->store->try_begin_update()) break;
      const std::uint64_t before = domain->burial.removed;
      const auto status = domain->store->unmap(input_range_, domain->burial, left);
      domain->store->end_update();
      if (status == UnmapStatus::kMore) return buried + 1;
      left -= static_cast<std::uint32_t>(domain->burial.removed - before);
    }
    dying_.pop();
    domain->emptied = true;
    add_garbage(*domain);
  }
  return buried;
}

// An attempt at each of the stores that have waited longest.
template <DomainStore S, Iotlb I>
unsigned Device<S, I>::collect_garbage(unsigned executed) {
  unsigned clean = 0;
  const D* unclean = nullptr;  // The first of them: nobody is asked twice.
  std::uint32_t pieces = kReclaimFloor + 4 * executed;
  for (unsigned i = 0; i <= executed && !garbage_.empty() && garbage_.front() != unclean; ++i) {
    D* domain = garbage_.pop();
    if (reclaim(*domain, std::exchange(pieces, kReclaimNext))) {
      domain->has_garbage = false;
      if (domain->emptied) destroy(domain);
      ++clean;
    } else {
      garbage_.push(domain);
      if (unclean == nullptr) unclean = domain;
    }
  }
  return clean;
}

// True when nothing is left to free. A store without garbage is not even entered: where readers take a
// lock, that would make them wait.
template <DomainStore S, Iotlb I>
bool Device<S, I>::reclaim(D& domain, std::uint32_t pieces) {
  if (!domain.store || !domain.store->has_garbage()) return true;
  if (domain.slicing || !domain.store->try_begin_update()) return false;
  const bool clean = domain.store->reclaim(pieces);
  domain.store->end_update();
  return clean;
}

template <DomainStore S, Iotlb I>
void Device<S, I>::reset() {
  config_.reset();
  needs_reset_ = false;
  deferred_.drain([](const auto& /*entry*/) {});
  parked_.drain([&](const Parked<D>& parked) {
    if (parked.dying != nullptr) condemned_.push_back(parked.dying);
  });
  for (auto& endpoint : endpoints_) {
    if (probe_.on() && endpoint->domain != nullptr) {
      left_at_reset_.emplace_back(endpoint->id, endpoint->domain->id);
    }
    publish(*endpoint, nullptr);
  }
  domains_.for_each([&](std::uint32_t /*id*/, D* domain) { condemned_.push_back(domain); });
  domains_.clear();
  last_domain_ = nullptr;
  for (D* domain : condemned_) set_slicing(*domain, false);
  // Tags never come back, so what caches hold of the old domains can match nothing; what a reader is
  // in the middle of is what the grace period is for.
  reset_grace_ = quiescence_.start();
  reset_since_ = ticks_();
  counters_.grace_periods.add();
  resetting_ = true;
  reset_stall_reported_ = false;
  finish_reset();
}

template <DomainStore S, Iotlb I>
void Device<S, I>::finish_reset() {
  if (!quiescence_.passed(reset_grace_)) return;
  // Nobody waits for the invalidations of the forgotten requests any more, but the IOTLB does.
  if (last_invalidation_ != kNoInvalidation && !iotlb_.completed(last_invalidation_)) return;
  for (D* domain : condemned_) condemn(domain);
  condemned_.clear();
  for (const auto& [endpoint, domain] : left_at_reset_) {
    probe_.record(ticks_(), EventKind::kDetach, endpoint.value, domain.value, 0);
  }
  left_at_reset_.clear();
  path_.take_faults(settings_.fault_ring * static_cast<unsigned>(path_.reader_count()),
                    [](const protocol::FaultReport& /*of the time before*/) {});
  resetting_ = false;
}

}  // namespace violet
