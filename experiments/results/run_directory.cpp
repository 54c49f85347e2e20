#include "experiments/results/run_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "engine/base/check.hpp"
#include "engine/base/file_descriptor.hpp"
#include "engine/base/files.hpp"
#include "engine/base/foreign_json.hpp"
#include "experiments/hdr/hdr_log.hpp"
#include "experiments/results/results_database.hpp"
#include "experiments/results/table.hpp"
#include "experiments/results/until_ci.hpp"

namespace violet::results {
namespace fs = std::filesystem;
namespace {

// One process writes a run. The kernel drops the lock when the writer dies, however it dies.
Result<FileDescriptor> lock(const fs::path& directory) {
  const fs::path path = directory / "lock";
  VIOLET_TRY(FileDescriptor fd, open_own_file(path, O_RDWR | O_CREAT));
  // Whoever may open it could hold it, and nobody could resume the run.
  if (::fchmod(fd.get(), 0600) != 0) {
    return fail("{}: cannot be made the writer's alone: {}", path.string(), std::strerror(errno));
  }
  // A reader that asks whether somebody writes holds it for a moment.
  for (int tries = 0; tries < 20; ++tries) {
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
    // taste: allow sleep because flock(2) waits without an end or not at all.
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return fail("{}: another process is writing this run", directory.string());
}

Result<fs::path> make_directory(const fs::path& root, const std::string& name) {
  std::error_code error;
  fs::create_directories(root, error);
  const auto cannot = [&error](const fs::path& path) {
    return fail(ErrorKind::kEnvironment,
                "{}: cannot be made: {}; VIOLET_RUNS=DIR puts runs elsewhere", path.string(),
                error.message());
  };
  if (error) return cannot(root);
  for (int i = 1; i < 1000; ++i) {
    const fs::path path = root / (i == 1 ? name : fmt::format("{}-{}", name, i));
    if (fs::create_directory(path, error)) return path;
    if (error) return cannot(path);
  }
  return fail("{}: a thousand runs of one second", root.string());
}

bool is_name(const std::string& text) {
  return !text.empty() && text != "." && text != ".." &&
         text.find_first_of("/\n") == std::string::npos && text.find('\0') == std::string::npos;
}

}  // namespace

struct RunWriter::State {
  State(fs::path in, FileDescriptor locked, FileDescriptor log_file, Manifest facts,
        ResultsDatabase results, FinishedSet done)
      : directory(std::move(in)),
        lock(std::move(locked)),
        log(std::move(log_file)),
        manifest(std::move(facts)),
        database(std::move(results)),
        finished(std::move(done)) {}

