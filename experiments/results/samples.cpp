#include "experiments/results/samples.hpp"

#include <algorithm>

namespace violet::results {
namespace {

Samples& entry(std::vector<Samples>& all, const std::string& name, const std::string& unit,
               Better better) {
  for (Samples& samples : all) {
    if (samples.name == name) return samples;
  }
  all.push_back({name, unit, better, {}, {}, {}});
  return all.back();
}

}  // namespace

std::string percentile_name(const std::string& histogram, double percent) {
  return fmt::format("{}.p{}", histogram, percent);
}

std::vector<Samples> samples_of(const CellData& cell) {
  std::vector<Samples> all;
  for (const RepetitionRecord& record : cell.repetitions) {
    for (const Metric& metric : record.metrics) {
      Samples& samples = entry(all, metric.name, metric.unit, metric.better);
      if (!metric.value) {
        samples.because = metric.because;
        continue;
      }
      samples.values.push_back(*metric.value);
      samples.repetitions.push_back(record.repetition);
    }
  }
  for (const RepetitionRecord& record : cell.repetitions) {
    for (const NamedHistogram& named : record.histograms) {
      for (const double percent : kPercentiles) {
        const std::string name = percentile_name(named.name, percent);
        Samples& samples = entry(all, name, named.unit, named.better);
        if (named.histogram.empty()) {
          samples.because = "nothing was recorded";
          continue;
        }
        samples.values.push_back(static_cast<double>(named.histogram.percentile(percent)));
        samples.repetitions.push_back(record.repetition);
      }
    }
  }
  return all;
}

Samples samples_of(const CellData& cell, const std::string& name) {
  for (Samples& samples : samples_of(cell)) {
    if (samples.name == name) return samples;
  }
  return {name, {}, Better::kNeither, {}, {}, "it was not measured"};
}

}  // namespace violet::results
