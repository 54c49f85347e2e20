#include "experiments/query/repetition_standing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "experiments/results/retries.hpp"

namespace violet::query {
namespace {

using results::RepetitionRecord;
using Kind = Standing::Kind;

double value_of(const RepetitionRecord& record, std::string_view name) {
  for (const auto& metric : record.metrics) {
    if (metric.name == name) return metric.value.value_or(0);
  }
  return 0;
}

std::optional<std::string> disturbance_of(const RepetitionRecord& record) {
  std::string what = results::what_disturbed(record);
  const bool known = std::any_of(
      record.metrics.begin(), record.metrics.end(),
      [](const auto& metric) { return metric.name == results::kCpuWaitShare && metric.value; });
  return known || !what.empty() ? std::optional(std::move(what)) : std::nullopt;
}

// The one that statistics take of the repetition and its retries.
const RepetitionRecord* counted_for(const results::CellData& cell, std::uint32_t repetition) {
  for (const auto& one : results::counted_repetitions(cell)) {
    if (one.repetition == repetition) return one.record;
  }
  return nullptr;
}

Standing set_aside(const results::CellData& cell, const RepetitionRecord& record,
                   const std::string& disturbance) {
  const RepetitionRecord* other = counted_for(cell, record.retry_of.value_or(record.repetition));
  const std::string counts =
      other == nullptr ? std::string("another one counts in its place")
                       : fmt::format("repetition {} counts in its place", other->repetition + 1);
  return {Kind::kSetAside,
          record.retry_of ? "retried in vain, not counted" : "disturbed by the host, not counted",
          disturbance.empty() ? counts : disturbance + "; " + counts};
}

Standing unfinished(const results::RunData& run, const std::string& cell) {
  std::string why = run.manifest.outcome == "interrupted"
                        ? "the run was interrupted while it was measured"
                        : "it was begun and never ended";
  for (const results::Note& note : run.notes) {
    if (note.severity == "error" && note.cell == cell)
      why += "; of its cell the run says: " + note.text;
  }
  return {Kind::kUnfinished, "not finished, not counted", std::move(why)};
}

Standing standing_of(const results::CellData& cell, const RepetitionRecord& record) {
  const std::string disturbance = results::what_disturbed(record);
  const auto counted = results::counted_repetitions(cell);
  if (std::none_of(counted.begin(), counted.end(),
                   [&](const auto& one) { return one.record == &record; })) {
    return set_aside(cell, record, disturbance);
  }
  const double lost = value_of(record, "lost_events");
  const std::string exposure =
      lost > 0 ? "exposure is judged of repetitions that lost no event" : "";
  if (!disturbance.empty()) {
    const std::string verdict = disturbance + ", so that no verdict rests on it";
    return {Kind::kDisturbed, "disturbed by the host",
            exposure.empty() ? verdict : verdict + "; " + exposure};
  }
  if (lost > 0) return {Kind::kNoExposure, "its exposure not counted", exposure};
  return {Kind::kCounts, {}, {}};
}

}  // namespace

Standing standing_of(const results::RunData& run, const results::CellData& cell,
                     std::uint32_t repetition) {
  for (const RepetitionRecord& record : cell.repetitions) {
    if (record.repetition != repetition) continue;
    Standing standing = standing_of(cell, record);
    standing.disturbance = disturbance_of(record);
    return standing;
  }
  const std::pair<std::string, std::uint32_t> one(cell.cell.id, repetition);
  const bool begun =
      std::find(run.unfinished.begin(), run.unfinished.end(), one) != run.unfinished.end();
  return begun ? unfinished(run, cell.cell.id) : Standing{};
}

}  // namespace violet::query
