// trace: replays the DMA-API calls and the device's accesses of a trace. Buffers keep their identity:
// what was the same page in the source is the same page here, and neighbours stay neighbours.
//
// Closed-loop replay runs each call as soon as the one before has returned. Paced replay waits for the
// trace's own time (scaled) and records how late each call was.
#include <algorithm>
#include <array>

#include "experiments/workloads/workloads.hpp"

namespace violet {
namespace {

using datasets::Trace;
using datasets::TraceOp;
using datasets::TraceRecord;

// Which guest page stands for a page of the source. Runs of neighbouring pages stay runs; a page is
// left out between two runs, so that what was apart does not become adjacent. Its memory grows with the runs, not
// with the maps.
class PageMap {
 public:
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
      run.target = pages_;
      pages_ += run.last - run.first + 1;
    }
  }

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

DmaDirection direction_of(std::uint8_t flags) {
  const unsigned bits = flags & (datasets::kDeviceReads | datasets::kDeviceWrites);
  return bits == 0 ? DmaDirection::kBidirectional : static_cast<DmaDirection>(bits);
}

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
    VIOLET_TRY(const auto base, guest.allocate(std::max<std::uint64_t>(pages.pages(), 1) * 4096));
    std::uint32_t handles = 0;
    phys_.resize(records_.size());
    for (std::size_t i = 0; i < records_.size(); ++i) {
      if (records_[i].op != TraceOp::kMap) continue;
      handles = std::max(handles, records_[i].handle + 1);
      phys_[i] = {base.value + pages.offset_of(records_[i].page)};
    }
    live_.resize(handles);
    return {};
  }

  // One operation: everything up to and including the next unmap call.
  bool step(Guest& guest) override {
    for (bool unmapped = false; !unmapped;) {
      if (next_ == records_.size()) {
        next_lap(guest);
        if (records_.empty()) return false;
      }
      if (options_.paced) wait_for(guest, records_[next_].time_ns);
      unmapped = run_call(guest);
    }
    guest.pump();
    return true;
  }

  void finish(Guest& guest) override { unmap_all(guest); }
  std::string_view unit() const override { return "buffer"; }
  std::uint64_t data_errors() const override { return 0; }

 private:
  // A scatter list is as long as its chained records; longer ones are mapped in pieces of this size.
  static constexpr std::size_t kMaxList = 128;

  struct Live {
    DmaMapping mapping{};
    std::uint32_t ticket = 0;  // Accesses submitted when its last one was.
    bool mapped = false;
    std::size_t call = 0;   // First record of the call that mapped it,
    std::size_t count = 1;  // and how many there are: a list is unmapped as a whole.
  };

  bool run_call(Guest& guest) {
    const TraceRecord& record = records_[next_];
    if (record.op == TraceOp::kAccess) {
      access(guest, record);
      ++next_;
      return false;
    }
    const std::size_t count = chain_length();
    record.op == TraceOp::kMap ? map(guest, count) : unmap(guest, count);
    next_ += count;
    return record.op == TraceOp::kUnmap;
  }

  std::size_t chain_length() const {
    std::size_t end = next_ + 1;
    while (end < records_.size() && end - next_ < kMaxList && records_[end].chained() &&
           records_[end].op == records_[next_].op) {
      ++end;
    }
    return end - next_;
  }

  void map(Guest& guest, std::size_t count) {
    const TraceRecord& first = records_[next_];
    const DmaDirection direction = direction_of(first.flags);
    if (count == 1) {
      const auto mapping = guest.dma_map(first.endpoint, {phys_[next_], first.bytes}, direction);
      if (mapping) live_[first.handle] = {*mapping, submitted(guest, first.endpoint), true};
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
      live_[records_[next_ + i].handle] = {mappings_[i], submitted(guest, first.endpoint), true,
                                           next_, count};
    }
  }

  void unmap(Guest& guest, std::size_t count) {
    std::size_t mapped = 0;
    for (std::size_t i = 0; i < count; ++i) {
      Live& live = live_[records_[next_ + i].handle];
      if (!live.mapped) continue;
      wait_for_accesses(guest, live);
      mappings_[mapped++] = live.mapping;
      live.mapped = false;
    }
    if (mapped == 1) guest.dma_unmap(mappings_[0]);
    if (mapped > 1) guest.dma_unmap_list(std::span(mappings_.data(), mapped));
    guest.next_cpu();
  }

  void access(Guest& guest, const TraceRecord& record) {
    Live& live = live_[record.handle];
    if (!live.mapped) return;
    ReplayEndpoint& device = *guest.endpoint(record.endpoint).replay;
    const Access kind =
        (record.flags & datasets::kDeviceWrites) != 0 ? Access::kWrite : Access::kRead;
    std::uint32_t left = record.bytes;
    Iova at{live.mapping.iova.value + record.offset};
    while (left > 0) {
      const std::uint32_t bytes = std::min(left, ReplayEndpoint::kMaxAccess);
      while (!device.submit(at, bytes, kind)) guest.pump();
      at.value += bytes;
      left -= bytes;
    }
    live.ticket = device.submitted();
  }

  static std::uint32_t submitted(Guest& guest, std::uint16_t endpoint) {
    return guest.endpoint(endpoint).replay->submitted();
  }

  // A driver unmaps only what its device has finished with.
  static void wait_for_accesses(Guest& guest, const Live& live) {
    const ReplayEndpoint& device = *guest.endpoint(live.mapping.endpoint).replay;
    while (static_cast<std::int32_t>(device.completed() - live.ticket) < 0) guest.pump();
  }

  void wait_for(Guest& guest, std::uint64_t time_ns) {
    if (lap_start_ == 0) lap_start_ = now_ticks();
    const Ticks due = lap_start_ + ticks_of(time_ns);
    while (now_ticks() < due) guest.pump();
    guest.histograms().lag_ns.record(ticks_to_ns(now_ticks() - due));
  }

  // A lap begins when the one before should have ended: a backlog is carried on, not forgiven.
  void next_lap(Guest& guest) {
    unmap_all(guest);
    next_ = 0;
    if (lap_start_ == 0 || records_.empty()) return;
    lap_start_ += ticks_of(records_.back().time_ns);
  }
  Ticks ticks_of(std::uint64_t time_ns) const {
    return ns_to_ticks(static_cast<std::uint64_t>(static_cast<double>(time_ns) / options_.scale));
  }

  void unmap_all(Guest& guest) {
    for (const Live& live : live_) {
      if (live.mapped && live.count == 1) unmap_one(guest, live);
      if (live.mapped && live.count > 1) unmap_list(guest, live.call, live.count);
    }
    for (Live& live : live_) live.mapped = false;
  }

  void unmap_one(Guest& guest, const Live& live) {
    wait_for_accesses(guest, live);
    guest.dma_unmap(live.mapping);
  }

  // What is still mapped of the list that the call at record `call` mapped.
  void unmap_list(Guest& guest, std::size_t call, std::size_t count) {
    std::size_t mapped = 0;
    for (std::size_t i = 0; i < count; ++i) {
      Live& live = live_[records_[call + i].handle];
      if (!live.mapped || live.call != call) continue;
      wait_for_accesses(guest, live);
      mappings_[mapped++] = live.mapping;
      live.mapped = false;
    }
    guest.dma_unmap_list(std::span(mappings_.data(), mapped));
  }

  Trace trace_;
  ReplayOptions options_;
  std::span<const TraceRecord> records_;
  std::vector<GuestPhys> phys_;
  std::vector<Live> live_;
  std::array<DmaBuffer, kMaxList> buffers_{};
  std::array<DmaMapping, kMaxList> mappings_{};
  std::size_t next_ = 0;
  Ticks lap_start_ = 0;
};

}  // namespace

std::unique_ptr<Workload> make_trace_replay(Trace trace, const ReplayOptions& options) {
  return std::make_unique<TraceReplay>(std::move(trace), options);
}

std::uint64_t replay_memory_bytes(const Trace& trace) {
  return PageMap(trace.records()).pages() * GuestPages::kPageBytes;
}

}  // namespace violet
