// trace: replays the DMA-API calls and the device's accesses of a trace. Buffers keep their identity:
// what was the same page in the source is the same page here, and neighbours stay neighbours.
//
// Closed-loop replay runs each call as soon as the one before has returned. Paced replay waits for the
// trace's own time (scaled) and records how late each dma_map and dma_unmap call began and how long after that time it
// ended.
#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

#include "experiments/workloads/workloads.hpp"

namespace violet {
namespace {

using datasets::Trace;
using datasets::TraceOp;
using datasets::TraceRecord;

// Which guest page stands for a page of the source. Runs of neighbouring pages stay runs; a page is left out between two
// runs, so that what was apart does not become adjacent. Linux cuts a buffer into MAPs where its address is aligned to
// larger pages (__iommu_map() in drivers/iommu/iommu.c), but to none larger than the buffer: a run keeps its place within
// the power of two that holds it, up to 2 MiB. The map's memory grows with the runs, not with the maps.
class PageMap {
 public:
  static constexpr std::uint64_t kMostAligned = (2 << 20) / GuestPages::kPageBytes;

  explicit PageMap(std::span<const TraceRecord> records) {
    std::size_t compact_at = kCompactAt;
    for (const auto& record : records) {
      if (record.op != TraceOp::kMap) continue;
      const std::uint64_t first = record.page / GuestPages::kPageBytes;
      const std::uint64_t last = (record.page + record.bytes - 1) / GuestPages::kPageBytes;
      if (!runs_.empty() && first >= runs_.back().first && last <= runs_.back().last) continue;
      runs_.push_back({first, last, 0});
      if (runs_.size() < compact_at) continue;
      join_runs();
      compact_at = std::max(kCompactAt, runs_.size() * 2);
    }
    join_runs();
    for (auto& run : runs_) {
      if (pages_ > 0) ++pages_;
      const std::uint64_t length = run.last - run.first + 1;
      const std::uint64_t unit = std::min(std::bit_ceil(length), kMostAligned);
      run.target = pages_ + (run.first - pages_) % unit;
      pages_ = run.target + length;
    }
  }

  // The memory that a replay needs, which begins at a multiple of 2 MiB.
  std::uint64_t pages() const { return pages_; }
  // Byte offset in the replay's memory of a source address that some map covers.
  std::uint64_t offset_of(std::uint64_t address) const {
    const auto page = address / GuestPages::kPageBytes;
    const auto after =
        std::upper_bound(runs_.begin(), runs_.end(), page,
                         [](std::uint64_t value, const Run& run) { return value < run.first; });
    const Run& run = *std::prev(after);
    return (run.target + (page - run.first)) * GuestPages::kPageBytes +
           address % GuestPages::kPageBytes;
  }

 private:
  static constexpr std::size_t kCompactAt = 1 << 16;

  struct Run {
    std::uint64_t first, last;  // Page numbers of the source, inclusive.
    std::uint64_t target;       // Page number here of the first one.
  };

  void join_runs() {
    std::sort(runs_.begin(), runs_.end(),
              [](const Run& a, const Run& b) { return a.first < b.first; });
    std::size_t kept = 0;
    for (const Run& run : runs_) {
      if (kept > 0 && run.first <= runs_[kept - 1].last + 1) {
        runs_[kept - 1].last = std::max(runs_[kept - 1].last, run.last);
      } else {
        runs_[kept++] = run;
      }
    }
    runs_.resize(kept);
  }

  std::vector<Run> runs_;
  std::uint64_t pages_ = 0;
};

// With what is left out until a multiple of 2 MiB, wherever it begins.
std::uint64_t replay_memory_bytes(const PageMap& pages) {
  return (pages.pages() + PageMap::kMostAligned) * GuestPages::kPageBytes;
}

DmaDirection direction_of(std::uint8_t flags) {
  const unsigned bits = flags & (datasets::kDeviceReads | datasets::kDeviceWrites);
  return bits == 0 ? DmaDirection::kBidirectional : static_cast<DmaDirection>(bits);
}

Access access_of(const TraceRecord& record) {
  return (record.flags & datasets::kDeviceWrites) != 0 ? Access::kWrite : Access::kRead;
}

// Accesses that another endpoint made than the one that mapped: the two share a domain in the source.
struct Foreign {
  std::uint32_t handle;
  std::uint16_t endpoint;    // That accesses.
  std::uint32_t ticket = 0;  // Accesses submitted when its last one was.

