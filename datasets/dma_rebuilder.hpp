// The DMA rebuilder joins the requests and translations that an IOMMU saw into the DMA-API calls that made them.
//
// Linux cuts one dma_map() into several MAPs and one dma_unmap() into several UNMAPs, and one UNMAP may
// remove several MAPs (reference: linux-dma, 3.4). The unmap is the proof: MAPs that followed each
// other in address and in the log, and are removed by UNMAPs that the core would have cut out of one
// range, were one call. So calls are joined when they end; the records written until then are patched.
//
// Threading: owner-only.
// Invariants: what finish() leaves in the spool satisfies validate_trace() once handles are numbered.
// Limits: memory grows with the number of maps (5 bytes each) and of live mappings.
#pragma once

#include <bit>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "datasets/import_report.hpp"
#include "datasets/record_spool.hpp"
#include "datasets/reuse_meter.hpp"
#include "datasets/trace_clock.hpp"
#include "datasets/trace_writer.hpp"

namespace violet::datasets {

// Linux allocates IOVA ranges aligned to their size rounded up to a power of two.
constexpr bool could_be_allocated(std::uint64_t iova, std::uint64_t bytes) {
  return bytes - 1 < std::uint64_t{1} << 62 && (iova & (std::bit_ceil(bytes) - 1)) == 0;
}

class DmaRebuilder {
 public:
  struct Range {
    std::uint64_t first;
    std::uint64_t last;  // inclusive, as on the wire
  };
  struct MapRequest {
    std::uint32_t domain;
    Range iova;
    std::uint64_t phys;
    std::uint8_t flags;  // kDeviceReads, kDeviceWrites, kMmioMapping
  };

  // What an unmap event of the source is: a request, of which a call may have made several, or a call.
  enum class UnmapIs { kRequest, kCall };

  DmaRebuilder(RecordSpool& spool, ImportReport& report, UnmapIs unmap_is)
      : spool_(spool), report_(report), unmap_is_(unmap_is) {}

  // The time of what follows. The importer advances it, and undoes that for a broken line.
  TraceClock& clock() { return clock_; }

  // Each returns nullptr or why the event cannot be represented; it then had no effect.
  const char* attach(std::uint32_t domain, std::uint32_t endpoint);
  const char* detach(std::uint32_t domain, std::uint32_t endpoint);
  const char* map(const MapRequest& request);
  const char* unmap(std::uint32_t domain, Range iova);
  const char* unmap_done(std::uint32_t domain, Range iova);
  const char* translate(std::uint32_t endpoint, std::uint64_t iova, std::uint32_t flag,
                        std::string_view region);
  // An access of known length that succeeded; what of it lies in no mapping is counted and left out.
  const char* access(std::uint32_t endpoint, std::uint64_t iova, std::uint32_t bytes,
                     std::uint32_t flag);
  const char* translated(std::uint32_t endpoint, std::uint64_t iova, std::uint64_t phys);
  // The device or the machine is reset: every mapping and every attachment ends (VIRTIO 1.2, 5.13.5).
  void reset();
  // The source lost events here. What is mapped may end among them: it stays until the source names it
  // again, and where a later map takes its place its end is not known.
  void events_lost();
  // Gives the endpoint of a domain that nothing is attached to its name.
  const char* name_endpoint(std::uint32_t domain, std::string_view name);

  // Settles what is still open and writes the trace: dense handles, joined calls.
  Status finish(TraceWriter& writer);

  const ReuseMeter& reuse() const { return reuse_; }
  std::vector<TraceEndpoint>& endpoints() { return endpoints_; }

 private:
  // One MAP request: a whole call or a cut of one.
  struct Piece {
    std::uint64_t iova;
    std::uint64_t phys;
    std::uint32_t bytes;
    std::uint32_t id;          // dense, in the order of the MAPs
    std::uint32_t map_record;  // index in the spool
    std::uint32_t unmap_record = RecordSpool::kNone;
    std::uint32_t last_access = RecordSpool::kNone;  // head of a list linked through `bytes`
    bool follows = false;      // its MAP came right behind that of piece id - 1, and continues it
    std::uint32_t losses = 0;  // losses_ at its MAP: fewer than now, and its end may be lost
    std::uint64_t end() const { return iova + bytes; }  // may wrap to 0 at the top
  };
  struct Domain {
    std::map<std::uint64_t, Piece> live;  // by iova
    std::vector<std::uint32_t> attached;  // endpoint ids
    std::uint16_t endpoint = 0;           // index of the one that its maps are booked on
    bool has_endpoint = false;
  };
  struct Endpoint {
    std::uint16_t index;
    std::uint32_t domain = 0;
    bool attached = false;
    std::uint64_t last_iova =
        0;  // of its last translate that met a mapping, and what it should give
    std::uint64_t last_phys = 0;
    bool last_valid = false;
  };
  struct Removal {  // one UNMAP request and the pieces that it removed
    Range iova;
    std::vector<Piece> pieces;
    std::uint64_t begun_ns = 0;
    std::uint64_t done_ns = 0;
  };

  Endpoint* endpoint_of(std::uint32_t id);
  bool add_endpoint(std::uint32_t id, std::uint32_t domain, std::string_view name,
                    std::uint16_t& index);
  Domain* domain_for_map(std::uint32_t id);
  void clear_way(const MapRequest& request, Domain& domain);
  void forget_uncertain(Range iova, Domain& domain);
  const char* add_piece(const MapRequest& request, Domain& domain);
  Piece* piece_at(Endpoint& endpoint, std::uint64_t iova);
  Piece* find_piece(Domain& domain, std::uint64_t iova);
  Domain* domain_of_stray(Endpoint& endpoint, std::uint64_t iova);
  void remove(std::uint32_t domain_id, Domain& domain, Range iova, std::uint8_t flags);
  void push_unmap(Piece& piece, std::uint8_t flags);
  void add_removal(std::uint32_t domain_id, Removal removal);
  void settle_removals();
  bool is_one_unmap(std::size_t first, std::size_t count) const;
  bool is_one_map(std::span<const Piece> pieces) const;
  bool in_one_go(std::span<const Piece> pieces) const;
  void settle_live(Domain& domain);
  void settle_live_run(const std::vector<Piece>& run);
  void settle_call(std::span<const Piece> pieces);
  void settle_buffer(const Piece& leader, std::uint32_t bytes, bool chained_unmap);
  void settle_accesses(const Piece& piece, const Piece& leader);
  void drop(std::uint32_t record);

  RecordSpool& spool_;
  ImportReport& report_;
  UnmapIs unmap_is_;
  ReuseMeter reuse_;
  TraceClock clock_;
  std::map<std::uint32_t, Domain> domains_;
  std::unordered_map<std::uint32_t, Endpoint> by_id_;
  std::vector<TraceEndpoint> endpoints_;
  std::uint32_t pieces_ = 0;
  std::uint32_t losses_ = 0;  // times that events were lost
  // The MAP that the next one may continue; cleared by any other request.
  bool can_follow_ = false;
  MapRequest last_map_{};
  std::vector<Removal> removals_;  // adjacent UNMAPs that may be one call
  std::uint32_t removals_domain_ = 0;
  std::vector<std::uint64_t> offsets_;  // scratch
};

}  // namespace violet::datasets
