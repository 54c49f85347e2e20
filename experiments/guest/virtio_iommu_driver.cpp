#include "experiments/guest/virtio_iommu_driver.hpp"

#include <algorithm>
#include <cstring>

#include "engine/base/check.hpp"
#include "engine/protocol/names.hpp"
#include "engine/telemetry/phase_clock.hpp"

namespace violet {

using protocol::Type;

namespace {

constexpr std::uint32_t kTailBytes = sizeof(protocol::Tail);
constexpr std::size_t kUsedBurst = 32;
constexpr unsigned kSpinsPerClock = 64;

// R1: what is offered and understood is accepted; the legacy bypass bit is not.
constexpr std::uint64_t kUnderstood =
    protocol::feature_bit(protocol::kInputRange) | protocol::feature_bit(protocol::kDomainRange) |
    protocol::feature_bit(protocol::kMapUnmap) | protocol::feature_bit(protocol::kProbe) |
    protocol::feature_bit(protocol::kMmioFlag) | protocol::feature_bit(protocol::kBypassConfig);

protocol::Head head_of(Type type) { return {static_cast<std::uint8_t>(type), {}}; }

protocol::Map map_request(DomainId domain, const Mapping& mapping) {
  return {head_of(Type::kMap),       domain.value,
          mapping.range.first.value, mapping.range.last.value,
          mapping.phys.value,        static_cast<std::uint32_t>(mapping.permissions)};
}

DeviceFacts facts_from(const protocol::Config& config, std::uint64_t features) {
  DeviceFacts facts;
  facts.features = features;
  facts.page_size_mask = config.page_size_mask;
  if (facts.has(protocol::kInputRange)) {
    facts.input_range = {{config.input_range.start}, {config.input_range.end}};
  }
  if (facts.has(protocol::kDomainRange)) {
    facts.first_domain = {config.domain_range.start};
    facts.last_domain = {config.domain_range.end};
  }
  if (facts.has(protocol::kProbe)) facts.probe_size = config.probe_size;
  return facts;
}

Status check_facts(const DeviceFacts& facts) {
  if (!facts.has(protocol::kMapUnmap)) {
    return fail("the device does not offer MAP_UNMAP, the only mode that the driver knows");
  }
  if (facts.page_size_mask == 0 || (facts.page_size_mask & 0xfff) != 0) {
    return fail("page_size_mask {:#x}: the driver needs granules of at least 4 KiB",
                facts.page_size_mask);
  }
  if (facts.input_range.last < facts.input_range.first || facts.probe_size > 1u << 20) {
    return fail("the device's config space makes no sense (input_range {:#x}-{:#x}, probe_size {})",
                facts.input_range.first.value, facts.input_range.last.value, facts.probe_size);
  }
  return {};
}

struct Describe {
  FailedRequest operator()(const protocol::Map& r) const {
    return {Type::kMap, {}, r.domain, protocol::range_of(r)};
  }
  FailedRequest operator()(const protocol::Unmap& r) const {
    return {Type::kUnmap, {}, r.domain, protocol::range_of(r)};
  }
  FailedRequest operator()(const protocol::Attach& r) const {
    return {Type::kAttach, {}, r.domain, {}};
  }
  FailedRequest operator()(const protocol::Detach& r) const {
    return {Type::kDetach, {}, r.domain, {}};
  }
  FailedRequest operator()(const protocol::Probe& r) const {
    return {Type::kProbe, {}, r.endpoint, {}};
  }
  FailedRequest operator()(const protocol::ShortRequest& r) const { return {r.type, {}, 0, {}}; }
  FailedRequest operator()(const protocol::UnknownRequest& r) const {
    return {static_cast<Type>(r.type), {}, 0, {}};
  }
};

}  // namespace

std::string to_text(const FailedRequest& request) {
  std::string text = fmt::format("{} of {} {}", protocol::to_text(request.type),
                                 request.type == Type::kProbe ? "endpoint" : "domain", request.id);
  if (request.type == Type::kMap || request.type == Type::kUnmap) {
    text += fmt::format(", {:#x}-{:#x}", request.range.first.value, request.range.last.value);
  }
  return text + fmt::format(": {}", protocol::to_text(request.status));
}

// --- The request heap ---

RequestHeap::RequestHeap(GuestPhys phys, std::byte* host, std::size_t slots)
    : host_(host), order_(slots + 1) {
  for (Slot slot = 0; slot <= slots; ++slot) {
    const GuestPhys readable{phys.value + offset(slot)};
    buffers_.push_back({readable, {readable.value + kWritableAt}, 0, 0, slot});
  }
  free_.reserve(slots);
  for (std::size_t i = slots; i-- > 0;) free_.push_back(static_cast<Slot>(i));
}

Result<RequestHeap> RequestHeap::create(GuestPages& pages, std::size_t slots,
                                        std::uint32_t probe_size) {
  const std::size_t bytes = slots * kSlotBytes + kWritableAt + probe_size + sizeof(protocol::Tail);
  const std::uint64_t count = (bytes + GuestPages::kPageBytes - 1) / GuestPages::kPageBytes;
  const auto run = pages.allocate_run(count);
  if (!run) {
    return fail("the guest has no {} contiguous pages for its request queue; give it more memory",
                count);
  }
  return RequestHeap(*run, pages.host(*run, count * GuestPages::kPageBytes), slots);
}

template <class Wire>
const DriverBuffer& RequestHeap::write(Slot slot, const Wire& request, std::uint32_t writable) {
  static_assert(sizeof(Wire) <= kWritableAt);
  const std::size_t at = offset(slot);
  __builtin_memcpy(host_ + at, &request, sizeof(request));
  // A device that says OK without writing a status must not look as if it had.
  __builtin_memset(host_ + at + kWritableAt + writable - sizeof(protocol::Tail), 0xff,
                   sizeof(protocol::Tail));
  buffers_[slot].readable_bytes = sizeof(Wire);
  buffers_[slot].writable_bytes = writable;
  return buffers_[slot];
}

// --- Set-up ---

VirtioIommuDriver::VirtioIommuDriver(const DriverEnvironment& environment, const DeviceFacts& facts,
                                     RequestHeap heap)
    : env_(environment),
      facts_(facts),
      heap_(std::move(heap)),
      timeout_(std::max<Ticks>(1, ns_to_ticks(environment.timeout_ns))) {
  env_.queue.suppress_interrupts();  // The request queue has no callback; the driver polls.
}

Result<std::unique_ptr<VirtioIommuDriver>> VirtioIommuDriver::create(
    const DriverEnvironment& environment) {
  const std::uint64_t features = environment.transport.offered_features() & kUnderstood;
  if (!environment.transport.negotiate(features)) {
    return fail("the device refused the features {:#x}, all of which it offers", features);
  }
  protocol::Config config;
  environment.transport.read_config(0, std::as_writable_bytes(std::span(&config, 1)));
  const DeviceFacts facts = facts_from(config, features);
  VIOLET_TRY(check_facts(facts));
  VIOLET_TRY(auto heap, RequestHeap::create(environment.pages, environment.queue.capacity(),
                                            facts.probe_size));
  return std::unique_ptr<VirtioIommuDriver>(
      new VirtioIommuDriver(environment, facts, std::move(heap)));
}

// --- Adding ---

template <class Wire>
bool VirtioIommuDriver::add_in(Slot slot, const Wire& request, std::uint32_t writable) {
  const PhaseScope phase(WorkPhase::kRequest);
  const std::size_t added = env_.queue.add({&heap_.write(slot, request, writable), 1});
  VIOLET_DCHECK(added == 1);
  if (added == 0) return false;
  env_.queue.publish();  // Visible now, as after virtqueue_add(); only the kick is left to sync().
  heap_.set_number(slot, next_number_++);
  in_flight_.add();
  return true;
}

// Ring full: sync on the spot, then there is room for the one request that waits.
bool VirtioIommuDriver::make_room() {
  if (broken()) [[unlikely]]
    return false;
  if (in_flight() < env_.queue.capacity()) [[likely]]
    return true;
  ++stats_.ring_full;
  return sync();
}

template <class Wire>
bool VirtioIommuDriver::add(const Wire& request) {
  if (!make_room()) [[unlikely]]
    return false;
  return add_in(heap_.take(), request, kTailBytes);
}

bool VirtioIommuDriver::add_map(DomainId domain, const Mapping& mapping) {
  ++env_.counters.map_requests;
  return add(map_request(domain, mapping));
}

bool VirtioIommuDriver::add_unmap(DomainId domain, IovaRange range) {
  ++env_.counters.unmap_requests;
  return add(protocol::Unmap{
      head_of(Type::kUnmap), domain.value, range.first.value, range.last.value, {}});
}

// --- Sending and waiting ---

template <class Wire>
protocol::Status VirtioIommuDriver::send(const Wire& request) {
  if (!make_room()) return protocol::Status::kIoErr;
  constexpr bool kIsProbe = std::is_same_v<Wire, protocol::Probe>;
  const Slot slot = kIsProbe ? heap_.probe_slot() : heap_.take();
  if (!add_in(slot, request, (kIsProbe ? facts_.probe_size : 0) + kTailBytes)) {
    return protocol::Status::kIoErr;
  }
  waited_for_ = slot;
  waited_status_ = protocol::Status::kIoErr;
  sync();
  waited_for_ = kNoSlot;
  if (waited_status_ != protocol::Status::kOk) ++env_.counters.failed_requests;
  return waited_status_;
}

Status VirtioIommuDriver::answer(protocol::Status status, const char* what,
                                 std::uint32_t id) const {
  if (broken()) return health();
  if (status == protocol::Status::kOk) return {};
  return fail("the device refused {} {}: {}", what, id, protocol::to_text(status));
}

Status VirtioIommuDriver::attach(DomainId domain, EndpointId endpoint, bool bypass) {
  ++env_.counters.other_requests;
  const auto status = send(protocol::Attach{head_of(Type::kAttach),
                                            domain.value,
                                            endpoint.value,
                                            bypass ? protocol::kAttachBypass : 0u,
                                            {}});
  return answer(status, "ATTACH of endpoint", endpoint.value);
}

Status VirtioIommuDriver::detach(DomainId domain, EndpointId endpoint) {
  ++env_.counters.other_requests;
  const auto status =
      send(protocol::Detach{head_of(Type::kDetach), domain.value, endpoint.value, {}});
  return answer(status, "DETACH of endpoint", endpoint.value);
}

Status VirtioIommuDriver::map_now(DomainId domain, const Mapping& mapping) {
  ++env_.counters.map_requests;
  return answer(send(map_request(domain, mapping)), "MAP in domain", domain.value);
}

Result<protocol::ParsedProperties> VirtioIommuDriver::probe(EndpointId endpoint) {
  if (!facts_.has(protocol::kProbe)) return protocol::ParsedProperties{};
  ++env_.counters.other_requests;
  const auto status = send(protocol::Probe{head_of(Type::kProbe), endpoint.value, {}});
  VIOLET_TRY(answer(status, "PROBE of endpoint", endpoint.value));
  // One copy, because the device could still write; R24 gives the length.
  std::vector<std::byte> properties(facts_.probe_size);
  std::memcpy(properties.data(), heap_.writable(heap_.probe_slot()), properties.size());
  return protocol::parse_properties(properties);
}

Status VirtioIommuDriver::set_global_bypass(bool on) {
  if (!facts_.has(protocol::kBypassConfig)) {
    return fail("the device has no BYPASS_CONFIG, so the guest cannot switch its bypass");
  }
  const std::byte value{on ? std::uint8_t{1} : std::uint8_t{0}};  // R3
  env_.transport.write_config(offsetof(protocol::Config, bypass), {&value, 1});
  std::byte back{0};
  env_.transport.read_config(offsetof(protocol::Config, bypass), {&back, 1});
  if ((back & std::byte{1}) != value) return fail("the device ignored a write of config.bypass");
  return {};
}

void VirtioIommuDriver::kick() {
  if (env_.queue.needs_kick()) {
    ++env_.counters.kicks;
    if (env_.probe.on()) env_.probe.record(KickEvent{in_flight()}.event(env_.clock()));
    const PhaseScope phase(WorkPhase::kKick);
    env_.doorbell.kick();
  } else {
    ++env_.counters.kicks_suppressed;
  }
}

bool VirtioIommuDriver::sync() {
  if (broken()) [[unlikely]]
    return false;
  ++env_.counters.syncs;
  stats_.most_in_flight = std::max<std::uint64_t>(stats_.most_in_flight, in_flight());
  kick();
  return in_flight() == 0 || spin();
}

void VirtioIommuDriver::post() {
  if (broken() || in_flight() == 0) return;
  stats_.most_in_flight = std::max<std::uint64_t>(stats_.most_in_flight, in_flight());
  kick();
}

void VirtioIommuDriver::reap() {
  const PhaseScope phase(WorkPhase::kAnswers);
  UsedBuffer used[kUsedBurst];
  while (in_flight() > 0) {
    const std::size_t count = env_.queue.pop_used(used);
    for (std::size_t i = 0; i < count; ++i) take_back(used[i]);
    if (count < std::size(used)) return;
  }
}

std::uint64_t VirtioIommuDriver::answered() const {
  if (in_flight() == 0) return added();
  const auto oldest = heap_.oldest();
  return oldest ? heap_.number(*oldest) - 1 : added();
}

bool VirtioIommuDriver::spin() {
  // A guest that runs the device itself has its answers by now, or polls for them in the hook.
  const bool waits = env_.spin_hook == nullptr;
  PhaseScope phase(waits ? WorkPhase::kSpin : WorkPhase::kAnswers);
  const Ticks began = env_.clock();
  UsedBuffer used[kUsedBurst];
  unsigned idle = 0;
  while (true) {
    const std::size_t count = env_.queue.pop_used(used);
    if (count > 0) phase.next(WorkPhase::kAnswers);
    for (std::size_t i = 0; i < count; ++i) take_back(used[i]);
    if (in_flight() == 0) break;
    if (count > 0 && waits) phase.next(WorkPhase::kSpin);
    if (count > 0) continue;
    if (env_.spin_hook != nullptr) env_.spin_hook->while_spinning();
    cpu_pause();
    if (++idle % kSpinsPerClock != 0) continue;
    if (const Ticks waited = env_.clock() - began; waited > timeout_) {
      give_up(waited);
      return false;
    }
  }
  stats_.spin_ticks += env_.clock() - began;
  return true;
}

protocol::Status VirtioIommuDriver::status_of(const UsedBuffer& used) const {
  if (used.bytes == 0) return protocol::Status::kIoErr;  // R7
  const std::size_t tail = used.cookie == heap_.probe_slot() ? facts_.probe_size : 0;
  return static_cast<protocol::Status>(heap_.writable(used.cookie)[tail]);
}

void VirtioIommuDriver::take_back(const UsedBuffer& used) {
  const protocol::Status status = status_of(used);
  in_flight_.sub();
  if (used.cookie == waited_for_) {
    waited_status_ = status;
  } else if (status != protocol::Status::kOk) [[unlikely]] {
    ++env_.counters.failed_requests;
    const auto index = static_cast<std::size_t>(status);
    ++stats_.failures_by_status[std::min(index, stats_.failures_by_status.size() - 1)];
    last_failure_ = describe(used.cookie, status);
  }
  heap_.give_back(used.cookie);
}

FailedRequest VirtioIommuDriver::describe(Slot slot, protocol::Status status) const {
  FailedRequest failed =
      protocol::decode(std::span(heap_.readable(slot), sizeof(protocol::Probe)), Describe{});
  failed.status = status;
  return failed;
}

// The device may still write into what is in flight, so nothing is reused after this.
void VirtioIommuDriver::give_up(Ticks waited) {
  const auto oldest = heap_.oldest();
  std::string request = "a request";
  if (oldest) {
    request = to_text(describe(*oldest, protocol::Status::kOk));
    request.resize(request.rfind(':'));  // It has no status.
  }
  diagnosis_ = fmt::format(
      "the device did not answer within {:.1f} s: waiting for {} (request number {} of {}), {} of "
      "{} "
      "ring slots in flight, {} kicks sent and {} suppressed; is the engine being polled?",
      static_cast<double>(ticks_to_ns(waited)) / 1e9, request, oldest ? heap_.number(*oldest) : 0,
      next_number_ - 1, in_flight(), env_.queue.capacity(), env_.counters.kicks,
      env_.counters.kicks_suppressed);
}

Status VirtioIommuDriver::health() const {
  if (broken()) return fail("{}", diagnosis_);
  return {};
}

}  // namespace violet
