#include "experiments/results/results_database.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "engine/base/foreign_json.hpp"
#include "experiments/hdr/hdr_encoding.hpp"
#include "experiments/results/retries.hpp"
#include "experiments/results/row_digest.hpp"
#include "experiments/results/table.hpp"

namespace violet::results {
namespace {

using Json = nlohmann::ordered_json;

// "Viol" in SQLite's header, so that `file` and other tools can tell our databases.
constexpr std::int64_t kApplicationId = 0x56696f6c;

constexpr const char* kTables = R"sql(
CREATE TABLE cells(
  id TEXT PRIMARY KEY, position INTEGER NOT NULL, label TEXT NOT NULL, axes TEXT NOT NULL,
  strategy TEXT AS (json_extract(axes, '$.strategy')), iova TEXT AS (json_extract(axes, '$.iova')),
  placement TEXT AS (json_extract(axes, '$.placement')),
  store TEXT AS (json_extract(axes, '$.store')), iotlb TEXT AS (json_extract(axes, '$.iotlb')),
  iotlb_entries INTEGER AS (json_extract(axes, '$.iotlb_entries')),
  iotlb_ways INTEGER AS (json_extract(axes, '$.iotlb_ways')),
  queue TEXT AS (json_extract(axes, '$.queue')),
  workload TEXT AS (json_extract(axes, '$.workload')), pace TEXT AS (json_extract(axes, '$.pace')));
CREATE TABLE repetitions(
  id INTEGER PRIMARY KEY, cell TEXT NOT NULL REFERENCES cells(id), repetition INTEGER NOT NULL,
  attempts INTEGER NOT NULL, finished INTEGER NOT NULL, start_s REAL NOT NULL, duration_s REAL,
  UNIQUE(cell, repetition));
CREATE TABLE metrics(
  repetition_id INTEGER NOT NULL REFERENCES repetitions(id), name TEXT NOT NULL, unit TEXT NOT NULL,
  value REAL, because TEXT, better TEXT NOT NULL, PRIMARY KEY(repetition_id, name)) WITHOUT ROWID;
CREATE TABLE histograms(
  repetition_id INTEGER NOT NULL REFERENCES repetitions(id), name TEXT NOT NULL, unit TEXT NOT NULL,
  better TEXT NOT NULL, count INTEGER NOT NULL, min REAL, p50 REAL, p90 REAL, p99 REAL, p99_9 REAL,
  p99_99 REAL, max REAL, mean REAL, encoded TEXT NOT NULL,
  PRIMARY KEY(repetition_id, name)) WITHOUT ROWID;
CREATE TABLE notes(
  id INTEGER PRIMARY KEY, at_s REAL NOT NULL, severity TEXT NOT NULL, text TEXT NOT NULL,
  cell TEXT NOT NULL, repetition_id INTEGER REFERENCES repetitions(id));
CREATE INDEX notes_of_repetition ON notes(repetition_id);
CREATE TABLE checks(
  subject TEXT NOT NULL, id INTEGER NOT NULL, digest TEXT NOT NULL,
  PRIMARY KEY(subject, id)) WITHOUT ROWID;
)sql";

// Beyond what any run has: a report of more would take minutes.
constexpr std::size_t kMostStoredCells = 100'000, kMostStoredMetrics = 4096,
                      kLongestStoredName = 64 << 10;

constexpr const char* kCells = "cells";  // All of them; id 0.
constexpr const char* kRepetition =
    "repetition";                      // One that is finished, with its metrics and so on.
constexpr const char* kNote = "note";  // One that is of no repetition.
constexpr std::size_t kMostSubjects = 3;
constexpr const char* kAll = "all";  // The other rows of `checks`; id 0.

// Whose rows, in this order, the checksum of a subject is of.
std::vector<const char*> rows_of(std::string_view subject) {
  if (subject == kCells) {
    return {"SELECT id, position, label, axes FROM cells WHERE ?1 = 0 ORDER BY position"};
  }
  if (subject == kNote) {
    return {
        "SELECT id, at_s, severity, text, cell FROM notes WHERE id = ?1 AND repetition_id IS NULL"};
  }
  return {
      "SELECT id, cell, repetition, finished, start_s, duration_s FROM repetitions WHERE id = ?1",
      "SELECT name, unit, value, because, better FROM metrics WHERE repetition_id = ?1 ORDER BY "
      "name",
      "SELECT name, unit, better, count, min, p50, p90, p99, p99_9, p99_99, max, mean, encoded "
      "FROM histograms WHERE repetition_id = ?1 ORDER BY name",
      "SELECT id, at_s, severity, text, cell FROM notes WHERE repetition_id = ?1 ORDER BY id"};
}

const char* name_of(Better better) {
  if (better == Better::kNeither) return "neither";
  return better == Better::kHigher ? "higher" : "lower";
}

Better better_from(const std::string& name) {
  if (name == "higher") return Better::kHigher;
  return name == "lower" ? Better::kLower : Better::kNeither;
}

std::string axes_text(const CellRecord& cell) {
  Json json = Json::object();
  for (const auto& [key, value] : cell.axes) {
    std::visit([&json, &name = key](const auto& inner) { json[name] = inner; }, value);
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<SettingValue> axis_from(const Json& json) {
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<std::int64_t>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return printable(json.get<std::string>());
  return std::nullopt;
}

Status axes_from(const std::string& text, CellRecord& cell) {
  Json json;
  if (!parse_json(text, cell.id, json) || !json.is_object())
    return fail("the axes of cell '{}' are damaged", cell.id);
  for (const auto& [key, value] : json.items()) {
    auto axis = axis_from(value);
    if (!axis) return fail("the axis '{}' of cell '{}' is damaged", key, cell.id);
    cell.axes.emplace_back(printable(key), std::move(*axis));
  }
  return {};
}

Result<std::int64_t> pragma(Database& database, const char* sql) {
  VIOLET_TRY(auto statement, database.prepare(sql));
  VIOLET_TRY(statement.step());
  return statement.integer(0);
}

// What is read is what was stored: a column that is computed could be made to take any time. Our own are of the axes, and
// for other programs.
Status check_columns(Database& database, const std::filesystem::path& path) {
  VIOLET_TRY(auto computed,
             database.prepare("SELECT t.name, c.name FROM sqlite_schema AS t, "
                              "pragma_table_xinfo(t.name) AS c WHERE t.type = 'table' AND c.hidden "
                              "> 1 AND NOT (t.name = 'cells' AND c.name NOT IN ('id', 'position', "
                              "'label', 'axes'))"));
  VIOLET_TRY(const bool there_is_one, computed.step());
  if (!there_is_one) return {};
  return fail("{}: the column {}.{} is computed, which no column of results is", path.string(),
              computed.text(0), computed.text(1));
}

}  // namespace

// Runs `body` in one transaction; nothing of it stays when it fails.
template <class Body>
static Status in_transaction(Database& database, Body&& body) {
  VIOLET_TRY(database.run("BEGIN IMMEDIATE"));
  const Status done = body();
  if (!done) {
    (void)database.run("ROLLBACK");
    return done;
  }
  return database.run("COMMIT");
}

// Calls `use` for every row of `sql`.
template <class Use>
static Status for_each_row(Database& database, const char* sql, Use&& use) {
  VIOLET_TRY(auto select, database.prepare(sql));
  while (true) {
    VIOLET_TRY(const bool there_is_one, select.step());
    if (!there_is_one) return {};
    VIOLET_TRY(use(select));
  }
}

Result<ResultsDatabase> ResultsDatabase::create(const std::filesystem::path& path,
                                                const std::vector<CellRecord>& cells) {
  VIOLET_TRY(auto database, Database::open(path, Database::Mode::kCreate));
  const std::string head = fmt::format(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
      "PRAGMA application_id = {}; PRAGMA user_version = {};",
      kApplicationId, kRunSchema);
  VIOLET_TRY(database.run(head.c_str()));
  ResultsDatabase results(std::move(database), path.string());
  VIOLET_TRY(in_transaction(results.database_, [&] { return results.create_tables(cells); }));
  return results;
}

Status ResultsDatabase::create_tables(const std::vector<CellRecord>& cells) {
  VIOLET_TRY(database_.run(kTables));
  VIOLET_TRY(insert_cells(cells));
  checked_ = true;
  return protect(kCells, 0);
}

Result<ResultsDatabase> ResultsDatabase::open(const std::filesystem::path& path,
                                              Database::Mode mode) {
  VIOLET_TRY(auto database, Database::open(path, mode));
  VIOLET_TRY(const auto application, pragma(database, "PRAGMA application_id"));
  if (application != kApplicationId) return fail("{}: not results of Violet", path.string());
  VIOLET_TRY(const auto version, pragma(database, "PRAGMA user_version"));
  if (version != kRunSchema) {
    return fail("{}: schema version {}, this program reads {}; use the release that made the run",
                path.string(), version, kRunSchema);
  }
  VIOLET_TRY(check_columns(database, path));
  if (mode == Database::Mode::kWrite) {
    const Status logged = database.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
    if (!logged && database.is_in_use()) {
      return fail(ErrorKind::kUsage,
                  "{}: another program is in the midst of reading or writing it (a transaction of "
                  "sqlite3, say): end that, then resume",
                  path.string());
    }
    VIOLET_TRY(logged);
  }
  ResultsDatabase results(std::move(database), path.string());
  VIOLET_TRY(results.find_checks());
  return results;
}

Status ResultsDatabase::find_checks() {
  // Made together: one without the other is damage.
  constexpr const char* kMade =
      "SELECT count(*) FROM sqlite_schema WHERE (type = 'table' AND name = 'checks') OR "
      "(type = 'index' AND name = 'notes_of_repetition')";
  VIOLET_TRY(auto made, database_.prepare(kMade));
  VIOLET_TRY(made.step());
  if (made.integer(0) == 1) return fail("{}: the table of checksums is damaged", path_);
  checked_ = made.integer(0) > 0;
  if (!checked_) return {};
  return for_each_row(database_, "SELECT subject, digest FROM checks",
                      [&](const Statement& row) -> Status {
                        if (row.text(0) != kAll) total_.add(row.text(1));
                        return {};
                      });
}

void ResultsDatabase::Total::add(const std::string& digest) {
  std::uint64_t low = 0;
  const std::string_view half =
      std::string_view(digest).substr(std::min<std::size_t>(16, digest.size()));
  std::from_chars(half.data(), half.data() + half.size(), low, 16);
  ++rows;
  sum += low;
}

Result<std::vector<Statement>> ResultsDatabase::prepare_rows(std::string_view subject) {
  std::vector<Statement> statements;
  for (const char* sql : rows_of(subject)) {
    VIOLET_TRY(auto select, database_.prepare(sql));
    statements.push_back(std::move(select));
  }
  return statements;
}

Result<std::string> ResultsDatabase::digest_of(std::vector<Statement>& rows, std::int64_t id) {
  RowDigest digest;
  for (Statement& select : rows) {
    select.bind(1, id);
    VIOLET_TRY(digest.add(select));
    select.reset();
  }
  return digest.text();
}

// A transaction that is rolled back leaves the total of the checksums as it was.
template <class Work>
Status ResultsDatabase::in_protected_transaction(Work&& work) {
  const Total before = total_;
  Status done = in_transaction(database_, std::forward<Work>(work));
  if (!done) total_ = before;
  return done;
}

// In the transaction that stores the subject.
Status ResultsDatabase::protect(std::string_view subject, std::int64_t id) {
  if (!checked_) return {};
  constexpr const char* kInsert = "INSERT OR REPLACE INTO checks VALUES(?1, ?2, ?3)";
  VIOLET_TRY(auto rows, prepare_rows(subject));
  VIOLET_TRY(const std::string digest, digest_of(rows, id));
  VIOLET_TRY(auto insert, database_.prepare(kInsert));
  insert.bind(1, subject).bind(2, id).bind(3, digest);
  VIOLET_TRY(insert.run());
  Total total = total_;
  total.add(digest);
  insert.bind(1, kAll)
      .bind(2, std::int64_t{0})
      .bind(3, fmt::format("{} {:016x}", total.rows, total.sum));
  VIOLET_TRY(insert.run());
  total_ = total;
  return {};
}

Result<std::string> ResultsDatabase::name_of_subject(const std::string& subject, std::int64_t id) {
  if (subject == kCells) return std::string("the list of cells");
  VIOLET_TRY(auto row, database_.prepare("SELECT repetition, cell FROM repetitions WHERE id = ?1"));
  row.bind(1, id);
  VIOLET_TRY(const bool there, row.step());
  if (subject != kRepetition || !there) return fmt::format("{} {}", subject, id);
  return fmt::format("repetition {} of '{}'", row.integer(0) + 1, row.text(1));
}

// Whether all is what was stored.
Status ResultsDatabase::check() {
  constexpr const char* kRows = "SELECT subject, id, digest FROM checks";
  constexpr const char* kMissing =
      "SELECT 'repetition ' || (repetition + 1) || ' of ' || cell FROM repetitions WHERE finished "
      "<> 0 "
      "AND id NOT IN (SELECT id FROM checks WHERE subject = 'repetition') "
      "UNION ALL SELECT 'note ' || id FROM notes WHERE repetition_id IS NULL AND id NOT IN (SELECT "
      "id FROM checks WHERE subject = 'note')";
  const auto damaged = [](const std::string& what) {
    return fail(
        "{}: not what the run stored: its checksum does not fit, the numbers cannot be trusted",
        what);
  };
  Total total;
  std::string all;
  std::map<std::string, std::vector<Statement>> prepared;  // By subject.
  VIOLET_TRY(for_each_row(database_, kRows, [&](const Statement& row) -> Status {
    const std::string subject = row.text(0), stored = row.text(2);
    if (subject == kAll) {
      all = stored;
      return {};
    }
    total.add(stored);
    auto rows = prepared.find(subject);
    if (rows == prepared.end()) {
      VIOLET_TRY(auto statements, prepare_rows(subject));
      // A damaged list may name subjects without end, which have the rows of a repetition.
      if (prepared.size() == kMostSubjects) return damaged("the list of checksums");
      rows = prepared.emplace(subject, std::move(statements)).first;
    }
    VIOLET_TRY(const std::string digest, digest_of(rows->second, row.integer(1)));
    if (digest == stored) return {};
    VIOLET_TRY(const std::string name, name_of_subject(subject, row.integer(1)));
    return damaged(name);
  }));
  VIOLET_TRY(for_each_row(database_, kMissing,
                          [&](const Statement& row) -> Status { return damaged(row.text(0)); }));
  if (all != fmt::format("{} {:016x}", total.rows, total.sum))
    return damaged("the list of checksums");
  return {};
}

Status ResultsDatabase::insert_cells(const std::vector<CellRecord>& cells) {
  VIOLET_TRY(
      auto insert,
      database_.prepare("INSERT INTO cells(id, position, label, axes) VALUES(?1, ?2, ?3, ?4)"));
  std::int64_t position = 0;
  for (const CellRecord& cell : cells) {
    insert.bind(1, cell.id).bind(2, position++).bind(3, cell.label).bind(4, axes_text(cell));
    VIOLET_TRY(insert.run());
  }
  return {};
}

Result<int> ResultsDatabase::begin_repetition(const std::string& cell, std::uint32_t repetition,
                                              double start_s) {
  constexpr const char* kInsert =
      "INSERT INTO repetitions(cell, repetition, attempts, finished, start_s) "
      "VALUES(?1, ?2, 1, 0, ?3) "
      "ON CONFLICT DO UPDATE SET attempts = attempts + 1, start_s = ?3 RETURNING attempts";
  VIOLET_TRY(auto insert, database_.prepare(kInsert));
  insert.bind(1, cell).bind(2, std::int64_t{repetition}).bind(3, start_s);
  VIOLET_TRY(insert.step());
  const int attempts = static_cast<int>(insert.integer(0));
  VIOLET_TRY(insert.step());  // The row is written only when the statement has ended.
  return attempts;
}

Status ResultsDatabase::finish_repetition(const RepetitionRecord& record) {
  return in_protected_transaction([&] { return insert_repetition(record); });
}

Status ResultsDatabase::insert_repetition(const RepetitionRecord& record) {
  constexpr const char* kUpsert =
      "INSERT INTO repetitions(cell, repetition, attempts, finished, start_s, duration_s) "
      "VALUES(?1, ?2, 1, 1, ?3, ?4) "
      "ON CONFLICT DO UPDATE SET finished = 1, start_s = ?3, duration_s = ?4 WHERE finished = 0 "
      "RETURNING id";
  VIOLET_TRY(auto upsert, database_.prepare(kUpsert));
  upsert.bind(1, record.cell).bind(2, std::int64_t{record.repetition});
  upsert.bind(3, record.start_s).bind(4, record.duration_s);
  VIOLET_TRY(const auto row, upsert.step());
  if (!row)
    return fail("repetition {} of '{}' is finished already", record.repetition + 1, record.cell);
  const std::int64_t id = upsert.integer(0);
  VIOLET_TRY(upsert.step());
  VIOLET_TRY(insert_metrics(id, record.metrics));
  VIOLET_TRY(insert_histograms(id, record.histograms));
  VIOLET_TRY(insert_warnings(id, record));
  return protect(kRepetition, id);
}

Status ResultsDatabase::insert_warnings(std::int64_t id, const RepetitionRecord& record) {
  constexpr const char* kInsert =
      "INSERT INTO notes(at_s, severity, text, cell, repetition_id) "
      "VALUES(?1, 'warning', ?2, ?3, ?4)";
  VIOLET_TRY(auto insert, database_.prepare(kInsert));
  for (const std::string& warning : record.warnings) {
    insert.bind(1, record.start_s).bind(2, warning).bind(3, record.cell).bind(4, id);
    VIOLET_TRY(insert.run());
  }
  return {};
}

Status ResultsDatabase::insert_metrics(std::int64_t id, const std::vector<Metric>& metrics) {
  VIOLET_TRY(auto insert, database_.prepare("INSERT INTO metrics VALUES(?1, ?2, ?3, ?4, ?5, ?6)"));
  for (const Metric& metric : metrics) {
    insert.bind(1, id).bind(2, metric.name).bind(3, metric.unit).bind(6, name_of(metric.better));
    if (metric.value) {
      insert.bind(4, *metric.value).bind_null(5);
    } else {
      insert.bind_null(4).bind(5, metric.because);
    }
    VIOLET_TRY(insert.run());
  }
  return {};
}

Status ResultsDatabase::insert_histograms(std::int64_t id,
                                          const std::vector<NamedHistogram>& histograms) {
  constexpr const char* kInsert =
      "INSERT INTO histograms VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
  VIOLET_TRY(auto insert, database_.prepare(kInsert));
  for (const NamedHistogram& named : histograms) {
    const StoredHistogram& h = named.histogram;
    insert.bind(1, id).bind(2, named.name).bind(3, named.unit).bind(4, name_of(named.better));
    insert.bind(5, static_cast<std::int64_t>(h.total())).bind(14, h.encoded());
    if (!h.empty()) {
      insert.bind(6, static_cast<double>(h.min())).bind(12, static_cast<double>(h.max()));
      for (std::size_t i = 0; i < kPercentiles.size(); ++i) {
        insert.bind(7 + static_cast<int>(i), static_cast<double>(h.percentile(i)));
      }
      insert.bind(13, h.mean());
    }
    VIOLET_TRY(insert.run());
  }
  return {};
}

Status ResultsDatabase::add_note(const Note& note) {
  constexpr const char* kInsert =
      "INSERT INTO notes(at_s, severity, text, cell) VALUES(?1, ?2, ?3, ?4) RETURNING id";
  return in_protected_transaction([&]() -> Status {
    VIOLET_TRY(auto insert, database_.prepare(kInsert));
    insert.bind(1, note.at_s).bind(2, note.severity).bind(3, note.text).bind(4, note.cell);
    VIOLET_TRY(insert.step());
    const std::int64_t id = insert.integer(0);
    VIOLET_TRY(insert.step());
    return protect(kNote, id);
  });
}

// SQLite's own patience does not hold for leaving the log: an idle reader stops it at once.
Status ResultsDatabase::settle() {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  database_.wait_for_others(std::chrono::milliseconds(500));
  while (true) {
    const Status settled =
        database_.run("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE");
    if (settled || !database_.is_in_use()) return settled;
    if (std::chrono::steady_clock::now() > until) return {};
    // taste: allow sleep because SQLite does not tell when another connection closes.
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

// What goes on from here to terminals, pages and programs: no text of a run can do anything there.
static std::string clean(const Statement& row, int column) {
  return printable_lines(row.text(column));
}

static Status check_length(const Statement& row, int column) {
  const std::size_t bytes = row.text(column).size();
  if (bytes <= kLongestStoredName) return {};
  return fail("a name of {} bytes: not a run's results", bytes);
}

Result<FinishedSet> ResultsDatabase::finished() {
  FinishedSet set;
  VIOLET_TRY(for_each_row(database_, "SELECT cell, repetition FROM repetitions WHERE finished = 1",
                          [&](const Statement& row) -> Status {
                            set.emplace(row.text(0), static_cast<std::uint32_t>(row.integer(1)));
                            return {};
                          }));
  return set;
}

Status ResultsDatabase::read_cells(RunData& run) {
  return for_each_row(database_, "SELECT id, label, axes FROM cells ORDER BY position",
                      [&](const Statement& row) -> Status {
                        if (run.cells.size() == kMostStoredCells) {
                          return fail("more than {} cells: not a run's results", kMostStoredCells);
                        }
                        VIOLET_TRY(check_length(row, 0));
                        VIOLET_TRY(check_length(row, 1));
                        CellData data{{clean(row, 0), clean(row, 1), {}}, {}};
                        VIOLET_TRY(axes_from(row.text(2), data.cell));
                        run.cells.push_back(std::move(data));
                        return {};
                      });
}

namespace {

// Nothing: what is stored is the number of no repetition.
std::optional<std::uint32_t> retried_from(const Metric& metric) {
  constexpr double kMostRepetitions = 10'000;  // Of a plan.
  const double number = metric.value.value_or(0);
  if (!(number >= 1 && number <= kMostRepetitions)) return std::nullopt;
  return static_cast<std::uint32_t>(number) - 1;
}

}  // namespace

Status ResultsDatabase::read_metrics(std::map<std::int64_t, RepetitionRecord*>& by_id) {
  const char* sql =
      "SELECT repetition_id, name, unit, value, because, better FROM metrics ORDER BY 1, 2";
  const RepetitionRecord* last = nullptr;
  return for_each_row(database_, sql, [&](const Statement& row) -> Status {
    const auto at = by_id.find(row.integer(0));
    if (at == by_id.end()) return {};
    if (at->second != last) {
      // Most have as many as the one before: what a growing vector holds in store adds up.
      if (last != nullptr) at->second->metrics.reserve(last->metrics.size());
      last = at->second;
    }
    if (at->second->metrics.size() == kMostStoredMetrics) {
      return fail("more than {} metrics of a repetition: not a run's results", kMostStoredMetrics);
    }
    VIOLET_TRY(check_length(row, 1));
    VIOLET_TRY(check_length(row, 2));
    Metric metric{clean(row, 1), clean(row, 2), {}, clean(row, 4), better_from(row.text(5))};
    if (!row.is_null(3)) metric.value = row.real(3);
    if (metric.name == kRetryOf) at->second->retry_of = retried_from(metric);
    at->second->metrics.push_back(std::move(metric));
    return {};
  });
}

// As they were stored, which check() has seen; of an unchecked database, as the encoded counts say.
Result<StoredHistogram> ResultsDatabase::read_histogram(const Statement& row) const {
  if (!checked_) {
    VIOLET_TRY(const HdrHistogram counted, decode(row.text(4)));
    return StoredHistogram(counted);
  }
  const auto number = [&](int column) {
    return static_cast<std::uint64_t>(std::clamp(row.real(column), 0.0, 1e18));
  };
  StoredHistogram::Numbers numbers{
      static_cast<std::uint64_t>(row.integer(5)), number(6), number(12), row.real(13), {}};
  for (std::size_t i = 0; i < kPercentiles.size(); ++i)
    numbers.percentiles[i] = number(7 + static_cast<int>(i));
  return StoredHistogram(clean(row, 4), numbers);
}

Status ResultsDatabase::read_histograms(std::map<std::int64_t, RepetitionRecord*>& by_id) {
  const char* sql =
      "SELECT repetition_id, name, unit, better, encoded, count, min, p50, p90, p99, p99_9, "
      "p99_99, "
      "max, mean FROM histograms ORDER BY 1, 2";
  return for_each_row(database_, sql, [&](const Statement& row) -> Status {
    const auto at = by_id.find(row.integer(0));
    if (at == by_id.end()) return {};
    auto histogram = read_histogram(row);
    if (!histogram) {
      return fail("histogram '{}' of repetition {} of '{}': {}", row.text(1),
                  at->second->repetition + 1, at->second->cell, histogram.error().message);
    }
    at->second->histograms.push_back(
        {clean(row, 1), clean(row, 2), std::move(*histogram), better_from(row.text(3))});
    return {};
  });
}

Status ResultsDatabase::read_notes(RunData& run, std::map<std::int64_t, RepetitionRecord*>& by_id) {
  const char* sql = "SELECT at_s, severity, text, cell, repetition_id FROM notes ORDER BY id";
  return for_each_row(database_, sql, [&](const Statement& row) -> Status {
    const auto at = row.is_null(4) ? by_id.end() : by_id.find(row.integer(4));
    if (at != by_id.end()) {
      at->second->warnings.push_back(clean(row, 2));
    } else {
      run.notes.push_back({row.real(0), clean(row, 1), clean(row, 2), clean(row, 3)});
    }
    return {};
  });
}

Status ResultsDatabase::read_repetitions(RunData& run) {
  std::map<std::string, CellData*> cells;
  for (CellData& data : run.cells) cells[data.cell.id] = &data;
  std::vector<std::pair<std::int64_t, std::pair<CellData*, std::size_t>>> places;
  const char* sql =
      "SELECT id, cell, repetition, finished, start_s, duration_s FROM repetitions ORDER BY cell, "
      "repetition";
  VIOLET_TRY(for_each_row(database_, sql, [&](const Statement& row) -> Status {
    const std::string cell = clean(row, 1);
    const auto at = cells.find(cell);
    if (at == cells.end()) return fail("a repetition of '{}', which is no cell", cell);
    const auto number = static_cast<std::uint32_t>(row.integer(2));
    if (row.integer(3) == 0) {
      run.unfinished.emplace_back(cell, number);
      return {};
    }
    RepetitionRecord record;
    record.cell = cell;
    record.repetition = number;
    record.start_s = row.real(4);
    record.duration_s = row.real(5);
    places.push_back({row.integer(0), {at->second, at->second->repetitions.size()}});
    at->second->repetitions.push_back(std::move(record));
    return {};
  }));
  std::map<std::int64_t, RepetitionRecord*> by_id;
  for (const auto& [id, place] : places) by_id[id] = &place.first->repetitions[place.second];
  VIOLET_TRY(read_metrics(by_id));
  VIOLET_TRY(read_histograms(by_id));
  return read_notes(run, by_id);
}

Status ResultsDatabase::read(RunData& run) {
  // One snapshot, although a writer may be at work.
  Status status = database_.run("BEGIN");
  run.checked = checked_;
  if (status && checked_) status = check();
  if (status) status = read_cells(run);
  if (status) status = read_repetitions(run);
  (void)database_.run("COMMIT");
  return status;
}

}  // namespace violet::results
