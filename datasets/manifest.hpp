// The manifest lists the bundled traces, with what a reader has to know of each, and opens one by its name.
//
// Threading: pure functions on files.
// Limits: `dir` is the folder that holds manifest.json; the files it names lie below it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/trace_reader.hpp"
#include "engine/base/result.hpp"

namespace violet::datasets {

struct DatasetInfo {
  std::string name;
  std::string path;   // of the file, below `dir`
  std::string kind;   // "block", "nvme", "network"
  std::string title;  // one line for lists
  std::string source;
  std::string guest;
  std::string workload;  // the command that the guest ran
  std::string mode;      // "strict" or "lazy"
  std::string licence;
  std::string sha256;  // of the file
  std::uint64_t bytes = 0;
  std::uint64_t map_calls = 0;
  std::uint64_t unmap_calls = 0;
  std::uint64_t accesses = 0;
  std::vector<std::string> assumed;
};

// In the order of the manifest. Errors name the manifest and the entry.
Result<std::vector<DatasetInfo>> list_datasets(const std::string& dir);
// An unknown name is a usage error that lists the known ones.
Result<DatasetInfo> find_dataset(const std::string& dir, const std::string& name);
// Opens the file after checking its sha256.
Result<Trace> open_dataset(const DatasetInfo& dataset);

// "x.vtrace" and "x.vtrace.zst" are files, anything else is the name of a bundled trace.
bool is_trace_path(std::string_view name);
// A bundled trace or a valid file.
Result<Trace> open_by_name(const std::string& dir, const std::string& name);

// For maintainers: packs `trace_path` into DIR/bundled/NAME.vtrace.zst and renews, in DIR/manifest.json,
// what is measured: file, sha256, counts, mode, assumptions. What a person wrote there stays.
Status bundle_dataset(const std::string& dir, const std::string& name,
                      const std::string& trace_path);

}  // namespace violet::datasets
