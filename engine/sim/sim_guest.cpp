#include "engine/sim/sim_guest.hpp"

#include <algorithm>

#include "engine/protocol/names.hpp"
#include "engine/protocol/wire.hpp"

namespace violet {
namespace {

constexpr std::uint64_t kPageBytes = CanaryMemory::kPageBytes;

template <class Wire>
std::vector<std::byte> to_bytes(const Wire& wire) {
  const auto bytes = std::as_bytes(std::span(&wire, 1));
  return {bytes.begin(), bytes.end()};
}

}  // namespace

SimGuest::SimGuest(const DeviceConfig& config, const Shape& shape, FakeRequestQueue& queue,
                   CanaryMemory& memory, Rng& rng)
    : config_(config), shape_(shape), queue_(queue), memory_(memory), rng_(rng), oracle_(config) {
  oracle_.negotiate(config.features);
  for (const auto& endpoint : config.endpoints) endpoints_[endpoint.id.value];
}

void SimGuest::send(StepHistory& history, std::uint64_t step) {
  if (sent_.size() >= shape_.max_in_flight || rng_.below(shape_.pace) != 0) return;
  using Send = void (SimGuest::*)(Sent&, std::vector<std::byte>&);
  constexpr Send kSends[] = {nullptr, &SimGuest::send_attach, &SimGuest::send_detach,
                             &SimGuest::send_map, &SimGuest::send_unmap};
  Sent sent{};
  std::vector<std::byte> bytes;
  (this->*kSends[next_type()])(sent, bytes);
  sent.type = std::to_integer<std::uint8_t>(bytes[0]);
  const auto token = queue_.push(bytes);
  history.note(step, "guest sends", token,
               protocol::to_text(static_cast<protocol::Type>(sent.type)), sent.mapping,
               static_cast<std::uint64_t>(sent.expected.status));
  sent_.emplace(token, std::move(sent));
  ++counts_.sent;
}

void SimGuest::plan_removal() {
  const std::uint32_t from = any_domain(), to = any_domain(), who = any_endpoint();
  planned_ = {{4, from, 0, 1 + rng_.below(shape_.pages)}, {4, to, 0, 0}, {1, from, who, 0}};
  planned_.push_back({1, to, who, 0});
  for (const auto& other : config_.endpoints) planned_.push_back({2, from, other.id.value, 0});
  planned_.push_back({4, from, 0, 0});
}

std::uint8_t SimGuest::next_type() {
  now_ = {};
  if (planned_.empty() && shape_.removals > 0 && rng_.below(shape_.removals) == 0) plan_removal();
  if (!planned_.empty()) {
    now_ = planned_.front();
    planned_.pop_front();
    return now_.type;
  }
  const SimWeights& w = shape_.weights;
  auto pick = rng_.below(w.attach + w.detach + w.map + w.unmap);
  if (pick < w.attach) return 1;
  if ((pick -= w.attach) < w.detach) return 2;
  return pick - w.detach < w.map ? 3 : 4;
}

void SimGuest::send_attach(Sent& sent, std::vector<std::byte>& bytes) {
  protocol::Attach wire{};
  wire.head.type = 1;
  const std::uint32_t domain = any_domain();
  const std::uint32_t endpoint = any_endpoint();
  wire.domain = domain;
  wire.endpoint = endpoint;
  wire.flags = now_.type == 0 && rng_.below(10) == 0 ? protocol::kAttachBypass : 0;
  bytes = to_bytes(wire);
  const auto from = oracle_.domain_of(endpoint);
  const std::uint64_t left = incarnation_of(from);
  const bool existed = oracle_.has_domain(domain);
  sent.expected = oracle_.execute(bytes, 4);
  if (sent.expected.status != protocol::Status::kOk || from == domain) return;
  if (!existed) {
    incarnations_[domain] = next_incarnation_;
    if (wire.flags != 0) bypass_incarnations_.insert(next_incarnation_);
    ++next_incarnation_;
  }
  change_attachment(sent, endpoint, left, domain);
}

void SimGuest::send_detach(Sent& sent, std::vector<std::byte>& bytes) {
  protocol::Detach wire{};
  wire.head.type = 2;
  const std::uint32_t endpoint = any_endpoint();
  const auto from = oracle_.domain_of(endpoint);
  wire.domain = now_.type == 0 && from && rng_.below(8) != 0 ? *from : any_domain();
  wire.endpoint = endpoint;
  bytes = to_bytes(wire);
  const std::uint64_t left = incarnation_of(from);
  sent.expected = oracle_.execute(bytes, 4);
  if (sent.expected.status != protocol::Status::kOk) return;
  change_attachment(sent, endpoint, left, std::nullopt);
}

void SimGuest::change_attachment(Sent& sent, std::uint32_t endpoint, std::uint64_t from,
                                 std::optional<std::uint32_t> to) {
  sent.changed = true;
  sent.endpoint = endpoint;
  sent.left = from;
  take_removed(sent, from);
  EndpointState& state = endpoints_[endpoint];
  ++state.changes;
  ++state.changes_in_flight;
  if (to) ++state.allowed[incarnation_of(to)];
}

void SimGuest::send_map(Sent& sent, std::vector<std::byte>& bytes) {
  protocol::Map wire{};
  wire.head.type = 3;
  const std::uint64_t count = 1 + rng_.below(4);
  const std::uint64_t first = rng_.below(shape_.pages) * kPageBytes;
  const std::uint32_t domain = any_domain();
  const auto flags = static_cast<std::uint32_t>(rng_.below(6) == 0 ? rng_.below(4) : 3);
  const std::uint64_t incarnation = incarnation_of(domain);
  sent.mapping = next_mapping_++;
  const std::uint64_t phys =
      memory_.hand_out(count, {first, sent.mapping, incarnation, flags, false});
  wire.domain = domain;
  wire.virt_start = first;
  wire.virt_end = first + count * kPageBytes - 1;
  wire.phys_start = phys;
  wire.flags = flags;
  bytes = to_bytes(wire);
  sent.expected = oracle_.execute(bytes, 4);
  if (sent.expected.status == protocol::Status::kOk) {
    mappings_[{incarnation, first}] = {sent.mapping, wire.virt_end, phys, flags};
  } else {
    memory_.poison(phys, count * kPageBytes);  // A refused MAP gives nobody anything.
  }
}

void SimGuest::send_unmap(Sent& sent, std::vector<std::byte>& bytes) {
  protocol::Unmap wire{};
  wire.head.type = 4;
  const std::uint32_t domain = any_domain();
  std::uint64_t first = rng_.below(shape_.pages) * kPageBytes;
  std::uint64_t last = first + (1 + rng_.below(8)) * kPageBytes - 1;
  const auto near = mappings_.lower_bound({incarnation_of(domain), first});
  if (near != mappings_.end() && near->first.first == incarnation_of(domain) &&
      rng_.below(4) != 0) {
    first = near->first.second;
    last = near->second.last;
  }
  if (now_.type != 0) {
    first = 0;
    last = now_.pages > 0 ? now_.pages * kPageBytes - 1 : ~std::uint64_t{0};
  }
  wire.domain = domain;
  wire.virt_start = first;
  wire.virt_end = last;
  bytes = to_bytes(wire);
  const std::uint64_t incarnation = incarnation_of(domain);
  sent.expected = oracle_.execute(bytes, 4);
  take_removed(sent, incarnation);
}

void SimGuest::take_removed(Sent& sent, std::uint64_t incarnation) {
  for (const auto& gone : oracle_.removed()) {
    const Key key{incarnation, gone.first};
    mappings_.at(key).leaving = true;
    // Another mapping may take its place before this one's pages are poisoned: out of the index.
    const Key parked{next_incarnation_++, gone.first};
    mappings_[parked] = mappings_.at(key);
    mappings_.erase(key);
    sent.removed.push_back(parked);
  }
}

std::string SimGuest::receive(StepHistory& history, std::uint64_t step) {
  for (auto it = sent_.begin(); it != sent_.end();) {
    const auto& [token, sent] = *it;
    if (!queue_.done(token)) {
      ++it;
      continue;
    }
    const auto status = queue_.status(token);
    history.note(step, "guest receives", token,
                 protocol::to_text(static_cast<protocol::Type>(sent.type)), sent.mapping,
                 status ? static_cast<std::uint64_t>(*status) : ~std::uint64_t{0});
    if (status != sent.expected.status) {
      return fmt::format("request {} was answered with the wrong status", token);
    }
    settle(sent);
    it = sent_.erase(it);
  }
  return {};
}

// The promise of the answer holds from here on.
void SimGuest::settle(const Sent& sent) {
  ++counts_.answered;
  if (sent.type == 3) {
    ++counts_.maps_answered;
    for (auto& [key, mapping] : mappings_) mapping.done |= mapping.number == sent.mapping;
  }
  if (sent.type == 4) ++counts_.unmaps_answered;
  for (const Key& key : sent.removed) poison(key);
  if (!sent.changed) return;
  EndpointState& state = endpoints_[sent.endpoint];
  --state.changes_in_flight;
  if (sent.left != 0 && --state.allowed[sent.left] == 0) state.allowed.erase(sent.left);
}

void SimGuest::poison(const Key& key) {
  const Mapping& mapping = mappings_.at(key);
  const std::uint64_t bytes = mapping.last - key.second + 1;
  memory_.poison(mapping.phys, bytes);
  counts_.pages_poisoned += bytes / kPageBytes;
  mappings_.erase(key);
}

void SimGuest::forget_everything(std::uint64_t features) {
  resetting_ = false;
  sent_.clear();
  planned_.clear();
  while (!mappings_.empty()) poison(mappings_.begin()->first);
  incarnations_.clear();
  for (auto& [id, state] : endpoints_) state = EndpointState{{}, state.changes + 1, 0};
  oracle_.reset();
  oracle_.negotiate(features);
}

SimGuest::Certain SimGuest::certain(std::uint32_t endpoint, std::uint64_t iova) const {
  const EndpointState& state = endpoints_.at(endpoint);
  const auto domain = oracle_.domain_of(endpoint);
  if (resetting_ || state.changes_in_flight > 0 || !domain) return {};
  const std::uint64_t incarnation = incarnation_of(domain);
  auto it = mappings_.upper_bound({incarnation, iova});
  if (it == mappings_.begin()) return {};
  --it;
  const auto& [key, mapping] = *it;
  if (key.first != incarnation || mapping.last < iova || !mapping.done || mapping.leaving)
    return {};
  return {mapping.number, state.changes, mapping.phys + (iova - key.second), mapping.flags};
}

bool SimGuest::may_use(std::uint32_t endpoint, std::uint64_t domain_life) const {
  const auto& allowed = endpoints_.at(endpoint).allowed;
  return allowed.count(domain_life) != 0;
}

bool SimGuest::may_bypass(std::uint32_t endpoint) const {
  const auto& allowed = endpoints_.at(endpoint).allowed;
  return std::any_of(allowed.begin(), allowed.end(), [&](const auto& incarnation) {
    return bypass_incarnations_.count(incarnation.first) != 0;
  });
}

std::uint64_t SimGuest::incarnation_of(std::optional<std::uint32_t> domain) const {
  if (!domain) return 0;
  const auto it = incarnations_.find(*domain);
  return it != incarnations_.end() ? it->second : 0;
}

std::uint32_t SimGuest::any_domain() {
  if (now_.type != 0) return now_.domain;
  return static_cast<std::uint32_t>(1 + rng_.below(shape_.domains));
}

std::uint32_t SimGuest::any_endpoint() {
  if (now_.type != 0) return now_.endpoint;
  return config_.endpoints[rng_.below(config_.endpoints.size())].id.value;
}

}  // namespace violet
