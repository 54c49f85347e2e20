#include "experiments/runner/vocabulary.hpp"

#include <unistd.h>

#include <cstdint>
#include <map>
#include <optional>

#include "dataplane/placement/placement.hpp"
#include "datasets/manifest.hpp"
#include "engine/iotlb/iotlbs.hpp"
#include "engine/store/stores.hpp"
#include "experiments/guest/iova_allocator.hpp"
#include "experiments/runner/cell_check.hpp"
#include "experiments/runner/cell_device.hpp"
#include "experiments/strategies/strategies.hpp"
#include "experiments/workloads/workloads.hpp"

namespace violet {
namespace {

// What a plan may know of a registry: its entries without their factories.
template <class Entry>
std::vector<RegistryEntry> entries_of(const Registry<Entry>& registry) {
  return {registry.begin(), registry.end()};
}

// Reads each trace once, however many cells replay it.
class CellCheck {
 public:
  explicit CellCheck(std::string dataset_dir) : dataset_dir_(std::move(dataset_dir)) {}

  std::optional<plans::CellProblem> operator()(const plans::Cell& cell,
                                               const plans::Limits& limits) {
    if (auto wrong = memory_problem(limits, host_mib_)) return wrong;
    if (cell.dataset.empty()) return generator_problem(cell, limits);
    const auto [at, fresh] = facts_.try_emplace(cell.dataset);
    if (fresh) {
      const auto trace = datasets::open_by_name(dataset_dir_, cell.dataset);
      at->second = trace ? Facts(facts_of(*trace)) : tl::unexpected<Error>(trace.error());
    }
    if (at->second) return trace_problem(cell, limits, *at->second);
    return plans::CellProblem{"axes.workload", at->second.error().message};
  }

 private:
  using Facts = Result<TraceFacts>;

  std::uint64_t host_mib_ = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                                static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) >>
                            20;
  std::string dataset_dir_;
  std::map<std::string, Facts> facts_;
};

void add_conflicts(plans::Vocabulary& words) {
  for (const auto& info : workloads()) {
    words.conflicts.push_back(
        {"workload", info.name, "pace", "paced", "a generator has no times of its own to keep"});
  }
  for (const auto& info : strategies()) {
    for (const auto& refusal : info.refusals) {
      words.conflicts.push_back(
          {"strategy", info.name, "iova", refusal.allocator, refusal.because});
    }
    for (const auto& workload : workloads()) {
      if (!workload.reassigns || info.reassigns) continue;
      words.conflicts.push_back({"strategy", info.name, "workload", workload.name,
                                 "it keeps something of the domain that an endpoint leaves"});
    }
  }
}

}  // namespace

Result<plans::Vocabulary> make_vocabulary(const std::string& dataset_dir) {
  plans::Vocabulary words;
  words.strategies = entries_of(strategies());
  words.iovas = entries_of(iova_allocators());
  words.placements = entries_of(placements());
  words.stores = entries_of(stores());
  words.iotlbs = entries_of(iotlbs());
  words.replacements = entries_of(iotlb_replacements());
  words.indexings = entries_of(iotlb_indexings());
  words.workloads = entries_of(workloads());
  VIOLET_TRY(const auto datasets, datasets::list_datasets(dataset_dir));
  for (const auto& dataset : datasets) words.datasets.push_back({dataset.name, dataset.title, {}});
  words.trace_suffixes = {".vtrace", ".vtrace.zst"};
  // A plan may name one trace thousands of times.
  words.trace_problem =
      [dataset_dir, known = std::map<std::string, std::string>()](const std::string& path) mutable {
        const auto [at, fresh] = known.try_emplace(path);
        if (fresh) {
          const auto trace = datasets::open_by_name(dataset_dir, path);
          if (!trace) at->second = trace.error().message;
        }
        return at->second;
      };
  words.cell_problem = CellCheck(dataset_dir);
  add_conflicts(words);
  return words;
}

}  // namespace violet
