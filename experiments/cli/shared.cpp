#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "experiments/cli/verbs.hpp"
#include "experiments/results/run_directory.hpp"
#include "experiments/results/table.hpp"

namespace violet::cli {

int complain(const Error& error) {
  tell("violet: {}\n", results::printable_lines(error.message));
  switch (error.kind) {
    case ErrorKind::kUsage:
      return kUsage;
    case ErrorKind::kEnvironment:
      return kEnvironment;
    case ErrorKind::kFailed:
      break;
  }
  return kRunFailed;
}

int print_summary(const results::RunData& run, const results::Report& report,
                  results::SummaryOptions options, bool notes, const std::string& below) {
  const results::TextStyle style = results::style_for(STDOUT_FILENO);
  options.bars = style.colour;
  const auto tables = results::summary(run, options);
  if (!tables) return complain(tables.error());
  return print(results::render_summary(report, *tables, {.notes = notes, .style = style}) +
               results::fitted(below, style.width));
}

int print_for_programs(const results::RunData& run, const results::Report& report,
                       results::Format format) {
  if (format != results::Format::kJson) return print(results::render(run, report, format));
  return print([&](const WritePiece& write) { return results::write_json(run, report, write); });
}

std::string quoted(const std::string& word) {
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

void end_where_nobody_reads() {
  if (errno != EPIPE) return;
  restore_sigpipe();
  std::raise(SIGPIPE);
}

int print(const std::function<Status(const WritePiece&)>& all) {
  const auto write = [](std::string_view piece) -> Status {
    if (std::fwrite(piece.data(), 1, piece.size(), stdout) == piece.size()) return {};
    return fail("stdout could not be written: {}", std::strerror(errno));
  };
  const Status written = all(write);
  if (written && std::fflush(stdout) == 0) return kOk;
  end_where_nobody_reads();
  tell("violet: {}\n", written
                           ? fmt::format("stdout could not be written: {}", std::strerror(errno))
                           : written.error().message);
  return kRunFailed;
}

int print(const std::string& text) {
  return print([&](const WritePiece& write) { return write(text); });
}

Result<std::string> find_run(const Places& places, const std::string& name) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::is_directory(name, error)) return name;
  const fs::path named = fs::path(places.runs) / name;
  if (!name.empty() && fs::is_directory(named, error)) return named.string();
  std::vector<std::string> matches;
  for (const auto& run : results::list_runs(places.runs)) {
    const std::string base = run.filename().string();
    if (base.find(name) != std::string::npos) matches.push_back(run.string());
  }
  if (matches.size() == 1) return matches.front();
  if (matches.empty()) {
    return fail(
        ErrorKind::kUsage,
        "no run is called '{}': give a run directory, a name below {}, or latest; ./violet runs "
        "lists them",
        name, places.runs);
  }
  return fail(ErrorKind::kUsage, "'{}' is the name of {} runs; write more of it: {}", name,
              matches.size(), fmt::join(matches, ", "));
}

}  // namespace violet::cli
