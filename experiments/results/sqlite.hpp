// A database connection wraps SQLite in RAII and Result. Internal to this room.
//
// Threading: one connection, one thread.
// Invariants: a file that others made is not trusted: it and SQLite's files beside it are regular files, it holds
// tables and indexes only, and its reading does not take more work than its size explains. A reader changes nothing, and
// makes nothing: a log or a journal whose writer is gone is read in a copy. A writer opens files of this user alone.
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/result.hpp"

namespace violet::results {

class Statement {
 public:
  // Parameters count from 1; the text is copied.
  Statement& bind(int at, std::string_view text);
  Statement& bind(int at, double value);
  Statement& bind(int at, std::int64_t value);
  Statement& bind_null(int at);
  // True: there is a row; false: done. Errors name the file.
  Result<bool> step();
  void reset();  // Ready to be bound again, whatever rows are left.
  // For statements without rows; reset afterwards.
  Status run();

  std::string text(int column) const;
  int columns() const { return sqlite3_column_count(handle_.get()); }
  // As sqlite3_column_type(): SQLITE_INTEGER and so on.
  int type(int column) const { return sqlite3_column_type(handle_.get(), column); }
  double real(int column) const { return sqlite3_column_double(handle_.get(), column); }
  std::int64_t integer(int column) const { return sqlite3_column_int64(handle_.get(), column); }
  bool is_null(int column) const {
    return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
  }

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
  Result<bool> account();

  sqlite3* database_ = nullptr;
  std::uint64_t* left_ = nullptr;  // As the database's.
  std::string path_;
};

class Database {
 public:
  // kReadLive: to read while its writer is at work.
  enum class Mode { kCreate, kWrite, kRead, kReadLive };
  static Result<Database> open(const std::filesystem::path& path, Mode mode);
  // It is read from a copy with its log or journal.
  bool repaired() const { return copy_ != nullptr; }
  Status run(const char* sql);
  Result<Statement> prepare(const char* sql);
  std::string error() const;
  // Whether it was another connection that made the last call fail.
  bool is_in_use() const;
  // How long a call waits for other connections; 5 s at first.
  void wait_for_others(std::chrono::milliseconds patience);

 private:
  struct Close {
    void operator()(sqlite3* database) const { sqlite3_close(database); }
  };
  class Copy;

  Status connect(const std::filesystem::path& path, int flags);
  Status open_to_read(const std::filesystem::path& path, bool live);
  Status distrust();
  Status read_repaired(const std::filesystem::path& path);

  std::shared_ptr<const Copy> copy_;      // Outlives the connection to it.
  std::unique_ptr<std::uint64_t> steps_;  // Left to its reading, in kStepsPerLook.
  std::unique_ptr<std::uint64_t> left_;   // Of rows and texts that may be read; nothing: any.
  std::unique_ptr<sqlite3, Close> handle_;
  std::string path_;
};

}  // namespace violet::results
