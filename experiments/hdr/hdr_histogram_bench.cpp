#include <benchmark/benchmark.h>

#include <vector>

#include "engine/base/rng.hpp"
#include "experiments/hdr/hdr_encoding.hpp"
#include "experiments/hdr/hdr_histogram.hpp"
#include "experiments/hdr/live_histogram.hpp"

namespace violet::results {
namespace {

// Latencies as they come: most near one microsecond, some far out.
std::vector<std::uint64_t> latencies() {
  Rng rng(1);
  std::vector<std::uint64_t> values(4096);
  for (auto& value : values)
    value = 800 + rng.below(400) + (rng.chance(0.01) ? rng.below(100'000) : 0);
  return values;
}

template <class Histogram>
void BM_Record(benchmark::State& state) {
  const auto values = latencies();
  Histogram histogram;
  std::size_t i = 0;
  for (auto _ : state) histogram.record(values[i++ & 4095]);
  benchmark::DoNotOptimize(histogram);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Record<HdrHistogram>);
BENCHMARK(BM_Record<LiveHistogram>);

void BM_Encode(benchmark::State& state) {
  HdrHistogram histogram;
  for (const auto value : latencies()) histogram.record(value);
  for (auto _ : state) benchmark::DoNotOptimize(encode(histogram));
}
BENCHMARK(BM_Encode);

void BM_Snapshot(benchmark::State& state) {
  LiveHistogram histogram;
  for (const auto value : latencies()) histogram.record(value);
  for (auto _ : state) benchmark::DoNotOptimize(histogram.snapshot());
}
BENCHMARK(BM_Snapshot);

}  // namespace
}  // namespace violet::results
