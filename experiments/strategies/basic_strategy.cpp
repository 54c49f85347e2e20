#include "experiments/strategies/basic_strategy.hpp"

#include "engine/base/check.hpp"

namespace violet {

// --- BasicStrategy ---

std::size_t BasicStrategy::length_of(const DmaMapping& first) {
  const std::uint64_t length = first.cookie >> kListShift;
  return length == 0 ? 1 : static_cast<std::size_t>(length);
}

bool BasicStrategy::counted(bool mapped) {
  ++(mapped ? context_.counters.maps : context_.counters.map_failures);
  return mapped;
}

std::optional<DmaMapping> BasicStrategy::map(std::uint16_t endpoint, DmaBuffer buffer,
                                             DmaDirection direction, unsigned cpu) {
  DmaMapping mapping{{}, buffer, direction, endpoint};
  if (!counted(do_map({&mapping, 1}, cpu, false))) return std::nullopt;
  return mapping;
}

std::optional<DmaMapping> BasicStrategy::map_coherent(std::uint16_t endpoint, DmaBuffer buffer,
                                                      unsigned cpu) {
  DmaMapping mapping{{}, buffer, DmaDirection::kBidirectional, endpoint};
  if (!counted(do_map({&mapping, 1}, cpu, true))) return std::nullopt;
  return mapping;
}

bool BasicStrategy::map_list(std::uint16_t endpoint, std::span<const DmaBuffer> buffers,
                             DmaDirection direction, unsigned cpu, std::span<DmaMapping> out) {
  VIOLET_DCHECK(!buffers.empty() && buffers.size() == out.size());
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    out[i] = DmaMapping{{}, buffers[i], direction, endpoint};
  }
  if (!counted(do_map(out, cpu, false))) return false;
  if (out.size() > 1) out[0].cookie |= std::uint64_t{out.size()} << kListShift;
  return true;
}

void BasicStrategy::unmap(const DmaMapping& mapping, unsigned cpu) {
  VIOLET_DCHECK(length_of(mapping) == 1);  // A list goes by unmap_list().
  ++context_.counters.unmaps;
  do_unmap({&mapping, 1}, cpu, false);
}

void BasicStrategy::unmap_coherent(const DmaMapping& mapping, unsigned cpu) {
  ++context_.counters.unmaps;
  do_unmap({&mapping, 1}, cpu, true);
}

void BasicStrategy::unmap_list(std::span<const DmaMapping> mappings, unsigned cpu) {
  while (!mappings.empty()) {
    const std::size_t length = length_of(mappings.front());
    VIOLET_CHECK(length <= mappings.size());  // A list is unmapped whole.
    ++context_.counters.unmaps;
    do_unmap(mappings.first(length), cpu, false);
    mappings = mappings.subspan(length);
  }
}

// --- MappedStrategy ---

Status MappedStrategy::start() {
  for (std::size_t i = 0; i < context_.endpoints.size(); ++i) {
    VIOLET_TRY(open(static_cast<std::uint16_t>(i)));
  }
  return {};
}

bool MappedStrategy::joins_a_domain(std::uint16_t endpoint) const {
  return !context_.groups.empty() && context_.groups[endpoint] < endpoint;
}

Status MappedStrategy::open(std::uint16_t endpoint) {
  if (joins_a_domain(endpoint)) {
    domains_.push_back(domains_[context_.groups[endpoint]]);
  } else {
    VIOLET_TRY(auto domain, make_domain(endpoint, endpoint));
    domains_.push_back(std::move(domain));
  }
  VIOLET_TRY(domains_.back()->attach(context_.endpoints[endpoint]));
  return opened(endpoint);
}

Result<std::shared_ptr<DmaDomain>> MappedStrategy::make_domain(std::uint16_t endpoint,
                                                               std::uint32_t number) const {
  const DeviceFacts& facts = context_.driver.facts();
  if (facts.last_domain.value - facts.first_domain.value < number) {
    return fail("the device has too few domains for {} endpoints", context_.endpoints.size());
  }
  VIOLET_TRY(const auto properties, context_.driver.probe(context_.endpoints[endpoint]));

  IovaConfig config = context_.iova;
  config.granule_shift = static_cast<unsigned>(std::countr_zero(facts.page_size_mask));
  config.aperture = facts.input_range;
  if (const std::uint64_t bytes = context_.aperture_bytes; bytes != 0) {
    const Iova first = facts.input_range.first;
    if (config.aperture.size_minus_one() >= bytes)
      config.aperture = IovaRange::of(first.value, bytes);
  }
  config.cpus = context_.cpus;
  for (const auto& region : properties.regions) config.reserved.push_back(region.range);
  VIOLET_TRY(auto iovas, make_iova_allocator(context_.iova_allocator, config));
  const DomainId id{facts.first_domain.value + number};
  return std::make_shared<DmaDomain>(context_.driver, id, std::move(iovas), context_.counters,
                                     context_.domain);
}

// By turns in one of two domains: the one that it leaves is gone with its last endpoint.
Status MappedStrategy::reassign(std::uint16_t endpoint) {
  if (!context_.groups.empty()) return fail("an endpoint of a group does not move alone");
  drain();
  const EndpointId id = context_.endpoints[endpoint];
  const std::uint32_t number =
      domain(endpoint).id().value - context_.driver.facts().first_domain.value;
  const auto endpoints = static_cast<std::uint32_t>(context_.endpoints.size());
  VIOLET_TRY(domain(endpoint).detach(id));
  VIOLET_TRY(domains_[endpoint],
             make_domain(endpoint, number == endpoint ? endpoint + endpoints : endpoint));
  return domains_[endpoint]->attach(id);
}

bool MappedStrategy::do_map(std::span<DmaMapping> out, unsigned cpu, bool /*coherent*/) {
  return domains_[out[0].endpoint]->map(out, cpu);
}

void MappedStrategy::do_unmap(std::span<const DmaMapping> mappings, unsigned cpu,
                              bool /*coherent*/) {
  const MappedRange range = range_of(mappings, cpu);
  unmap_range(range);
  retire(range);
}

MappedRange MappedStrategy::range_of(std::span<const DmaMapping> mappings, unsigned cpu) const {
  const DmaDomain& domain = *domains_[mappings[0].endpoint];
  return {mappings[0].endpoint,
          {mappings[0].iova.value & ~(domain.granule() - 1)},
          domain.granules_of(mappings),
          cpu};
}

void MappedStrategy::retire_now(std::span<const MappedRange> ranges) {
  if (!context_.driver.sync()) return;
  for (const MappedRange& range : ranges) {
    domain(range.endpoint).free_iova(range.first, range.granules, range.cpu);
  }
}

void MappedStrategy::tick(Ticks now) {
  for (const auto& domain : domains_) domain->iovas().tick(now);
}

}  // namespace violet
