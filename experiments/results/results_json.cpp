// results.json: the run for programs that do not read SQLite.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "experiments/hdr/percentile_support.hpp"
#include "experiments/results/retries.hpp"
#include "experiments/results/run_directory.hpp"
#include "experiments/results/samples.hpp"
#include "experiments/results/statistics.hpp"
#include "experiments/results/table_json.hpp"

namespace violet::results {
namespace {

using Json = nlohmann::ordered_json;

Json axes_object(const CellRecord& cell) {
  Json json = Json::object();
  for (const auto& [key, value] : cell.axes) {
    std::visit([&json, &name = key](const auto& inner) { json[name] = inner; }, value);
  }
  return json;
}

Json metric_json(const Metric& metric) {
  Json json = {{"unit", metric.unit}, {"value", nullptr}};
  if (metric.value) {
    json["value"] = number(*metric.value);
  } else {
    json["because"] = metric.because;
  }
  return json;
}

Json histogram_json(const NamedHistogram& named) {
  const StoredHistogram& h = named.histogram;
  Json json = {{"unit", named.unit}, {"count", h.total()}};
  if (!h.empty()) {
    json["min"] = h.min();
    json["mean"] = h.mean();
    for (std::size_t i = 0; i < kPercentiles.size(); ++i) {
      Json& percentile = json["percentiles"][fmt::format("{}", kPercentiles[i])];
      if (h.total() >= operations_for(kPercentiles[i])) percentile = h.percentile(i);
    }
    json["max"] = h.max();
  }
  json["encoded"] = h.encoded();
  return json;
}

Json repetition_json(const RepetitionRecord& record) {
  Json json = {{"repetition", record.repetition},
               {"start_s", record.start_s},
               {"duration_s", record.duration_s}};
  json["metrics"] = Json::object();
  for (const Metric& metric : record.metrics) json["metrics"][metric.name] = metric_json(metric);
  json["histograms"] = Json::object();
  for (const auto& named : record.histograms)
    json["histograms"][named.name] = histogram_json(named);
  json["warnings"] = record.warnings;
  return json;
}

// Median with its interval of every metric over the repetitions, outliers named.
Json summary_json(const CellData& cell) {
  Json json = Json::object();
  for (const Samples& samples : samples_of(cell)) {
    Json entry = {{"unit", samples.unit}, {"repetitions", samples.values.size()}};
    if (samples.values.empty()) {
      entry["median"] = nullptr;
      entry["because"] = samples.because;
    } else {
      const Estimate estimate = median_estimate(samples);
      entry["median"] = number(estimate.value);
      if (estimate.interval) {
        entry["interval"] = {number(estimate.interval->low), number(estimate.interval->high)};
      }
      entry["outliers"] = Json::array();
      for (const Outlier& outlier : outliers(samples.values)) {
        entry["outliers"].push_back(
            {{"repetition", samples.repetitions[outlier.index]}, {"value", number(outlier.value)}});
      }
    }
    json[samples.name] = std::move(entry);
  }
  return json;
}

Json cell_json(const CellData& data) {
  Json cell = {{"id", data.cell.id}, {"label", data.cell.label}, {"axes", axes_object(data.cell)}};
  cell["summary"] = summary_json(data);
  cell["repetitions"] = Json::array();
  const auto counted = counted_repetitions(data);
  const bool all_count = counted.size() == data.repetitions.size();
  const auto counts = [&](const RepetitionRecord& record) {
    return std::any_of(counted.begin(), counted.end(),
                       [&](const auto& one) { return one.record == &record; });
  };
  for (const auto& record : data.repetitions) {
    Json repetition = repetition_json(record);
    if (!all_count) repetition["counts"] = counts(record);
    cell["repetitions"].push_back(std::move(repetition));
  }
  return cell;
}

std::string text_of(const Json& json) {
  return json.dump(1, ' ', false, Json::error_handler_t::replace);
}

// As it stands within an object or array so many levels above.
std::string text_within(const Json& json, std::size_t levels) {
  const std::string text = text_of(json), deeper(levels, ' ');
  std::string out = deeper;
  for (const char one : text) {
    out += one;  // No string of JSON has a line break of its own.
    if (one == '\n') out += deeper;
  }
  return out;
}

}  // namespace

Status write_results_json(const RunData& run, const WritePiece& write) {
  Json before = {{"schema", "violet.results"}, {"version", kRunSchema}};
  before["manifest"] = Json::parse(to_json(run.manifest));
  Json after;
  after["notes"] = Json::array();
  for (const Note& note : run.notes) {
    after["notes"].push_back({{"at_s", note.at_s},
                              {"severity", note.severity},
                              {"text", note.text},
                              {"cell", note.cell}});
  }
  after["unfinished"] = run.unfinished;
  std::string piece = text_of(before);
  piece.resize(piece.size() - 2);  // Its end: a line break and a brace.
  VIOLET_TRY(write(piece + ",\n \"cells\": ["));
  const char* separator = "\n";
  for (const CellData& data : run.cells) {
    VIOLET_TRY(write(separator + text_within(cell_json(data), 2)));
    separator = ",\n";
  }
  VIOLET_TRY(write(run.cells.empty() ? "],\n" : "\n ],\n"));
  return write(text_of(after).substr(2) + "\n");
}

}  // namespace violet::results