  friend bool operator<(const Foreign& a, const Foreign& b) {
    return std::pair(a.handle, a.endpoint) < std::pair(b.handle, b.endpoint);
  }
  friend bool operator==(const Foreign& a, const Foreign& b) {
    return std::pair(a.handle, a.endpoint) == std::pair(b.handle, b.endpoint);
  }
};

// Each pair of a mapping and a foreign endpoint once, in the order of handles. `mappers`: by handle.
std::vector<Foreign> foreign_accesses(std::span<const TraceRecord> records,
                                      std::vector<std::uint16_t>& mappers) {
  std::vector<Foreign> all;
  for (const auto& record : records) {
    if (record.op == TraceOp::kMap) {
      if (record.handle >= mappers.size()) mappers.resize(record.handle + 1);
      mappers[record.handle] = record.endpoint;
    } else if (record.op == TraceOp::kAccess && record.endpoint != mappers.at(record.handle)) {
      const Foreign one{record.handle, record.endpoint};
      if (all.empty() || !(all.back() == one)) all.push_back(one);
    }
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

// Whether some access is of a kind that its mapping does not allow: the device of the source went where it must not.
bool has_forbidden_access(std::span<const TraceRecord> records) {
  std::vector<Permissions> allowed;  // By handle.
  return std::any_of(records.begin(), records.end(), [&](const TraceRecord& record) {
    if (record.op == TraceOp::kMap) {
      if (record.handle >= allowed.size()) allowed.resize(record.handle + 1);
      allowed[record.handle] = permissions_of(direction_of(record.flags));
    }
    return record.op == TraceOp::kAccess && !allows(allowed.at(record.handle), access_of(record));
  });
}

// A scatter list is as long as its chained records; longer ones are mapped in pieces of this size.
constexpr std::size_t kMaxList = 128;

// Which maps are replayed as a list. What a list maps is one range of addresses, which goes as a whole and in its
// order, as dma_unmap_sg() demands. A source may do what no list can: unmap it in parts, in another order or between
// other buffers, or chain what differs in endpoint or direction. Such segments are mapped one by one.
class ScatterLists {
 public:
  explicit ScatterLists(std::span<const TraceRecord> records) {
    for (std::size_t i = 0; i < records.size();) {
      i += records[i].op == TraceOp::kMap ? add_call(records, i) : 1;
    }
    for (std::size_t i = 0; i < records.size();) {
      i += records[i].op == TraceOp::kUnmap ? look_at_unmap(records, i) : 1;
    }
  }
  ScatterLists() = default;

  std::size_t handles() const { return length_.size(); }
  // How many handles, this one and those after it, are mapped and unmapped together; 0: it is inside of a list.
  std::size_t length(std::uint32_t handle) const { return length_[handle]; }

 private:
  static_assert(kMaxList <= 0xff);

  // The handles of a trace are dense and in the order of its maps. Returns the records that it took.
  std::size_t add_call(std::span<const TraceRecord> records, std::size_t first) {
    std::size_t end = first + 1;
    while (end < records.size() && end - first < kMaxList && records[end].op == TraceOp::kMap &&
           records[end].chained() && records[end].endpoint == records[first].endpoint &&
           direction_of(records[end].flags) == direction_of(records[first].flags)) {
      ++end;
    }
    length_.push_back(static_cast<std::uint8_t>(end - first));
    length_.resize(length_.size() + (end - first - 1), 0);
    return end - first;
  }

  std::size_t look_at_unmap(std::span<const TraceRecord> records, std::size_t first) {
    const std::uint32_t handle = records[first].handle;
    std::uint32_t list = handle;
    while (length_[list] == 0) --list;
    const std::size_t length = length_[list];
    std::size_t whole = 0;
    while (whole < length && first + whole < records.size() &&
           records[first + whole].op == TraceOp::kUnmap &&
           records[first + whole].handle == list + whole &&
           (whole == 0 || records[first + whole].chained())) {
      ++whole;
    }
    if (whole == length) return length;
    std::fill_n(length_.begin() + list, length, std::uint8_t{1});
    return 1;
  }

  std::vector<std::uint8_t> length_;  // By handle.
};

class TraceReplay final : public Workload {
 public:
  TraceReplay(Trace trace, const ReplayOptions& options)
      : trace_(std::move(trace)), options_(options), records_(trace_.records()) {}

  Status prepare(Guest& guest) override {
    if (trace_.endpoints().size() > guest.endpoint_count()) {
      return fail("the trace has {} endpoints, the guest {}", trace_.endpoints().size(),
                  guest.endpoint_count());
    }
    const PageMap pages(records_);
    constexpr std::uint64_t kAligned = PageMap::kMostAligned * GuestPages::kPageBytes;
    VIOLET_TRY(const auto memory, guest.allocate(replay_memory_bytes(pages)));
    const std::uint64_t base = (memory.value + kAligned - 1) / kAligned * kAligned;
    phys_.resize(records_.size());
    for (std::size_t i = 0; i < records_.size(); ++i) {
      if (records_[i].op != TraceOp::kMap) continue;
      phys_[i] = {base + pages.offset_of(records_[i].page)};
    }
    std::vector<std::uint16_t> mappers;
    foreign_ = foreign_accesses(records_, mappers);
    strays_ = has_forbidden_access(records_);
    lists_ = ScatterLists(records_);
    live_.resize(lists_.handles());
    // What the trace never unmaps is long-lived: it stays from lap to lap.
    kept_.assign(live_.size(), true);
    for (const auto& record : records_) {
      if (record.op == TraceOp::kUnmap) kept_[record.handle] = false;
    }
    return {};
  }

  // One operation: everything up to and including the next unmap call. A trace may have any number of other calls
  // before that, or a pause.
  StepOutcome step(Guest& guest) override {
    if (records_.empty()) return StepOutcome::kEnd;
    for (unsigned calls = 1;; ++calls) {
      if (next_ == records_.size() && !next_lap(guest)) return StepOutcome::kWaits;
      if (options_.paced && !is_time(guest, records_[next_].time_ns)) return StepOutcome::kWaits;
      guest.has_worked_for(replayed_ns_ + records_[next_].time_ns);
      const TraceOp op = records_[next_].op;
      const bool timed = options_.paced && makes_call();
      if (!run_call(guest)) return StepOutcome::kWaits;
      if (timed) record_response(guest, op);
      lag_is_recorded_ = false;
      if (op == TraceOp::kUnmap) break;
      if (calls % kCallsPerLook == 0 && guest.time_is_up()) return StepOutcome::kWaits;
    }
    guest.pump();
    return StepOutcome::kDone;
  }

  void finish(Guest& guest) override {
    while (!unmap_all(guest, Whose::kAll) && !guest.time_is_up()) continue;
  }
  std::string_view unit() const override { return "buffer"; }
  std::uint64_t data_errors() const override { return 0; }
  std::optional<std::uint64_t> worked_ns() const override {
    return replayed_ns_ + (next_ == 0 ? 0 : records_[next_ - 1].time_ns);
  }
  const char* why_it_strays() const override {
    return strays_ ? "the trace has accesses that its mappings do not allow" : nullptr;
  }

 private:
  static constexpr unsigned kCallsPerLook = 64;

  struct Live {
    DmaMapping mapping{};
    std::uint32_t ticket = 0;  // Accesses submitted when its last one was.
    bool mapped = false;
  };

  enum class Whose { kLap, kAll };

  // Whether what comes next is a call of the DMA API: no access of a device, and nothing that is mapped since an
  // earlier lap.
  bool makes_call() const {
    const TraceRecord& record = records_[next_];
    if (record.op == TraceOp::kAccess) return false;
    return record.op == TraceOp::kUnmap || !stays_mapped(record.handle);
  }
  bool stays_mapped(std::uint32_t handle) const { return kept_[handle] && live_[handle].mapped; }

  // False: it has to wait, and is begun again where it was left.
  bool run_call(Guest& guest) {
    const TraceRecord& record = records_[next_];
    if (record.op == TraceOp::kAccess) {
      if (!access(guest, record)) return false;
      ++next_;
      return true;
    }
    const std::size_t count =
        record.op == TraceOp::kMap ? lists_.length(record.handle) : unmap_length();
    if (record.op == TraceOp::kMap) {
      map(guest, count);
    } else if (!unmap(guest, count)) {
      return false;
    }
    next_ += count;
    return true;
  }

  // Of the unmap call at next_, in whole lists.
  std::size_t unmap_length() const {
    std::size_t end = next_ + lists_.length(records_[next_].handle);
    while (end < records_.size() && records_[end].op == TraceOp::kUnmap &&
           records_[end].chained()) {
      const std::size_t more = lists_.length(records_[end].handle);
      if (end - next_ + more > kMaxList) break;
      end += more;
    }
    return end - next_;
  }

  void map(Guest& guest, std::size_t count) {
    const TraceRecord& first = records_[next_];
    if (stays_mapped(first.handle)) return;  // Since an earlier lap.
    const DmaDirection direction = direction_of(first.flags);
    if (count == 1) {
      const auto mapping = guest.dma_map(first.endpoint, {phys_[next_], first.bytes}, direction);
      if (mapping) live_[first.handle] = {*mapping, submitted(guest, first.endpoint), true};
      forget_foreign(guest, first.handle);
      return;
    }
    for (std::size_t i = 0; i < count; ++i) {
      buffers_[i] = {phys_[next_ + i], records_[next_ + i].bytes};
    }
    if (!guest.dma_map_list(first.endpoint, std::span(buffers_.data(), count), direction,
                            std::span(mappings_.data(), count))) {
      return;
    }
    for (std::size_t i = 0; i < count; ++i) {
      live_[first.handle + i] = {mappings_[i], submitted(guest, first.endpoint), true};
      forget_foreign(guest, static_cast<std::uint32_t>(first.handle + i));
    }
  }

  bool unmap(Guest& guest, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t handle = records_[next_ + i].handle;
      if (live_[handle].mapped && !wait_for_accesses(guest, handle)) return false;
    }
    std::size_t mapped = 0;
    for (std::size_t i = 0; i < count; ++i) {
      Live& live = live_[records_[next_ + i].handle];
      if (!live.mapped) continue;
      mappings_[mapped++] = live.mapping;
      live.mapped = false;
    }
    dma_unmap(guest, mapped);
    guest.next_cpu();
    return true;
  }

  bool access(Guest& guest, const TraceRecord& record) {
    const Live& live = live_[record.handle];
    if (!live.mapped) return true;
    ReplayEndpoint& device = *guest.endpoint(record.endpoint).replay;
    const Access kind = access_of(record);
    const std::uint64_t base = live.mapping.iova.value + record.offset;
    while (accessed_ < record.bytes) {
      const std::uint32_t bytes = std::min(record.bytes - accessed_, ReplayEndpoint::kMaxAccess);
      const Iova at{base + accessed_};
      if (!guest.pump_a_while([&] { return device.submit(at, bytes, kind); })) return false;
      accessed_ += bytes;
      ticket_of(record) = device.submitted();  // Each piece: the rest may never be sent.
    }
    accessed_ = 0;
    return true;
  }

  std::uint32_t& ticket_of(const TraceRecord& access) {
    Live& live = live_[access.handle];
    if (access.endpoint == live.mapping.endpoint) return live.ticket;
    for (Foreign& foreign : foreign_of(access.handle)) {
      if (foreign.endpoint == access.endpoint) return foreign.ticket;
    }
    return live.ticket;  // Not reached: foreign_ has all of them.
  }

  std::span<Foreign> foreign_of(std::uint32_t handle) {
    if (foreign_.empty()) [[likely]]
      return {};
    const auto [first, last] =
        std::equal_range(foreign_.begin(), foreign_.end(), Foreign{handle, 0},
                         [](const Foreign& a, const Foreign& b) { return a.handle < b.handle; });
    return {first, last};
  }

  // A mapping begins: nobody has accessed it.
  void forget_foreign(Guest& guest, std::uint32_t handle) {
    for (Foreign& foreign : foreign_of(handle)) {
      foreign.ticket = submitted(guest, foreign.endpoint);
    }
  }

  static std::uint32_t submitted(Guest& guest, std::uint16_t endpoint) {
    return guest.endpoint(endpoint).replay->submitted();
  }

  static bool wait_for_ticket(Guest& guest, std::uint16_t endpoint, std::uint32_t ticket) {
    const ReplayEndpoint& device = *guest.endpoint(endpoint).replay;
    return guest.pump_a_while(
        [&] { return static_cast<std::int32_t>(device.completed() - ticket) >= 0; });
  }

  // A driver unmaps only what its devices have finished with: each endpoint that accessed, not only the one that
  // mapped. False: they have not.
  bool wait_for_accesses(Guest& guest, std::uint32_t handle) {
    const Live& live = live_[handle];
    if (!wait_for_ticket(guest, live.mapping.endpoint, live.ticket)) return false;
    for (const Foreign& foreign : foreign_of(handle)) {
      if (!wait_for_ticket(guest, foreign.endpoint, foreign.ticket)) return false;
    }
    return true;
  }

  bool is_time(Guest& guest, std::uint64_t time_ns) {
    if (lap_start_ == 0) lap_start_ = now_ticks();
    due_ = lap_start_ + ticks_of(time_ns);
    if (!guest.pump_a_while([&] { return now_ticks() >= due_; }, WorkPhase::kPace)) return false;
    if (makes_call() && !std::exchange(lag_is_recorded_, true)) {
      const Ticks now = now_ticks();
      guest.histograms().lag_ns.record(ticks_to_ns(now - due_));
      guest.histograms().lag_trend.record(now, now - due_);
    }
    return true;
  }

  // From when the call should have begun: what it waited for those before it is part of it.
  void record_response(Guest& guest, TraceOp op) const {
    GuestHistograms& all = guest.histograms();
    results::LiveHistogram& one = op == TraceOp::kMap ? all.map_response_ns : all.unmap_response_ns;
    one.record(ticks_to_ns(now_ticks() - due_));
  }

  // A lap begins when the one before should have ended: a backlog is carried on, not forgiven. False: the one
  // before has not ended.
  bool next_lap(Guest& guest) {
    if (!unmap_all(guest, Whose::kLap)) return false;
    next_ = 0;
    replayed_ns_ += records_.back().time_ns;
    if (lap_start_ != 0) lap_start_ += ticks_of(records_.back().time_ns);
    return true;
  }
  Ticks ticks_of(std::uint64_t time_ns) const {
    return ns_to_ticks(static_cast<std::uint64_t>(static_cast<double>(time_ns) / options_.scale));
  }

  // What is still mapped. False when time is up or a device has not finished: the next call goes on.
  bool unmap_all(Guest& guest, Whose whose) {
    for (std::uint32_t handle = 0; handle < live_.size();) {
      const std::size_t count = lists_.length(handle);
      const bool stays = whose == Whose::kLap && kept_[handle];
      if (live_[handle].mapped && !stays && !unmap_list(guest, handle, count)) return false;
      const std::uint32_t looked = handle / kCallsPerLook;
      handle += static_cast<std::uint32_t>(count);
      if (handle / kCallsPerLook != looked && guest.time_is_up()) return false;
    }
    return true;
  }

  bool unmap_list(Guest& guest, std::uint32_t first, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      if (!wait_for_accesses(guest, static_cast<std::uint32_t>(first + i))) return false;
    }
    for (std::size_t i = 0; i < count; ++i) {
      mappings_[i] = live_[first + i].mapping;
      live_[first + i].mapped = false;
    }
    dma_unmap(guest, count);
    return true;
  }

  // The first `count` of mappings_.
  void dma_unmap(Guest& guest, std::size_t count) {
    if (count == 1) guest.dma_unmap(mappings_[0]);
    if (count > 1) guest.dma_unmap_list(std::span(mappings_.data(), count));
  }

  Trace trace_;
  ReplayOptions options_;
  std::span<const TraceRecord> records_;
  std::vector<GuestPhys> phys_;
  ScatterLists lists_;
  std::vector<Live> live_;  // By handle.
  std::vector<bool> kept_;  // By handle: it has no end.
  std::vector<Foreign> foreign_;
  std::array<DmaBuffer, kMaxList> buffers_{};
  std::array<DmaMapping, kMaxList> mappings_{};
  bool strays_ = false;
  std::size_t next_ = 0;
  std::uint32_t accessed_ = 0;  // Bytes of the access at next_ that are submitted.
  bool lag_is_recorded_ =
      false;  // Of the call at next_, which may have to wait for its devices, too.
  Ticks lap_start_ = 0;
  Ticks due_ = 0;                  // Paced: when the call at next_ should begin.
  std::uint64_t replayed_ns_ = 0;  // Of the trace's time, in the laps before this one.
};

}  // namespace

std::unique_ptr<Workload> make_trace_replay(Trace trace, const ReplayOptions& options) {
  return std::make_unique<TraceReplay>(std::move(trace), options);
}

std::vector<std::uint16_t> replay_groups(const Trace& trace) {
  std::vector<std::uint16_t> group(trace.endpoints().size());
  std::iota(group.begin(), group.end(), std::uint16_t{0});
  const auto first_of = [&](std::uint16_t endpoint) {
    while (group[endpoint] != endpoint) endpoint = group[endpoint];
    return endpoint;
  };
  std::vector<std::uint16_t> mappers;
  for (const Foreign& foreign : foreign_accesses(trace.records(), mappers)) {
    const auto a = first_of(foreign.endpoint), b = first_of(mappers[foreign.handle]);
    group[std::max(a, b)] = std::min(a, b);
  }
  for (auto& endpoint : group) endpoint = first_of(endpoint);
  return group;
}

std::uint64_t replay_memory_bytes(const Trace& trace) {
  return replay_memory_bytes(PageMap(trace.records()));
}

}  // namespace violet
