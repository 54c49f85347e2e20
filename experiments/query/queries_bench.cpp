// What a question costs: median and 99th percentile over random windows at all zooms, 1280 columns wide;
// and how fast events are aggregated.
//   VIOLET_QUERY_RUN=DIRECTORY   asks that run's first cell instead of a made-up one of a million events
//   VIOLET_LIVE_EVENTS=N        watches so many go by in a live cell, and says what memory it then has
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "engine/base/rng.hpp"
#include "engine/base/test_folder_testing.hpp"
#include "experiments/query/live_cell.hpp"
#include "experiments/query/queries.hpp"
#include "experiments/query/query_rig_testing.hpp"
#include "experiments/query/synthetic_run.hpp"
#include "experiments/trace/aggregation.hpp"

namespace violet::query {
namespace {

constexpr std::uint32_t kColumns = 1280, kRows = 400;
using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::shared_ptr<const CellQueries> made_up() {
  SyntheticOptions options;
  options.strategy = SyntheticStrategy::kLazy;
  options.events = 1'000'000;
  const QueryRig rig(options, 1'000'000);
  return rig.open();
}

// Opened once for all benches.
const CellQueries& cell() {
  static const std::shared_ptr<const CellQueries> opened = [] {
    const char* path = std::getenv("VIOLET_FEED_RUN");
    if (path == nullptr) return made_up();
    auto run = open_run(path);
    if (!run) std::abort();
    return *(*run)->open_cell(0, {});
  }();
  return *opened;
}

// From the whole run down to a millionth of it, anywhere.
TimeWindow random_window(Rng& rng) {
  const TimeWindow whole = cell().info().whole;
  const double zoom = std::pow(10.0, -6.0 * static_cast<double>(rng.below(1000)) / 1000);
  const double length = std::max(1000.0, zoom * static_cast<double>(whole.to));
  const double room = static_cast<double>(whole.to) - length;
  const double from = room > 0 ? room * static_cast<double>(rng.below(1000)) / 1000 : 0;
  return {static_cast<Nanos>(from), static_cast<Nanos>(from + length)};
}

using Ask = std::function<void(TimeWindow, Rng&)>;

void measure(benchmark::State& state, const Ask& ask) {
  Rng rng(1);
  static_cast<void>(cell());
  std::vector<double> took;
  for (auto _ : state) {
    const TimeWindow window = random_window(rng);
    const auto start = Clock::now();
    ask(window, rng);
    took.push_back(ms_since(start));
  }
  std::sort(took.begin(), took.end());
  const auto at = [&](double share) {
    return took[static_cast<std::size_t>(share * static_cast<double>(took.size() - 1))];
  };
  state.counters["p50_ms"] = at(0.5);
  state.counters["p99_ms"] = at(0.99);
  state.counters["max_ms"] = took.back();
}

void overview(benchmark::State& state) {
  measure(state, [](TimeWindow window, Rng&) {
    benchmark::DoNotOptimize(cell().overview(window, kColumns));
  });
}
void engine(benchmark::State& state) {
  measure(state, [](TimeWindow window, Rng&) {
    benchmark::DoNotOptimize(cell().engine(window, kColumns));
  });
}
void exposure(benchmark::State& state) {
  measure(state, [](TimeWindow window, Rng&) {
    benchmark::DoNotOptimize(cell().exposure({window, kColumns, {}}));
  });
}
void latency(benchmark::State& state) {
  measure(state, [](TimeWindow window, Rng& rng) {
    benchmark::DoNotOptimize(
        cell().latency({window, static_cast<Operation>(rng.below(3)), kColumns, {}}));
  });
}
void churn(benchmark::State& state) {
  const auto ranges = cell().used_ranges().ranges;
  measure(state, [&](TimeWindow window, Rng& rng) {
    IovaRange range = IovaRange::all();
    if (!ranges.empty()) {
      range = {ranges.front().first, ranges.back().last};
      const std::uint64_t pages = range.size_minus_one() / 4096 + 1;
      const std::uint64_t shown = std::max<std::uint64_t>(1, pages >> rng.below(8));
      const std::uint64_t first = range.first.value + rng.below(pages - shown + 1) * 4096;
      range = IovaRange::of(first, shown * 4096);
    }
    benchmark::DoNotOptimize(cell().churn({window, range, kColumns, kRows, {}}));
  });
}
void page_lifetimes(benchmark::State& state) {
  const auto ranges = cell().used_ranges().ranges;
  measure(state, [&](TimeWindow window, Rng& rng) {
    if (ranges.empty()) return;
    const IovaRange& range = ranges[rng.below(ranges.size())];
    const Iova page{range.first.value + rng.below(range.size_minus_one() / 4096 + 1) * 4096};
    benchmark::DoNotOptimize(cell().page_lifetimes(page, window.from, 64));
  });
}
void event_lines(benchmark::State& state) {
  measure(state, [](TimeWindow window, Rng& rng) {
    const std::uint64_t count = cell().count_events(window, {});
    benchmark::DoNotOptimize(cell().events(window, {}, rng.below(count + 1), 100));
  });
}
void filtered_lines(benchmark::State& state) {
  const Filter filter{{}, {}, {Operation::kUnmap}};
  measure(state, [&](TimeWindow window, Rng& rng) {
    const std::uint64_t count = cell().count_events(window, filter);
    benchmark::DoNotOptimize(cell().events(window, filter, rng.below(count + 1), 100));
  });
}
void topology(benchmark::State& state) {
  measure(state,
          [](TimeWindow window, Rng&) { benchmark::DoNotOptimize(cell().topology(window.from)); });
}
void faults(benchmark::State& state) {
  measure(state,
          [](TimeWindow window, Rng&) { benchmark::DoNotOptimize(cell().faults(window, 1000)); });
}

BENCHMARK(overview)->Iterations(200)->Unit(benchmark::kMillisecond);
BENCHMARK(engine)->Iterations(200)->Unit(benchmark::kMillisecond);
BENCHMARK(exposure)->Iterations(200)->Unit(benchmark::kMillisecond);
BENCHMARK(latency)->Iterations(200)->Unit(benchmark::kMillisecond);
BENCHMARK(churn)->Iterations(200)->Unit(benchmark::kMillisecond);
BENCHMARK(page_lifetimes)->Iterations(200)->Unit(benchmark::kMillisecond);
BENCHMARK(event_lines)->Iterations(200)->Unit(benchmark::kMillisecond);
BENCHMARK(filtered_lines)->Iterations(200)->Unit(benchmark::kMillisecond);
BENCHMARK(topology)->Iterations(200)->Unit(benchmark::kMillisecond);
BENCHMARK(faults)->Iterations(200)->Unit(benchmark::kMillisecond);

// Opening with the stored pyramid.
void open(benchmark::State& state) {
  const char* path = std::getenv("VIOLET_FEED_RUN");
  if (path == nullptr) return state.SkipWithError("set VIOLET_FEED_RUN");
  for (auto _ : state) {
    auto run = open_run(path);
    for (std::size_t i = 0; i < (*run)->cells().size(); ++i) {
      benchmark::DoNotOptimize((*run)->open_cell(i, {}));
    }
  }
}
BENCHMARK(open)->Unit(benchmark::kMillisecond);

void aggregation(benchmark::State& state) {
  SyntheticOptions options;
  options.strategy = static_cast<SyntheticStrategy>(state.range(0));
  options.events = static_cast<std::uint64_t>(state.range(1));
  struct Part {
    std::uint16_t lcore;
    std::vector<Event> events;
  };
  std::vector<std::vector<Part>> rounds(1);
  std::vector<Ticks> until;
  std::uint64_t events = 0;
  SyntheticRun(options).run(
      [&](std::uint16_t lcore, std::span<const Event> part, std::uint64_t) {
        rounds.back().push_back({lcore, std::vector(part.begin(), part.end())});
        events += part.size();
      },
      [&](Ticks at) {
        until.push_back(at);
        rounds.emplace_back();
      });
  for (auto _ : state) {
    Aggregation aggregation({.ns_per_tick = options.ns_per_tick});
    for (std::size_t i = 0; i < until.size(); ++i) {
      for (const Part& part : rounds[i]) aggregation.add(part.lcore, part.events);
      aggregation.advance(until[i]);
    }
    aggregation.finish();
    const Pyramid& pyramid = aggregation.pyramid();
    state.counters["cells"] = static_cast<double>(pyramid.churn[1].size());
    state.counters["spans"] = static_cast<double>(pyramid.spans[1].size());
  }
  state.counters["events/s"] =
      benchmark::Counter(static_cast<double>(events) * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate);
}
BENCHMARK(aggregation)
    ->ArgsProduct({{0, 1, 2}, {1'000'000, 8'000'000}})
    ->Unit(benchmark::kMillisecond);

// What the process has in memory now, in MiB.
double resident_mib() {
  std::ifstream statm("/proc/self/statm");
  double all = 0, resident = 0;
  statm >> all >> resident;
  return resident * 4096 / (1 << 20);
}

// A live cell while a long run goes by, as a viewer keeps it: memory at a quarter and at the end.
void live(benchmark::State& state) {
  const char* wanted = std::getenv("VIOLET_LIVE_EVENTS");
  SyntheticOptions options;
  options.strategy = SyntheticStrategy::kLazy;
  options.events = wanted == nullptr ? 1'000'000 : std::strtoull(wanted, nullptr, 10);
  for (auto _ : state) {
    const double before = resident_mib();
    LiveCell cell({}, options.start, options.ns_per_tick, true);
    std::vector<std::pair<std::uint16_t, std::vector<Event>>> round;
    std::uint64_t events = 0;
    double most = 0;
    Ticks end = 0;
    SyntheticRun(options).run(
        [&](std::uint16_t lcore, std::span<const Event> part, std::uint64_t) {
          round.emplace_back(lcore, std::vector(part.begin(), part.end()));
          events += part.size();
        },
        [&](Ticks until) {
          std::vector<LiveCell::Batch> batches;
          for (const auto& [lcore, part] : round) batches.push_back({lcore, part, 0});
          cell.advance(batches, end = until);
          round.clear();
          const double now = resident_mib() - before;
          most = std::max(most, now);
          if (events < options.events / 4) state.counters["quarter_mib"] = now;
        });
    state.counters["events"] = static_cast<double>(events);
    state.counters["run_s"] = static_cast<double>(end - options.start) * options.ns_per_tick / 1e9;
    state.counters["end_mib"] = resident_mib() - before;
    state.counters["most_mib"] = most;
  }
}
BENCHMARK(live)->Iterations(1)->Unit(benchmark::kSecond);

}  // namespace
}  // namespace violet::query
