#include "experiments/results/samples.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "experiments/hdr/percentile_support.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/overload.hpp"
#include "experiments/results/retries.hpp"

namespace violet::results {
namespace {

// A run that another version of the program went on with may have two names for one metric; the first stays.
class SampleSet {
 public:
  SampleSet() = default;
  // Of one metric alone.
  explicit SampleSet(std::string_view wanted) : wanted_(wanted) {}

  // Null: it is not wanted.
  Samples* entry(const std::string& name, const std::string& unit, Better better) {
    if (wanted_ && !wanted_->contains(name)) return nullptr;
    const auto [at, fresh] = places_.try_emplace(
        std::string(wanted_ ? std::string_view() : current_metric_name(name)), all_.size());
    if (fresh) all_.push_back({name, unit, better, {}, {}, {}});
    return &all_[at->second];
  }
  bool empty() const { return all_.empty(); }
  std::vector<Samples> take() { return std::move(all_); }

 private:
  std::optional<MetricNames> wanted_;  // Nothing: all are.
  std::vector<Samples> all_;
  std::unordered_map<std::string, std::size_t> places_;  // By today's name; of one metric by none.
};

bool is_compared(const Samples& samples) {
  // Where both cells have as many CPUs it is operations_per_s once more, and would be judged twice.
  if (samples.better == Better::kNeither || samples.name == kRatePerCpu) return false;
  const std::size_t dot = samples.name.rfind(".p");
  return dot == std::string::npos || samples.name.ends_with(".p50") ||
         samples.name.ends_with(".p99");
}

// One number a repetition, in their order. Where it has two, under a former name or as a metric and of a histogram, the
// first stays. They come in order but for a metric that is a histogram's number in later repetitions.
void put(Samples& samples, std::uint32_t repetition, double value) {
  auto& taken = samples.repetitions;
  const auto at = std::lower_bound(taken.begin(), taken.end(), repetition);
  if (at != taken.end() && *at == repetition) return;
  samples.values.insert(samples.values.begin() + (at - taken.begin()), value);
  taken.insert(at, repetition);
}

void add_metrics(const CellData& cell, SampleSet& all) {
  for (const auto& [record, repetition] : counted_repetitions(cell)) {
    for (const Metric& metric : record->metrics) {
      if (metric.name == kRetryOf) continue;  // A name and no measurement.
      Samples* samples = all.entry(metric.name, metric.unit, metric.better);
      if (samples == nullptr) continue;
      if (!metric.value) {
        samples->because = metric.because;
        continue;
      }
      put(*samples, repetition, *metric.value);
    }
  }
}

// A number of a histogram that fewer than `least` values do not tell.
template <class Number>
void add_number(std::uint32_t repetition, const NamedHistogram& named, const std::string& name,
                std::uint64_t least, SampleSet& all, Number&& number) {
  Samples* samples = all.entry(name, named.unit, named.better);
  if (samples == nullptr) return;
  if (named.histogram.empty()) {
    samples->because = "nothing was recorded";
  } else if (named.histogram.total() < least) {
    samples->because = fmt::format("it takes {} values in a repetition", least);
  } else {
    put(*samples, repetition, static_cast<double>(number(named.histogram)));
  }
}

void add_count(std::uint32_t repetition, const NamedHistogram& named, SampleSet& all) {
  Samples* samples = all.entry(count_name(named.name), "1", Better::kNeither);
  if (samples == nullptr) return;
  put(*samples, repetition, static_cast<double>(named.histogram.total()));
}

void add_distributions(const CellData& cell, SampleSet& all) {
  for (const auto& [record, repetition] : counted_repetitions(cell)) {
    for (const NamedHistogram& named : record->histograms) {
      add_count(repetition, named, all);
      add_number(repetition, named, mean_name(named.name), 1, all,
                 [](const StoredHistogram& one) { return one.mean(); });
      for (std::size_t i = 0; i < kPercentiles.size(); ++i) {
        add_number(repetition, named, percentile_name(named.name, kPercentiles[i]),
                   operations_for(kPercentiles[i]), all,
                   [i](const StoredHistogram& one) { return one.percentile(i); });
      }
    }
  }
}

bool any_above_zero(const CellData& cell, std::string_view name) {
  const MetricNames names(name);
  for (const RepetitionRecord& record : cell.repetitions) {
    for (const Metric& metric : record.metrics) {
      if (metric.value.value_or(0) > 0 && names.contains(metric.name)) return true;
    }
  }
  return false;
}

bool has_metric(const CellData& cell, std::string_view name) {
  const MetricNames names(name);
  return std::any_of(cell.repetitions.begin(), cell.repetitions.end(), [&](const auto& record) {
    return std::any_of(record.metrics.begin(), record.metrics.end(),
                       [&](const Metric& metric) { return names.contains(metric.name); });
  });
}

// In older runs the stale pages of off and direct are 0. Where unmaps leave the guest's own pages reachable by design none
// is ever counted as stale, and that is no zero. Runs that count revocations say so themselves, and not of strategies
// whose mappings lose one user after another.
void forget_uncounted_pages(const CellData& cell, std::vector<Samples>& all) {
  constexpr std::string_view kCounts[] = {"mean_stale_pages", "mean_stale_pages_lower_bound",
                                          "peak_stale_pages", "mean_subpage_bytes_exposed",
                                          "mean_overpermitted_pages"};
  const auto counts = [&](const Samples& samples) {
    return !samples.values.empty() &&
           std::find(std::begin(kCounts), std::end(kCounts), current_metric_name(samples.name)) !=
               std::end(kCounts);
  };
  if (std::none_of(all.begin(), all.end(), counts)) return;
  if (has_metric(cell, "revocations")) return;
  if (!any_above_zero(cell, "persistent_unmaps")) return;
  if (any_above_zero(cell, "bytes_copied_per_operation")) return;  // What is reachable is a copy.
  if (any_above_zero(cell, "mean_stale_pages")) return;            // Some were counted.
  for (Samples& samples : all) {
    if (!counts(samples)) continue;
    samples.values.clear();
    samples.repetitions.clear();
    samples.because = kStaysReachable;
  }
}

// In older runs no hit of no probe is 0, too.
void forget_hits_of_no_probe(const CellData& cell, std::vector<Samples>& all) {
  for (Samples& samples : all) {
    if (samples.values.empty() || !same_metric(samples.name, "rogue_stale_hits")) continue;
    if (any_above_zero(cell, "rogue_stale_probes")) return;
    samples.values.clear();
    samples.repetitions.clear();
    samples.because = "no probe met an unmapped address";
  }
}

// Of repetitions that fell behind more and more, and of those beside them.
void forget_growing_percentiles(const CellData& cell, std::vector<Samples>& all) {
  const std::string because = overloaded_text(cell);
  if (because.empty()) return;
  for (Samples& samples : all) {
    if (!grows_with_overload(samples.name)) continue;
    samples.values.clear();
    samples.repetitions.clear();
    samples.because = because;
  }
}

void finish_samples(const CellData& cell, std::vector<Samples>& all) {
  for (Samples& samples : all) samples.confidence = cell.confidence;
  forget_uncounted_pages(cell, all);
  forget_hits_of_no_probe(cell, all);
  forget_growing_percentiles(cell, all);
}

}  // namespace

bool are_counts(const Samples& samples) {
  if (samples.unit != "1" && samples.unit != "pages") return false;
  return std::all_of(samples.values.begin(), samples.values.end(),
                     [](double value) { return value == std::round(value); });
}

std::string percentile_name(const std::string& histogram, double percent) {
  return fmt::format("{}.p{}", histogram, percent);
}

Estimate median_estimate(const Samples& samples) {
  return median_estimate(samples.values, samples.confidence);
}

void keep_shared(Samples& one, Samples& other) {
  if (one.repetitions == other.repetitions) return;
  std::map<std::uint32_t, double> others;
  for (std::size_t i = 0; i < other.repetitions.size(); ++i) {
    others.emplace(other.repetitions[i], other.values[i]);
  }
  Samples mine = std::exchange(one, {one.name, one.unit, one.better, {}, {}, one.because});
  one.confidence = mine.confidence;
  other.values.clear();
  for (std::size_t i = 0; i < mine.repetitions.size(); ++i) {
    const auto at = others.find(mine.repetitions[i]);
    if (at == others.end()) continue;
    one.values.push_back(mine.values[i]);
    one.repetitions.push_back(at->first);
    other.values.push_back(at->second);
  }
  other.repetitions = one.repetitions;
}

std::string mean_name(const std::string& histogram) { return histogram + std::string(kMeanSuffix); }
std::string count_name(const std::string& histogram) {
  return histogram + std::string(kCountSuffix);
}

std::vector<Samples> samples_of(const CellData& cell) {
  SampleSet all;
  add_metrics(cell, all);
  add_distributions(cell, all);
  std::vector<Samples> samples = all.take();
  finish_samples(cell, samples);
  sort_by_rank(samples);
  return samples;
}

void sort_by_rank(std::vector<Samples>& samples) {
  std::vector<std::pair<std::size_t, std::size_t>> order;  // Rank, and place until now.
  for (const Samples& one : samples) order.emplace_back(metric_rank(one.name), order.size());
  std::sort(order.begin(), order.end());
  std::vector<Samples> sorted;
  sorted.reserve(samples.size());
  for (const auto& [rank, place] : order) sorted.push_back(std::move(samples[place]));
  samples = std::move(sorted);
}

// A caller asks for one of a hundred: the others are not even made.
Samples samples_of(const CellData& cell, const std::string& name) {
  SampleSet one(name);
  add_metrics(cell, one);
  add_distributions(cell, one);
  if (one.empty()) return {name, {}, Better::kNeither, {}, {}, kNoSuchSamples};
  std::vector<Samples> samples = one.take();
  finish_samples(cell, samples);
  return std::move(samples.front());
}

CellSamples::CellSamples(const CellData& cell) : all_(samples_of(cell)) {
  for (const Samples& samples : all_) by_name_.emplace(current_metric_name(samples.name), &samples);
}

const Samples* CellSamples::find(std::string_view name) const {
  const auto at = by_name_.find(current_metric_name(name));
  return at == by_name_.end() ? nullptr : at->second;
}

std::vector<Samples> compared_samples(const CellData& cell) {
  std::vector<Samples> compared = samples_of(cell);
  std::erase_if(compared, [](const Samples& samples) { return !is_compared(samples); });
  return compared;
}

}  // namespace violet::results
