#include "experiments/scorecard/scorecard.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "experiments/results/progress.hpp"
#include "experiments/results/table.hpp"
#include "experiments/scorecard/lab.hpp"
#include "experiments/scorecard/viewer_process.hpp"

namespace violet::scorecard {
namespace {

struct BenchEntry {
  std::string_view label;
  double expected_s;
  Result<Findings> (*measure)(Lab& lab);
};

constexpr std::array kBenches = {
    // The first, because it also looks at how the process grows.
    BenchEntry{"growth and bytes", 6, measure_growth},
    BenchEntry{"hits", 4, measure_hits},
    BenchEntry{"misses", 2, measure_miss},
    BenchEntry{"round trips", 2, measure_round_trips},
    BenchEntry{"pipeline", 3, measure_pipeline},
    BenchEntry{"unmap under load", 2, measure_busy_unmap},
    BenchEntry{"churn", 3, measure_churn},
    BenchEntry{"probe", 0.5, measure_probe},
    BenchEntry{"viewer", 14, measure_viewer},
};

// Guest and endpoint on the first CPU, the engine on the second.
Result<Eal*> start_lcores() {
  auto cpus = allowed_cpus();
  cpus.resize(std::min<std::size_t>(cpus.size(), 2));
  EalOptions options;
  options.cpus = cpus;
  options.memory_mib = 128;  // rte_hash of 65,536 entries lives in it.
  return Eal::start(options);
}

void place(Card& card, Findings found) {
  for (Finding& finding : found) {
    for (std::size_t i = 0; i < keys().size(); ++i) {
      if (keys()[i].name == finding.key) card.findings[i] = std::move(finding);
    }
  }
}

Card empty_card() {
  Card card;
  for (const Key& key : keys()) {
    card.findings.push_back(not_available(key.name, "it was not measured"));
  }
  card.host = results::host_manifest();
  return card;
}

void remark(Card& card, const Lab& lab) {
  card.remarks.push_back(lab.two_cpus() ? "guest and endpoint on one CPU, the engine on another"
                                        : "one CPU: what needs two is not available");
  if (lab.smoke) card.remarks.push_back("smoke sizes: the values mean nothing");
  double load = 0;
  if (getloadavg(&load, 1) == 1 && load > 1.5) {
    card.remarks.push_back(fmt::format(
        "the load average was {:.1f}: other programs ran meanwhile, so the values are noisy",
        load));
  }
}

}  // namespace

Result<std::string> run(const Options& options) {
  // Forked before EAL has its threads and its memory. Without one its key is not available.
  auto viewer = ViewerProcess::start();
  const auto cpus = allowed_cpus();  // Before this thread is pinned to one of them.
  VIOLET_TRY(auto eal, start_lcores());
  auto progress = results::Progress::on_stderr(options.smoke ? results::ProgressMode::kNever
                                                             : results::ProgressMode::kAuto);
  Lab lab{eal, options.smoke, [&progress] { progress.tick(); }};
  if (viewer) lab.viewer = viewer->get();
  if (cpus.size() > 2) lab.spare_cpu = cpus[2];
  Card card = empty_card();
  remark(card, lab);
  double expected_s = 0;
  for (const BenchEntry& bench : kBenches) expected_s += bench.expected_s;
  progress.start("scorecard", kBenches.size(), expected_s);
  for (const BenchEntry& bench : kBenches) {
    progress.begin_step(bench.label, bench.expected_s);
    VIOLET_TRY(auto found, bench.measure(lab));
    place(card, std::move(found));
    progress.end_step();
  }
  progress.finish("scorecard done");
  if (options.json) return to_json(card);
  const auto style = results::style_for(STDOUT_FILENO);
  return to_text(card, style.width, style.colour);
}

}  // namespace violet::scorecard
