#include "engine/device/contract_oracle.hpp"

#include <algorithm>

namespace violet {
namespace {

std::uint64_t number(std::span<const std::byte> bytes, std::size_t offset, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i > 0; --i) {
    value = value << 8 | std::to_integer<std::uint64_t>(bytes[offset + i - 1]);
  }
  return value;
}
std::uint32_t le32_at(std::span<const std::byte> bytes, std::size_t offset) {
  return static_cast<std::uint32_t>(number(bytes, offset, 4));
}
std::uint64_t le64_at(std::span<const std::byte> bytes, std::size_t offset) {
  return number(bytes, offset, 8);
}
bool overlap(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d) {
  return a <= d && c <= b;
}

}  // namespace

ContractOracle::ContractOracle(const DeviceConfig& config)
    : config_(config), bypass_(config.boot_bypass) {}

void ContractOracle::reset() {
  negotiated_ = 0;
  domains_.clear();
}

ContractOracle::Reply ContractOracle::execute(Bytes readable, std::uint32_t writable) {
  removed_.clear();
  constexpr std::size_t kSizes[] = {0, 20, 20, 36, 28, 72};
  const unsigned type = readable.size() < 4 ? 0 : std::to_integer<unsigned>(readable[0]);
  if (writable < 4 || type < 1 || type > 5) return {true, Status::kOk, 0};
  if (type == 5) return probe(readable, writable);
  if (readable.size() < kSizes[type]) return {false, Status::kInval, 0};
  if (type == 1) return {false, attach(readable), 0};
  if (type == 2) return {false, detach(readable), 0};
  if (!negotiated(2)) return {false, Status::kUnsupp, 0};
  return {false, type == 3 ? map(readable) : unmap(readable), 0};
}

ContractOracle::Status ContractOracle::attach(Bytes request) {
  const std::uint32_t id = le32_at(request, 4);
  const std::uint32_t who = le32_at(request, 8);
  const std::uint32_t flags = le32_at(request, 12);
  const bool bypass = (flags & 1) != 0;
  if (le32_at(request, 16) != 0) return Status::kInval;                  // D12
  if ((flags & ~(negotiated(6) ? 1u : 0u)) != 0) return Status::kInval;  // D13
  if (endpoint(who) == nullptr) return Status::kNoEnt;                   // D14
  if (offers(1) &&
      (id < config_.domain_range.first.value || id > config_.domain_range.last.value)) {
    return Status::kRange;
  }
  const auto existing = domains_.find(id);
  const auto from = domain_of(who);
  if (existing != domains_.end()) {
    if (existing->second.bypass != bypass) return Status::kInval;  // D16
    if (from == id) return Status::kOk;
    if (!fits(existing->second, who)) return Status::kUnsupp;  // D18
  } else {
    const bool leaves_one = from && domains_.at(*from).endpoints.size() == 1;
    if (domains_.size() - (leaves_one ? 1 : 0) >= config_.limits.domains) return Status::kNoMem;
  }
  remove_endpoint(who);  // D17
  OneDomain& domain = domains_[id];
  domain.bypass = bypass;
  domain.endpoints.insert(who);
  return Status::kOk;
}

ContractOracle::Status ContractOracle::detach(Bytes request) {
  const std::uint32_t who = le32_at(request, 8);
  if (endpoint(who) == nullptr) return Status::kNoEnt;               // D21
  if (domain_of(who) != le32_at(request, 4)) return Status::kInval;  // D22
  remove_endpoint(who);
  return Status::kOk;
}

ContractOracle::Status ContractOracle::map(Bytes request) {
  const Mapped want{le64_at(request, 8), le64_at(request, 16), le64_at(request, 24),
                    le32_at(request, 32), le32_at(request, 4)};
  const std::uint64_t low_bits = (config_.page_size_mask & (0 - config_.page_size_mask)) - 1;
  if ((want.flags & ~(negotiated(5) ? 7u : 3u)) != 0) return Status::kInval;  // D26
  const auto found = domains_.find(want.domain);
  if (found == domains_.end()) return Status::kNoEnt;  // D27
  OneDomain& domain = found->second;
  if (domain.bypass) return Status::kInval;  // D28
  if (want.last < want.first) return Status::kInval;
  for (const auto edge : {want.first, want.last + 1, want.phys}) {
    if ((edge & low_bits) != 0) return Status::kRange;  // D24
  }
  if (offers(0) && (want.first < config_.input_range.first.value ||
                    want.last > config_.input_range.last.value)) {
    return Status::kRange;
  }
  if (want.phys + (want.last - want.first) < want.phys) return Status::kRange;
  if (hits_reserved(domain, want.first, want.last)) return Status::kInval;  // D46
  for (const auto& m : domain.mappings) {
    if (overlap(m.first, m.last, want.first, want.last)) return Status::kInval;  // D25
  }
  if (domain.mappings.size() >= config_.limits.mappings_per_domain) return Status::kNoMem;
  domain.mappings.push_back(want);
  return Status::kOk;
}

