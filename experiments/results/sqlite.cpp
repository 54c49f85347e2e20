#include "experiments/results/sqlite.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <span>

#include "engine/base/files.hpp"
#include "engine/base/scratch_folder.hpp"

namespace violet::results {
namespace {

namespace fs = std::filesystem;

constexpr int kLongestValue = 4 << 20;
// A file can be longer than the disk that its copy would fill.
constexpr std::uintmax_t kMostCopiedBytes = std::uintmax_t{1} << 30;
// Of SQLite's virtual machine: what reading takes at the most, with room to spare.
constexpr int kStepsPerLook = 1'000'000;
constexpr std::uint64_t kSteps = 100'000'000;
constexpr std::uint64_t kStepsPerByte = 100;
// Rows and texts are read three times at the most: of each byte of a file, what can be explained. Pages that are counted
// several times, by a tree whose branches meet, say more.
constexpr std::uint64_t kRowCost = 64;
constexpr std::uint64_t kAlwaysRead = std::uint64_t{1} << 20;
constexpr std::uint64_t kReadPerByte = 10;
// A hole explains nothing; a disk that packs has fewer bytes than the file.
constexpr std::uint64_t kBelieved = std::uint64_t{16} << 20;
constexpr std::uint64_t kPacked = 8;

// The database and the files that SQLite has beside it.
constexpr std::array kParts = {"", "-journal", "-wal", "-shm"};

Status check_files(const fs::path& path, bool may_be_new) {
  for (const char* end : kParts) {
    const std::string name = path.string() + end;
    struct stat about {};
    if (::stat(name.c_str(), &about) != 0) {
      const bool may_miss = errno == ENOENT && (may_be_new || *end != '\0');
      if (may_miss) continue;
      return fail("{}: cannot be opened: {}", name, std::strerror(errno));
    }
    if (!S_ISREG(about.st_mode)) return fail("{}: is no regular file", name);
  }
  return {};
}

// SQLite makes, writes to and removes what lies beside a database, also where it only reads. It may do so where nobody
// else put anything there, and none of the names leads elsewhere.
Status check_own(const fs::path& path) {
  struct stat folder {};
  const fs::path parent = path.parent_path();
  if (::stat(parent.c_str(), &folder) != 0 || folder.st_uid != ::geteuid() ||
      (folder.st_mode & S_IWOTH) != 0) {
    return fail("{}: is not a folder of this user alone", parent.string());
  }
  for (const char* end : kParts) {
    const std::string name = path.string() + end;
    struct stat about {};
    if (::lstat(name.c_str(), &about) != 0) continue;
    if (!S_ISREG(about.st_mode) || about.st_nlink != 1 || about.st_uid != ::geteuid()) {
      return fail("{}: cannot be written: it is not a file of this run alone and of this user",
                  name);
    }
  }
  return {};
}

// Once SQLite has played back a journal that names a file elsewhere, it removes that.
Status check_journal(const fs::path& journal, const std::string& told) {
  constexpr std::string_view kNamesOne = "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7";
  std::error_code error;
  const std::uintmax_t bytes = fs::file_size(journal, error);
  if (error || bytes < kNamesOne.size()) return {};
  VIOLET_TRY(const auto file, open_regular_file(journal));
  std::array<char, kNamesOne.size()> end{};
  const auto got = read_at(file.get(), bytes - end.size(), std::as_writable_bytes(std::span(end)));
  if (got == end.size() && std::string_view(end.data(), end.size()) != kNamesOne) return {};
  return fail("{}: names another file, which a run's journal does not", told);
}

bool has_bytes(const fs::path& path) {
  std::error_code error;
  const std::uintmax_t bytes = fs::file_size(path, error);
  return !error && bytes > 0;
}

std::uint64_t bytes_that_explain(const fs::path& path) {
  std::uint64_t bytes = 0, allocated = 0;
  for (const char* end : {"", "-wal"}) {
    struct stat about {};
    if (::stat((path.string() + end).c_str(), &about) != 0) continue;
    bytes += static_cast<std::uint64_t>(about.st_size);
    allocated += static_cast<std::uint64_t>(about.st_blocks) * 512;
  }
  return std::min(bytes, kBelieved + kPacked * allocated);
}

// Whether nothing would be made beside the database when it is read.
bool is_at_rest(const fs::path& path) {
  std::error_code error;
  for (const char* end : {"-journal", "-wal"}) {
    if (fs::exists(path.string() + end, error)) return false;
  }
  // Of the header: who may write, and who may read it; 2 is with a log.
  const auto file = open_regular_file(path);
  std::array<std::byte, 2> versions{};
  return file && read_at(file->get(), 18, versions) == versions.size() &&
         versions[0] != std::byte{2} && versions[1] != std::byte{2};
}

// The file alone, whatever lies beside it.
std::string immutable_uri(const fs::path& path) {
  std::string uri = "file:";
  for (const char c : path.string()) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '/';
    uri += plain ? std::string(1, c) : fmt::format("%{:02x}", static_cast<unsigned char>(c));
  }
  return uri + "?immutable=1";
}

std::string message_of(sqlite3* database, const std::string& path) {
  if (sqlite3_errcode(database) == SQLITE_INTERRUPT) {
    return fmt::format("{}: takes more work than its size explains: not a run's results", path);
  }
  return fmt::format("{}: {}", path, sqlite3_errmsg(database));
}

}  // namespace

