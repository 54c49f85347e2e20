#include "experiments/results/samples.hpp"

#include <map>
#include <utility>

#include "experiments/results/metric_catalogue.hpp"

namespace violet::results {
namespace {

// A run that another version of the program went on with may have two names for one metric; the first stays.
class SampleSet {
 public:
  Samples& entry(const std::string& name, const std::string& unit, Better better) {
    const auto [at, fresh] =
        places_.try_emplace(std::string(current_metric_name(name)), all_.size());
    if (fresh) all_.push_back({name, unit, better, {}, {}, {}});
    return all_[at->second];
  }
  std::vector<Samples> take() { return std::move(all_); }

 private:
  std::vector<Samples> all_;
  std::map<std::string, std::size_t> places_;  // By today's name.
};

}  // namespace

std::string percentile_name(const std::string& histogram, double percent) {
  return fmt::format("{}.p{}", histogram, percent);
}

std::vector<Samples> samples_of(const CellData& cell) {
  SampleSet all;
  for (const RepetitionRecord& record : cell.repetitions) {
    for (const Metric& metric : record.metrics) {
      Samples& samples = all.entry(metric.name, metric.unit, metric.better);
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
      for (std::size_t i = 0; i < kPercentiles.size(); ++i) {
        const std::string name = percentile_name(named.name, kPercentiles[i]);
        Samples& samples = all.entry(name, named.unit, named.better);
        if (named.histogram.empty()) {
          samples.because = "nothing was recorded";
          continue;
        }
        samples.values.push_back(static_cast<double>(named.histogram.percentile(i)));
        samples.repetitions.push_back(record.repetition);
      }
    }
  }
  return all.take();
}

Samples samples_of(const CellData& cell, const std::string& name) {
  for (Samples& samples : samples_of(cell)) {
    if (same_metric(samples.name, name)) return samples;
  }
  return {name, {}, Better::kNeither, {}, {}, "it was not measured"};
}

}  // namespace violet::results
