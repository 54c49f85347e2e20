// Lines per second of a whole import, from the file to the checked trace, plain and packed.
#include <benchmark/benchmark.h>

#include "datasets/importers.hpp"
#include "datasets/trace_reader.hpp"
#include "datasets/trace_samples.hpp"
#include "engine/base/check.hpp"

namespace violet::datasets {
namespace {

constexpr std::size_t kLines = 500'000;

void import(benchmark::State& state, const ScratchDir& dir, const std::string& path) {
  std::uint64_t records = 0;
  for (auto _ : state) {
    const auto report = import_trace(path, dir.path("out"));
    VIOLET_CHECK(report.has_value() && report->broken == 0 && report->lines >= kLines);
    records = report->header.record_count;
    // A map, an access and all but 32 unmaps from each five lines.
    VIOLET_CHECK(records >= report->lines / 5 * 3 - 40);
  }
  state.counters["lines/s"] = benchmark::Counter(static_cast<double>(state.iterations()) * kLines,
                                                 benchmark::Counter::kIsRate);
  state.counters["records"] = static_cast<double>(records);
}

void import_plain(benchmark::State& state) {
  const ScratchDir dir;
  write_file(dir.path("in.log"), sample_log(kLines));
  import(state, dir, dir.path("in.log"));
}

void import_packed(benchmark::State& state) {
  const ScratchDir dir;
  write_file(dir.path("in.log"), sample_log(kLines));
  VIOLET_CHECK(zstd_file(dir.path("in.log"), dir.path("in.log.zst"), 3).has_value());
  import(state, dir, dir.path("in.log.zst"));
}

void open_and_validate(benchmark::State& state) {
  const ScratchDir dir;
  write_file(dir.path("t.vtrace"), sample_trace(sample_records(1, 1'000'000)));
  for (auto _ : state) {
    const auto trace = open_trace(dir.path("t.vtrace"));
    VIOLET_CHECK(trace.has_value() && validate_trace(*trace).has_value());
  }
  state.counters["records/s"] = benchmark::Counter(static_cast<double>(state.iterations()) * 1e6,
                                                   benchmark::Counter::kIsRate);
}

// CPU time: an import is one thread, and other load on the machine is not its doing.
BENCHMARK(import_plain)->Unit(benchmark::kMillisecond);
BENCHMARK(import_packed)->Unit(benchmark::kMillisecond);
BENCHMARK(open_and_validate)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace violet::datasets
