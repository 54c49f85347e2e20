// A run store is the folder of runs on disk: what each run takes, how it ended, and which may go.
//
// Threading: pure functions over the file system. Another process may add, finish or remove runs meanwhile.
// Invariants: no link is followed: neither one that is called like a run nor one inside of it. A run that goes on is
// never removed: its lock is held while it is taken away. The manifest goes last, so that a removal that was cut
// short leaves a run that can be removed again. Units: bytes as the disk has them (allocated), seconds since 1970.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.hpp"

namespace violet::results {

struct StoredRun {
  std::filesystem::path directory;
  std::filesystem::path above;  // The folder that holds it.
  std::string plan;             // Empty: its manifest cannot be read.
  std::string
      outcome;  // "finished", "interrupted", "failed", "running", "died" or why it is not known.
  std::optional<double> started_s;  // Nothing: its manifest does not say.
  std::uint64_t bytes = 0;
  std::optional<std::uint64_t> trace_bytes;  // Of those its trace's. Nothing: it has none.
  bool goes_on = false;                      // Some process writes it.
};

// The runs in the folder, newest first.
std::vector<StoredRun> stored_runs(const std::filesystem::path& root);
// Of one directory. Error: it is no run, or a link.
Result<StoredRun> stored_run(const std::filesystem::path& directory);

// All but the newest `keep`; runs that go on are neither counted nor among them.
std::vector<StoredRun> beyond_newest(const std::vector<StoredRun>& newest_first, std::size_t keep);

// Takes a run and all that is in it away. Errors: a link, no run, one that goes on, or what the system says; what is
// left then is still a run.
Status remove_run(const std::filesystem::path& directory);
// `latest` leads to the newest run that is left; it goes where there is none.
Status mend_latest(const std::filesystem::path& root);

}  // namespace violet::results
