// results.json: the run for programs that do not read SQLite.
#include <nlohmann/json.hpp>

#include "experiments/hdr/hdr_encoding.hpp"
#include "experiments/results/run_directory.hpp"
#include "experiments/results/samples.hpp"
#include "experiments/results/statistics.hpp"
#include "experiments/results/table_formats.hpp"

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
  const HdrHistogram& h = named.histogram;
  Json json = {{"unit", named.unit}, {"count", h.total()}};
  if (!h.empty()) {
    json["min"] = h.min();
    json["mean"] = h.mean();
    json["percentiles"] = {{"50", h.percentile(50)},
                           {"90", h.percentile(90)},
                           {"99", h.percentile(99)},
                           {"99.9", h.percentile(99.9)},
                           {"99.99", h.percentile(99.99)}};
    json["max"] = h.max();
  }
  json["encoded"] = encode(h);
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
      const Estimate estimate = median_estimate(samples.values);
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

}  // namespace

std::string results_json(const RunData& run) {
  Json json = {{"schema", "violet.results"}, {"version", kRunSchema}};
  json["manifest"] = Json::parse(to_json(run.manifest));
  json["cells"] = Json::array();
  for (const CellData& data : run.cells) {
    Json cell = {
        {"id", data.cell.id}, {"label", data.cell.label}, {"axes", axes_object(data.cell)}};
    cell["summary"] = summary_json(data);
    cell["repetitions"] = Json::array();
    for (const auto& record : data.repetitions)
      cell["repetitions"].push_back(repetition_json(record));
    json["cells"].push_back(std::move(cell));
  }
  json["notes"] = Json::array();
  for (const Note& note : run.notes) {
    json["notes"].push_back({{"at_s", note.at_s},
                             {"severity", note.severity},
                             {"text", note.text},
                             {"cell", note.cell}});
  }
  json["unfinished"] = run.unfinished;
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace violet::results
