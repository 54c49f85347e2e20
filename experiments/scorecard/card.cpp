#include "experiments/scorecard/card.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/base/check.hpp"
#include "experiments/results/table.hpp"

namespace violet::scorecard {
namespace {

constexpr Bound at_most(double limit, std::string_view unit = {}) {
  return {Bound::Kind::kAtMost, limit, unit};
}
constexpr Bound at_least(double limit) { return {Bound::Kind::kAtLeast, limit}; }

std::string bound_text(const Bound& bound) {
  return fmt::format("{} {}{}{}", bound.kind == Bound::Kind::kAtMost ? "<=" : ">=", bound.limit,
                     bound.unit.empty() ? "" : " ", bound.unit);
}

// "1.42 [1.40, 1.45]"
std::string estimate_text(const results::Estimate& estimate) {
  if (std::isnan(estimate.value)) return "n/a";
  const std::string value = results::three_digits(estimate.value);
  if (!estimate.interval) return value;
  return fmt::format("{} [{}, {}]", value, results::three_digits(estimate.interval->low),
                     results::three_digits(estimate.interval->high));
}

std::string values_text(const Finding& finding) {
  std::string text;
  for (const auto& value : finding.values) {
    text += (text.empty() ? "" : "; ") + estimate_text(value);
  }
  return text.empty() ? "n/a" : text;
}

nlohmann::json number_json(double value) {
  if (std::isnan(value)) return nullptr;
  return value;
}

nlohmann::json value_json(const Finding& finding) {
  if (finding.values.empty()) return nullptr;
  if (finding.values.size() == 1) return number_json(finding.values.front().value);
  auto all = nlohmann::json::array();
  for (const auto& value : finding.values) all.push_back(number_json(value.value));
  return all;
}

std::string spread_text(const Finding& finding) {
  std::string text;
  for (const auto& value : finding.values) {
    if (!value.interval) continue;
    text += fmt::format("{}{} to {}", text.empty() ? "; 95 % interval " : ", ",
                        results::three_digits(value.interval->low),
                        results::three_digits(value.interval->high));
  }
  return text;
}

nlohmann::json row_json(const Key& key, const Finding& finding) {
  const Verdict verdict = verdict_of(key, finding);
  nlohmann::json row;
  row["key"] = key.name;
  row["value"] = value_json(finding);
  row["target"] = target_text(key);
  row["verdict"] = to_text(verdict);
  row["reason"] = verdict == Verdict::kMet ? std::string() : finding.reason;
  row["absolute"] = finding.absolute + spread_text(finding);
  return row;
}

nlohmann::json host_json(const Card& card) {
  nlohmann::json host = nlohmann::json::parse(results::to_json(card.host));
  nlohmann::json out;
  for (const char* name : {"host", "cpu_model", "kernel", "governor", "hugepages", "clock_source",
                           "compiler", "cpus_online", "ns_per_tick"}) {
    if (host.contains(name)) out[name] = host[name];
  }
  out["remarks"] = card.remarks;
  return out;
}

results::Tone tone_of(Verdict verdict) {
  if (verdict == Verdict::kMet) return results::Tone::kGood;
  return verdict == Verdict::kShort ? results::Tone::kBad : results::Tone::kFaint;
}

}  // namespace

std::span<const Key> keys() {
  static const std::vector<Key> all = {
      {"hit_4k", "IOTLB hit / checked array load, 4,096 mappings", {at_most(2)}},
      {"hit_64k", "the same, 65,536 mappings", {at_most(3)}},
      {"hit_vs_gtree", "hit, times faster than GLib's GTree", {at_least(50)}},
      {"hit_vs_rte_hash", "hit, times faster than rte_hash", {at_least(4)}},
      {"miss_vs_gtree", "miss and fill, times faster than GTree", {at_least(3)}},
      {"rtt_packed", "one MAP, packed ring / bare line ping-pong", {at_most(1.8)}},
      {"rtt_split", "one MAP, split ring / bare line ping-pong", {at_most(2.3)}},
      {"pipelined", "one of 32 requests in flight / btree insert or erase", {at_most(0.8)}},
      {"growth", "map and unmap at 1,048,576 live / at 1,024", {at_most(3)}},
      {"unmap_busy", "UNMAP under a busy endpoint / MAP, p50", {at_most(2)}},
      {"churn_tail", "hit, p99.9 under churn / quiet", {at_most(2)}},
      {"bytes", "resident bytes a mapping at 1,048,576", {at_most(32)}},
      {"viewer", "requests/s with the GUI / without", {at_least(0.98), at_least(0.90)}},
      {"probe", "one telemetry event, off and on", {at_most(2, "ns"), at_most(20, "ns")}},
  };
  return all;
}

std::string target_text(const Key& key) {
  std::string text;
  for (const Bound& bound : key.bounds) text += (text.empty() ? "" : ", ") + bound_text(bound);
  return text;
}

std::string_view to_text(Verdict verdict) {
  if (verdict == Verdict::kMet) return "met";
  return verdict == Verdict::kShort ? "short" : "not available";
}

Verdict verdict_of(const Key& key, const Finding& finding) {
  if (finding.values.empty()) return Verdict::kNotAvailable;
  VIOLET_CHECK(finding.values.size() == key.bounds.size());
  for (std::size_t i = 0; i < key.bounds.size(); ++i) {
    const double value = finding.values[i].value;
    if (!std::isnan(value) && !key.bounds[i].admits(value)) return Verdict::kShort;
  }
  return Verdict::kMet;
}

std::string to_json(const Card& card) {
  nlohmann::json out;
  out["schema"] = kSchema;
  out["host"] = host_json(card);
  out["rows"] = nlohmann::json::array();
  for (std::size_t i = 0; i < card.findings.size(); ++i) {
    out["rows"].push_back(row_json(keys()[i], card.findings[i]));
  }
  return out.dump(2) + "\n";
}

std::string to_text(const Card& card, unsigned width, bool colour) {
  results::Table table;
  table.title = "Scorecard";
  table.columns = {{"key", "", true}, {"what"},    {"value [95 %]"},
                   {"target"},        {"verdict"}, {"absolute"}};
  for (std::size_t i = 0; i < card.findings.size(); ++i) {
    const Key& key = keys()[i];
    const Finding& finding = card.findings[i];
    const Verdict verdict = verdict_of(key, finding);
    table.rows.push_back({results::Text{std::string(key.name)},
                          results::Text{std::string(key.what)}, results::Text{values_text(finding)},
                          results::Text{target_text(key)},
                          results::Text{std::string(to_text(verdict)), tone_of(verdict)},
                          results::Text{finding.absolute}});
    if (verdict != Verdict::kMet && !finding.reason.empty()) {
      table.notes.push_back(
          fmt::format("{}: {}, because {}", key.name, to_text(verdict), finding.reason));
    }
    if (!finding.method.empty())
      table.notes.push_back(fmt::format("{}: {}", key.name, finding.method));
  }
  for (const auto& remark : card.remarks) table.notes.push_back(remark);
  return results::render_text(table, {colour, width});
}

}  // namespace violet::scorecard