  fs::path directory;
  FileDescriptor lock, log;
  Manifest manifest;
  ResultsDatabase database;
  FinishedSet finished;
  std::string cell;  // Of the repetition at work.
  // That cell's; others are closed: a run may have more cells than a process may have files.
  std::optional<HdrLogWriter> hlog;
  std::string tag_suffix;
  // Times must not jump with the wall clock.
  std::chrono::steady_clock::time_point opened = std::chrono::steady_clock::now();
  double opened_at_s = 0;
};

RunWriter::RunWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
RunWriter::RunWriter(RunWriter&&) noexcept = default;
RunWriter& RunWriter::operator=(RunWriter&&) noexcept = default;
RunWriter::~RunWriter() = default;

static Result<FileDescriptor> open_log(const fs::path& directory) {
  return open_own_file(directory / "log.txt", O_WRONLY | O_CREAT | O_APPEND);
}

static Status write_inputs(const fs::path& directory, const RunSetup& setup) {
  VIOLET_TRY(replace_file(directory / "plan.toml", setup.plan_text));
  VIOLET_TRY(replace_file(directory / "resolved.json", setup.resolved_json));
  VIOLET_TRY(replace_file(directory / "manifest.json", to_json(setup.manifest)));
  std::error_code error;
  fs::create_directory(directory / "hlog", error);
  if (error) return fail("{}: cannot be made: {}", (directory / "hlog").string(), error.message());
  return {};
}

Result<RunWriter> RunWriter::create(RunSetup setup) {
  Manifest& manifest = setup.manifest;
  if (!is_name(manifest.plan_name) || !is_name(manifest.plan_hash)) {
    return fail("'{}' with hash '{}' cannot name a run", manifest.plan_name, manifest.plan_hash);
  }
  for (const CellRecord& cell : setup.cells) {
    if (!is_name(cell.id)) return fail("'{}' cannot name a cell", cell.id);
  }
  manifest.started_epoch_s = epoch_now_s();
  manifest.started_utc = utc_text(manifest.started_epoch_s);
  VIOLET_TRY(const auto directory,
             make_directory(setup.root, fmt::format("{}-{}-{}", utc_name(manifest.started_epoch_s),
                                                    manifest.plan_name, manifest.plan_hash)));
  manifest.run_id = directory.filename().string();
  VIOLET_TRY(auto locked, lock(directory));
  VIOLET_TRY(write_inputs(directory, setup));
  std::error_code error;
  const fs::path real = fs::canonical(directory, error);  // SQLite is told to follow no links.
  VIOLET_TRY(auto database, ResultsDatabase::create(real / "results.sqlite", setup.cells));
  VIOLET_TRY(auto log, open_log(directory));
  RunWriter writer(std::make_unique<State>(directory, std::move(locked), std::move(log), manifest,
                                           std::move(database), FinishedSet{}));
  // A run without it is a run all the same.
  if (const auto linked = point_latest(setup.root, directory); !linked) {
    VIOLET_TRY(writer.note({0, "warning", linked.error().message, {}}));
  }
  return writer;
}

// Numbers of two machines do not make one run.
static Status check_host(const Manifest& then, const Manifest& now, const fs::path& directory) {
  if (then.host.text() == now.host.text() && then.cpu_model.text() == now.cpu_model.text()) {
    return {};
  }
  return fail(ErrorKind::kUsage,
              "{}: was begun on {} ({}), this is {} ({}); begin a run of its own here",
              directory.string(), then.host.text(), then.cpu_model.text(), now.host.text(),
              now.cpu_model.text());
}

// What others can change while it is written to leads anywhere.
static Status check_owner(const fs::path& directory) {
  struct stat folder {};
  if (::lstat(directory.c_str(), &folder) != 0) {
    return fail("{}: {}", directory.string(), std::strerror(errno));
  }
  const fs::path logs = directory / "hlog";
  struct stat hlog {};
  const bool has_logs = ::lstat(logs.c_str(), &hlog) == 0;
  if (folder.st_uid != ::geteuid() || (has_logs && hlog.st_uid != ::geteuid())) {
    return fail(
        ErrorKind::kUsage,
        "{}: belongs to another user, who could lead what is written anywhere; resume it as "
        "that user, or copy it (cp -r) and resume the copy",
        directory.string());
  }
  if ((folder.st_mode & S_IWOTH) != 0) {
    return fail(ErrorKind::kUsage,
                "{}: anybody may write there; take that away first: chmod o-w {}",
                directory.string(), directory.string());
  }
  if (has_logs && !S_ISDIR(hlog.st_mode)) {
    return fail(ErrorKind::kUsage, "{}: is no folder of this run", logs.string());
  }
  return {};
}

static Status note_changes(RunWriter& writer, const Manifest& now) {
  const Manifest& then = writer.manifest();
  const struct {
    const char* what;
    std::string before, after;
  } kFacts[] = {{"revision", then.git_revision.text(), now.git_revision.text()},
                {"build", then.build.text(), now.build.text()},
                {"kernel", then.kernel.text(), now.kernel.text()},
                {"governor", then.governor.text(), now.governor.text()}};
  for (const auto& fact : kFacts) {
    if (fact.before == fact.after) continue;
    VIOLET_TRY(writer.note({writer.elapsed_s(), "warning",
                            fmt::format("resumed with another {}: {}, the repetitions before "
                                        "with {}",
                                        fact.what, fact.after, fact.before)}));
  }
  return {};
}

// create() ends with the log: without it nothing was measured.
static Error why_unreadable(const Error& error, const fs::path& directory) {
  std::error_code ignored;
  if (fs::exists(directory / "log.txt", ignored)) return error;
  return {fmt::format("{}: its run was killed before it measured anything: start it anew, and "
                      "remove the folder ({})",
                      directory.string(), error.message),
          ErrorKind::kUsage};
}

Result<RunWriter> RunWriter::resume(const fs::path& given, std::string_view plan_hash,
                                    const Manifest* now) {
  std::error_code error;
  const fs::path directory = fs::canonical(given, error);  // runs/latest may move on meanwhile.
  if (error) return fail("{}: no run directory: {}", given.string(), error.message());
  VIOLET_TRY(check_owner(directory));
  VIOLET_TRY(auto manifest, read_manifest(directory));
  if (manifest.plan_hash != plan_hash) {
    return fail(ErrorKind::kUsage,
                "{}: was made with plan {} ({}), not with {}; resume needs the same plan",
                directory.string(), manifest.plan_name, manifest.plan_hash, plan_hash);
  }
  if (now != nullptr) {
    VIOLET_TRY(check_host(manifest, *now, directory));
  }
  VIOLET_TRY(auto locked, lock(directory));
  auto database = ResultsDatabase::open(directory / "results.sqlite", Database::Mode::kWrite);
  if (!database) return tl::unexpected(why_unreadable(database.error(), directory));
  auto finished = database->finished();
  if (!finished) return tl::unexpected(why_unreadable(finished.error(), directory));
  VIOLET_TRY(auto log, open_log(directory));
  manifest.outcome = "running";
  manifest.finished_utc.clear();
  if (manifest.until_ci) manifest.until_ci->cells.clear();  // How they stood when the run ended.
  RunWriter writer(std::make_unique<State>(directory, std::move(locked), std::move(log), manifest,
                                           *std::move(database), *std::move(finished)));
  writer.state_->opened_at_s = std::max(0.0, epoch_now_s() - manifest.started_epoch_s);
  VIOLET_TRY(writer.update_manifest(manifest));
  if (now != nullptr) {
    VIOLET_TRY(note_changes(writer, *now));
  }
  return writer;
}

const fs::path& RunWriter::directory() const { return state_->directory; }
fs::path RunWriter::trace_path() const { return state_->directory / "trace.events"; }
fs::path RunWriter::pyramid_path() const { return state_->directory / "trace.pyramid"; }
const Manifest& RunWriter::manifest() const { return state_->manifest; }
const FinishedSet& RunWriter::finished() const { return state_->finished; }
double RunWriter::elapsed_s() const {
  const auto since = std::chrono::steady_clock::now() - state_->opened;
  return state_->opened_at_s + std::chrono::duration<double>(since).count();
}

Status RunWriter::begin_repetition(const std::string& cell, std::uint32_t repetition) {
  VIOLET_TRY(const auto attempt, state_->database.begin_repetition(cell, repetition, elapsed_s()));
  if (state_->cell != cell) state_->hlog.reset();
  state_->cell = cell;
  // A repetition that was interrupted leaves its intervals; the tag keeps the next try apart.
  state_->tag_suffix =
      attempt == 1 ? fmt::format("/r{}", repetition) : fmt::format("/r{}.{}", repetition, attempt);
  return {};
}

Status RunWriter::interval(std::string_view histogram_name, double start_s, double length_s,
                           const HdrHistogram& recorded) {
  VIOLET_CHECK(!state_->cell.empty() && "begin_repetition() comes first");
  if (!state_->hlog) {
    VIOLET_TRY(state_->hlog,
               HdrLogWriter::open(state_->directory / "hlog" / (state_->cell + ".hlog"),
                                  state_->manifest.started_epoch_s,
                                  fmt::format("Violet, cell {}", state_->cell)));
  }
  return state_->hlog->append(fmt::format("{}{}", histogram_name, state_->tag_suffix), start_s,
                              length_s, recorded);
}

Status RunWriter::finish_repetition(const RepetitionRecord& record) {
  VIOLET_TRY(state_->database.finish_repetition(record));
  state_->finished.emplace(record.cell, record.repetition);
  return {};
}

Status RunWriter::note(const Note& note) { return state_->database.add_note(note); }

Status RunWriter::log(std::string_view line) {
  const std::string text = fmt::format("{:10.3f} {}\n", elapsed_s(), line);
  return write_all(state_->log.get(), text, state_->directory / "log.txt");
}

Status RunWriter::update_manifest(const Manifest& manifest) {
  state_->manifest = manifest;
  return replace_file(state_->directory / "manifest.json", to_json(manifest));
}

Status RunWriter::close(std::string_view outcome) {
  state_->manifest.outcome = std::string(outcome);
  state_->manifest.finished_utc = utc_text(epoch_now_s());
  VIOLET_TRY(state_->database.settle());
  VIOLET_TRY(auto run, read_run(state_->directory));
  run.manifest = state_->manifest;
  VIOLET_TRY(replace_file(state_->directory / "results.json", [&run](const WritePiece& write) {
    return write_results_json(run, write);
  }));
  // Last: a run that says so is whole, and --resume does not touch it.
  return update_manifest(state_->manifest);
}

bool RunWriter::is_in_write_ahead_log() const {
  std::error_code error;
  const auto bytes = fs::file_size(state_->directory / "results.sqlite-wal", error);
  return !error && bytes > 0;
}

// What is wanted of the resolved plan: what a comparison asks for, and what was expected. A run without it can still be
// read.
static void read_resolved_plan(RunData& run) {
  const auto text =
      read_whole_file(run.directory / "resolved.json", kMostResolvedBytes, Links::kRefused);
  if (!text) return;
  nlohmann::json json;
  if (!parse_json(*text, "resolved.json", json) || !json.is_object()) return;
  if (const auto settings = json.find("run"); settings != json.end() && settings->is_object()) {
    for (const auto& [key, value] : settings->items())
      run.run_settings[printable(key)] = printable(value.dump());
  }
  const auto expected = json.find("expectations");
  if (expected == json.end()) return;
  auto expectations = expectations_from_json(*expected, "resolved.json");
  if (expectations) {
    run.expectations = std::move(*expectations);
  } else {
    run.notes.push_back({0, "warning",
                         fmt::format("what the plan expects is not judged: {}",
                                     printable_lines(expectations.error().message))});
  }
}

enum class Writer { kGone, kAtWork, kUnknown };

// Other users may not ask.
static Writer writer_of(const fs::path& directory) {
  const auto lock = open_regular_file(directory / "lock", Links::kRefused);
  if (!lock) {
    return ::access((directory / "lock").c_str(), R_OK) != 0 && errno == EACCES ? Writer::kUnknown
                                                                                : Writer::kGone;
  }
  const bool held = ::flock(lock->get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  return held ? Writer::kAtWork : Writer::kGone;
}

// Why results had to be copied to be read. Of a run that goes on others may see the database and not the files that its
// writer has open beside it. Nothing is amiss with one that ended while somebody read it, and so has its log still.
static std::optional<std::string> why_copied(const RunData& run, Writer writer) {
  if (writer == Writer::kAtWork) {
    return "the run goes on, and its files may not be opened beside the writer: this is a copy of "
           "results.sqlite as it was a moment ago";
  }
  std::error_code error;
  const bool changing = fs::exists(run.directory / "results.sqlite-journal", error);
  if (!changing && run.manifest.outcome != "running") return std::nullopt;
  if (writer == Writer::kUnknown) {
    return "this is a copy of results.sqlite as it was a moment ago: the run of another user goes "
           "on, or was left in the midst of a change";
  }
  return "results.sqlite was left in the midst of a change by a writer that died; this is a "
         "repaired copy of it, and --resume repairs the run";
}

Result<RunData> read_run(const fs::path& given) {
  std::error_code error;
  RunData run;
  run.directory = fs::canonical(given, error);
  if (error || !fs::is_directory(run.directory, error)) {
    return fail(ErrorKind::kUsage, "{}: no run directory", given.string());
  }
  VIOLET_TRY(run.manifest, read_manifest(run.directory));
  const fs::path database_path = run.directory / "results.sqlite";
  const Writer writer = writer_of(run.directory);
  auto database = ResultsDatabase::open(
      database_path, writer == Writer::kAtWork ? Database::Mode::kReadLive : Database::Mode::kRead);
  if (!database) return tl::unexpected(why_unreadable(database.error(), run.directory));
  const Status status = database->read(run);
  if (const auto why = why_copied(run, writer); why && database->repaired()) {
    run.notes.push_back({0, "warning", *why, {}});
  }
  if (status) {
    for (CellData& cell : run.cells) cell.confidence = median_confidence(run.manifest);
    read_resolved_plan(run);
    return run;
  }
  Error why = status.error();
  // SQLite's own errors name the file already.
  if (!why.message.starts_with(database_path.string())) {
    why.message = fmt::format("{}: {}", database_path.string(), why.message);
  }
  return tl::unexpected(why_unreadable(why, run.directory));
}

Status point_latest(const fs::path& root, const fs::path& directory) {
  const fs::path link = root / "latest", next = root / fmt::format(".latest-{}", ::getpid());
  std::error_code error;
  fs::remove(next, error);
  fs::create_directory_symlink(directory.filename(), next, error);
  if (!error) fs::rename(next, link, error);
  if (!error) return {};
  const std::string reason = error.message();
  fs::remove(next, error);
  return fail("{}: cannot be linked to this run: {}; 'latest' is not this one", link.string(),
              reason);
}

std::vector<fs::path> list_runs(const fs::path& root) {
  std::vector<fs::path> runs;
  std::error_code error, ignored;
  for (fs::directory_iterator at(root, error), end; !error && at != end; at.increment(error)) {
    const bool is_run = fs::exists(at->path() / "manifest.json", ignored);
    if (is_run && !at->is_symlink(ignored)) runs.push_back(at->path());
  }
  std::sort(runs.rbegin(), runs.rend());
  return runs;
}

}  // namespace violet::results