Statement& Statement::bind(int at, std::string_view text) {
  sqlite3_bind_text(handle_.get(), at, text.data(), static_cast<int>(text.size()),
                    SQLITE_TRANSIENT);
  return *this;
}

Statement& Statement::bind(int at, double value) {
  sqlite3_bind_double(handle_.get(), at, value);
  return *this;
}

Statement& Statement::bind(int at, std::int64_t value) {
  sqlite3_bind_int64(handle_.get(), at, value);
  return *this;
}

Statement& Statement::bind_null(int at) {
  sqlite3_bind_null(handle_.get(), at);
  return *this;
}

Result<bool> Statement::step() {
  const int status = sqlite3_step(handle_.get());
  if (status == SQLITE_ROW) return account();
  if (status == SQLITE_DONE) return false;
  return fail("{}", message_of(database_, path_));
}

Result<bool> Statement::account() {
  if (left_ == nullptr) return true;
  std::uint64_t cost = kRowCost;
  for (int column = 0; column < columns(); ++column) {
    const bool has_bytes = type(column) == SQLITE_TEXT || type(column) == SQLITE_BLOB;
    if (has_bytes) cost += static_cast<std::uint64_t>(sqlite3_column_bytes(handle_.get(), column));
  }
  if (cost > *left_) {
    return fail("{}: says more than its size explains: not a run's results", path_);
  }
  *left_ -= cost;
  return true;
}

void Statement::reset() {
  sqlite3_reset(handle_.get());
  sqlite3_clear_bindings(handle_.get());
}

Status Statement::run() {
  const auto stepped = step();
  reset();
  if (!stepped) return tl::unexpected(stepped.error());
  return {};
}

std::string Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

// A database and its journals in a folder of their own, which goes with it.
class Database::Copy {
 public:
  static Result<std::shared_ptr<const Copy>> of(const fs::path& path) {
    std::error_code error;
    VIOLET_TRY(auto folder, ScratchFolder::make("results"));
    const std::shared_ptr<const Copy> copy(new Copy(std::move(folder)));
    std::uintmax_t left = kMostCopiedBytes;
    for (const char* end : {"", "-journal", "-wal"}) {
      const fs::path from = path.string() + end;
      if (*end != '\0' && !fs::exists(from, error)) continue;
      const std::uintmax_t bytes = fs::file_size(from, error);
      if (error || bytes > left) {
        return fail("{}: has more than the {} bytes that are copied at the most", from.string(),
                    kMostCopiedBytes);
      }
      left -= bytes;
      if (!fs::copy_file(from, copy->database().string() + end, error)) {
        return fail("{}: cannot be copied to {}: {}", from.string(), copy->folder_.path().string(),
                    error.message());
      }
    }
    VIOLET_TRY(check_journal(copy->database().string() + "-journal", path.string() + "-journal"));
    return copy;
  }
  fs::path database() const { return folder_.path() / "results.sqlite"; }

 private:
  explicit Copy(ScratchFolder folder) : folder_(std::move(folder)) {}

  ScratchFolder folder_;
};

Result<Database> Database::open(const std::filesystem::path& path, Mode mode) {
  VIOLET_TRY(check_files(path, mode == Mode::kCreate));
  Database database;
  database.path_ = path.string();
  if (mode == Mode::kCreate || mode == Mode::kWrite) {
    if (mode == Mode::kWrite) {
      VIOLET_TRY(check_own(path));
    }
    VIOLET_TRY(check_journal(path.string() + "-journal", path.string() + "-journal"));
    VIOLET_TRY(database.connect(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW |
                                          (mode == Mode::kCreate ? SQLITE_OPEN_CREATE : 0)));
    if (mode == Mode::kCreate) return database;
    VIOLET_TRY(database.distrust());
    return database;
  }
  VIOLET_TRY(database.open_to_read(path, mode == Mode::kReadLive));
  if (mode == Mode::kRead) {
    database.left_ =
        std::make_unique<std::uint64_t>(kAlwaysRead + kReadPerByte * bytes_that_explain(path));
  }
  return database;
}

