// The second half of DmaRebuilder: which requests were one call, and how long the accesses were.
#include <algorithm>
#include <utility>

#include "datasets/dma_rebuilder.hpp"
#include "datasets/iommu_cutter.hpp"

namespace violet::datasets {
namespace {

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
    const auto cut_end = at + first_cut(at, at, end - at);
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
      if (first_cut(pieces[first].iova, pieces[first].phys, run) != pieces[first].bytes)
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
    if (auto ok = writer.append(record); !ok) return ok;
  }
  return {};
}

}  // namespace violet::datasets
