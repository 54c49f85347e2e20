// An importer makes a trace of another tool's log; import_trace() finds the one that reads a file. A new
// importer is one file and one line in importers.cpp.
//
// Threading: import_trace() is independent of other imports; the callback runs on the caller's thread.
// Invariants: DIR/<name>.vtrace appears only complete and valid; a failed import leaves nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/import_report.hpp"
#include "datasets/trace_format.hpp"
#include "engine/base/registry.hpp"

namespace violet::datasets {

// How many broken lines are bearable: an import fails when there are more than both.
struct Tolerance {
  double percent = 10;
  std::uint64_t count = 10;
  bool exceeded(std::uint64_t broken, std::uint64_t lines) const {
    return broken > count &&
           static_cast<double>(broken) * 100 > percent * static_cast<double>(lines);
  }
};
// "5%" or "200".
Result<Tolerance> parse_tolerance(std::string_view text);

struct ImportOptions {
  std::string importer;  // empty: found out from the first lines
  std::string name;      // empty: from the file name
  Tolerance max_broken;
  std::size_t show_broken = 10;
  std::uint64_t max_lines = 0;    // 0: all
  std::optional<TraceMode> mode;  // overrules what is found out
  bool accept_damage = false;     // keep what came before the place where the file is damaged
};

struct ImportProgress {
  std::uint64_t bytes_read;  // of the file as stored
  std::uint64_t file_bytes;  // 0 if unknown
  std::uint64_t lines;
};
// Called about every 64 Ki lines; returning false stops the import with an error.
using ProgressCallback = std::function<bool(const ImportProgress&)>;

Result<ImportReport> import_trace(const std::string& path, const std::string& out_dir,
                                  const ImportOptions& options = {},
                                  const ProgressCallback& progress = {});

// ---- for importers ----

struct ImportJob {
  std::string path;
  std::string out_path;
  const ImportOptions& options;
  const ProgressCallback& progress;
  ImportReport& report;
};

// The beginning of a file, unpacked.
struct FileSample {
  std::string_view bytes;
  std::span<const std::string> lines;
};

struct Importer : RegistryEntry {
  bool (*detect)(const FileSample& sample);
  Status (*import)(ImportJob& job);
};

Registry<Importer> importers();

}  // namespace violet::datasets
