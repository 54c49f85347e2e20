#include "experiments/results/metric_catalogue.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "engine/base/check.hpp"
#include "engine/base/nearest.hpp"
#include "engine/telemetry/work_phase.hpp"

namespace violet::results {
namespace {

constexpr Better kLower = Better::kLower;
constexpr Better kHigher = Better::kHigher;
constexpr Better kNeither = Better::kNeither;
constexpr bool kDistribution = true;

constexpr MetricInfo kCatalogue[] = {
    // What the guest did.
    {"operations_per_s", "1/s", kHigher, "operations of the workload in a second"},
    {kRatePerCpu, "1/s", kHigher, "the same for each CPU that the cell's lcores have"},
    {"cpus_used", "1", kNeither, "CPUs that the lcores of guest, engine and endpoints have"},
    // What a call cost.
    {"map", "ns", kLower, "a dma_map call", {}, kDistribution},
    {"unmap", "ns", kLower, "a dma_unmap call", {}, kDistribution},
    {"lag", "ns", kLower, "how late a call of a paced trace began", {}, kDistribution},
    {"map_response",
     "ns",
     kLower,
     "a dma_map call of a paced trace, from when it should have begun",
     {},
     kDistribution},
    {"unmap_response",
     "ns",
     kLower,
     "a dma_unmap call of a paced trace, from when it should have begun",
     {},
     kDistribution},
    {kOverloaded, "1", kLower,
     "1 where a paced replay fell behind more and more: its lag and response have no percentiles"},
    {kOfferedRateReached, "%", kNeither,
     "of the rate at which a paced trace offers calls, by how its lag grew"},
    {"map_corrected",
     "ns",
     kNeither,
     "dma_map in a closed loop, with the calls that a steady client would have made meanwhile",
     {},
     kDistribution},
    {"map_interval", "ns", kNeither, "between two dma_map calls, mean: that steady client's step"},
    {"unmap_corrected",
     "ns",
     kNeither,
     "dma_unmap in a closed loop, corrected in the same way",
     {},
     kDistribution},
    {"unmap_interval", "ns", kNeither, "between two dma_unmap calls, mean"},
    {"replay_speed", "1", kNeither,
     "seconds of a trace's own time in a second; timers of axes.timers=workload run as fast"},
    {kSteady, "1", kNeither,
     "1 where the rate was steady in the last quarter of warm-up and measured time, 0 where it was "
     "not"},
    {kSteadyAfter, "ns", kNeither, "from the begin of the warm-up until the rate was steady"},
    {kWarmUp, "ns", kNeither, "time that the workload ran before it was measured"},
    // What was added on purpose.
    {kInjectedShare, "%", kNeither,
     "time that injected costs took, all lcores together, of the measured time"},
    {"injected_exit_share", "%", kNeither, "the part of costs.exit_ns in it"},
    {"injected_entry_share", "%", kNeither, "that of costs.entry_ns"},
    {"injected_pollution_share", "%", kNeither, "that of costs.exit_pollution_kib"},
    {"injected_wake_share", "%", kNeither, "that of costs.wake_ns"},
    {"injected_host_map_share", "%", kNeither, "that of costs.host_map_ns"},
    {"injected_host_unmap_share", "%", kNeither, "that of costs.host_unmap_ns"},
    {"injected_iotlb_miss_share", "%", kNeither, "that of costs.iotlb_miss_ns"},
    {"injected_stack_share", "%", kNeither, "that of costs.packet_ns and costs.io_ns"},
    {"injected_delay_share", "%", kNeither, "that of the workload's own delay (mapbench)"},
    {"requests_per_operation", "1", kLower, "virtio-iommu requests that the driver sent"},
    {"kicks_per_operation", "1", kLower, "notifications of the request queue that were sent"},
    {"syncs_per_operation", "1", kNeither, "times the driver waited until every request was done"},
    {"bytes_copied_per_operation", "B", kLower, "bytes copied to and from bounce buffers"},
    {"map_failures", "1", kLower, "dma_map calls that failed"},
    {"failed_requests", "1", kLower, "requests that came back with a status other than OK"},
    {"flush_queue_flushes", "1", kNeither, "flushes of the lazy mode's flush queue", {"flushes"}},
    {"iova_tree_walk_share",
     "%",
     kNeither,
     "IOVA allocations that missed the magazines and walked the tree",
     {"iova_tree_share"}},
    {"iova_steps_per_allocation", "1", kLower,
     "ranges of the IOVA tree that the search for a free one passed, mean of all allocations"},
    {"bounce_fallbacks", "1", kNeither, "bounces that fell back to a mapping of their own"},
    {"revocations", "1", kNeither, "blocks of registered memory that were revoked and unmapped"},
    {"revocation",
     "ns",
     kLower,
     "from a block's revocation, through what was in flight, until it was out of reach",
     {"revocation_mean"},
     kDistribution},
    {"data_errors", "1", kLower,
     "operations of the whole repetition, of a real guest of its work, that carried wrong data"},
    {"dma_errors", "1", kLower,
     "accesses of the endpoints in the whole repetition that failed although they were allowed"},
    {"disk_bytes", "B", kNeither, "bytes that a real guest's disk moved"},
    {"nic_bytes", "B", kNeither, "bytes that a real guest's network card moved"},
    // What it ran on.
    {"guest_memory_hugepages", "%", kNeither, "the guest's memory that lies on hugepages"},
    {"eal_memory_hugepages", "%", kNeither, "DPDK's own memory that lies on hugepages"},
    {"throttled_periods", "1", kLower, "periods in which a cgroup's CPU quota stopped the run"},
    {"cpu_wait_share", "%", kNeither, "time in which other programs had the CPU of an lcore"},
    {"cpu_time_share", "%", kNeither, "time that the guest's lcore ran, of the measured time"},
    {"involuntary_switches", "1", kNeither, "times an lcore was taken off its CPU"},
    {"steal_share", "%", kNeither,
     "time that a hypervisor took of the CPU it took most of, in the whole repetition"},
    {"ping_pong_before", "ns", kNeither,
     "a cache line from the guest's CPU to the engine's and back, before the set-up"},
    {"ping_pong_after", "ns", kNeither, "the same, after taking down"},
    {"spin_guest_before", "ns", kNeither,
     "10,000 steps of arithmetic on the guest's CPU, before the set-up"},
    {"spin_guest_after", "ns", kNeither, "the same, after taking down"},
    {"spin_engine_before", "ns", kNeither, "the same steps on the engine's CPU, before"},
    {"spin_engine_after", "ns", kNeither, "the same, after"},
    {"spin_endpoint_before", "ns", kNeither, "the same steps on the endpoints' CPU, before"},
    {"spin_endpoint_after", "ns", kNeither, "the same, after"},
    {"frequency_before", "MHz", kNeither, "the lowest frequency of these CPUs, before"},
    {"frequency_after", "MHz", kNeither, "the same, after"},
    {"retry_of", "1", kNeither, "the disturbed repetition, from 1, that this one repeats"},
    // Where the time went: per operation, of the guest's lcore, and of the engine's where it has one.
    {kGuestTime.wall, "ns", kNeither,
     "time per operation; what the guest's lcore did in it is one of the following"},
#define PHASE(enumerator, name, meaning) {"time_" name, "ns", kNeither, "per operation: " meaning},
    VIOLET_GUEST_PHASES(PHASE) VIOLET_ENGINE_PHASES(PHASE)
#undef PHASE
        {kGuestTime.waited, "ns", kNeither,
         "per operation: others had the CPU of the guest's lcore, the recorder or other programs"},
    {kGuestTime.longs, "ns", kNeither,
     "per operation: rounds of the guest's lcore of 250 us or more that no sampled one speaks for"},
    {kGuestTime.rest, "ns", kNeither,
     "per operation: other time of the guest's lcore that no sampled round speaks for"},
    {kGuestTime.own, "ns", kNeither,
     "per operation: what the breakdown itself took on the guest's lcore"},
    {kGuestTime.sum, "%", kNeither,
     "its sampled rounds below 250 us against those not sampled, for what was done in them"},
    {kGuestTime.sum_error, "%", kNeither, "the standard error of that, by which rounds were drawn"},
    {kGuestTime.sum_share, "%", kNeither, "rounds below 250 us in the time that the lcore ran"},
    {kGuestTime.mark, "ns", kNeither,
     "what a mark of the breakdown costs there, as its sampled rounds say"},
    {kGuestTime.rounds, "1", kNeither, "rounds of the guest's lcore, of up to 32 operations"},
    {kGuestTime.sampled_rounds, "1", kNeither, "of those, sampled for the breakdown"},
    {kEngineTime.wall, "ns", kNeither,
     "time per operation of the engine's lcore, where it has one of its own"},
    {kEngineTime.waited, "ns", kNeither, "per operation: others had the CPU of the engine's lcore"},
    {kEngineTime.longs, "ns", kNeither,
     "per operation: rounds of the engine's lcore of 250 us or more that no sampled one speaks "
     "for"},
    {kEngineTime.rest, "ns", kNeither,
     "per operation: other time of the engine's lcore that no sampled round speaks for"},
    {kEngineTime.own, "ns", kNeither,
     "per operation: what the breakdown itself took on the engine's lcore"},
    {kEngineTime.sum, "%", kNeither,
     "its sampled rounds below 250 us against those not sampled, for what was done in them"},
    {kEngineTime.sum_error, "%", kNeither,
     "the standard error of that, by which rounds were drawn"},
    {kEngineTime.sum_share, "%", kNeither, "rounds below 250 us in the time that the lcore ran"},
    {kEngineTime.mark, "ns", kNeither,
     "what a mark of the breakdown costs there, as its sampled rounds say"},
    {kEngineTime.rounds, "1", kNeither, "rounds of the engine's lcore: 64 polls, or a wake-up"},
    {kEngineTime.sampled_rounds, "1", kNeither, "of those, sampled for the breakdown"},
    // What the device did.
    {"iotlb_hit_rate", "%", kHigher, "translations that the IOTLBs answered"},
    {"engine_utilisation", "%", kNeither, "polls of the device that found something to do"},
    {"invalidations", "1", kNeither, "invalidations of the IOTLBs"},
    {"grace_periods", "1", kNeither, "waits for every IOTLB reader to pass a quiescent state"},
    {"deferred_requests",
     "1",
     kNeither,
     "requests that completed only after the readers of the IOTLBs had let go",
     {"parked_requests"}},
    {"reader_stalls",
     "1",
     kLower,
     "invalidations that a reader held up for over 10 ms",
     {"stalls"}},
    {"faults", "1", kLower, "translation faults: accesses of endpoints that the engine refused"},
    {"lost_events", "1", kLower,
     "events that full rings dropped in the whole repetition; exposure is not judged then"},
    // Exposure: what could still be reached after its unmap.
    {"always_mapped_bytes",
     "B",
     kLower,
     "memory that endpoints can reach at any time, by design, as the measured time ended",
     {"always_mapped"}},
    {"exposure_window.mean", "ns", kLower, "from an unmap to the end of its last translation"},
    {"exposure_window.p50", "ns", kLower, "the same, median"},
    {"exposure_window.p99", "ns", kLower, "the same, 99th percentile"},
    {"exposure_window.max", "ns", kLower, "the same, longest"},
    {"mean_stale_pages", "pages", kLower,
     "pages that were unmapped and could still be reached, mean over time, upper bound"},
    {"mean_stale_pages_lower_bound",
     "pages",
     kLower,
     "the same, lower bound",
     {"mean_stale_pages_least"}},
    {"peak_stale_pages", "pages", kLower, "the most of them at any time"},
    {"reused_while_stale_pages",
     "pages",
     kLower,
     "stale pages whose memory was mapped again for a device while they could still be reached",
     {"reowned_pages"}},
    {"iova_reuse_violations", "1", kLower,
     "pages of IOVA mapped again before their invalidation, in the whole repetition"},
    {"censored_unmaps", "1", kLower,
     "unmaps of the measured time that were not executed by the end of the repetition"},
    {"persistent_unmaps", "1", kNeither, "unmaps of what stays reachable by design, as pools do"},
    {"refused_maps", "1", kLower, "dma_map calls whose MAP the device did not carry out"},
    {"mean_mapped_pages",
     "pages",
     kNeither,
     "pages mapped by dma_map, mean over time",
     {"mean_live_pages"}},
    {"mean_subpage_bytes_exposed", "B", kLower,
     "bytes beside the buffers in their pages, mean over time"},
    {"mean_overpermitted_pages",
     "pages",
     kLower,
     "mapped pages with more permission than their direction needs, mean over time",
     {"mean_slack_pages"}},
    // The rogue endpoint: probes of addresses that were unmapped.
    {"rogue_stale_probes", "1", kNeither,
     "attacks: probes, in the measured time, of what was unmapped at that moment"},
    {"rogue_stale_hits", "1", kLower, "attacks that reached memory"},
    {"rogue_stale_hit_rate", "%", kLower, "the share of attacks that reached memory"},
    {"rogue_stale_probes_below_1us", "1", kNeither, "attacks within 1 us of the unmap"},
    {"rogue_stale_hit_rate_below_1us", "%", kNeither, "the share of these that reached memory"},
    {"rogue_stale_probes_1_to_10us", "1", kNeither, "attacks from 1 us to 10 us after the unmap"},
    {"rogue_stale_hit_rate_1_to_10us", "%", kNeither, "the share of these that reached memory"},
    {"rogue_stale_probes_10_to_100us", "1", kNeither, "attacks from 10 us to 100 us after"},
    {"rogue_stale_hit_rate_10_to_100us", "%", kNeither, "the share of these that reached memory"},
    {"rogue_stale_probes_100us_to_1ms", "1", kNeither, "attacks from 100 us to 1 ms after"},
    {"rogue_stale_hit_rate_100us_to_1ms", "%", kNeither, "the share of these that reached memory"},
    {"rogue_stale_probes_1_to_10ms", "1", kNeither, "attacks from 1 ms to 10 ms after"},
    {"rogue_stale_hit_rate_1_to_10ms", "%", kNeither, "the share of these that reached memory"},
    {"rogue_stale_probes_from_10ms", "1", kNeither, "attacks 10 ms after the unmap and later"},
    {"rogue_stale_hit_rate_from_10ms", "%", kNeither, "the share of these that reached memory"},
    {"rogue_probes", "1", kNeither,
     "probes of the whole repetition that the exposure ledger can judge, attacks or not"},
    {"rogue_hit_rate",
     "%",
     kNeither,
     "the share of those, of the whole repetition, that reached memory",
     {"rogue_answered"}},
    {"rogue_hit_rate_lower_bound",
     "%",
     kNeither,
     "the lowest share that the ledger expects of the whole repetition",
     {"rogue_answered_least"}},
    {"rogue_hit_rate_upper_bound",
     "%",
     kNeither,
     "the highest share that the ledger expects of the whole repetition",
     {"rogue_answered_most"}},
    {"rogue_unexpected_hits", "1", kLower,
     "probes of the whole repetition that hit although the ledger says nothing was there"},
    {"rogue_unexpected_misses", "1", kLower,
     "probes of the whole repetition that missed although the ledger says they cannot"},
    {"held_back_accesses", "1", kNeither,
     "accesses that a device submitted before it was given to another domain (workload reassign)"},
    {"held_back_hits", "1", kLower,
     "pages of the next owner that they wrote to, as read from its memory"},
    {"rogue_dropped_probes", "1", kNeither,
     "probes left out in the whole repetition: too many were due, or one was preempted on the way"},
};

// By names of today and former ones. A report asks for each number of a run several times, and many names begin alike.
const MetricInfo* find_by(std::string_view name) {
  static const std::unordered_map<std::string_view, const MetricInfo*> all = [] {
    std::unordered_map<std::string_view, const MetricInfo*> names;
    for (const MetricInfo& info : kCatalogue) {
      names.emplace(info.name, &info);
      for (const std::string_view former : info.former_names()) names.emplace(former, &info);
    }
    return names;
  }();
  const auto at = all.find(name);
  return at == all.end() ? nullptr : at->second;
}

// "map.p99.9" and "map.mean" without what stands behind the dot.
std::string_view distribution_of(std::string_view name) {
  for (const std::string_view suffix : {kMeanSuffix, kCountSuffix}) {
    if (name.ends_with(suffix)) return name.substr(0, name.size() - suffix.size());
  }
  return name.substr(0, name.rfind(".p") == std::string_view::npos ? 0 : name.find(".p"));
}

// "map.mean" of "map"; lives as long as the catalogue.
std::string_view mean_of_distribution(std::string_view name) {
  static const std::map<std::string_view, std::string> all = [] {
    std::map<std::string_view, std::string> means;
    for (const MetricInfo& info : kCatalogue) {
      if (info.is_distribution)
        means.emplace(info.name, std::string(info.name).append(kMeanSuffix));
    }
    return means;
  }();
  return all.at(name);
}

const MetricInfo& published(std::string_view name) {
  const MetricInfo* info = find_by(name);
  VIOLET_CHECK(info != nullptr && info->name == name);
  return *info;
}

}  // namespace

std::span<const std::string_view> MetricInfo::former_names() const {
  const auto end = std::find(former.begin(), former.end(), std::string_view());
  return {former.begin(), end};
}

std::string time_metric(std::string_view phase) { return "time_" + std::string(phase); }

bool is_time_metric(std::string_view name) { return name.starts_with("time_"); }

std::span<const MetricInfo> metric_catalogue() { return kCatalogue; }

const MetricInfo* find_metric(std::string_view name) {
  if (const MetricInfo* info = find_by(name)) return info;
  return find_by(distribution_of(name));
}

std::size_t metric_rank(std::string_view name) {
  const MetricInfo* const info = find_metric(name);
  return info == nullptr ? std::size(kCatalogue) : static_cast<std::size_t>(info - kCatalogue);
}

std::string_view current_metric_name(std::string_view name) {
  const MetricInfo* const info = find_by(name);
  if (info == nullptr || info->name == name) return name;
  return info->is_distribution ? mean_of_distribution(info->name) : info->name;
}

bool same_metric(std::string_view a, std::string_view b) {
  return a == b || current_metric_name(a) == current_metric_name(b);
}

MetricNames::MetricNames(std::string_view any) : today_(current_metric_name(any)) {
  const MetricInfo* const info = find_metric(today_);
  if (info == nullptr) return;
  // A distribution's former names are its mean's, and no other number's.
  const bool has_former =
      today_ == (info->is_distribution ? mean_of_distribution(info->name) : info->name);
  if (has_former) former_ = info->former;
}

bool MetricNames::contains(std::string_view name) const {
  return name == today_ ||
         (!name.empty() && std::find(former_.begin(), former_.end(), name) != former_.end());
}

std::string meant_metric(const std::string& asked, const std::vector<std::string>& names) {
  const std::string guess = nearest(asked, names);
  return guess.empty() ? guess : fmt::format(", did you mean '{}'?", guess);
}

Metric measured(std::string_view name, double value) {
  const MetricInfo& info = published(name);
  return {std::string(name), std::string(info.unit), value, "", info.better};
}

Metric not_measured(std::string_view name, std::string because) {
  const MetricInfo& info = published(name);
  return {std::string(name), std::string(info.unit), std::nullopt, std::move(because), info.better};
}

Metric measured_ratio(std::string_view name, double part, double whole, const char* because) {
  return whole > 0 ? measured(name, part / whole) : not_measured(name, because);
}

}  // namespace violet::results
