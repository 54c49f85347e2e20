#include "experiments/runner/exposure_metrics.hpp"

#include <algorithm>
#include <array>

#include "dataplane/dma/rogue_endpoint.hpp"
#include "engine/base/clock.hpp"
#include "experiments/hdr/percentile_support.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/trace/exposure_ledger.hpp"
#include "experiments/trace/probe_agreement.hpp"
#include "experiments/trace/stale_probes.hpp"

namespace violet {
namespace {

// The stated error of a probe's time stamp, at the most.
constexpr std::uint64_t kStampErrorNs = RogueEndpoint::kLongestNs / 2;
// The part of it that is no length of the probe: reads of the clock are not in order with the loads around them, of the
// guest's calls neither, and a line from a far core takes as long.
// Assumed; with 50 ns one probe of 167 contradicted the ledger on a busy machine, and why is not known.
constexpr std::uint64_t kClockErrorNs = 450;

// The bins of a delay after an unmap, and what is published of each.
struct DelayBin {
  std::uint64_t from_ns;
  const char* probes;
  const char* hit_rate;
};
constexpr std::array<DelayBin, kProbeDelayBins> kDelayBins = {{
    {0, "rogue_stale_probes_below_1us", "rogue_stale_hit_rate_below_1us"},
    {1'000, "rogue_stale_probes_1_to_10us", "rogue_stale_hit_rate_1_to_10us"},
    {10'000, "rogue_stale_probes_10_to_100us", "rogue_stale_hit_rate_10_to_100us"},
    {100'000, "rogue_stale_probes_100us_to_1ms", "rogue_stale_hit_rate_100us_to_1ms"},
    {1'000'000, "rogue_stale_probes_1_to_10ms", "rogue_stale_hit_rate_1_to_10ms"},
    {10'000'000, "rogue_stale_probes_from_10ms", "rogue_stale_hit_rate_from_10ms"},
}};

std::array<Ticks, kProbeDelayBins - 1> delay_bounds() {
  std::array<Ticks, kProbeDelayBins - 1> bounds{};
  for (std::size_t i = 0; i < bounds.size(); ++i)
    bounds[i] = ns_to_ticks(kDelayBins[i + 1].from_ns);
  return bounds;
}

constexpr const char* kOnlyRequests = "a device sees the guest's requests, not its calls";

class Writer {
 public:
  Writer(std::vector<results::Metric>& out, std::string missing, bool from_outside = false)
      : out_(out), missing_(std::move(missing)), from_outside_(from_outside) {}

  void add(std::string_view name, double value) {
    out_.push_back(missing_.empty() ? results::measured(name, value)
                                    : results::not_measured(name, missing_));
  }
  // What only the guest can tell.
  void add_told(std::string_view name, double value) {
    if (from_outside_) return absent(name, kOnlyRequests);
    add(name, value);
  }
  void absent(std::string_view name, std::string because) {
    out_.push_back(results::not_measured(name, std::move(because)));
  }

 private:
  std::vector<results::Metric>& out_;
  std::string missing_;
  bool from_outside_;
};

// Upper bounds: what could still be translated until the UNMAP was complete.
void add_windows(Writer& writer, const ExposureReport& report, bool for_ever) {
  const struct {
    const char* name;
    double value;
    std::uint64_t least;  // Unmaps that it takes.
  } kWindows[] = {{"exposure_window.mean", report.window.upper.mean_ns, 1},
                  {"exposure_window.p50", report.window.upper.p50_ns, operations_for(50)},
                  {"exposure_window.p99", report.window.upper.p99_ns, operations_for(99)},
                  {"exposure_window.max", report.window.upper.max_ns, 1}};
  for (const auto& window : kWindows) {
    if (report.unmaps >= window.least) {
      writer.add(window.name, window.value);
    } else if (report.unmaps > 0) {
      writer.absent(window.name, fmt::format("it takes {} unmaps in a repetition", window.least));
    } else {
      writer.absent(window.name, for_ever ? std::string(results::kStaysReachable)
                                          : "no unmap took a mapping away");
    }
  }
}

// How much is reachable, and too much of it.
void add_levels(Writer& writer, const ExposureReport& report) {
  writer.add("mean_stale_pages", report.mean_stale_pages.upper);
  writer.add_told("mean_stale_pages_lower_bound", report.mean_stale_pages.lower);
  writer.add("peak_stale_pages", static_cast<double>(report.peak_stale_pages.upper));
  writer.add_told("mean_subpage_bytes_exposed", report.mean_subpage_bytes_exposed);
  writer.add_told("mean_overpermitted_pages", report.mean_slack_pages);
}

void add_pages(Writer& writer, const ExposureReport& report) {
  if (report.persistent_unmaps > 0 && report.peak_stale_pages.upper > 0) {
    writer.absent("reused_while_stale_pages",
                  "mappings that stay reachable are counted, not recorded one by one, and may own "
                  "stale pages");
  } else {
    writer.add("reused_while_stale_pages", static_cast<double>(report.reowned_pages.upper));
  }
  writer.add_told("iova_reuse_violations", static_cast<double>(report.iova_reuse_violations));
  writer.add("censored_unmaps", static_cast<double>(report.censored_unmaps));
  writer.add_told("persistent_unmaps", static_cast<double>(report.persistent_unmaps));
  writer.add_told("refused_maps", static_cast<double>(report.refused_maps));
  writer.add("mean_mapped_pages", report.mean_live_pages);
}

// The attacks: probes of what was unmapped and not mapped again.
void add_stale(Writer& writer, const StaleProbes& stale) {
  constexpr const char* kNone = "no probe met an unmapped address";
  const auto add_rate = [&](const char* name, const StaleProbes::Count& count, const char* none) {
    if (count.aimed == 0) return writer.absent(name, none);
    writer.add(name, 100 * static_cast<double>(count.hits) / static_cast<double>(count.aimed));
  };
  writer.add("rogue_stale_probes", static_cast<double>(stale.all.aimed));
  if (stale.all.aimed == 0) {
    writer.absent("rogue_stale_hits", kNone);
  } else {
    writer.add("rogue_stale_hits", static_cast<double>(stale.all.hits));
  }
  add_rate("rogue_stale_hit_rate", stale.all, kNone);
  for (std::size_t i = 0; i < kDelayBins.size(); ++i) {
    const StaleProbes::Count& count = stale.by_delay[i];
    writer.add(kDelayBins[i].probes, static_cast<double>(count.aimed));
    add_rate(kDelayBins[i].hit_rate, count,
             "no probe met an unmapped address so long after its unmap");
  }
}

// The check of the ledger: how many of all probes reached memory, those included whose address had been
// mapped again by then, against how many should have.
void add_rogue(Writer& writer, const ProbeAgreement& probes) {
  if (probes.judged == 0) {
    writer.absent("rogue_hit_rate", "no probe could be judged");
    return;
  }
  writer.add("rogue_probes", static_cast<double>(probes.judged));
  writer.add("rogue_hit_rate", 100 * probes.hit_rate());
  writer.add("rogue_hit_rate_lower_bound", 100 * probes.expected_rate().lower);
  writer.add("rogue_hit_rate_upper_bound", 100 * probes.expected_rate().upper);
  writer.add("rogue_unexpected_hits", static_cast<double>(probes.unexpected_hits));
  writer.add("rogue_unexpected_misses", static_cast<double>(probes.unexpected_misses));
}

// What the rogue endpoint saw.
void add_second_opinion(results::RepetitionRecord& record, Writer& writer,
                        const ExposureSource& source) {
  const ProbeAgreement probes =
      compare_probes({.engine = source.engine,
                      .probes = source.probes,
                      .guest = source.guest,
                      .lost_engine_events = source.lost,
                      .slack = source.one_lcore ? 0 : ns_to_ticks(kStampErrorNs),
                      .clock_error = ns_to_ticks(kClockErrorNs)});
  add_rogue(writer, probes);
  add_stale(writer,
            count_stale_probes({.engine = source.engine,
                                .guest = source.guest,
                                .probes = source.probes,
                                .slack = source.guest_probes ? 0 : ns_to_ticks(kStampErrorNs),
                                .clock_error = ns_to_ticks(kClockErrorNs),
                                .delay_bounds = delay_bounds(),
                                .begin = source.begin,
                                .end = source.end}));
  if (!probes.agrees()) {
    record.warnings.push_back(fmt::format(
        "rogue endpoint and ledger disagree: {} unexpected hits and {} unexpected misses of {}",
        probes.unexpected_hits, probes.unexpected_misses, probes.judged));
  }
}

}  // namespace

void add_exposure(results::RepetitionRecord& record, const ExposureSource& source) {
  Writer facts(record.metrics, "");
  facts.add("always_mapped_bytes", static_cast<double>(source.always_mapped_bytes));

  const ExposureReport report = judge_exposure({.engine = source.engine,
                                                .guest = source.guest,
                                                .lost_engine_events = source.lost,
                                                .lost_guest_events = source.lost,
                                                .begin = source.begin,
                                                .end = source.end,
                                                .ns_per_tick = ns_per_tick(),
                                                .always_mapped_bytes = source.always_mapped_bytes,
                                                .persistent = source.persistent});
  std::string missing;
  if (!report.complete) missing = fmt::format("{} events were lost", report.lost_events);
  const bool for_ever = missing.empty() && source.stays && report.persistent_unmaps > 0;
  Writer levels(record.metrics, for_ever ? std::string(results::kStaysReachable) : missing,
                source.from_outside);
  add_levels(levels, report);
  Writer writer(record.metrics, missing, source.from_outside);
  add_windows(writer, report, for_ever);
  add_pages(writer, report);
  if (report.unmatched_events > 0) {
    record.warnings.push_back(
        fmt::format("{} unmaps in the ledger have no mapping", report.unmatched_events));
  }
  if (report.iova_reuse_violations > 0) {
    record.warnings.push_back(fmt::format("{} pages of IOVA were reused before their invalidation",
                                          report.iova_reuse_violations));
  }
  if (source.from_outside) return;
  add_second_opinion(record, writer, source);
}

}  // namespace violet
