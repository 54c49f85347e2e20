// A results database keeps the results of a run durably: results.sqlite. Internal to this room; other programs may
// read the tables, which are documented in the README.
//
// Threading: one connection, one thread.
// Invariants: what was stored and is no longer the same is an error when it is read: cells, finished repetitions with
// all that is theirs, and notes have a checksum each in the table `checks`, and one row there stands for all of them.
// Limits: a database of an older program has no such table: RunData::checked says so, and of its histograms alone
// damage is found.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
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
  // Merges the write-ahead log into the one file, unless somebody keeps that open for a second: then the log stays, and
  // both together are the results.
  Status settle();

  Result<FinishedSet> finished();
  bool repaired() const { return database_.repaired(); }
  // Fills cells, notes and unfinished.
  Status read(RunData& run);

 private:
  // Of all checksums together, in whatever order they came.
  struct Total {
    std::uint64_t rows = 0, sum = 0;
    void add(const std::string& digest);
    bool operator==(const Total&) const = default;
  };

  ResultsDatabase(Database database, std::string path)
      : database_(std::move(database)), path_(std::move(path)) {}
  Status find_checks();
  Result<std::vector<Statement>> prepare_rows(std::string_view subject);
  Result<std::string> digest_of(std::vector<Statement>& rows, std::int64_t id);
  Result<std::string> name_of_subject(const std::string& subject, std::int64_t id);
  template <class Work>
  Status in_protected_transaction(Work&& work);
  Status protect(std::string_view subject, std::int64_t id);
  Status check();
  Status create_tables(const std::vector<CellRecord>& cells);
  Status insert_cells(const std::vector<CellRecord>& cells);
  Status insert_repetition(const RepetitionRecord& record);
  Status insert_metrics(std::int64_t id, const std::vector<Metric>& metrics);
  Status insert_warnings(std::int64_t id, const RepetitionRecord& record);
  Status insert_histograms(std::int64_t id, const std::vector<NamedHistogram>& histograms);
  Status read_cells(RunData& run);
  Status read_repetitions(RunData& run);
  Status read_metrics(std::map<std::int64_t, RepetitionRecord*>& by_id);
  Result<StoredHistogram> read_histogram(const Statement& row) const;
  Status read_histograms(std::map<std::int64_t, RepetitionRecord*>& by_id);
  Status read_notes(RunData& run, std::map<std::int64_t, RepetitionRecord*>& by_id);

  Database database_;
  std::string path_;
  bool checked_ = false;  // Has the table `checks`.
  Total total_;           // Of its rows; kept up to date by a writer.
};

}  // namespace violet::results
