// The exposure ledger adds up what a run left exposed, afterwards, from two witnesses: the guest's events say when a
// buffer was mapped and when its unmap returned (u), the engine's when the UNMAP was executed and when
// it was complete. The last instant at which anything could translate the address, e, lies between
// those two, so every figure comes as bounds.
//
// Threading: pure functions.
// Invariants:
//   The window of an unmap is e - u, and 0 when e <= u. A call that took several MAPs is exposed until the last of them
//   is gone; one UNMAP may end several.
//   Unmaps that were not executed by the end are censored: they count as stale pages until the end and are reported
//   apart, never as a window.
//   Lost events make a result incomplete, with their number; what depends on them is a lower bound.
//   Mappings that outlive their unmap by design open no window (DmaEvent::persistent).
//   What the engine never mapped cannot be stale: a refused MAP opens no window, whatever the guest believes. Engines
//   that leave no kMapDone at all are taken at the guest's word.
// Limits: granules of 4 KiB; time in ticks, one clock for all lcores. Memory grows with the mappings
// that are alive at once and by 16 bytes for each unmap.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/types.hpp"
#include "engine/telemetry/event.hpp"
#include "experiments/trace/time_level.hpp"

namespace violet {

// Percentiles of exposure windows.
struct WindowSummary {
  double mean_ns = 0;
  double p50_ns = 0;
  double p90_ns = 0;
  double p99_ns = 0;
  double p999_ns = 0;
  double max_ns = 0;
  std::uint64_t zero = 0;  // Unmaps with no window at all.
};

// By nearest rank; all zero when there are no windows.
WindowSummary summarise_windows(std::vector<Ticks> windows, double ns_per_tick);

// Mappings that outlive their unmap by design, as the guest counted them.
struct PersistentTotals {
  std::uint64_t unmaps = 0;
  std::uint64_t slack_maps = 0;  // With more permission than their direction needs.
  double page_ticks = 0;         // Live pages times time.
  double slack_page_ticks = 0;

  PersistentTotals operator-(const PersistentTotals& before) const {
    return {unmaps - before.unmaps, slack_maps - before.slack_maps, page_ticks - before.page_ticks,
            slack_page_ticks - before.slack_page_ticks};
  }
};

struct ExposureInput {
  // Each in the order in which its lcore recorded them; other kinds of events are ignored.
  std::span<const Event> engine;
  std::span<const Event> guest;
  std::uint64_t lost_engine_events = 0;
  std::uint64_t lost_guest_events = 0;
  // Endpoints and their domains before the first event.
  std::vector<std::pair<EndpointId, DomainId>> attached = {};
  // What is judged: unmaps that return inside, stale pages inside. What happens before still counts as
  // history (a warm-up). 0, 0: everything up to the last event.
  Ticks begin = 0;
  Ticks end = 0;
  double ns_per_tick = 1.0;
  std::uint64_t always_mapped_bytes = 0;  // Of the strategy, passed through.
  // Those of the time judged, counted by the guest; events of persistent mappings are then only a
  // sample and count for nothing.
  std::optional<PersistentTotals> persistent = {};
};

struct ExposureReport {
  // Bounds: lower with every e at its earliest, upper with every e at its latest.
  std::uint64_t unmaps = 0;  // Judged: ended, not persistent.
  Bounds<WindowSummary> window;
  Bounds<double> mean_stale_pages;  // Integral of stale pages over the time judged.
  Bounds<std::uint64_t> peak_stale_pages;
  // Stale pages whose memory a later dma_map handed to a device again, and for how long they stayed
  // reachable from then on.
  Bounds<std::uint64_t> reowned_pages;
  Bounds<double> reowned_page_seconds;
  std::uint64_t iova_reuse_violations = 0;  // Pages whose address came back too early. Must be 0.
  std::uint64_t censored_unmaps = 0;
  std::uint64_t censored_pages = 0;
  double oldest_censored_ns = 0;
  std::uint64_t persistent_unmaps = 0;
  std::uint64_t refused_maps = 0;  // dma_map calls whose MAPs the engine did not carry out.
  std::uint64_t always_mapped_bytes = 0;
  double mean_live_pages = 0;             // Mapped by dma_map and not yet unmapped.
  double mean_subpage_bytes_exposed = 0;  // Live granules less the buffers in them.
  std::uint64_t peak_subpage_bytes_exposed = 0;
  double mean_slack_pages = 0;   // Live pages with more permission than their direction needs.
  std::uint64_t slack_maps = 0;  // Mappings with such.
  double seconds = 0;            // The time judged.
  bool complete = true;          // No events were lost.
  std::uint64_t lost_events = 0;
  std::uint64_t unmatched_events =
      0;  // Unmaps of what was never seen mapped; 0 when nothing was lost.
};

ExposureReport judge_exposure(const ExposureInput& input);

}  // namespace violet
