#include "experiments/guest/mock_device.hpp"

#include <algorithm>
#include <cstring>

namespace violet {

using Reply = protocol::Status;
using protocol::Type;

namespace {

std::uint32_t id_of(const protocol::Probe& request) { return request.endpoint; }
std::uint32_t id_of(const protocol::ShortRequest&) { return 0; }
std::uint32_t id_of(const protocol::UnknownRequest&) { return 0; }
template <class R>
std::uint32_t id_of(const R& request) {
  return request.domain;
}

template <class R>
IovaRange logged_range(const R& request) {
  if constexpr (requires { protocol::range_of(request); }) {
    return protocol::range_of(request);
  } else {
    return {};
  }
}

}  // namespace

void MockDevice::connect(RingRequestQueue& queue) {
  queue_ = &queue;
  if (options_.suppress_kicks) {
    queue.suppress_kicks();
  } else {
    (void)queue.arm_kicks();
  }
}

unsigned MockDevice::poll(unsigned budget) {
  unsigned done = 0;
  Request request;
  while (!stopped_ && done < budget && queue_->pop({&request, 1}) == 1) {
    serve(request);
    ++done;
  }
  return done;
}

void MockDevice::kick() {
  ++kicks_;
  if (options_.poll_by_itself) poll();
  if (!options_.suppress_kicks) (void)queue_->arm_kicks();
}

void MockDevice::while_spinning() {
  if (options_.poll_by_itself) poll();
}

std::optional<Reply> MockDevice::planned_for(Type type) {
  const auto found = std::find_if(planned_.begin(), planned_.end(),
                                  [&](const Planned& planned) { return planned.type == type; });
  if (found == planned_.end()) return std::nullopt;
  const Reply status = found->status;
  planned_.erase(found);
  return status;
}

void MockDevice::serve(const Request& raw) {
  const auto type = static_cast<Type>(raw.bytes[0]);
  const Reply status = protocol::decode(raw.copied(), [&](const auto& request) {
    const auto planned = planned_for(type);
    const Reply result = planned ? *planned : run(request, raw);
    log_.push_back({type, id_of(request), logged_range(request), result});
    return result;
  });
  Completion completion{raw.token, 4, 0, static_cast<std::uint8_t>(status)};
  if (type == Type::kProbe) completion = {raw.token, kProbeSize + 4, kProbeSize, completion.status};
  if (std::exchange(silent_, false)) completion.used = 0;
  queue_->complete({&completion, 1});
}

void MockDevice::leave(EndpointId endpoint) {
  const auto found = attached_.find(endpoint.value);
  if (found == attached_.end()) return;
  const std::uint32_t domain = found->second;
  attached_.erase(found);
  for (const auto& [id, other] : attached_) {
    if (other == domain) return;
  }
  domains_.erase(domain);
}

Reply MockDevice::run(const protocol::Attach& request, const Request&) {
  if (request.endpoint >= options_.endpoints) return Reply::kNoEnt;
  leave({request.endpoint});
  domains_[request.domain].bypass = (request.flags & protocol::kAttachBypass) != 0;
  attached_[request.endpoint] = request.domain;
  return Reply::kOk;
}

Reply MockDevice::run(const protocol::Detach& request, const Request&) {
  const auto found = attached_.find(request.endpoint);
  if (found == attached_.end() || found->second != request.domain) return Reply::kInval;
  leave({request.endpoint});
  return Reply::kOk;
}

Reply MockDevice::run(const protocol::Map& request, const Request&) {
  const auto domain = domains_.find(request.domain);
  if (domain == domains_.end()) return Reply::kNoEnt;
  const std::uint64_t granule = options_.page_size_mask & (~options_.page_size_mask + 1);
  const auto [range, phys, permissions] = protocol::mapping_of(request);
  const std::uint64_t misaligned = range.first.value | phys.value | (range.last.value + 1);
  if (domain->second.bypass) return Reply::kInval;
  if ((misaligned & (granule - 1)) != 0) return Reply::kRange;
  for (const auto& region : options_.reserved) {
    if (region.range.overlaps(range)) return Reply::kInval;
  }
  auto& mappings = domain->second.mappings;
  const auto above = mappings.upper_bound(range.last.value);
  if (above != mappings.begin() && std::prev(above)->second.range.overlaps(range)) {
    return Reply::kInval;
  }
  mappings[range.first.value] = {range, phys, permissions & Permissions::kReadWrite};
  return Reply::kOk;
}

Reply MockDevice::run(const protocol::Unmap& request, const Request&) {
  const auto domain = domains_.find(request.domain);
  if (domain == domains_.end()) return Reply::kNoEnt;
  const IovaRange range = protocol::range_of(request);
  auto& mappings = domain->second.mappings;
  auto first = mappings.upper_bound(range.first.value);
  if (first != mappings.begin()) {
    const auto below = std::prev(first);
    if (below->second.range.overlaps(range)) first = below;
  }
  auto end = first;
  for (; end != mappings.end() && end->second.range.overlaps(range); ++end) {
    if (!range.contains(end->second.range)) return Reply::kRange;  // D33
  }
  mappings.erase(first, end);
  return Reply::kOk;
}

Reply MockDevice::run(const protocol::Probe& request, const Request& raw) {
  if (request.endpoint >= options_.endpoints) return Reply::kNoEnt;
  auto list = protocol::build_properties(options_.reserved);
  list.resize(kProbeSize);
  return queue_->write(raw.token, 0, list) ? Reply::kOk : Reply::kInval;
}

Reply MockDevice::run(const protocol::ShortRequest&, const Request&) { return Reply::kInval; }
Reply MockDevice::run(const protocol::UnknownRequest&, const Request&) { return Reply::kUnsupp; }

std::optional<GuestPhys> MockDevice::translate(EndpointId endpoint, Iova iova,
                                               Access access) const {
  const auto attached = attached_.find(endpoint.value);
  if (attached == attached_.end()) {
    return bypass_ ? std::optional(GuestPhys{iova.value}) : std::nullopt;
  }
  const Domain& domain = domains_.at(attached->second);
  if (domain.bypass) return GuestPhys{iova.value};
  const auto above = domain.mappings.upper_bound(iova.value);
  if (above == domain.mappings.begin()) return std::nullopt;
  const Mapping& mapping = std::prev(above)->second;
  if (!mapping.range.contains(iova) || !allows(mapping.permissions, access)) return std::nullopt;
  return GuestPhys{mapping.phys.value + (iova.value - mapping.range.first.value)};
}

std::size_t MockDevice::mappings(DomainId domain) const {
  const auto found = domains_.find(domain.value);
  return found == domains_.end() ? 0 : found->second.mappings.size();
}

void MockDevice::read_config(std::size_t offset, std::span<std::byte> out) {
  protocol::Config config{};
  config.page_size_mask = options_.page_size_mask;
  config.input_range.start = options_.input_range.first.value;
  config.input_range.end = options_.input_range.last.value;
  config.domain_range.start = 1;
  config.domain_range.end = 1000;
  config.probe_size = kProbeSize;
  config.bypass = bypass_ ? 1 : 0;
  std::memset(out.data(), 0, out.size());
  if (offset >= sizeof(config)) return;
  std::memcpy(out.data(), reinterpret_cast<const std::byte*>(&config) + offset,
              std::min(out.size(), sizeof(config) - offset));
}

void MockDevice::write_config(std::size_t offset, std::span<const std::byte> bytes) {
  if (offset == offsetof(protocol::Config, bypass) && bytes.size() == 1) {
    bypass_ = bytes[0] == std::byte{1};
  }
}

}  // namespace violet
