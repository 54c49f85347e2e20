// The five requests, one handler each: the rule above the check that implements it. A guest's mistake
// is the reply's status. Where the specification is silent the comment says what was chosen.
#include <algorithm>

#include "engine/device/device.hpp"
#include "engine/telemetry/event_bodies.hpp"

namespace violet {

Device::Verdict Device::run(const protocol::Attach& request, const Request& /*raw*/,
                            UnmapProgress& /*progress*/) {
  using protocol::Status;
  // D12
  if (!protocol::all_zero(request.reserved)) return reply(Status::kInval);
  // D13: BYPASS is a known flag only where BYPASS_CONFIG was negotiated.
  const std::uint32_t known = config_.has(protocol::kBypassConfig) ? protocol::kAttachBypass : 0;
  if ((request.flags & ~known) != 0) return reply(Status::kInval);
  // D14
  Endpoint* endpoint = find_endpoint({request.endpoint});
  if (endpoint == nullptr) return reply(Status::kNoEnt);
  // R9 broken; the specification names no status.
  const DomainId id{request.domain};
  if (!settings_.covers(id)) return reply(Status::kRange);
  const bool bypass = (request.flags & protocol::kAttachBypass) != 0;
  Domain* domain = find_domain(id);
  if (domain != nullptr) {
    // D16
    if (domain->bypass != bypass) return reply(Status::kInval);
    if (domain == endpoint->domain) return {Verdict::kFollow};
    // D18; D15: otherwise any number of endpoints may share a domain.
    if (!compatible(*domain, *endpoint)) return reply(Status::kUnsupp);
  } else {
    if (must_wait_for_room(*endpoint)) return {Verdict::kRetry};
    domain = create_domain(id, bypass, *endpoint);
    if (domain == nullptr) return reply(Status::kNoMem);
  }
  // D17, D19: nothing can fail from here on, so a refused ATTACH leaves the endpoint where it was.
  parking_ = {};
  if (endpoint->domain != nullptr) leave(*endpoint);
  join(*endpoint, *domain);
  return {Verdict::kPark};
}

// Would the endpoint's reserved regions be at odds with those of the endpoints that are there, or with
// what is mapped?
bool Device::compatible(const Domain& domain, const Endpoint& endpoint) const {
  return std::none_of(endpoint.regions.begin(), endpoint.regions.end(), [&](const auto& region) {
    if (domain.reserved.contains(region)) return false;  // No mapping can be there (D46).
    return domain.reserved.contradicts(region) ||
           (domain.store && domain.store->any_mapped(region.range));
  });
}

Device::Verdict Device::run(const protocol::Detach& request, const Request& /*raw*/,
                            UnmapProgress& /*progress*/) {
  using protocol::Status;
  // D20: reserved is ignored. D21
  Endpoint* endpoint = find_endpoint({request.endpoint});
  if (endpoint == nullptr) return reply(Status::kNoEnt);
  // D22
  if (endpoint->domain == nullptr || endpoint->domain->id.value != request.domain) {
    return reply(Status::kInval);
  }
  // D23: answered when no reader is left inside the domain.
  parking_ = {};
  leave(*endpoint);
  publish(*endpoint, nullptr);
  return {Verdict::kPark};
}

protocol::Status Device::check_map(const protocol::Map& request, const Mapping& mapping,
                                   Domain*& domain) {
  using protocol::Status;
  // Without MAP_UNMAP the request is known but not available.
  if (!config_.has(protocol::kMapUnmap)) return Status::kUnsupp;
  // D26: MMIO is a known flag only where it was negotiated.
  const std::uint32_t mmio = config_.has(protocol::kMmioFlag) ? protocol::kMapMmio : 0;
  if ((request.flags & ~(protocol::kMapRead | protocol::kMapWrite | mmio)) != 0) {
    return Status::kInval;
  }
  // D27
  domain = find_domain({request.domain});
  if (domain == nullptr) return Status::kNoEnt;
  // D28
  if (domain->bypass) return Status::kInval;
  const auto& [range, phys, permissions] = mapping;
  // R16 broken; the specification names no status.
  if (range.last < range.first) return Status::kInval;
  // D24
  const std::uint64_t edges = range.first.value | phys.value | (range.last.value + 1);
  if ((edges & granule_mask_) != 0) return Status::kRange;
  // R8 broken, and a physical range that wraps.
  if (!input_range_.contains(range)) return Status::kRange;
  if (range.size_minus_one() > ~phys.value) return Status::kRange;
  // D46: the specification names no status.
  return domain->reserved.overlaps(range) ? Status::kInval : Status::kOk;
}

Device::Verdict Device::run(const protocol::Map& request, const Request& /*raw*/,
                            UnmapProgress& /*progress*/) {
  using protocol::Status;
  const Mapping mapping = protocol::mapping_of(request);
  Domain* domain = nullptr;
  if (const Status status = check_map(request, mapping, domain); status != Status::kOk) {
    return reply(status);
  }
  const auto& [range, phys, permissions] = mapping;
  Ticks began = 0;  // No access finds it earlier than this.
  const auto mapped = domain->with_store([&](auto& store) -> std::optional<MapStatus> {
    if (!store.try_begin_update()) return std::nullopt;
    if (probe_.on()) {
      mark(WorkPhase::kStore);
      began = ticks_();
    }
    const auto status = store.map(mapping);
    store.end_update();
    return status;
  });
  if (!mapped) return {Verdict::kRetry};
  // D25
  if (mapped == MapStatus::kOverlap) return reply(Status::kInval);
  if (mapped == MapStatus::kNoMemory) return reply(Status::kNoMem);
  if (probe_.on()) {
    mark(WorkPhase::kEngineTelemetry);
    probe_.record(MappingEvent{domain->id, range, permissions}.event(EventKind::kMapDone, began));
    if (settings_.record_targets) {
      const TargetEvent target{domain->id, range.first, phys,
                               static_cast<std::uint8_t>(request.flags)};
      probe_.record(target.event(began));
    }
    mark(WorkPhase::kDecode);
  }
  // C2: a cache may still hold what was mapped here before, until that UNMAP completes.
  return {domain->invalidating.overlaps(range) ? Verdict::kFollow : Verdict::kReply};
}

Device::Verdict Device::run(const protocol::Unmap& request, const Request& /*raw*/,
                            UnmapProgress& progress) {
  using protocol::Status;
  if (!config_.has(protocol::kMapUnmap)) return reply(Status::kUnsupp);
  // D30: INVAL, and nothing is done.
  if (!protocol::all_zero(request.reserved)) return reply(Status::kInval);
  // D31
  Domain* domain = find_domain({request.domain});
  if (domain == nullptr) return reply(Status::kNoEnt);
  // D32
  if (domain->bypass) return reply(Status::kInval);
  // The specification is silent: a range that is none is refused.
  const IovaRange asked = protocol::range_of(request);
  if (asked.last < asked.first) return reply(Status::kInval);
  // R8 broken is tolerated: nothing is mapped beyond input_range, which is D34.
  if (!asked.overlaps(input_range_)) return removed(*domain, asked, 0);
  return remove(
      *domain, {std::max(asked.first, input_range_.first), std::min(asked.last, input_range_.last)},
      progress);
}

// The specification does not ask UNMAP to be aligned. A mapping that an unaligned edge meets reaches
// beyond that edge, because mappings are whole granules: it would be split.
bool Device::splits_at_edge(const Domain& domain, IovaRange range) const {
  const bool low = (range.first.value & granule_mask_) != 0;
  const bool high = ((range.last.value + 1) & granule_mask_) != 0;
  return (low && domain.store->any_mapped({range.first, range.first})) ||
         (high && domain.store->any_mapped({range.last, range.last}));
}

std::optional<IovaRange> Device::whole_granules(IovaRange range) const {
  const std::uint64_t first = (range.first.value + granule_mask_) & ~granule_mask_;
  const std::uint64_t part = range.last.value & ~granule_mask_;  // The granule that it ends in.
  const bool all_of_it = ((range.last.value + 1) & granule_mask_) == 0;
  if (first < range.first.value || (!all_of_it && part == 0)) return std::nullopt;
  const std::uint64_t last = all_of_it ? range.last.value : part - 1;
  return last < first ? std::nullopt : std::optional(IovaRange{{first}, {last}});
}

Device::Verdict Device::remove(Domain& domain, IovaRange range, UnmapProgress& progress) {
  UnmapCursor& cursor = progress.cursor;
  // D33
  if (!cursor.started && splits_at_edge(domain, range)) return reply(protocol::Status::kRange);
  const auto whole = whole_granules(range);
  if (!whole) return removed(domain, range, 0);
  const std::uint32_t share = removal_share(domain);
  if (share == 0) return {Verdict::kRetry};
  const std::uint64_t before = cursor.removed;
  const auto status = domain.with_store([&](auto& store) -> std::optional<UnmapStatus> {
    if (!store.try_begin_update()) return std::nullopt;
    if (probe_.on()) {
      mark(WorkPhase::kStore);
      if (progress.began == 0) progress.began = ticks_();
    }
    const auto slice = store.unmap(*whole, cursor, share);
    store.end_update();
    return slice;
  });
  if (!status) return {Verdict::kRetry};
  const bool more = status == UnmapStatus::kMore;
  // A slice that ended early had as much to do with holes and large entries.
  const std::uint64_t spent = more ? share : cursor.removed - before;
  removals_left_ -= static_cast<std::uint32_t>(std::min<std::uint64_t>(spent, removals_left_));
  set_slicing(domain, more);
  if (more) return {Verdict::kRetry};
  // D33
  if (status == UnmapStatus::kWouldSplit) return reply(protocol::Status::kRange);
  return removed(domain, *whole, cursor.removed, progress.began);
}

// How many mappings this poll may still remove for one UNMAP. Those under way in several domains share a
// slice evenly, with something left for one that begins; none that is under way gets nothing.
std::uint32_t Device::removal_share(const Domain& domain) const {
  const std::uint32_t slice = settings_.unmap_slice;
  const std::uint32_t even = slicing_ == 0 ? slice : std::max(slice / (slicing_ + 1), 1u);
  return std::max(std::min(even, removals_left_), domain.slicing ? 1u : 0u);
}

Device::Verdict Device::removed(Domain& domain, IovaRange range, std::uint64_t mappings,
                                Ticks began) {
  // D34: OK. An earlier UNMAP of the same addresses may still be in flight, so this one may not
  // overtake it.
  if (mappings == 0) {
    return {domain.invalidations_in_flight > 0 ? Verdict::kFollow : Verdict::kReply};
  }
  mark(WorkPhase::kInvalidate);
  parking_ = {};
  parking_.unmapping = &domain;
  parking_.range = range;
  parking_.invalidation = last_invalidation_ = iotlb_->invalidate(domain.tag, range);
  counters_.invalidations.add();
  ++domain.invalidations_in_flight;
  domain.invalidating.add(range);
  if (domain.with_store([](const auto& store) { return store.has_garbage(); })) add_garbage(domain);
  if (probe_.on()) {
    mark(WorkPhase::kEngineTelemetry);
    probe_.record(MappingEvent{domain.id, range}.event(EventKind::kUnmapExecuted, began));
    mark(WorkPhase::kDecode);
  }
  return {Verdict::kPark};
}

Device::Verdict Device::run(const protocol::Probe& request, const Request& raw,
                            UnmapProgress& /*progress*/) {
  using protocol::Status;
  // D37
  if (!config_.has(protocol::kProbe)) return {Verdict::kSilent};
  const std::uint32_t tail = sizeof(protocol::Tail);
  // D41: no property is written; the status is where a driver with so short a buffer has its tail.
  if (raw.writable - tail < settings_.probe_size) {
    return reply_behind_zeros(raw, raw.writable - tail, Status::kInval);
  }
  const Endpoint* endpoint = find_endpoint({request.endpoint});
  const std::span<const std::byte> list = endpoint != nullptr
                                              ? std::span<const std::byte>(endpoint->properties)
                                              : std::span<const std::byte>();
  // D42: zeros behind the list, which also end it.
  const auto zeros = std::span<const std::byte>(zeros_).subspan(list.size());
  const bool written =
      (list.empty() || requests_->write(raw.token, 0, list)) &&
      (zeros.empty() ||
       requests_->write(raw.token, static_cast<std::uint32_t>(list.size()), zeros));
  // D36
  const Status found = endpoint != nullptr ? Status::kOk : Status::kNoEnt;
  return {Verdict::kReply, written ? found : Status::kDevErr, settings_.probe_size + tail,
          settings_.probe_size};
}

Device::Verdict Device::run(const protocol::UnknownRequest& /*request*/, const Request& /*raw*/,
                            UnmapProgress& /*progress*/) {
  return {Verdict::kSilent};  // D9
}

// The body is too short but there is room for a status: INVAL says more than silence. A PROBE's tail
// is where it would be with a whole body.
Device::Verdict Device::run(const protocol::ShortRequest& request, const Request& raw,
                            UnmapProgress& /*progress*/) {
  using protocol::Status;
  if (request.type != protocol::Type::kProbe) return reply(Status::kInval);
  if (!config_.has(protocol::kProbe)) return {Verdict::kSilent};  // D37
  const std::uint32_t tail = sizeof(protocol::Tail);
  return reply_behind_zeros(raw, std::min(settings_.probe_size, raw.writable - tail),
                            Status::kInval);
}

// The used length says that every byte before it was written (VIRTIO 2.7.8.2), so a status behind the place of
// the properties has zeros before it, which are an empty list.
Device::Verdict Device::reply_behind_zeros(const Request& raw, std::uint32_t at,
                                           protocol::Status status) {
  const auto zeros = std::span<const std::byte>(zeros_).first(at);
  if (!zeros.empty() && !requests_->write(raw.token, 0, zeros)) return {Verdict::kSilent};
  return {Verdict::kReply, status, at + static_cast<std::uint32_t>(sizeof(protocol::Tail)), at};
}

}  // namespace violet
