#include "experiments/plans/schema.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "engine/base/nearest.hpp"
#include "experiments/plans/plan.hpp"
#include "experiments/results/looks.hpp"

namespace violet::plans {
namespace {

// Tables whose keys --set and [[exclude]] may name without the table, in the order of the search.
constexpr const char* kShortTables[] = {"axes", "run", "costs", "cores", "limits", "plan"};
constexpr std::string_view kTrace = "trace:";

std::vector<std::string> names_of(const std::vector<RegistryEntry>& choices) {
  std::vector<std::string> names;
  for (const RegistryEntry& choice : choices) names.push_back(choice.name);
  return names;
}

std::string parent_of(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string() : std::string(path.substr(0, dot));
}

std::string last_of(std::string_view path) { return std::string(path.substr(path.rfind('.') + 1)); }

}  // namespace

Schema::Schema(const Vocabulary& vocabulary)
    : trace_suffixes_(vocabulary.trace_suffixes), trace_problem_(vocabulary.trace_problem) {
  add({"plan.name", std::string(), 0, 0, {}, "a short name for the run directory"}, false);
  add({"plan.description", std::string(), 0, 0, {}, "what the plan shows"}, false);
  add_axes(vocabulary);
  add_run_keys();
  add_settings("strategy", vocabulary.strategies);
  add_settings("workload", vocabulary.workloads);
  for (const Setting& setting : vocabulary.trace_settings) {
    Setting spec = setting;
    spec.name = "workload.trace." + setting.name;
    add(std::move(spec), true, "axes.workload", "trace:*");
  }
}

void Schema::add(Setting spec, bool may_list, std::string owner_axis, std::string owner_value) {
  const auto [at, fresh] = index_.emplace(spec.name, keys_.size());
  if (!fresh) return;  // A registry that lists a name twice must not make two axes of it.
  keys_.push_back({std::move(spec), may_list, std::move(owner_axis), std::move(owner_value)});
}

void Schema::add_axis(const char* name, const std::vector<RegistryEntry>& choices,
                      const char* help) {
  const std::string initial = choices.empty() ? std::string() : choices.front().name;
  add({fmt::format("axes.{}", name), initial, 0, 0, names_of(choices), help}, true);
}

void Schema::add_axes(const Vocabulary& vocabulary) {
  std::vector<RegistryEntry> workloads = vocabulary.workloads;
  for (const RegistryEntry& dataset : vocabulary.datasets) {
    workloads.push_back({"trace:" + dataset.name, dataset.summary, {}});
  }
  const std::int64_t ring = 256;  // What QEMU and cloud-hypervisor give the request queue.
  add_axis("workload", workloads,
           "what the guest's drivers do; trace:<dataset> or trace:<path> replays a guest");
  add_axis("strategy", vocabulary.strategies, "how the guest maps and unmaps");
  add_axis("placement", vocabulary.placements, "where the engine runs");
  add_axis("iova", vocabulary.iovas, "the guest's IOVA allocator");
  add_axis("store", vocabulary.stores, "the engine's domain store");
  add_axis("iotlb", vocabulary.iotlbs, "the endpoints' cache and its invalidation protocol");
  add({"axes.iotlb_entries", std::int64_t{65536}, 1, 1 << 24, {}, "a power of two"}, true);
  add({"axes.iotlb_ways", std::int64_t{4}, 1, 16, {}, "a power of two, at most the entries"}, true);
  add_axis("iotlb_replacement", vocabulary.replacements, "which way of a set is replaced");
  add_axis("iotlb_indexing", vocabulary.indexings, "what chooses the set");
  add({"axes.queue", std::string("split"), 0, 0, {"split", "packed"}, "virtqueue format"}, true);
  add({"axes.queue_size", ring, 2, 32768, {}, "descriptors, a power of two"}, true);
  add({"axes.indirect", true, 0, 0, {}, "indirect descriptors"}, true);
  add({"axes.event_idx", true, 0, 0, {}, "notification suppression by event index"}, true);
  add({"axes.cpus", std::int64_t{1}, 1, 64, {}, "CPUs of the modelled guest"}, true);
  add({"axes.pace",
       std::string("closed"),
       0,
       0,
       {"closed", "paced"},
       "as fast as possible, or the trace's times"},
      true);
  add({"axes.pace_scale", 1.0, 0.001, 1000, {}, "speed of a paced replay"}, true);
  add({"axes.timers",
       std::string("real"),
       0,
       0,
       {"real", "workload"},
       "what the timers of a strategy run on: the clock, or a trace's own time (1 us an operation "
       "of "
       "others), so that equal seeds give equal addresses"},
      true);
  add_costs();
}

// Injected, on top of what really happens. Where a help says "assumed" there is no source; 0 is such an assumption, too.
void Schema::add_costs() {
  const auto cost = [&](const char* name, std::int64_t initial, double most, const char* help) {
    add({fmt::format("costs.{}", name), initial, 0, most, {}, help}, true);
  };
  cost("exit_ns", 1500, 1e9,
       "spun at each kick, of which a sidecore gets hardly any: leaving the guest and, unless "
       "entry_ns says "
       "otherwise, "
       "entering it; assumed: 1 to 2 us on current x86");
  cost("entry_ns", 0, 1e9,
       "spun at the end of each such kick: entering the guest; assumed: part of exit_ns");
  // vIOMMU (Amit et al., ATC 2011) names cache pollution as a part of what samecore costs and gives no number.
  cost("exit_pollution_kib", 0, 1 << 16,
       "read at each such kick, so that it evicts the guest's cache and TLB; assumed: none, as no "
       "source gives a size");
  cost("wake_ns", 0, 1e9,
       "spun at each wake in kick-thread, on top of the real eventfd; assumed: nothing");
  cost("host_map_ns", 0, 1e9,
       "spun for each MAP: the host pins and maps; assumed: nothing, the endpoints are models");
  // UIUC xlab 2025, nested VT-d: a VT-d TLB sync of the host takes about 2.07 us, a tiny sample.
  cost("host_unmap_ns", 0, 1e9,
       "spun for each UNMAP: the host unmaps, unpins, invalidates its IOTLB (2070: VT-d TLB sync, "
       "UIUC xlab 2025, a tiny "
       "sample), and stale pages stay reachable as long; assumed: nothing, the endpoints are "
       "models");
  cost("iotlb_miss_ns", 0, 1e9,
       "spun at each IOTLB miss, on top of the real walk (197: one memory read of an IOMMU, F&S, "
       "SOSP 2024); assumed: nothing");
  cost("packet_ns", 0, 1e9,
       "spun for each packet of net-rx and net-tx: stack and driver; assumed: nothing");
  cost("io_ns", 0, 1e9, "spun for each I/O of nvme-4k: stack and driver; assumed: nothing");
}

void Schema::add_run_keys() {
  const double day_s = 86'400;
  add({"run.repetitions", std::int64_t{5}, 1, 10'000, {}, "of every cell"}, false);
  add({"run.until_ci_percent",
       0.0,
       0,
       1000,
       {},
       "repeat a cell further until the interval of the median of its operations_per_s is so "
       "narrow, "
       "in per cent of it; 0: never"},
      false);
  add({"run.most_repetitions",
       static_cast<std::int64_t>(kMostRepetitions),
       1,
       static_cast<double>(results::kMostLooks),
       {},
       "of a cell that until_ci_percent repeats"},
      false);
  add({"run.warmup_s", 0.2, 0, day_s, {}, "or warmup_operations"}, false);
  add({"run.warmup_operations", std::int64_t{0}, 0, 1e12, {}, "or warmup_s"}, false);
  add({"run.duration_s", 1.0, 0.001, day_s, {}, "or operations"}, false);
  add({"run.operations", std::int64_t{1}, 1, 1e12, {}, "or duration_s"}, false);
  add({"run.seed", std::int64_t{1}, 0, 9e18, {}, "of every random choice"}, false);
  add({"run.threshold_percent", 5.0, 0, 1000, {}, "a regression beyond it fails compare"}, false);
  add({"run.order",
       std::string("interleaved"),
       0,
       0,
       {"interleaved", "sequential"},
       "of repetitions"},
      false);
  add({"run.trace_mib",
       static_cast<std::int64_t>(kTraceMib),
       0,
       1 << 16,
       {},
       "what the trace of all cells may take on disk, MiB; 0: none is kept"},
      false);
  add({"run.breakdown", true, 0, 0, {}, "sample where the time of each lcore goes"}, false);
  add({"cores.allow_oversubscribed", false, 0, 0, {}, "let lcores share a CPU; stamped"}, false);
  for (const char* role : {"engine", "guest", "endpoint"}) {
    add({fmt::format("cores.{}", role), std::int64_t{-1}, -1, 4095, {}, "CPU number; -1 chooses"},
        false);
  }
  add({"limits.domains", std::int64_t{64}, 1, 1 << 20, {}, "then NOMEM"}, false);
  add({"limits.mappings", std::int64_t{1 << 22}, 1, 1e9, {}, "then NOMEM"}, false);
  add({"limits.memory_mib", std::int64_t{512}, 1, 1 << 20, {}, "of the engine, then NOMEM"}, false);
  add({"limits.guest_memory_mib", std::int64_t{256}, 16, 1 << 20, {}, "of the guest"}, false);
}

void Schema::add_settings(const char* table, const std::vector<RegistryEntry>& choices) {
  for (const RegistryEntry& choice : choices) {
    for (const Setting& setting : choice.settings) {
      Setting spec = setting;
      spec.name = fmt::format("{}.{}.{}", table, choice.name, setting.name);
      add(std::move(spec), true, fmt::format("axes.{}", table), choice.name);
    }
  }
}

const Key* Schema::find(std::string_view path) const {
  const auto at = index_.find(std::string(path));
  return at == index_.end() ? nullptr : &keys_[at->second];
}

std::string Schema::full_path(std::string_view given) const {
  if (find(given) != nullptr) return std::string(given);
  for (const char* table : kShortTables) {
    std::string path = fmt::format("{}.{}", table, given);
    if (find(path) != nullptr) return path;
  }
  return std::string(given);
}

// Looks among the neighbours, then for the same name in another table, then at whole paths.
std::string Schema::guess_key(const std::string& given,
                              const std::vector<std::string>& siblings) const {
  if (const std::string guess = nearest(last_of(given), siblings); !guess.empty()) return guess;
  std::vector<std::string> paths, tails;
  for (const Key& key : keys_) {
    paths.push_back(key.spec.name);
    tails.push_back(last_of(key.spec.name));
  }
  const bool deep = std::count(given.begin(), given.end(), '.') > 1;
  if (deep) {
    if (const std::string guess = nearest(given, paths); !guess.empty()) return guess;
  }
  const auto tail = std::find(tails.begin(), tails.end(), nearest(last_of(given), tails));
  if (tail != tails.end()) return paths[static_cast<std::size_t>(tail - tails.begin())];
  return nearest(given, paths);
}

std::string Schema::no_table(const std::string& table) const {
  std::vector<std::string> tables;
  for (const Key& key : keys_) {
    const std::string parent = parent_of(key.spec.name);
    if (!parent.empty() && (tables.empty() || tables.back() != parent)) tables.push_back(parent);
  }
  const std::string meant = nearest(table, tables);
  const std::string guess = meant.empty() ? meant : fmt::format(", did you mean [{}]?", meant);
  return fmt::format(", there is no table [{}]{}", table, guess);
}

void Schema::unknown_key(const Assignment& assignment, Problems& problems) const {
  const std::string parent = parent_of(assignment.key);
  std::vector<std::string> siblings;
  for (const Key& key : keys_) {
    if (parent_of(key.spec.name) == parent) siblings.push_back(last_of(key.spec.name));
  }
  std::string message = fmt::format("key '{}': unknown key", assignment.key);
  if (!siblings.empty()) {
    message += fmt::format(", expected one of {} in [{}]", fmt::join(siblings, ", "), parent);
  }
  const std::string guess = guess_key(assignment.key, siblings);
  if (siblings.empty() && guess.empty() && !parent.empty()) message += no_table(parent);
  if (!guess.empty()) message += fmt::format(", did you mean '{}'?", guess);
  problems.push_back({assignment.where, message});
}

bool Schema::is_trace_path(std::string_view workload) const {
  if (!trace_problem_ || !workload.starts_with(kTrace)) return false;
  return std::any_of(trace_suffixes_.begin(), trace_suffixes_.end(),
                     [&](const std::string& suffix) { return workload.ends_with(suffix); });
}

bool Schema::check_value(const Key& key, const Assignment& assignment, std::size_t index,
                         Problems& problems) const {
  const SettingValue& value = assignment.values[index];
  if (accepts(key.spec, value)) return true;
  const auto* text = std::get_if<std::string>(&value);
  if (text != nullptr && key.spec.name == "axes.workload" && is_trace_path(*text)) {
    const std::string problem = trace_problem_(text->substr(kTrace.size()));
    if (problem.empty()) return true;
    problems.push_back(
        {assignment.value_at[index], fmt::format("key '{}': {}", assignment.key, problem)});
    return false;
  }
  std::string message =
      fmt::format("key '{}': expected {}, found {}", assignment.key, expected_text(key.spec),
                  text != nullptr ? fmt::format("'{}'", *text) : to_text(value));
  const std::string guess = text != nullptr ? nearest(*text, key.spec.choices) : std::string();
  if (!guess.empty()) message += fmt::format(", did you mean '{}'?", guess);
  problems.push_back({assignment.value_at[index], message});
  return false;
}

bool Schema::check(Assignment& assignment, Problems& problems) const {
  const Key* key = find(assignment.key);
  if (key == nullptr) {
    unknown_key(assignment, problems);
    return false;
  }
  const bool all =
      assignment.values.size() == 1 && assignment.values[0] == SettingValue(std::string("*"));
  if (all && key->may_list && !key->spec.choices.empty()) {
    const Where where = assignment.value_at[0];
    assignment.values.assign(key->spec.choices.begin(), key->spec.choices.end());
    assignment.value_at.assign(assignment.values.size(), where);
    return true;
  }
  if (assignment.is_list && !key->may_list) {
    problems.push_back({assignment.where, fmt::format("key '{}': expected {}, found a list",
                                                      assignment.key, expected_text(key->spec))});
    return false;
  }
  bool good = true;
  for (std::size_t i = 0; i < assignment.values.size(); ++i) {
    good &= check_value(*key, assignment, i, problems);
  }
  return good;
}

}  // namespace violet::plans
