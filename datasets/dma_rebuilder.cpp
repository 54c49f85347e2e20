#include "datasets/dma_rebuilder.hpp"

#include <algorithm>
#include <utility>

#include "engine/base/page_cutter.hpp"

namespace violet::datasets {
namespace {

constexpr std::uint32_t kMaxEndpoints = 0xffff;
constexpr std::uint64_t kMaxBytes = 0xffffffff;
// x86's window for interrupt messages: no mapping is looked up there.
constexpr std::uint64_t kMsiFirst = 0xfee00000;
constexpr std::uint64_t kMsiLast = 0xfeefffff;
// A record that a join made superfluous. Not a value of the format: it never reaches a file.
constexpr auto kDropped = static_cast<TraceOp>(0);
constexpr std::uint64_t kPageBytes = 4096;
// The core cuts no range into more requests than a 64-bit size has bits above the page.
constexpr std::size_t kMaxRequests = 64;
constexpr std::size_t kMaxLivePieces = 128;
// Requests of one call are executed back to back, those of two calls with a kick between them, which
// took 5 us and more in logs of QEMU.
constexpr std::uint64_t kOneGoNs = 4'000;

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

void DmaRebuilder::reset() {
  can_follow_ = false;
  settle_removals();
  for (auto& [id, domain] : domains_) {
    report_.anomalies.ended_by_reset += domain.live.size();
    remove(id, domain, {0, ~std::uint64_t{0}}, kImplied);
    settle_removals();
  }
  domains_.clear();
  for (auto& [id, endpoint] : by_id_) {
    endpoint.attached = false;
    endpoint.last_valid = false;
  }
}

void DmaRebuilder::events_lost() {
  can_follow_ = false;
  settle_removals();
  ++losses_;
}

const char* DmaRebuilder::name_endpoint(std::uint32_t domain_id, std::string_view name) {
  auto& domain = domains_[domain_id];
  if (domain.has_endpoint) return nullptr;
  if (!add_endpoint(kUnknownEndpoint, domain_id, name, domain.endpoint)) {
    return "more than 65,535 endpoints";
  }
  domain.has_endpoint = true;
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

// What was mapped before events were lost and is in the way went by an unmap that is lost, nobody knows when:
// it keeps no place, and gets no unmap.
void DmaRebuilder::forget_uncertain(Range iova, Domain& domain) {
  auto at = domain.live.upper_bound(iova.first);
  if (at != domain.live.begin() && std::prev(at)->second.end() - 1 >= iova.first) --at;
  while (at != domain.live.end() && at->first <= iova.last) {
    if (at->second.losses == losses_) {
      ++at;
      continue;
    }
    ++report_.anomalies.ends_unknown;
    settle_call({&at->second, 1});
    at = domain.live.erase(at);
  }
}

// A device refuses to map over a live mapping, so what is in the way went by an unmap that is missing.
void DmaRebuilder::clear_way(const MapRequest& request, Domain& domain) {
  if (losses_ > 0) forget_uncertain(request.iova, domain);
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
  piece.losses = losses_;
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
    ++(losses_ > 0 ? report_.anomalies.unmaps_of_unknown : report_.anomalies.unmaps_of_nothing);
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
    ++(losses_ > 0 ? report_.anomalies.unmaps_of_unknown : report_.anomalies.unmaps_of_nothing);
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

// ---- which requests were one call, and how long the accesses were ----

void DmaRebuilder::add_removal(std::uint32_t domain_id, Removal removal) {
  if (!removals_.empty()) {
    const auto& before = removals_.back();
    const bool continues =
        unmap_is_ == UnmapIs::kRequest && removal.begun_ns - before.done_ns <= kOneGoNs &&
        removals_domain_ == domain_id && before.iova.last + 1 == removal.iova.first &&
        removal.pieces.front().follows && removal.pieces.front().id == before.pieces.back().id + 1;
    if (!continues || removals_.size() == kMaxRequests) settle_removals();
  }
  removals_domain_ = domain_id;
  removals_.push_back(std::move(removal));
}

// Would the core have cut one range into just these UNMAPs? The driver removes whole mappings, so that
// a request may reach further than its cut and the next one begins behind it.
bool DmaRebuilder::is_one_unmap(std::size_t first, std::size_t count) const {
  const auto start = removals_[first].iova.first;
  const auto end = removals_[first + count - 1].iova.last + 1;
  if (!could_be_allocated(start, end - start)) return false;
  std::vector<Piece> all;
  auto at = start;
  for (std::size_t i = first; i < first + count; ++i) {
    if (at == end) return false;
    const auto cut_end = at + next_cut(kEveryPageSize4K, at, at, end - at);
    const auto& pieces = removals_[i].pieces;
    const auto reached = std::find_if(pieces.begin(), pieces.end(), [cut_end](const Piece& piece) {
      return piece.end() - 1 >= cut_end - 1;
    });
    if (reached == pieces.end() || reached->end() != removals_[i].iova.last + 1) return false;
    all.insert(all.end(), pieces.begin(), pieces.end());
    at = reached->end();
  }
  return at == end && in_one_go(all);
}

// The first request after a pause may take the device long, so a pair alone must be quick, and of more
// all but the first.
bool DmaRebuilder::in_one_go(std::span<const Piece> pieces) const {
  const auto records = spool_.records();
  for (std::size_t i = pieces.size() > 2 ? 2 : 1; i < pieces.size(); ++i) {
    if (records[pieces[i].map_record].time_ns - records[pieces[i - 1].map_record].time_ns >
        kOneGoNs) {
      return false;
    }
  }
  return true;
}

// Would the core have cut one allocation, made of physically contiguous runs, into just these MAPs?
bool DmaRebuilder::is_one_map(std::span<const Piece> pieces) const {
  const auto start = pieces.front().iova;
  if (!could_be_allocated(start, pieces.back().end() - start) || !in_one_go(pieces)) return false;
  for (std::size_t first = 0; first < pieces.size();) {
    auto next = first + 1;
    std::uint64_t run = pieces[first].bytes;
    while (next < pieces.size() && pieces[first].phys + run == pieces[next].phys) {
      run += pieces[next++].bytes;
    }
    for (; first < next; run -= pieces[first++].bytes) {
      if (next_cut(kEveryPageSize4K, pieces[first].iova, pieces[first].phys, run) !=
          pieces[first].bytes)
        return false;
    }
  }
  return true;
}

void DmaRebuilder::settle_removals() {
  if (removals_.empty()) return;
  for (std::size_t first = 0; first < removals_.size();) {
    auto count = removals_.size() - first;
    while (count > 1 && !is_one_unmap(first, count)) --count;
    auto pieces = std::move(removals_[first].pieces);
    for (std::size_t i = first + 1; i < first + count; ++i) {
      pieces.insert(pieces.end(), removals_[i].pieces.begin(), removals_[i].pieces.end());
    }
    reuse_.unmapped(pieces.front().iova, pieces.back().end() - pieces.front().iova);
    settle_call(pieces);
    first += count;
  }
  removals_.clear();
}

void DmaRebuilder::drop(std::uint32_t record) {
  if (record != RecordSpool::kNone) spool_[record].op = kDropped;
}

// `pieces` went with one call, or would go with one. Contiguous ones become one buffer, the others
// segments of one scatter list. A buffer is mapped by its first MAP and unmapped by its last UNMAP,
// so that every access to any part of it lies between.
void DmaRebuilder::settle_call(std::span<const Piece> pieces) {
  Piece leader{};
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto& piece = pieces[i];
    const bool joined = i > 0 && piece.follows && piece.id == pieces[i - 1].id + 1;
    if (joined && leader.phys + bytes == piece.phys && bytes + piece.bytes <= 0xffffffff) {
      bytes += piece.bytes;
      ++report_.merged_cuts;
      drop(piece.map_record);
      drop(leader.unmap_record);
      leader.unmap_record = piece.unmap_record;
    } else {
      if (joined) ++report_.chained_segments;
      if (joined) spool_[piece.map_record].flags |= kChained;
      if (i > 0 && !joined) ++report_.anomalies.unmaps_across_calls;
      leader = piece;
      bytes = piece.bytes;
    }
    settle_buffer(leader, static_cast<std::uint32_t>(bytes), leader.id != pieces.front().id);
    settle_accesses(piece, leader);
  }
}

void DmaRebuilder::settle_buffer(const Piece& leader, std::uint32_t bytes, bool chained_unmap) {
  spool_[leader.map_record].bytes = bytes;
  if (leader.unmap_record == RecordSpool::kNone) return;
  auto& unmap = spool_[leader.unmap_record];
  unmap.bytes = bytes;
  unmap.page = leader.phys;
  unmap.handle = leader.id;
  if (chained_unmap) unmap.flags |= kChained;
}

// A translation tells where an access began. Taken as its end: where another access to the same page
// of this mapping began, else the end of the page, beyond which the device would translate again.
void DmaRebuilder::settle_accesses(const Piece& piece, const Piece& leader) {
  offsets_.clear();
  for (auto at = piece.last_access; at != RecordSpool::kNone; at = spool_[at].bytes) {
    offsets_.push_back(spool_[at].offset);
  }
  std::sort(offsets_.begin(), offsets_.end());
  offsets_.erase(std::unique(offsets_.begin(), offsets_.end()), offsets_.end());
  const auto shift = static_cast<std::uint32_t>(piece.iova - leader.iova);
  for (auto at = piece.last_access; at != RecordSpool::kNone;) {
    auto& access = spool_[at];
    at = access.bytes;
    const auto page_left = kPageBytes - (piece.iova + access.offset) % kPageBytes;
    std::uint64_t length = std::min<std::uint64_t>(page_left, piece.bytes - access.offset);
    const auto next = std::upper_bound(offsets_.begin(), offsets_.end(), access.offset);
    if (next != offsets_.end()) length = std::min<std::uint64_t>(length, *next - access.offset);
    if ((access.flags & kAssumedLength) == 0) length = access.page;  // Known: access().
    access.bytes = static_cast<std::uint32_t>(length);
    access.offset += shift;
    access.handle = leader.id;
    access.page = leader.phys;
  }
}

// What never is unmapped has no proof. Coherent memory, which is bidirectional, is joined when the core
// could have cut it so; streaming buffers that are live when the log ends stay apart.
void DmaRebuilder::settle_live(Domain& domain) {
  std::vector<Piece> run;
  for (const auto& [iova, piece] : domain.live) {
    if (piece.losses != losses_) ++report_.anomalies.ends_unknown;
    if (!run.empty() && (!piece.follows || piece.id != run.back().id + 1)) {
      settle_live_run(run);
      run.clear();
    }
    run.push_back(piece);
  }
  settle_live_run(run);
}

void DmaRebuilder::settle_live_run(const std::vector<Piece>& run) {
  std::span<const Piece> rest(run);
  constexpr auto kBoth = kDeviceReads | kDeviceWrites;
  while (!rest.empty()) {
    auto count = std::min(rest.size(), kMaxLivePieces);
    if ((spool_[rest.front().map_record].flags & kBoth) != kBoth) count = 1;
    while (count > 1 && !is_one_map(rest.first(count))) --count;
    report_.joins_assumed += count - 1;
    settle_call(rest.first(count));
    rest = rest.subspan(count);
  }
}

Status DmaRebuilder::finish(TraceWriter& writer) {
  settle_removals();
  for (auto& [id, domain] : domains_) settle_live(domain);
  if (!spool_.status()) return spool_.status();
  std::vector<std::uint32_t> handles(pieces_);  // of the pieces that lead a buffer
  std::uint32_t next = 0;
  RecordStatistics statistics(report_);
  for (auto record : spool_.records()) {
    if (record.op == kDropped) continue;
    if (record.op == TraceOp::kMap) handles[record.handle] = next++;
    record.handle = handles[record.handle];
    statistics.add(record);
    VIOLET_TRY(writer.append(record));
  }
  return {};
}

}  // namespace violet::datasets
