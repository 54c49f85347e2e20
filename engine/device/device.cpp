// Set-up, and the loop: requests in, answers out, nothing waited for.
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

}  // namespace violet