ContractOracle::Status ContractOracle::unmap(Bytes request) {
  const std::uint64_t first = le64_at(request, 8);
  const std::uint64_t last = le64_at(request, 16);
  if (le32_at(request, 24) != 0) return Status::kInval;  // D30
  const auto found = domains_.find(le32_at(request, 4));
  if (found == domains_.end()) return Status::kNoEnt;  // D31
  if (found->second.bypass) return Status::kInval;     // D32
  if (last < first) return Status::kInval;
  auto& mappings = found->second.mappings;
  for (const auto& m : mappings) {
    const bool inside = first <= m.first && m.last <= last;
    if (overlap(m.first, m.last, first, last) && !inside) return Status::kRange;  // D33
  }
  for (std::size_t i = 0; i < mappings.size();) {
    if (!overlap(mappings[i].first, mappings[i].last, first, last)) {
      ++i;
      continue;
    }
    removed_.push_back(mappings[i]);
    mappings.erase(mappings.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return Status::kOk;  // D34
}

ContractOracle::Reply ContractOracle::probe(Bytes request, std::uint32_t writable) const {
  if (!negotiated(4)) return {true, Status::kOk, 0};  // D37
  const std::uint32_t size = config_.probe_size;
  if (request.size() < 72) return {false, Status::kInval, std::min(size, writable - 4)};
  if (writable < size + 4) return {false, Status::kInval, writable - 4};  // D41
  const bool known = endpoint(le32_at(request, 4)) != nullptr;
  return {false, known ? Status::kOk : Status::kNoEnt, size};  // D36
}

bool ContractOracle::fits(const OneDomain& domain, std::uint32_t who) const {
  for (const auto& region : endpoint(who)->reserved) {
    const auto first = region.range.first.value;
    const auto last = region.range.last.value;
    for (const auto& m : domain.mappings) {
      if (overlap(m.first, m.last, first, last)) return false;
    }
    for (const auto other : domain.endpoints) {
      for (const auto& theirs : endpoint(other)->reserved) {
        const bool meet = overlap(theirs.range.first.value, theirs.range.last.value, first, last);
        if (meet && theirs.kind != region.kind) return false;
      }
    }
  }
  return true;
}

bool ContractOracle::hits_reserved(const OneDomain& domain, std::uint64_t first,
                                   std::uint64_t last) const {
  for (const auto who : domain.endpoints) {
    for (const auto& region : endpoint(who)->reserved) {
      if (overlap(region.range.first.value, region.range.last.value, first, last)) return true;
    }
  }
  return false;
}

void ContractOracle::remove_endpoint(std::uint32_t who) {
  const auto from = domain_of(who);
  if (!from) return;
  OneDomain& domain = domains_.at(*from);
  domain.endpoints.erase(who);
  if (!domain.endpoints.empty()) return;
  removed_.insert(removed_.end(), domain.mappings.begin(), domain.mappings.end());
  domains_.erase(*from);
}

ContractOracle::Reached ContractOracle::reach(std::uint32_t who, std::uint64_t iova,
                                              Access access) const {
  using protocol::FaultReason;
  for (const auto& region : endpoint(who)->reserved) {
    if (region.range.contains(Iova{iova})) return {Outcome::kReserved, {}, 0};  // D47
  }
  const auto id = domain_of(who);
  if (!id) {
    const bool bypassed = (offers(6) && bypass_) || negotiated(3);
    if (bypassed) return {Outcome::kBypass, {}, iova};
    return {Outcome::kFault, FaultReason::kDomain, 0};  // D11
  }
  if (domains_.at(*id).bypass) return {Outcome::kBypass, {}, iova};
  const std::uint32_t wanted = access == Access::kRead ? 1 : 2;
  for (const auto& m : domains_.at(*id).mappings) {
    if (iova < m.first || iova > m.last) continue;
    if ((m.flags & wanted) == 0) break;  // D29
    return {Outcome::kMapped, {}, m.phys + (iova - m.first)};
  }
  return {Outcome::kFault, FaultReason::kMapping, 0};
}

std::optional<std::uint32_t> ContractOracle::domain_of(std::uint32_t who) const {
  for (const auto& [id, domain] : domains_) {
    if (domain.endpoints.count(who) != 0) return id;
  }
  return std::nullopt;
}

std::vector<ContractOracle::Mapped> ContractOracle::mappings() const {
  std::vector<Mapped> all;
  for (const auto& [id, domain] : domains_) {
    all.insert(all.end(), domain.mappings.begin(), domain.mappings.end());
  }
  return all;
}

const EndpointConfig* ContractOracle::endpoint(std::uint32_t id) const {
  for (const auto& each : config_.endpoints) {
    if (each.id.value == id) return &each;
  }
  return nullptr;
}

}  // namespace violet
