// Writes a run directory as a run would have left it, with a made-up life in three cells (strict,
// lazy-percpu, bounce-dynamic) or one. The same seed gives the same trace.
//
//   synthetic_trace --out DIRECTORY [--events N] [--seed N] [--only STRATEGY] [--no-pyramid]
//                   [--keep N]     so many events of a cell are kept one by one, the rest in the pyramid only
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/result.hpp"
#include "experiments/query/synthetic_run.hpp"
#include "experiments/results/run_directory.hpp"
#include "experiments/trace/aggregation.hpp"
#include "experiments/trace/event_trace.hpp"
#include "experiments/trace/pyramid_file.hpp"

namespace violet::query {
namespace {

namespace fs = std::filesystem;

constexpr double kNsPerTick = 0.5;

struct Arguments {
  std::string out;
  std::uint64_t events = 10'000'000;
  std::uint64_t seed = 1;
  std::string only;
  bool pyramid = true;
  std::uint64_t keep = ~std::uint64_t{0};
};

std::optional<Arguments> arguments_of(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (name == "--no-pyramid") {
      arguments.pyramid = false;
      continue;
    }
    if (value == nullptr) return std::nullopt;
    ++i;
    if (name == "--out") {
      arguments.out = value;
    } else if (name == "--events") {
      arguments.events = std::strtoull(value, nullptr, 10);
    } else if (name == "--keep") {
      arguments.keep = std::strtoull(value, nullptr, 10);
    } else if (name == "--only") {
      arguments.only = value;
    } else if (name == "--seed") {
      arguments.seed = std::strtoull(value, nullptr, 10);
    } else {
      return std::nullopt;
    }
  }
  if (arguments.out.empty() || arguments.events == 0) return std::nullopt;
  return arguments;
}

results::CellRecord cell_of(SyntheticStrategy strategy) {
  const std::string name = to_text(strategy);
  return {name,
          name,
          {{"axes.strategy", name},
           {"axes.workload", std::string("synthetic")},
           {"axes.placement", std::string("sidecore")},
           {"axes.iotlb", std::string("none")}}};
}

// One cell into the trace and, aggregated, beside it.
Result<Ticks> write_cell(const Arguments& arguments, const SyntheticOptions& options,
                         EventTraceWriter& trace, const fs::path& pyramid) {
  Aggregation aggregation({.ns_per_tick = options.ns_per_tick});
  Status status;
  SyntheticRun lifetime(options);
  std::uint64_t kept = 0;
  std::map<std::uint16_t, std::uint64_t> not_kept;
  const Ticks end = lifetime.run(
      [&](std::uint16_t lcore, std::span<const Event> events, std::uint64_t lost) {
        const bool keeps = kept < arguments.keep || lcore == kRecorderLcore;
        if (keeps) kept += events.size();
        if (!keeps) not_kept[lcore] += events.size();
        const Status written =
            keeps ? trace.append(lcore, events,
                                 {.dropped = lost, .not_kept = std::exchange(not_kept[lcore], 0)})
                  : Status();
        if (status && !written) status = written;
        if (arguments.pyramid) aggregation.add(lcore, events, lost);
      },
      [&](Ticks until) { aggregation.advance(until); });
  for (const auto& [lcore, count] : not_kept) {
    if (status && count > 0) status = trace.append(lcore, {}, {.dropped = 0, .not_kept = count});
  }
  if (arguments.pyramid && status) {
    aggregation.finish();
    status = append_pyramid(pyramid, options.cell, options.repetition, aggregation.pyramid());
  }
  VIOLET_TRY(std::move(status));
  return end;
}

Status write_run(const Arguments& arguments) {
  const fs::path out = arguments.out;
  if (fs::exists(out)) return fail("{}: is there already", out.string());
  results::RunSetup setup;
  setup.root = out.parent_path().empty() ? fs::path(".") : out.parent_path();
  setup.root /= ".synthetic";
  setup.manifest.plan_name = "synthetic";
  setup.manifest.plan_hash = "0";
  setup.manifest.ns_per_tick = kNsPerTick;
  setup.manifest.seed = arguments.seed;
  std::vector<SyntheticStrategy> strategies;
  for (const auto strategy :
       {SyntheticStrategy::kStrict, SyntheticStrategy::kLazy, SyntheticStrategy::kBounce}) {
    if (!arguments.only.empty() && arguments.only != to_text(strategy)) continue;
    strategies.push_back(strategy);
    setup.cells.push_back(cell_of(strategy));
  }
  if (strategies.empty()) return fail("no strategy is called {}", arguments.only);
  const auto cells = static_cast<std::uint32_t>(setup.cells.size());
  const fs::path root = setup.root;
  VIOLET_TRY(auto writer, results::RunWriter::create(std::move(setup)));
  VIOLET_TRY(auto trace, EventTraceWriter::open(writer.trace_path(), {kNsPerTick, 0, 0}));
  Ticks start = 1'000'000'000;
  for (std::uint32_t i = 0; i < cells; ++i) {
    SyntheticOptions options;
    options.strategy = strategies[i];
    options.events = arguments.events / cells;
    options.seed = arguments.seed;
    options.cell = i;
    options.start = start;
    options.lose_some = options.strategy == SyntheticStrategy::kLazy;
    VIOLET_TRY(const auto end,
               write_cell(arguments, options, trace, writer.directory() / "trace.pyramid"));
    start = end + 200'000'000;
  }
  const Status closed = writer.close("finished");
  if (!closed) return closed;
  std::error_code error;
  fs::rename(writer.directory(), out, error);
  if (!error) fs::remove_all(root, error);
  if (error) return fail("{}: cannot be made: {}", out.string(), error.message());
  return {};
}

}  // namespace
}  // namespace violet::query

int main(int argc, char** argv) {
  const auto arguments = violet::query::arguments_of(argc, argv);
  if (!arguments) {
    std::fputs(
        "synthetic_trace --out DIRECTORY [--events N] [--seed N] [--only STRATEGY] "
        "[--no-pyramid] [--keep N]\n",
        stderr);
    return 2;
  }
  const violet::Status status = violet::query::write_run(*arguments);
  if (status) return 0;
  fmt::print(stderr, "synthetic_trace: {}\n", status.error().message);
  return 1;
}
