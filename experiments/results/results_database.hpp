// A results database keeps the results of a run durably: results.sqlite. Internal to this room; other programs may
// read the tables, which are documented in the README.
//
// Threading: one connection, one thread.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/results/run_directory.hpp"
#include "experiments/results/sqlite.hpp"

namespace violet::results {

class ResultsDatabase {
 public:
  static Result<ResultsDatabase> create(const std::filesystem::path& path,
                                        const std::vector<CellRecord>& cells);
  // Checks that it is ours and of our version.
  static Result<ResultsDatabase> open(const std::filesystem::path& path, Database::Mode mode);

  // Returns the number of the attempt, from 1.
  Result<int> begin_repetition(const std::string& cell, std::uint32_t repetition, double start_s);
  Status finish_repetition(const RepetitionRecord& record);
  Status add_note(const Note& note);
  // Merges the write-ahead log into the one file.
  Status settle();

  Result<FinishedSet> finished();
  bool repaired() const { return database_.repaired(); }
  // Fills cells, notes and unfinished.
  Status read(RunData& run);

 private:
  explicit ResultsDatabase(Database database) : database_(std::move(database)) {}
  Status insert_cells(const std::vector<CellRecord>& cells);
  Status insert_repetition(const RepetitionRecord& record);
  Status insert_metrics(std::int64_t id, const std::vector<Metric>& metrics);
  Status insert_warnings(std::int64_t id, const RepetitionRecord& record);
  Status insert_histograms(std::int64_t id, const std::vector<NamedHistogram>& histograms);
  Status read_cells(RunData& run);
  Status read_repetitions(RunData& run);
  Status read_metrics(std::map<std::int64_t, RepetitionRecord*>& by_id);
  Status read_histograms(std::map<std::int64_t, RepetitionRecord*>& by_id);
  Status read_notes(RunData& run, std::map<std::int64_t, RepetitionRecord*>& by_id);

  Database database_;
};

}  // namespace violet::results
