// Set-up; the loop: requests in, answers out, nothing waited for; and the five requests.
#include "engine/device/device.hpp"

#include <algorithm>
#include <cstring>

#include "engine/iotlb/iotlbs.hpp"
#include "engine/store/stores.hpp"
#include "engine/telemetry/event_bodies.hpp"

namespace violet {

// --- Set-up ------------------------------------------------------------------------------------

Device::Device(const DeviceConfig& config, Parts parts, Quiescence& quiescence, TickSource ticks,
               Probe probe)
    : settings_(config),
      granule_mask_((std::uint64_t{1} << config.granule_shift()) - 1),
      input_range_(config.effective_input_range()),
      quiescence_(quiescence),
      ticks_(ticks),
      probe_(probe),
      config_(config),
      budget_(config.limits.memory_bytes),
      make_store_(std::move(parts.make_store)),
      iotlb_(parts.make_iotlb(config.iotlb, quiescence)),
      reader_context_{config_, *iotlb_, quiescence, ticks},
      endpoint_table_(config.endpoints.size()),
      domains_(config.limits.domains),
      zeros_(config.probe_size),
      parked_(config.limits.in_flight),
      deferred_(config.limits.in_flight) {
  for (const auto& each : config.endpoints) {
    auto endpoint = std::make_unique<Endpoint>(each.id);
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

Result<std::unique_ptr<Device>> Device::create(const DeviceConfig& config, Parts parts,
                                               Quiescence& quiescence, TickSource ticks,
                                               Probe probe) {
  VIOLET_TRY(validate(config));
  DeviceConfig adjusted = config;
  adjusted.iotlb.granule_shift = config.granule_shift();
  return std::unique_ptr<Device>(new Device(adjusted, std::move(parts), quiescence, ticks, probe));
}

Result<std::unique_ptr<Device>> make_device(std::string_view store, std::string_view iotlb,
                                            const DeviceConfig& config, Quiescence& quiescence,
                                            TickSource ticks, Probe probe) {
  VIOLET_TRY(const StoreInfo* const store_info, stores().require(store));
  VIOLET_TRY(const IotlbInfo* const iotlb_info, iotlbs().require(iotlb));
  return Device::create(config, {store_info->make, iotlb_info->make}, quiescence, ticks, probe);
}

Result<DeviceReader*> Device::add_reader(std::string name, Probe probe) {
  VIOLET_TRY(const ReaderId id, quiescence_.add_reader(std::move(name)));
  return add_reader(id, probe);
}

Result<DeviceReader*> Device::add_reader(ReaderId id, Probe probe) {
  VIOLET_TRY(IotlbReader* const cache, iotlb_->add_reader(id));
  readers_.push_back(
      std::make_unique<DeviceReader>(reader_context_, id, *cache, settings_.fault_ring, probe));
  return readers_.back().get();
}

Result<EndpointHandle> Device::endpoint(EndpointId id) {
  if (const Endpoint* const found = find_endpoint(id)) return found;
  return fail(ErrorKind::kUsage, "the device has no endpoint {}", id.value);
}

std::uint64_t Device::faults_reported() const {
  std::uint64_t sum = 0;
  for (const auto& reader : readers_) sum += reader->faults_reported();
  return sum;
}

std::uint64_t Device::faults_dropped() const {
  std::uint64_t sum = 0;
  for (const auto& reader : readers_) sum += reader->faults_dropped();
  return sum;
}

std::vector<std::string> Device::stalled_readers() const {
  const std::lock_guard lock(stalls_mutex_);
  return stalls_;
}

// --- The loop ----------------------------------------------------------------------------------

unsigned Device::poll(unsigned budget) {
  counters_.polls.add();
  PhaseClock* const phases = phases_ = PhaseClock::sampling();
  WorkPhase caller = WorkPhase::kIdle;
  if (phases != nullptr) [[unlikely]]
    caller = begin_idle();
  // One call for both, and no mark where nothing is found: what a poll takes must not depend on whether it is sampled.
  const unsigned work = work_off(budget);
  if (phases != nullptr) [[unlikely]]
    end_idle(caller);
  return work;
}

unsigned Device::work_off(unsigned budget) {
  unsigned work = 0;
  removals_left_ = std::max(settings_.unmap_slice, slicing_ + 1);
  if (resetting_) finish_reset();
  if (!parked_.empty()) {
    mark(WorkPhase::kGrace);
    work += complete_parked();
    mark(parked_.empty() ? WorkPhase::kIdle : WorkPhase::kGrace);
  }
  if (!deferred_.empty()) {
    mark(WorkPhase::kDecode);
    work += retry_deferred();
  }
  removals_left_ += budget;
  const unsigned served = serve_queue(budget);
  work += served;
  if (parked_.has_unsealed()) {
    mark(WorkPhase::kGrace);
    seal();
    work += complete_parked();  // At once, when every reader is offline.
  }
  flush();
  if (work > 0) mark(WorkPhase::kUpkeep);
  work += post_faults();
  work += free_retired(served);
  work += collect_garbage(served);
  watch_for_stall();
  check_rings();
  if (work > 0) counters_.useful_polls.add();
  return work;
}

unsigned Device::serve_queue(unsigned budget) {
  if (requests_ == nullptr || resetting_ || needs_reset_) return 0;
  unsigned served = 0;
  while (served < budget) {
    const std::size_t room = settings_.limits.in_flight - requests_in_hand();
    const std::size_t want = std::min<std::size_t>({budget - served, kBurst, room});
    const std::size_t count = requests_->pop(std::span(burst_).first(want));
    if (count > 0) mark(WorkPhase::kDecode);  // As queues may have done that know it earlier.
    if (count > 1) prefetch(std::span<const Request>(burst_).first(count));
    for (std::size_t i = 0; i < count; ++i) serve(burst_[i]);
    served += static_cast<unsigned>(count);
    if (count < kBurst) break;
  }
  return served;
}

// The lines of the store that a burst of requests will touch, all on their way before the first is used.
// MAP and UNMAP have domain and first address in the same place. Only a hint: decode() decides later.
void Device::prefetch(std::span<const Request> burst) {
  static_assert(offsetof(protocol::Map, domain) == offsetof(protocol::Unmap, domain));
  static_assert(offsetof(protocol::Map, virt_start) == offsetof(protocol::Unmap, virt_start));
  for (const Request& request : burst) {
    if (request.readable < sizeof(protocol::Unmap)) continue;
    DomainId id;
    Iova first;
    std::memcpy(&id, request.bytes.data() + offsetof(protocol::Map, domain), sizeof(id));
    std::memcpy(&first, request.bytes.data() + offsetof(protocol::Map, virt_start), sizeof(first));
    const Domain* domain = find_domain(id);
    if (domain != nullptr && !domain->bypass) {
      domain->with_store([first](const auto& store) { store.prefetch(first); });
    }
  }
}

void Device::serve(const Request& raw) {
  if (raw.writable < sizeof(protocol::Tail)) {
    counters_.requests[0].add();
    settle(raw.token, {Verdict::kSilent});  // No room for a status.
    return;
  }
  protocol::decode(raw.copied(), [&](const auto& request) { handle(request, raw); });
}

namespace {

std::size_t type_index(const protocol::UnknownRequest& /*request*/) { return 0; }
std::size_t type_index(const protocol::ShortRequest& request) {
  return static_cast<std::size_t>(request.type);
}
std::size_t type_index(const protocol::Attach& /*request*/) { return 1; }
std::size_t type_index(const protocol::Detach& /*request*/) { return 2; }
std::size_t type_index(const protocol::Map& /*request*/) { return 3; }
std::size_t type_index(const protocol::Unmap& /*request*/) { return 4; }
std::size_t type_index(const protocol::Probe& /*request*/) { return 5; }

}  // namespace

template <class R>
void Device::handle(const R& request, const Request& raw) {
  counters_.requests[type_index(request)].add();
  UnmapProgress progress;
  if (deferred_.empty() || !deferred_.concerns(keys_of(request))) [[likely]] {
    const Verdict verdict = run(request, raw, progress);
    if (verdict.kind != Verdict::kRetry) [[likely]]
      return settle(raw.token, verdict);
  }
  counters_.deferred.add();
  deferred_.push({raw, progress, keys_of(request)});
}

RequestKeys Device::keys_of_domain(DomainId domain) {
  RequestKeys keys;
  keys.add(domain);
  return keys;
}

RequestKeys Device::keys_of(const protocol::Attach& request) {
  RequestKeys keys = keys_of_domain({request.domain});
  keys.endpoint = find_endpoint({request.endpoint});
  if (keys.endpoint != nullptr && keys.endpoint->domain != nullptr) {
    keys.add(keys.endpoint->domain->id);
  }
  return keys;
}

RequestKeys Device::keys_of(const protocol::Detach& request) {
  RequestKeys keys = keys_of_domain({request.domain});
  keys.endpoint = find_endpoint({request.endpoint});
  return keys;
}

unsigned Device::retry_deferred() {
  return deferred_.retry(kRetryLimit, [this](auto& entry) { return retry(entry); });
}

bool Device::retry(DeferredList::Entry& entry) {
  const Request& raw = entry.request;
  const Verdict verdict = protocol::decode(
      raw.copied(), [&](const auto& request) { return run(request, raw, entry.progress); });
  if (verdict.kind == Verdict::kRetry) return false;
  settle(raw.token, verdict);
  return true;
}

void Device::settle(std::uint32_t token, const Verdict& verdict) {
  if (verdict.kind == Verdict::kSilent) {
    counters_.silent.add();
    return give_back({token, 0, 0, 0}, nullptr);
  }
  const Completion completion{token, verdict.used, verdict.tail_offset,
                              static_cast<std::uint8_t>(verdict.status)};
  if (verdict.kind == Verdict::kPark) return park(completion);
  if (verdict.kind == Verdict::kFollow && !parked_.empty()) return follow(completion);
  counters_.statuses[completion.status].add();
  give_back(completion, nullptr);
}

void Device::park(const Completion& completion) {
  parking_.completion = completion;
  parked_.push(parking_);
  counters_.parked.add();
}

void Device::follow(const Completion& completion) {
  Parked follower;
  follower.completion = completion;
  parked_.push_follower(follower);
  counters_.parked.add();
}

void Device::seal() {
  counters_.grace_periods.add();
  parked_.seal(quiescence_.start(), ticks_());
}

unsigned Device::complete_parked() {
  unsigned completed = 0;
  while (parked_.has_sealed() && completed < kUnparkLimit && is_complete(parked_.front())) {
    unpark(parked_.front());
    parked_.pop();
    ++completed;
  }
  const std::uint64_t now = counters_.parked_now();
  const std::uint64_t most = counters_.parked_max.value();
  if (now > most) counters_.parked_max.add(now - most);
  return completed;
}

void Device::unpark(const Parked& parked) {
  if (Domain* domain = parked.unmapping; domain != nullptr) {
    if (--domain->invalidations_in_flight == 0) domain->invalidating.clear();
  }
  if (parked.retired != nullptr) retire(parked.retired);
  counters_.unparked.add();
  counters_.statuses[parked.completion.status].add();
  give_back(parked.completion, &parked);
}

void Device::give_back(const Completion& completion, const Parked* parked) {
  if (completion_count_ == kCompletions) flush();
  completions_[completion_count_++] = completion;
  if (parked != nullptr && parked->unmapping != nullptr && probe_.on()) {
    unmapped_[unmapped_count_++] = {parked->unmapping->id, parked->range};
  }
}

void Device::flush() {
  if (completion_count_ == 0) return;
  mark(WorkPhase::kComplete);
  // Before the guest can see the answer: its own stamp of the same unmap must not be the earlier one.
  const Ticks now = unmapped_count_ > 0 ? ticks_() : 0;
  if (requests_ != nullptr) requests_->complete(std::span(completions_).first(completion_count_));
  completion_count_ = 0;
  if (unmapped_count_ > 0) mark(WorkPhase::kEngineTelemetry);
  for (const auto& unmapped : std::span(unmapped_).first(unmapped_count_)) {
    probe_.record(
        MappingEvent{unmapped.domain, unmapped.range}.event(EventKind::kUnmapCompleted, now));
  }
  unmapped_count_ = 0;
}

// C5: the reader that holds the oldest parked request, or the reset, is named, once for each that it
// holds in front.
void Device::watch_for_stall() {
  if (resetting_ && !reset_stall_reported_) {
    reset_stall_reported_ = name_laggard(reset_grace_, last_invalidation_, reset_since_);
  }
  if (parked_.has_sealed() && stall_reported_ != parked_.front_number()) {
    const Parked& oldest = parked_.front();
    if (name_laggard(oldest.grace, oldest.invalidation, oldest.since)) {
      stall_reported_ = parked_.front_number();
    }
  }
}

// False while there is nobody to name: a reader between two lookups may hold things up unseen.
bool Device::name_laggard(Quiescence::Token grace, InvalidationToken invalidation, Ticks since) {
  const Ticks waited = ticks_() - since;
  if (waited < settings_.stall_threshold) return false;
  auto laggard = quiescence_.laggard(grace);
  if (!laggard && invalidation != kNoInvalidation) laggard = iotlb_->laggard(invalidation);
  if (laggard) report_stall(*laggard, waited);
  return laggard.has_value();
}

void Device::report_stall(ReaderId reader, Ticks waited) {
  counters_.stalls.add();
  probe_.record(StallEvent{reader.value, waited}.event(ticks_()));
  // Once a stall: rare enough for a lock and a string.
  const std::lock_guard lock(stalls_mutex_);
  if (stalls_.size() < kMaxStallNames) stalls_.push_back(quiescence_.reader_name(reader));
}

bool Device::has_faults() const {
  return std::any_of(readers_.begin(), readers_.end(),
                     [](const auto& reader) { return reader->has_faults(); });
}

// Hands at most `limit` reports to `post`, beginning with another reader each time.
template <class Post>
unsigned Device::take_faults(unsigned limit, Post&& post) {
  unsigned taken = 0;
  for (std::size_t i = 0; i < readers_.size() && taken < limit; ++i) {
    next_reader_ = next_reader_ + 1 < readers_.size() ? next_reader_ + 1 : 0;
    protocol::FaultReport fault;
    while (taken < limit && readers_[next_reader_]->take_fault(fault)) {
      post(fault);
      ++taken;
    }
  }
  return taken;
}

unsigned Device::post_faults() {
  if (resetting_) return 0;
  return take_faults(kFaultLimit, [this](const protocol::FaultReport& fault) {
    // D50: the endpoint id is one of ours, the report came from its handle.
    const auto record = protocol::encode_fault(fault);
    const auto result = events_ != nullptr ? events_->post(record) : PostResult::kNoBuffer;
    if (result == PostResult::kPosted) counters_.faults_posted.add();
    if (result == PostResult::kNoBuffer) counters_.faults_no_buffer.add();
    if (result == PostResult::kBufferTooSmall) counters_.faults_too_small.add();  // D52
  });
}

void Device::check_rings() {
  const bool broken =
      (requests_ != nullptr && requests_->broken()) || (events_ != nullptr && events_->broken());
  if (!broken || needs_reset_) return;
  counters_.broken_rings.add();
  need_reset();
}

// --- The five requests -------------------------------------------------------------------------
//
// One handler each: the rule above the check that implements it. A guest's mistake is the reply's status. Where the
// specification is silent the comment says what was chosen.

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
