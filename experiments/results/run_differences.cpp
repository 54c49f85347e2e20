#include "experiments/results/run_differences.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "engine/base/counted.hpp"
#include "experiments/results/host_regime.hpp"

namespace violet::results {
namespace {

void warn_if_different(const char* what, const std::string& a, const std::string& b,
                       std::vector<std::string>& warnings) {
  if (a != b) warnings.push_back(fmt::format("{} differs: {} / {}", what, a, b));
}

std::string costs_text(const Manifest& manifest) {
  std::string text;
  for (const auto& [name, value] : manifest.injected_costs) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, value);
  }
  return text.empty() ? "none" : text;
}

std::string setting_of(const RunData& run, const std::string& key) {
  const auto at = run.run_settings.find(key);
  return at == run.run_settings.end() ? "null" : at->second;
}

void warn_about_plans(const RunData& a, const RunData& b, std::vector<std::string>& warnings) {
  for (const RunData* run : {&a, &b}) {
    if (run->manifest.outcome == "finished") continue;
    warnings.push_back(fmt::format("{} is not finished: {}", run->manifest.run_id,
                                   run->manifest.outcome == "running"
                                       ? "it was killed or is still at work"
                                       : run->manifest.outcome));
  }
  warn_if_different("plan", a.manifest.plan_name + " " + a.manifest.plan_hash,
                    b.manifest.plan_name + " " + b.manifest.plan_hash, warnings);
  for (const auto& [key, value] : a.run_settings) {
    // Older programs kept all that they could, and had no such key.
    const bool unknown =
        (key == "trace_mib" || key == "breakdown") && !b.run_settings.contains(key);
    if (key == "seed" || unknown) continue;
    warn_if_different(("run." + key).c_str(), value, setting_of(b, key), warnings);
  }
}

// What a path names may change.
void warn_about_traces(const Manifest& a, const Manifest& b, std::vector<std::string>& warnings) {
  for (const auto& [name, check] : a.traces) {
    const auto theirs = b.traces.find(name);
    if (theirs != b.traces.end()) {
      warn_if_different(("the content of trace " + name).c_str(), check, theirs->second, warnings);
    }
  }
}

// "hugepages", "4 KiB pages", or both where the repetitions differ; empty: not known.
std::string pages_text(const CellData& cell, std::string_view metric) {
  bool huge = false, small = false;
  for (const RepetitionRecord& record : cell.repetitions) {
    for (const Metric& one : record.metrics) {
      if (one.name != metric || !one.value) continue;
      (*one.value > 0 ? huge : small) = true;
    }
  }
  if (huge && small) return "hugepages and 4 KiB pages";
  if (huge) return "hugepages";
  return small ? "4 KiB pages" : "";
}

void warn_about_hosts(const Manifest& a, const Manifest& b, std::vector<std::string>& warnings) {
  warn_if_different("host", a.host.text(), b.host.text(), warnings);
  warn_if_different("CPU", a.cpu_model.text(), b.cpu_model.text(), warnings);
  warn_if_different("kernel", a.kernel.text(), b.kernel.text(), warnings);
  warn_if_different("governor", a.governor.text(), b.governor.text(), warnings);
  warn_if_different("hugepages", a.hugepages.text().substr(0, a.hugepages.text().find(" (")),
                    b.hugepages.text().substr(0, b.hugepages.text().find(" (")), warnings);
  warn_if_different("compiler", a.compiler, b.compiler, warnings);
  warn_if_different("injected costs", costs_text(a), costs_text(b), warnings);
  warn_if_different("seed", fmt::format("{}", a.seed), fmt::format("{}", b.seed), warnings);
  for (const Manifest* manifest : {&a, &b}) {
    for (const std::string& text : manifest->oversubscribed) {
      warnings.push_back(fmt::format("{}: {}", manifest->run_id, text));
    }
  }
}

// Of the cells that both have: what their memory lay on. Runs from before this was stored say nothing.
void warn_about_memory(const RunData& a, const RunData& b, std::vector<std::string>& warnings) {
  constexpr std::pair<const char*, const char*> kMemories[] = {
      {"guest_memory_hugepages", "memory of the guest"},
      {"eal_memory_hugepages", "memory of DPDK"}};
  std::unordered_map<std::string_view, const CellData*> partners;
  for (const CellData& cell : b.cells) partners.emplace(cell.cell.id, &cell);
  for (const auto& [metric, what] : kMemories) {
    std::size_t known = 0, different = 0;
    std::string example;
    for (const CellData& mine : a.cells) {
      const auto theirs = partners.find(mine.cell.id);
      if (theirs == partners.end()) continue;
      const std::string first = pages_text(mine, metric);
      const std::string second = pages_text(*theirs->second, metric);
      if (first.empty() || second.empty()) continue;
      ++known;
      if (first == second || different++ > 0) continue;
      example = fmt::format("{}: {} / {}", mine.cell.label, first, second);
    }
    if (different == 0) continue;
    warnings.push_back(fmt::format("{} differs in {} of {}, for example {}", what, different,
                                   counted(known, "cell"), example));
  }
}

void warn_about_regimes(const RunData& a, const RunData& b, std::vector<std::string>& warnings) {
  for (const RunData* run : {&a, &b}) {
    const std::string mixed = mixed_regimes_text(*run);
    if (!mixed.empty()) warnings.push_back(run->manifest.run_id + ": " + mixed);
  }
}

}  // namespace

bool lengths_match(const RunData& a, const RunData& b) {
  for (const char* key : {"duration_s", "operations"}) {
    const std::string mine = setting_of(a, key), theirs = setting_of(b, key);
    if (mine == theirs) continue;
    if (mine == "null" || theirs == "null") return false;
    const double ratio = std::strtod(mine.c_str(), nullptr) / std::strtod(theirs.c_str(), nullptr);
    if (!(ratio < 10 && ratio > 0.1)) return false;
  }
  return true;
}

double common_calibration(const Manifest& baseline, const Manifest& contender) {
  constexpr double kCalibrationsDiffer = 1e-3;
  const bool one_clock = baseline.host.text() == contender.host.text() &&
                         baseline.cpu_model.text() == contender.cpu_model.text();
  if (!one_clock || !(baseline.ns_per_tick > 0) || !(contender.ns_per_tick > 0)) return 1;
  const double factor = baseline.ns_per_tick / contender.ns_per_tick;
  return std::abs(factor - 1) < kCalibrationsDiffer ? factor : 1;
}

std::vector<std::string> differences_between(const RunData& baseline, const RunData& contender) {
  std::vector<std::string> warnings;
  warn_about_hosts(baseline.manifest, contender.manifest, warnings);
  warn_about_plans(baseline, contender, warnings);
  warn_about_memory(baseline, contender, warnings);
  warn_about_traces(baseline.manifest, contender.manifest, warnings);
  warn_about_regimes(baseline, contender, warnings);
  return warnings;
}

}  // namespace violet::results
