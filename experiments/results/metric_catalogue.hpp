// A metric catalogue describes every metric that a run publishes: unit, which way is better, what it says, and the
// names that older runs have for it.
//
// Threading: immutable.
// Invariants: a name, of today or former, belongs to one metric. The files of a run keep the names that they were
// written with; whoever looks for a metric by name finds it under either (same_metric()).
// Limits: what a real guest reports of itself ("guest_" and its own word) is not described here.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/results/records.hpp"

namespace violet::results {

struct MetricInfo {
  std::string_view name;
  std::string_view unit;  // As Metric's; of operations_per_s the workload says what is counted.
  Better better = Better::kNeither;
  std::string_view meaning;  // One line; names the time where it is not the measured one.
  std::array<std::string_view, 2> former =
      {};  // Names in older runs, a distribution's of its mean; the rest is empty.
  bool is_distribution =
      false;  // Runs have its count, mean and percentiles: "map.count", "map.mean", "map.p99".
  std::span<const std::string_view> former_names() const;
};

// In the order in which all are shown: how fast, what a call cost, what it needed, what it exposed.
std::span<const MetricInfo> metric_catalogue();
// The place of a metric, its count, mean or percentiles in it; what is not there comes last.
std::size_t metric_rank(std::string_view name);
inline constexpr std::string_view kMeanSuffix = ".mean";
inline constexpr std::string_view kCountSuffix = ".count";
// Metrics that every reader of a run shows beside what it asked for, or knows by name.
inline constexpr std::string_view kInjectedShare = "injected_share";
inline constexpr std::string_view kOverloaded = "overloaded";
inline constexpr std::string_view kOfferedRateReached = "offered_rate_reached";
inline constexpr std::string_view kSteady = "steady";
inline constexpr std::string_view kSteadyAfter = "steady_after";
inline constexpr std::string_view kWarmUp = "warm_up";
inline constexpr std::string_view kRatePerCpu = "operations_per_s_per_cpu";
// What an operation's time was spent on, per operation: a phase (telemetry/work_phase.hpp), "time_copy".
std::string time_metric(std::string_view phase);
// One of these, or of TimeSide's.
bool is_time_metric(std::string_view name);
// What the phases of an lcore add up to, and how well.
struct TimeSide {
  std::string_view wall, own, waited, longs, rest, sum, sum_error, sum_share, mark, rounds,
      sampled_rounds;
};
inline constexpr TimeSide kGuestTime = {
    "time_guest",      "time_guest_breakdown", "time_guest_waited",        "time_guest_long",
    "time_guest_rest", "time_guest_sum",       "time_guest_sum_error",     "time_guest_sum_share",
    "time_guest_mark", "time_guest_rounds",    "time_guest_sampled_rounds"};
inline constexpr TimeSide kEngineTime = {
    "time_engine",           "time_engine_breakdown",     "time_engine_waited",
    "time_engine_long",      "time_engine_rest",          "time_engine_sum",
    "time_engine_sum_error", "time_engine_sum_share",     "time_engine_mark",
    "time_engine_rounds",    "time_engine_sampled_rounds"};
// By today's name, a former one, or that of a percentile, mean or count; null when nothing is called so.
const MetricInfo* find_metric(std::string_view name);
// Today's name; the name itself when it is no former one.
std::string_view current_metric_name(std::string_view name);
bool same_metric(std::string_view a, std::string_view b);
// The names of one metric, given by any of them: to look for it among thousands, as same_metric() would.
class MetricNames {
 public:
  explicit MetricNames(std::string_view any);
  bool contains(std::string_view name) const;

 private:
  std::string today_;
  std::array<std::string_view, 2> former_ = {};  // Empty: none.
};
// ", did you mean 'map.p99'?" where one of the names is near; else nothing.
std::string meant_metric(const std::string& asked, const std::vector<std::string>& names);

// A metric of the catalogue, with its unit and direction; a name that is not there is a bug.
Metric measured(std::string_view name, double value);
Metric not_measured(std::string_view name, std::string because);

// The reason of an exposure that has no number, because it has no end: tables show "always" where they have this one.
inline constexpr std::string_view kStaysReachable = "what was mapped stays reachable for ever";
// part / whole, or not measured where there is no whole to relate to.
Metric measured_ratio(std::string_view name, double part, double whole, const char* because);

}  // namespace violet::results
