#include "experiments/results/sqlite.hpp"

namespace violet::results {
namespace {

std::string message_of(sqlite3* database, const std::string& path) {
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
  if (status == SQLITE_ROW) return true;
  if (status == SQLITE_DONE) return false;
  return fail("{}", message_of(database_, path_));
}

Status Statement::run() {
  const auto stepped = step();
  sqlite3_reset(handle_.get());
  sqlite3_clear_bindings(handle_.get());
  if (!stepped) return tl::unexpected(stepped.error());
  return {};
}

std::string Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

Result<Database> Database::open(const std::filesystem::path& path, Mode mode) {
  int flags = SQLITE_OPEN_READONLY;
  if (mode == Mode::kWrite) flags = SQLITE_OPEN_READWRITE;
  if (mode == Mode::kCreate) flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  if (mode != Mode::kRead) flags |= SQLITE_OPEN_NOFOLLOW;
  Database database;
  database.path_ = path.string();
  sqlite3* handle = nullptr;
  const int status = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  database.handle_.reset(handle);
  if (status != SQLITE_OK) return fail("{}", message_of(handle, database.path_));
  sqlite3_busy_timeout(handle, 5000);
  return database;
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
  return statement;
}

std::string Database::error() const { return message_of(handle_.get(), path_); }

}  // namespace violet::results
