#include "datasets/dma_rebuilder.hpp"

#include <algorithm>
#include <utility>

namespace violet::datasets {
namespace {

constexpr std::uint32_t kMaxEndpoints = 0xffff;
constexpr std::uint64_t kMaxBytes = 0xffffffff;
// x86's window for interrupt messages: no mapping is looked up there.
constexpr std::uint64_t kMsiFirst = 0xfee00000;
constexpr std::uint64_t kMsiLast = 0xfeefffff;

}  // namespace

// ---- endpoints and domains ----

bool DmaRebuilder::add_endpoint(std::uint32_t id, std::uint32_t domain, std::string_view name,
                                std::uint16_t& index) {
  if (endpoints_.size() >= kMaxEndpoints) return false;
  index = static_cast<std::uint16_t>(endpoints_.size());
  endpoints_.push_back(make_endpoint(id, domain, name));
  return true;
}

DmaRebuilder::Endpoint* DmaRebuilder::endpoint_of(std::uint32_t id) {
  const auto found = by_id_.find(id);
  if (found != by_id_.end()) return &found->second;
  std::uint16_t index = 0;
  if (!add_endpoint(id, 0, {}, index)) return nullptr;
  return &by_id_.emplace(id, Endpoint{index}).first->second;
}

const char* DmaRebuilder::attach(std::uint32_t domain_id, std::uint32_t endpoint_id) {
  auto* endpoint = endpoint_of(endpoint_id);
  if (endpoint == nullptr) return "more than 65,535 endpoints";
  if (endpoint->attached && endpoint->domain == domain_id) return nullptr;
  if (endpoint->attached) detach(endpoint->domain, endpoint_id);
  can_follow_ = false;
  settle_removals();
  auto& domain = domains_[domain_id];
  domain.attached.push_back(endpoint_id);
  if (!domain.has_endpoint || domain.attached.size() == 1) domain.endpoint = endpoint->index;
  domain.has_endpoint = true;
  endpoint->attached = true;
  endpoint->domain = domain_id;
  endpoint->last_valid = false;
  endpoints_[endpoint->index].domain = domain_id;
  return nullptr;
}

const char* DmaRebuilder::detach(std::uint32_t domain_id, std::uint32_t endpoint_id) {
  const auto found = by_id_.find(endpoint_id);
  const auto at = domains_.find(domain_id);
  if (found == by_id_.end() || at == domains_.end()) return nullptr;
  if (!found->second.attached || found->second.domain != domain_id) return nullptr;
  can_follow_ = false;
  settle_removals();
  auto& domain = at->second;
  std::erase(domain.attached, endpoint_id);
  found->second.attached = false;
  if (!domain.attached.empty()) {
    domain.endpoint = by_id_.at(domain.attached.front()).index;
    return nullptr;
  }
  // The device forgets a domain, and all that is mapped in it, with its last endpoint.
  report_.anomalies.ended_by_detach += domain.live.size();
  remove(domain_id, domain, {0, ~std::uint64_t{0}}, kImplied);
  settle_removals();
  domains_.erase(at);
  return nullptr;
}

DmaRebuilder::Domain* DmaRebuilder::domain_for_map(std::uint32_t id) {
  auto& domain = domains_[id];
  if (domain.has_endpoint) return &domain;
  if (!add_endpoint(kUnknownEndpoint, id, fmt::format("domain {}", id), domain.endpoint)) {
    return nullptr;
  }
  ++report_.anomalies.domains_unattached;
  domain.has_endpoint = true;
  return &domain;
}

DmaRebuilder::Piece* DmaRebuilder::find_piece(Domain& domain, std::uint64_t iova) {
  auto after = domain.live.upper_bound(iova);
  if (after == domain.live.begin()) return nullptr;
  auto& piece = std::prev(after)->second;
  return iova - piece.iova < piece.bytes ? &piece : nullptr;
}

// A log that begins late lacks the attach; the domain is then the one, among those without endpoint,
// that has the address mapped.
DmaRebuilder::Domain* DmaRebuilder::domain_of_stray(Endpoint& endpoint, std::uint64_t iova) {
  if (report_.anomalies.domains_unattached == 0) return nullptr;
  const auto id = endpoints_[endpoint.index].id;
  for (auto& [domain_id, domain] : domains_) {
    if (!domain.attached.empty() || find_piece(domain, iova) == nullptr) continue;
    ++report_.anomalies.attaches_inferred;
    domain.attached.push_back(id);
    endpoint.attached = true;
    endpoint.domain = domain_id;
    endpoints_[endpoint.index].domain = domain_id;
    endpoints_[domain.endpoint].id = id;  // the placeholder is this endpoint
    return &domain;
  }
  return nullptr;
}

// ---- requests ----

const char* DmaRebuilder::map(const MapRequest& request) {
  const auto size_minus_one = request.iova.last - request.iova.first;
  if (request.iova.last < request.iova.first) return "virt_end is below virt_start";
  if (size_minus_one >= kMaxBytes) return "a mapping of 4 GiB or more";
  if (size_minus_one >= ~request.phys) return "the physical range wraps";
  auto* domain = domain_for_map(request.domain);
  if (domain == nullptr) return "more than 65,535 endpoints";
  settle_removals();
  clear_way(request, *domain);
  return add_piece(request, *domain);
}

// A device refuses to map over a live mapping, so what is in the way went by an unmap that is missing.
void DmaRebuilder::clear_way(const MapRequest& request, Domain& domain) {
  const auto after = domain.live.upper_bound(request.iova.last);
  if (after == domain.live.begin()) return;
  const auto& before = std::prev(after)->second;
  if (before.iova < request.iova.first && request.iova.first - before.iova >= before.bytes) return;
  ++report_.anomalies.maps_over_live;
  const auto* first = find_piece(domain, request.iova.first);
  remove(request.domain, domain,
         {first != nullptr ? first->iova : request.iova.first,
          std::max(before.end() - 1, request.iova.last)},
         kImplied);
  settle_removals();
  can_follow_ = false;
}

const char* DmaRebuilder::add_piece(const MapRequest& request, Domain& domain) {
  Piece piece{};
  piece.iova = request.iova.first;
  piece.phys = request.phys;
  piece.bytes = static_cast<std::uint32_t>(request.iova.last - request.iova.first + 1);
  piece.id = pieces_;
  piece.follows = can_follow_ && last_map_.domain == request.domain &&
                  last_map_.flags == request.flags && last_map_.iova.last + 1 == request.iova.first;
  piece.map_record = spool_.push({clock_.now(), request.phys, piece.id, piece.bytes, 0,
                                  domain.endpoint, TraceOp::kMap, request.flags});
  if (piece.map_record == RecordSpool::kNone) return "no room for its record";
  if (!piece.follows) reuse_.mapped(piece.iova);
  domain.live.emplace(piece.iova, piece);
  ++pieces_;
  can_follow_ = true;
  last_map_ = request;
  return nullptr;
}

const char* DmaRebuilder::unmap(std::uint32_t domain_id, Range iova) {
  if (iova.last < iova.first) return "virt_end is below virt_start";
  can_follow_ = false;
  const auto at = domains_.find(domain_id);
  if (at == domains_.end()) {
    ++report_.anomalies.unmaps_of_nothing;
    return nullptr;
  }
  remove(domain_id, at->second, iova, 0);
  return nullptr;
}

// What unmap() removed is confirmed; anything still there was removed by an unmap that is missing.
const char* DmaRebuilder::unmap_done(std::uint32_t domain_id, Range iova) {
  if (iova.last < iova.first) return "virt_end is below virt_start";
  const auto at = domains_.find(domain_id);
  if (at == domains_.end()) return nullptr;
  const auto found = at->second.live.find(iova.first);
  if (found == at->second.live.end() || found->second.end() - 1 != iova.last) {
    if (!removals_.empty()) removals_.back().done_ns = clock_.now();
    return nullptr;
  }
  ++report_.anomalies.unmaps_unconfirmed;
  can_follow_ = false;
  remove(domain_id, at->second, iova, kImplied);
  return nullptr;
}

void DmaRebuilder::remove(std::uint32_t domain_id, Domain& domain, Range iova, std::uint8_t flags) {
  Removal removal{iova, {}, clock_.now(), clock_.now()};
  const auto parts_before = report_.anomalies.unmaps_of_part;
  auto at = domain.live.lower_bound(iova.first);
  if (at != domain.live.begin()) {
    const auto& before = std::prev(at)->second;
    if (iova.first - before.iova < before.bytes) ++report_.anomalies.unmaps_of_part;
  }
  while (at != domain.live.end() && at->first <= iova.last) {
    if (at->second.end() - 1 > iova.last) {
      ++report_.anomalies.unmaps_of_part;
      break;
    }
    push_unmap(at->second, flags);
    removal.pieces.push_back(at->second);
    at = domain.live.erase(at);
  }
  if (!removal.pieces.empty()) {
    add_removal(domain_id, std::move(removal));
  } else if ((flags & kImplied) == 0 && report_.anomalies.unmaps_of_part == parts_before) {
    ++report_.anomalies.unmaps_of_nothing;
  }
}

void DmaRebuilder::push_unmap(Piece& piece, std::uint8_t flags) {
  TraceRecord record = spool_[piece.map_record];
  record.time_ns = clock_.now();
  record.op = TraceOp::kUnmap;
  record.flags |= flags;
  piece.unmap_record = spool_.push(record);
}

// ---- accesses ----

const char* DmaRebuilder::translate(std::uint32_t endpoint_id, std::uint64_t iova,
                                    std::uint32_t flag, std::string_view region) {
  auto* endpoint = endpoint_of(endpoint_id);
  if (endpoint == nullptr) return "more than 65,535 endpoints";
  endpoint->last_valid = false;
  if (!region.empty() && endpoints_[endpoint->index].name[0] == '\0') {
    auto& about = endpoints_[endpoint->index];
    about = make_endpoint(about.id, about.domain, region);
  }
  Piece* piece = piece_at(*endpoint, iova);
  if (piece == nullptr) return nullptr;
  const auto offset = static_cast<std::uint32_t>(iova - piece->iova);
  endpoint->last_iova = iova;
  endpoint->last_phys = piece->phys + offset;
  endpoint->last_valid = true;
  const auto direction = static_cast<std::uint8_t>(flag & (kDeviceReads | kDeviceWrites));
  if (direction == 0) {
    ++report_.anomalies.translates_undirected;
    return nullptr;
  }
  const auto index = spool_.push({clock_.now(), piece->phys, piece->id, piece->last_access, offset,
                                  endpoint->index, TraceOp::kAccess,
                                  static_cast<std::uint8_t>(direction | kAssumedLength)});
  if (index == RecordSpool::kNone) return "no room for its record";
  piece->last_access = index;
  return nullptr;
}

DmaRebuilder::Piece* DmaRebuilder::piece_at(Endpoint& endpoint, std::uint64_t iova) {
  Domain* domain =
      endpoint.attached ? &domains_.at(endpoint.domain) : domain_of_stray(endpoint, iova);
  Piece* piece = domain != nullptr ? find_piece(*domain, iova) : nullptr;
  if (piece != nullptr) return piece;
  const bool msi = iova >= kMsiFirst && iova <= kMsiLast;
  ++(msi ? report_.anomalies.translates_msi : report_.anomalies.translates_unmapped);
  return nullptr;
}

// One record for each piece that it touches. Until the call is settled a record's page holds the length,
// because its bytes link the list.
const char* DmaRebuilder::access(std::uint32_t endpoint_id, std::uint64_t iova, std::uint32_t bytes,
                                 std::uint32_t flag) {
  auto* endpoint = endpoint_of(endpoint_id);
  if (endpoint == nullptr) return "more than 65,535 endpoints";
  endpoint->last_valid = false;
  const auto direction = static_cast<std::uint8_t>(flag & (kDeviceReads | kDeviceWrites));
  for (std::uint64_t left = bytes; left > 0;) {
    Piece* piece = piece_at(*endpoint, iova);
    if (piece == nullptr) return nullptr;
    const auto offset = static_cast<std::uint32_t>(iova - piece->iova);
    const std::uint64_t here = std::min<std::uint64_t>(left, piece->bytes - offset);
    const auto index = spool_.push({clock_.now(), here, piece->id, piece->last_access, offset,
                                    endpoint->index, TraceOp::kAccess, direction});
    if (index == RecordSpool::kNone) return "no room for its record";
    piece->last_access = index;
    left -= here;
    iova += here;
  }
  return nullptr;
}

const char* DmaRebuilder::translated(std::uint32_t endpoint_id, std::uint64_t iova,
                                     std::uint64_t phys) {
  const auto found = by_id_.find(endpoint_id);
  if (found == by_id_.end()) return nullptr;
  auto& endpoint = found->second;
  if (endpoint.last_valid && endpoint.last_iova == iova && endpoint.last_phys != phys) {
    ++report_.anomalies.translations_differ;
  }
  endpoint.last_valid = false;
  return nullptr;
}

}  // namespace violet::datasets
