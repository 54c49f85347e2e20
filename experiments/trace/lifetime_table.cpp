#include "experiments/trace/lifetime_table.hpp"

#include <algorithm>

namespace violet {

// --- Domains and endpoints ---

std::uint32_t LifetimeTable::domain(std::uint32_t id) {
  const auto next = static_cast<std::uint32_t>(domain_ids_.size());
  if (const std::uint32_t* known = domain_index_.find(id)) return *known;
  if (next > kMostDomains) return kNoDomain;
  domain_index_.insert(id, next);
  domain_ids_.push_back(id);
  endpoints_in_.push_back(0);
  return next;
}

std::uint32_t LifetimeTable::attached_to(std::uint32_t endpoint) const {
  const std::uint32_t* found = attached_.find(endpoint);
  return found == nullptr ? kNoDomain : *found;
}

void LifetimeTable::attach(std::uint32_t endpoint, std::uint32_t domain) {
  if (domain == kNoDomain) return;
  // An endpoint costs memory only once, and there cannot be more than domains are good for.
  if (attached_.size() >= limits_.pages) return;
  *attached_.insert(endpoint, domain).first = domain;
  ++endpoints_in_[domain];
}

void LifetimeTable::infer_attached(std::uint32_t endpoint, std::uint64_t granule) {
  std::uint32_t found = kNoDomain;
  constexpr std::size_t kMostLookedAt = 64;
  for (std::uint32_t domain = 1; domain < domain_ids_.size() && domain < kMostLookedAt; ++domain) {
    if (mappings.find(key(domain, granule)) == nullptr) continue;
    if (found != kNoDomain) return;
    found = domain;
  }
  attach(endpoint, found);
}

std::pair<std::uint32_t, bool> LifetimeTable::detach(std::uint32_t endpoint) {
  const std::uint32_t* found = attached_.find(endpoint);
  if (found == nullptr) return {kNoDomain, false};
  const std::uint32_t domain = *found;
  attached_.erase(endpoint);
  return {domain, --endpoints_in_[domain] == 0};
}

// --- Lifetimes and flights ---

std::uint32_t LifetimeTable::new_lifetime(const Lifetime& lifetime) {
  if (free_lifetimes_.empty()) {
    lifetimes.push_back(lifetime);
    return static_cast<std::uint32_t>(lifetimes.size() - 1);
  }
  const std::uint32_t id = free_lifetimes_.back();
  free_lifetimes_.pop_back();
  lifetimes[id] = lifetime;
  return id;
}

void LifetimeTable::free_lifetime(std::uint32_t id) {
  lifetimes[id].pages = 0;
  free_lifetimes_.push_back(id);
}

bool LifetimeTable::continues(Page last, std::uint64_t granule, const Lifetime& by) const {
  const DmaEvent now = DmaEvent::of_status(by.status);
  const Lifetime& before = lifetimes[last.lifetime];
  return now.kept && last.is() == PageState::kReachable && before.is(LifetimeRecord::kUnmapped) &&
         before.phys_page + (granule - before.first) == by.phys_page + (granule - by.first) &&
         DmaEvent::of_status(before.status).granted == now.granted;
}

void LifetimeTable::forget_complete(std::uint32_t id) {
  const Lifetime& lifetime = lifetimes[id];
  for (std::uint64_t i = 0; i < lifetime.pages; ++i) {
    const std::uint64_t at = key(lifetime.domain_index, lifetime.first + i);
    const Page* page = pages.find(at);
    if (page == nullptr || page->lifetime != id || page->is() != PageState::kComplete) continue;
    pages.erase(at);
  }
}

LifetimeTable::Flight LifetimeTable::new_flight(const GranuleSpan& range) {
  if (free_flights_.empty()) return {range, {}};
  Flight flight = std::move(free_flights_.back());
  free_flights_.pop_back();
  flight.range = range;
  return flight;
}

void LifetimeTable::free_flight(Flight flight) {
  flight.pages.clear();
  free_flights_.push_back(std::move(flight));
}

void LifetimeTable::push_persistent(const Lifetime& lifetime) {
  const std::uint32_t id = new_lifetime(lifetime);
  const auto [there, fresh] =
      persistent.insert(persistent_key(lifetime.endpoint, lifetime.first), id);
  if (!fresh) lifetimes[id].below = std::exchange(*there, id);
}

std::uint32_t LifetimeTable::pop_persistent(std::uint32_t endpoint, std::uint64_t granule) {
  const std::uint64_t at = persistent_key(endpoint, granule);
  std::uint32_t* there = persistent.find(at);
  if (there == nullptr) return kNoLifetime;
  const std::uint32_t id = *there;
  if (lifetimes[id].below == kNoLifetime) {
    persistent.erase(at);
  } else {
    *there = lifetimes[id].below;
  }
  return id;
}

// --- What the engine has ---

void LifetimeTable::map_range(std::uint32_t domain, const Mapping& mapping) {
  const std::uint64_t at = key(domain, mapping.first >> kGranuleShift4K);
  if (mappings.size() >= limits_.mappings && mappings.find(at) == nullptr) {
    ++untracked;
    return;
  }
  *mappings.insert(at, mapping).first = mapping;
}

void LifetimeTable::unmap_range(const GranuleSpan& range, std::uint64_t first, std::uint64_t last) {
  if (range.domain == kNoDomain) return;
  if (range.last - range.first < mappings.size()) {
    for (std::uint64_t granule = range.first; granule <= range.last;) {
      const std::uint64_t at = key(range.domain, granule++);
      const Mapping* mapping = mappings.find(at);
      if (mapping == nullptr || mapping->first < first || mapping->last > last) continue;
      granule = std::max(granule, mapping->last >> kGranuleShift4K);
      mappings.erase(at);
    }
    return;
  }
  std::vector<std::uint64_t> gone;
  for_range(mappings, range, [&](std::uint64_t at, const Mapping& mapping) {
    if (mapping.first >= first && mapping.last <= last) gone.push_back(at);
  });
  for (const std::uint64_t at : gone) mappings.erase(at);
}

// --- Checkpoints ---

namespace {

template <class Records>
Checkpoint::Slice from_here(const Records& records, std::size_t before) {
  return {before, records.size() - before};
}

Ticks relative(Ticks at, Ticks start) { return at > start ? at - start : 0; }

}  // namespace

void LifetimeTable::save(Ticks start, Ticks at, Pyramid& pyramid) const {
  const std::size_t lives_before = pyramid.lifetimes.size(), pages_before = pyramid.pages.size();
  const std::size_t flights_before = pyramid.flights.size();
  const std::size_t mappings_before = pyramid.mappings.size();
  const std::size_t attached_before = pyramid.attached.size();
  std::vector<std::uint32_t> position(lifetimes.size(), kNoLifetime);
  for (std::size_t id = 0; id < lifetimes.size(); ++id) {
    if (lifetimes[id].pages == 0) continue;
    position[id] = static_cast<std::uint32_t>(pyramid.lifetimes.size() - lives_before);
    LifetimeRecord record = lifetimes[id];
    for (Ticks LifetimeRecord::*time : {&LifetimeRecord::mapped, &LifetimeRecord::unmapped,
                                        &LifetimeRecord::executed, &LifetimeRecord::unreachable}) {
      record.*time = relative(record.*time, start);
    }
    pyramid.lifetimes.push_back(record);
  }
  save_pages(pyramid, position);
  for (const Flight& flight : flights) {
    pyramid.flights.push_back(
        {flight.range.first, flight.range.last, domain_ids_[flight.range.domain], 0});
  }
  mappings.for_each([&](std::uint64_t where, const Mapping& mapping) {
    pyramid.mappings.push_back({mapping.first, mapping.last, relative(mapping.since, start),
                                domain_ids_[domain_of(where)], mapping.permissions});
  });
  attached_.for_each([&](std::uint64_t endpoint, std::uint32_t domain) {
    pyramid.attached.push_back({static_cast<std::uint32_t>(endpoint), domain_ids_[domain]});
  });
  pyramid.checkpoints.push_back(
      {relative(at, start), from_here(pyramid.lifetimes, lives_before),
       from_here(pyramid.pages, pages_before), from_here(pyramid.flights, flights_before),
       from_here(pyramid.mappings, mappings_before), from_here(pyramid.attached, attached_before)});
}

void LifetimeTable::save_pages(Pyramid& pyramid, const std::vector<std::uint32_t>& position) const {
  FlatTable<char> in_flight;  // By life and offset.
  for (std::size_t i = 0; i < flights.size(); ++i) {
    for (const auto& [at, id] : flights[i].pages) {
      const auto offset = static_cast<std::uint32_t>(granule_of(at) - lifetimes[id].first);
      in_flight.insert(std::uint64_t{id} << 32 | offset, 0);
      pyramid.pages.push_back({position[id], offset,
                               static_cast<std::uint32_t>(PageState::kExecuted),
                               static_cast<std::uint32_t>(i)});
    }
  }
  for (std::uint32_t id = 0; id < lifetimes.size(); ++id) {
    const Lifetime& lifetime = lifetimes[id];
    // Simply reachable, as nearly all are.
    if (lifetime.pages == 0 || lifetime.not_executed == lifetime.pages) continue;
    for (std::uint32_t i = 0; i < lifetime.pages; ++i) {
      const Page* page = pages.find(key(lifetime.domain_index, lifetime.first + i));
      const bool here = page != nullptr && page->lifetime == id;
      const PageState state = here ? page->is() : PageState::kGone;
      if (state == PageState::kReachable || state == PageState::kExecuted) continue;
      if (in_flight.find(std::uint64_t{id} << 32 | i) != nullptr) continue;
      pyramid.pages.push_back({position[id], i, static_cast<std::uint32_t>(state), 0});
    }
  }
}

void LifetimeTable::load(const PyramidView& pyramid, const Checkpoint& checkpoint) {
  *this = LifetimeTable(limits_);
  const auto records =
      pyramid.lifetimes.subspan(checkpoint.lifetimes.first, checkpoint.lifetimes.count);
  for (const LifetimeRecord& record : records) {
    Lifetime lifetime;
    static_cast<LifetimeRecord&>(lifetime) = record;
    lifetime.mapped += pyramid.facts.start;
    for (Ticks LifetimeRecord::*time :
         {&LifetimeRecord::unmapped, &LifetimeRecord::executed, &LifetimeRecord::unreachable}) {
      if (lifetime.*time != 0) lifetime.*time += pyramid.facts.start;
    }
    lifetime.domain_index = domain(record.domain);
    lifetimes.push_back(lifetime);
  }
  for (const FlightRecord& record :
       pyramid.flights.subspan(checkpoint.flights.first, checkpoint.flights.count)) {
    flights.push_back({{domain(record.domain), record.first, record.last}, {}});
  }
  load_pages(pyramid, checkpoint);
  for (const MappingRecord& record :
       pyramid.mappings.subspan(checkpoint.mappings.first, checkpoint.mappings.count)) {
    map_range(domain(record.domain),
              {record.first, record.last, pyramid.facts.start + record.since, record.permissions});
  }
  for (const AttachRecord& record :
       pyramid.attached.subspan(checkpoint.attached.first, checkpoint.attached.count)) {
    attach(record.endpoint, domain(record.domain));
  }
}

void LifetimeTable::load_pages(const PyramidView& pyramid, const Checkpoint& checkpoint) {
  const auto records = pyramid.pages.subspan(checkpoint.pages.first, checkpoint.pages.count);
  // What is not simply reachable, by life and offset: a later record of the same page decides.
  FlatTable<std::uint32_t> special;
  for (std::uint32_t i = 0; i < records.size(); ++i) {
    *special.insert(std::uint64_t{records[i].lifetime} << 32 | records[i].offset, i).first = i;
  }
  for (std::uint32_t id = 0; id < lifetimes.size(); ++id) {
    Lifetime& lifetime = lifetimes[id];
    if (lifetime.persistent()) {
      const auto [there, fresh] =
          persistent.insert(persistent_key(lifetime.endpoint, lifetime.first), id);
      if (!fresh) lifetime.below = std::exchange(*there, id);
      continue;
    }
    for (std::uint32_t i = 0; i < lifetime.pages; ++i) {
      const std::uint64_t at = key(lifetime.domain_index, lifetime.first + i);
      const std::uint32_t* found = special.find(std::uint64_t{id} << 32 | i);
      const std::uint32_t state = found == nullptr ? 0 : records[*found].state & 3;
      if (state == static_cast<std::uint32_t>(PageState::kGone)) continue;
      const bool fresh = pages.insert(at, {id & 0x3fffffff, state & 3}).second;
      if (state == static_cast<std::uint32_t>(PageState::kComplete)) continue;
      ++lifetime.not_complete;
      if (state == 0) {
        if (!fresh) --lifetime.not_complete;  // Only a file that nobody wrote says that.
        if (fresh) ++lifetime.not_executed;
      } else if (records[*found].flight < flights.size()) {
        flights[records[*found].flight].pages.emplace_back(at, id);
      }
    }
  }
}

std::size_t bytes_of_checkpoints(const Pyramid& pyramid) {
  return pyramid.checkpoints.size() * sizeof(Checkpoint) +
         pyramid.lifetimes.size() * sizeof(LifetimeRecord) +
         pyramid.pages.size() * sizeof(PageRecord) + pyramid.flights.size() * sizeof(FlightRecord) +
         pyramid.mappings.size() * sizeof(MappingRecord) +
         pyramid.attached.size() * sizeof(AttachRecord);
}

namespace {

// Moves the slice's records down to the end of what is kept.
template <class Record>
void keep_slice(std::vector<Record>& records, Checkpoint::Slice& slice, std::size_t& kept) {
  const auto from = records.begin() + static_cast<std::ptrdiff_t>(slice.first);
  std::copy(from, from + static_cast<std::ptrdiff_t>(slice.count),
            records.begin() + static_cast<std::ptrdiff_t>(kept));
  slice.first = kept;
  kept += slice.count;
}

void drop_every_other(Pyramid& pyramid) {
  std::size_t kept = 0, lifetimes = 0, pages = 0, flights = 0, mappings = 0, attached = 0;
  for (std::size_t i = 0; i < pyramid.checkpoints.size(); i += 2) {
    Checkpoint checkpoint = pyramid.checkpoints[i];
    keep_slice(pyramid.lifetimes, checkpoint.lifetimes, lifetimes);
    keep_slice(pyramid.pages, checkpoint.pages, pages);
    keep_slice(pyramid.flights, checkpoint.flights, flights);
    keep_slice(pyramid.mappings, checkpoint.mappings, mappings);
    keep_slice(pyramid.attached, checkpoint.attached, attached);
    pyramid.checkpoints[kept++] = checkpoint;
  }
  pyramid.checkpoints.resize(kept);
  pyramid.lifetimes.resize(lifetimes);
  pyramid.pages.resize(pages);
  pyramid.flights.resize(flights);
  pyramid.mappings.resize(mappings);
  pyramid.attached.resize(attached);
}

}  // namespace

bool thin_checkpoints(Pyramid& pyramid) {
  if (pyramid.checkpoints.size() <= 1 || (pyramid.checkpoints.size() <= kMostCheckpoints &&
                                          bytes_of_checkpoints(pyramid) <= kMostCheckpointBytes)) {
    return false;
  }
  drop_every_other(pyramid);
  return true;
}

bool halve_checkpoints(Pyramid& pyramid) {
  if (pyramid.checkpoints.size() <= 1) return false;
  drop_every_other(pyramid);
  return true;
}

void drop_checkpoints_from(Pyramid& pyramid, Ticks at) {
  auto& all = pyramid.checkpoints;
  if (all.size() <= 1) return;
  all.erase(std::find_if(all.begin() + 1, all.end(),
                         [at](const Checkpoint& one) { return one.at >= at; }),
            all.end());
  const auto end_of = [](const Checkpoint::Slice& slice) { return slice.first + slice.count; };
  const Checkpoint& last = all.back();
  pyramid.lifetimes.resize(end_of(last.lifetimes));
  pyramid.pages.resize(end_of(last.pages));
  pyramid.flights.resize(end_of(last.flights));
  pyramid.mappings.resize(end_of(last.mappings));
  pyramid.attached.resize(end_of(last.attached));
}

}  // namespace violet