// One's own that is too large for a copy is read where it lies; a hot journal needs one all the same.
bool is_beyond_copying(const fs::path& path) {
  if (has_bytes(path.string() + "-journal")) return false;
  std::error_code error;
  std::uintmax_t bytes = 0;
  for (const char* end : {"", "-wal"}) {
    const auto size = fs::file_size(path.string() + end, error);
    if (!error) bytes += size;
  }
  return bytes > kMostCopiedBytes;
}

// With SQLite's locks where nothing can come of them; else the file alone, or with its log or journal a copy.
Status Database::open_to_read(const fs::path& path, bool live) {
  if (check_own(path) && (live || is_at_rest(path) || is_beyond_copying(path))) {
    VIOLET_TRY(connect(path, SQLITE_OPEN_READONLY));
    const Status trusted = distrust();
    // On a disk that cannot be written to there is no index of the log.
    const int code = sqlite3_errcode(handle_.get());
    if (trusted || (code != SQLITE_READONLY && code != SQLITE_CANTOPEN)) return trusted;
  }
  if (has_bytes(path.string() + "-wal") || has_bytes(path.string() + "-journal")) {
    return read_repaired(path);
  }
  VIOLET_TRY(connect(immutable_uri(path), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI));
  return distrust();
}

Status Database::connect(const fs::path& path, int flags) {
  sqlite3* handle = nullptr;
  const int status = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  handle_.reset(handle);
  if (status != SQLITE_OK) return fail("{}", message_of(handle, path_));
  wait_for_others(std::chrono::seconds(5));
  return {};
}

Status Database::read_repaired(const fs::path& path) {
  auto copy = Copy::of(path);
  if (!copy) {
    return fail("{}: was left in the midst of a change and can only be read from a copy: {}", path_,
                copy.error().message);
  }
  VIOLET_TRY(connect((*copy)->database(), SQLITE_OPEN_READWRITE));
  copy_ = std::move(*copy);
  return distrust();
}

// Before anything is read. What a schema could run is refused below; SQLite's own distrust of schemas refuses
// json_extract() too, which our computed columns use.
Status Database::distrust() {
  sqlite3* const handle = handle_.get();
  for (const int off : {SQLITE_DBCONFIG_ENABLE_TRIGGER, SQLITE_DBCONFIG_ENABLE_VIEW}) {
    sqlite3_db_config(handle, off, 0, nullptr);
  }
  sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, kLongestValue);
  steps_ = std::make_unique<std::uint64_t>((kSteps + kStepsPerByte * bytes_that_explain(path_)) /
                                           kStepsPerLook);
  sqlite3_progress_handler(
      handle, kStepsPerLook,
      [](void* left) { return --*static_cast<std::uint64_t*>(left) == 0 ? 1 : 0; }, steps_.get());
  // Views, virtual tables and their shadows, triggers: whatever would run when a table is read.
  VIOLET_TRY(auto strangers,
             prepare("SELECT type, name FROM pragma_table_list WHERE schema = 'main' AND type <> "
                     "'table' UNION ALL SELECT type, name FROM sqlite_schema WHERE type = "
                     "'trigger'"));
  VIOLET_TRY(const bool there_is_one, strangers.step());
  if (!there_is_one) return {};
  return fail("{}: holds the {} '{}', and results hold plain tables only", path_, strangers.text(0),
              strangers.text(1));
}

Status Database::run(const char* sql) {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return fail("{}", error());
}

Result<Statement> Database::prepare(const char* sql) {
  sqlite3_stmt* handle = nullptr;
  if (sqlite3_prepare_v2(handle_.get(), sql, -1, &handle, nullptr) != SQLITE_OK) {
    return fail("{}", error());
  }
  Statement statement;
  statement.handle_.reset(handle);
  statement.database_ = handle_.get();
  statement.path_ = path_;
  statement.left_ = left_.get();
  return statement;
}

std::string Database::error() const { return message_of(handle_.get(), path_); }

bool Database::is_in_use() const {
  const int code = sqlite3_errcode(handle_.get()) & 0xff;
  return code == SQLITE_BUSY || code == SQLITE_LOCKED;
}

void Database::wait_for_others(std::chrono::milliseconds patience) {
  sqlite3_busy_timeout(handle_.get(), static_cast<int>(patience.count()));
}

}  // namespace violet::results
