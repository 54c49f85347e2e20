// A lab holds what the benches of the scorecard share: the lcores, the sizes, and how arms are compared.
//
// Threading: owner-only, lcore 0.
// Invariants: arms alternate (A B A B ...), so that what the machine does meanwhile hits both. A
// ratio is formed within a repetition; the value is the median of those ratios.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/eal/eal.hpp"
#include "engine/base/clock.hpp"
#include "experiments/results/statistics.hpp"
#include "experiments/scorecard/card.hpp"

namespace violet::scorecard {

using Findings = std::vector<Finding>;
class ViewerProcess;

struct Lab {
  Eal* eal = nullptr;
  bool smoke = false;
  std::function<void()> tick = [] {};      // Progress; called between repetitions.
  ViewerProcess* viewer = nullptr;         // Null: none could be started.
  std::optional<unsigned> spare_cpu = {};  // Beside those of the two lcores.

  bool two_cpus() const { return eal->cpus().size() >= 2 && !eal->oversubscribed(); }
  std::size_t repetitions() const { return 11; }
  // A size for the real run and one for a smoke test.
  std::size_t size(std::size_t real, std::size_t tiny) const { return smoke ? tiny : real; }
};

inline constexpr std::string_view kNeedsTwoCpus =
    "guest and engine need a CPU each, and this process may use only one";
Finding not_available(std::string_view key, std::string_view because);

// Times `work`, which does `operations` of them: nanoseconds for one.
template <class Work>
double ns_each(std::size_t operations, Work&& work) {
  const Ticks start = now_ticks();
  work();
  return static_cast<double>(now_ticks() - start) * ns_per_tick() / static_cast<double>(operations);
}

using Samples = std::vector<double>;
// The median of above[i] / below[i] with its 95 % interval.
results::Estimate ratio(const Samples& above, const Samples& below);
// "1.31 ns", of medians.
std::string ns_text(const Samples& samples);
std::string ns_text(double ns);

// The benches, each with the file and the keys that it finds. Errors are mismatched results and failures of the
// set-up.
Result<Findings> measure_hits(Lab& lab);         // translation: hit_4k, hit_64k, hit_vs_*
Result<Findings> measure_miss(Lab& lab);         // translation: miss_vs_gtree
Result<Findings> measure_round_trips(Lab& lab);  // round_trip: rtt_packed, rtt_split
Result<Findings> measure_busy_unmap(Lab& lab);   // round_trip: unmap_busy
Result<Findings> measure_pipeline(Lab& lab);     // throughput: pipelined
Result<Findings> measure_growth(Lab& lab);       // throughput: growth, bytes
Result<Findings> measure_churn(Lab& lab);        // churn: churn_tail
Result<Findings> measure_probe(Lab& lab);        // probe_cost: probe
Result<Findings> measure_viewer(Lab& lab);       // viewer: viewer

}  // namespace violet::scorecard
