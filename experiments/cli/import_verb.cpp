#include <fmt/core.h>
#include <unistd.h>

#include <filesystem>

#include "datasets/importers.hpp"
#include "experiments/cli/verbs.hpp"
#include "experiments/results/progress.hpp"

namespace violet::cli {
namespace {

Result<datasets::ImportOptions> options_from(const ImportFlags& flags) {
  datasets::ImportOptions options;
  options.importer = flags.importer;
  options.name = flags.name;
  if (!flags.max_broken.empty()) {
    VIOLET_TRY(options.max_broken, datasets::parse_tolerance(flags.max_broken));
    options.accept_damage = true;
  }
  if (flags.mode == "strict") options.mode = datasets::TraceMode::kStrict;
  if (flags.mode == "lazy") options.mode = datasets::TraceMode::kLazy;
  return options;
}

}  // namespace

int import_verb(const ImportFlags& flags) {
  const auto options = options_from(flags);
  if (!options) return complain(options.error());
  auto progress = results::Progress::on_stderr(flags.progress);
  // Until something was read, as fast as the importer promises: 2 M lines of about 90 bytes a second.
  std::error_code error;
  const auto bytes = std::filesystem::file_size(flags.file, error);
  const double expected_s = error ? 1 : static_cast<double>(bytes) / 180e6;
  progress.start("import", 1, expected_s);
  progress.begin_step(flags.file, expected_s);
  const auto report = datasets::import_trace(flags.file, flags.out, *options,
                                             [&](const datasets::ImportProgress& /*so_far*/) {
                                               progress.tick();
                                               return true;
                                             });
  progress.end_step();
  if (!report) return complain(report.error());
  progress.finish(fmt::format("wrote {}", report->trace));
  tell("violet: replay it: ./violet run strategies --set axes.workload=trace:{}\n",
       std::filesystem::absolute(report->trace, error).string());
  if (flags.json) return print(datasets::report_json(*report));
  return print(
      results::fitted(datasets::report_text(*report), results::style_for(STDOUT_FILENO).width));
}

}  // namespace violet::cli
