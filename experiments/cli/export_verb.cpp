#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "experiments/cli/verbs.hpp"
#include "experiments/results/report.hpp"
#include "experiments/results/run_directory.hpp"

namespace violet::cli {
namespace {

// All histogram logs of a run, one behind another with the cell as a comment.
Result<std::string> hdr_logs(const std::filesystem::path& run) {
  std::string all;
  std::vector<std::filesystem::path> logs;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(run / "hlog", error)) {
    if (entry.path().extension() == ".hlog") logs.push_back(entry.path());
  }
  std::sort(logs.begin(), logs.end());
  if (logs.empty()) return fail("{} has no histogram logs", run.string());
  for (const auto& log : logs) {
    std::ifstream file(log, std::ios::binary);
    if (!file) return fail("{} cannot be read", log.string());
    all += fmt::format("#[Cell: {}]\n", log.stem().string());
    all.append(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return all;
}

}  // namespace

int export_verb(const Places& places, const ExportFlags& flags) {
  const auto path = find_run(places, flags.run);
  if (!path) return complain(path.error());
  if (flags.what == "hdr") {
    const auto logs = hdr_logs(*path);
    return logs ? print(*logs) : complain(logs.error());
  }
  const auto data = results::read_run(*path);
  if (!data) return complain(data.error());
  if (flags.what == "json") return print(results::results_json(*data) + "\n");
  return print(results::render(*data, results::report(*data), results::Format::kCsv));
}

}  // namespace violet::cli
