// Domains and attachments from creation to the last freed byte, and reset.
//
// A domain is: live (in domains_) -> parked with the request that took its last endpoint -> retired
// (its store is emptied a slice a poll) -> garbage (its memory passes its grace periods) -> destroyed.
// It is charged to the budget until then. The dead are freed as fast as requests are served, and an
// ATTACH that would make too many of them waits.
#include <algorithm>
#include <bit>

#include "engine/base/check.hpp"
#include "engine/device/device.hpp"
#include "engine/telemetry/event_bodies.hpp"

namespace violet {

// The domain that `first` is about to leave without endpoints makes room for the new one.
bool Device::has_room_for_domain(const Endpoint& first) const {
  const bool makes_room = first.domain != nullptr && first.domain->endpoints == 1;
  return domains_.size() - (makes_room ? 1 : 0) < settings_.limits.domains;
}

// What waits ahead of an ATTACH may make or end domains: the guest sent it first, so it counts. And a
// guest cannot pile up dead domains faster than they are freed.
bool Device::must_wait_for_room(const Endpoint& first) const {
  if (deferred_.attachment_ahead() &&
      domains_.size() + deferred_.attachments() >= settings_.limits.domains) {
    return true;
  }
  const std::size_t dead = all_domains_.size() - domains_.size();
  return dead >= settings_.limits.domains + kRetiredFloor && has_room_for_domain(first);
}

// Null when a limit is reached.
Domain* Device::create_domain(DomainId id, bool bypass, const Endpoint& first) {
  if (!has_room_for_domain(first)) return nullptr;
  if (next_tag_ >= settings_.limits.domain_tags) {
    need_reset();
    return nullptr;
  }
  if (!budget_.charge(kDomainCharge)) return nullptr;
  const StoreConfig config{settings_.granule_shift(), input_range_,
                           settings_.limits.mappings_per_domain};
  auto store = bypass ? nullptr : make_store_(config, quiescence_, budget_);
  VIOLET_CHECK(bypass || store != nullptr);  // Without one the endpoint would reach all of memory.
  auto domain = std::make_unique<Domain>(id, DomainTag{next_tag_++}, std::move(store));
  domain->index = all_domains_.size();
  all_domains_.push_back(std::move(domain));
  counters_.domains_created.add();
  return all_domains_.back().get();
}

void Device::publish(Endpoint& endpoint, Domain* domain) {
  endpoint.domain = domain;
  // release: partner is the readers' acquire in DeviceReader::route(); the domain is built before it is seen.
  endpoint.attachment.store(domain, std::memory_order_release);
}

// Takes the endpoint off its domain's books; the caller publishes what comes instead. The request
// that is being executed parks, and with it a domain that has no endpoint left.
void Device::leave(Endpoint& endpoint) {
  Domain& domain = *endpoint.domain;
  VIOLET_DCHECK(!domain.slicing || domain.endpoints > 1);  // The UNMAP came first: deferred.hpp.
  domain.reserved.remove(endpoint.regions);
  if (probe_.on()) {
    probe_.record(AttachEvent{endpoint.id, domain.id}.event(EventKind::kDetach, ticks_()));
  }
  if (--domain.endpoints > 0) return;
  domains_.erase(domain.id.value);
  if (last_domain_ == &domain) last_domain_ = nullptr;
  parking_.retired = &domain;
  if (domain.bypass) return;
  parking_.invalidation = last_invalidation_ = iotlb_->invalidate_domain(domain.tag);
  counters_.invalidations.add();
}

void Device::join(Endpoint& endpoint, Domain& domain) {
  if (domain.endpoints == 0) domains_.insert(domain.id.value, &domain);
  ++domain.endpoints;
  domain.reserved.add(endpoint.regions);
  publish(endpoint, &domain);
  if (probe_.on()) {
    probe_.record(AttachEvent{endpoint.id, domain.id}.event(EventKind::kAttach, ticks_()));
  }
}

void Device::destroy(Domain* domain) {
  const std::size_t at = domain->index;
  std::swap(all_domains_[at], all_domains_.back());
  all_domains_[at]->index = at;
  all_domains_.pop_back();
  budget_.release(kDomainCharge);
  counters_.domains_freed.add();
}

void Device::add_garbage(Domain& domain) {
  if (domain.has_garbage) return;
  domain.has_garbage = true;
  garbage_.push(&domain);
}

// The oldest dead domains: at least as many as may have died of the requests just executed, and one
// slice of mappings in all.
unsigned Device::free_retired(unsigned executed) {
  unsigned freed = 0;
  std::uint32_t left = settings_.unmap_slice;
  for (; freed <= executed && left > 0 && !retired_.empty(); ++freed) {
    Domain* domain = retired_.front();
    if (domain->store && domain->store->mapping_count() > 0) {
      if (!domain->store->try_begin_update()) break;
      const std::uint64_t before = domain->teardown.removed;
      const auto status = domain->store->unmap(input_range_, domain->teardown, left);
      domain->store->end_update();
      if (status == UnmapStatus::kMore) return freed + 1;
      left -= static_cast<std::uint32_t>(domain->teardown.removed - before);
    }
    retired_.pop();
    domain->emptied = true;
    add_garbage(*domain);
  }
  return freed;
}

// An attempt at each of the stores that have waited longest.
unsigned Device::collect_garbage(unsigned executed) {
  unsigned clean = 0;
  const Domain* unclean = nullptr;  // The first of them: nobody is asked twice.
  std::uint32_t pieces = kReclaimFloor + 4 * executed;
  for (unsigned i = 0; i <= executed && !garbage_.empty() && garbage_.front() != unclean; ++i) {
    Domain* domain = garbage_.pop();
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
bool Device::reclaim(Domain& domain, std::uint32_t pieces) {
  if (!domain.store || !domain.store->has_garbage()) return true;
  if (domain.slicing || !domain.store->try_begin_update()) return false;
  const bool clean = domain.store->reclaim(pieces);
  domain.store->end_update();
  return clean;
}

void Device::reset() {
  config_.reset();
  needs_reset_ = false;
  deferred_.drain([](const auto& /*entry*/) {});
  parked_.drain([&](const Parked& parked) {
    if (parked.retired != nullptr) retired_at_reset_.push_back(parked.retired);
  });
  for (auto& endpoint : endpoints_) {
    if (probe_.on() && endpoint->domain != nullptr) {
      left_at_reset_.emplace_back(endpoint->id, endpoint->domain->id);
    }
    publish(*endpoint, nullptr);
  }
  domains_.for_each(
      [&](std::uint64_t /*id*/, Domain* domain) { retired_at_reset_.push_back(domain); });
  domains_.clear();
  last_domain_ = nullptr;
  for (Domain* domain : retired_at_reset_) set_slicing(*domain, false);
  // Tags never come back, so what caches hold of the old domains can match nothing; what a reader is
  // in the middle of is what the grace period is for.
  reset_grace_ = quiescence_.start();
  reset_since_ = ticks_();
  counters_.grace_periods.add();
  resetting_ = true;
  reset_stall_reported_ = false;
  finish_reset();
}

void Device::finish_reset() {
  if (!quiescence_.passed(reset_grace_)) return;
  // Nobody waits for the invalidations of the forgotten requests any more, but the IOTLB does.
  if (last_invalidation_ != kNoInvalidation && !iotlb_->completed(last_invalidation_)) return;
  for (Domain* domain : retired_at_reset_) retire(domain);
  retired_at_reset_.clear();
  for (const auto& [endpoint, domain] : left_at_reset_) {
    probe_.record(AttachEvent{endpoint, domain}.event(EventKind::kDetach, ticks_()));
  }
  left_at_reset_.clear();
  for (const auto& reader : readers_) {  // What is of the time before is not reported.
    protocol::FaultReport fault;
    // The ring has room for a power of two.
    for (std::uint32_t i = 0; i < std::bit_ceil(settings_.fault_ring) && reader->take_fault(fault);)
      ++i;
  }
  resetting_ = false;
}

}  // namespace violet
