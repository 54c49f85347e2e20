#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/files.hpp"
#include "experiments/cli/show_choice.hpp"
#include "experiments/cli/verbs.hpp"
#include "experiments/query/trace_events.hpp"
#include "experiments/results/report.hpp"
#include "experiments/results/run_directory.hpp"

namespace violet::cli {
namespace {

constexpr std::uint64_t kMostLogBytes = std::uint64_t{256} << 20;

Status put(std::string_view piece) {
  if (std::fwrite(piece.data(), 1, piece.size(), stdout) == piece.size()) return {};
  end_where_nobody_reads();
  return fail("stdout could not be written: {}", std::strerror(errno));
}

// Histogram logs are ASCII. Anything else could be meant for the terminal.
bool is_of_a_log(char byte) {
  return (byte >= ' ' && byte <= '~') || byte == '\n' || byte == '\r' || byte == '\t';
}

// What is printed of a file of a run: a file that its maker could read himself, and that ends.
Status put_log(const std::filesystem::path& log) {
  VIOLET_TRY(const FileDescriptor file, open_regular_file(log, Links::kRefused));
  const auto too_long = [&] {
    return fail("{}: longer than {} MiB: no histogram log", log.string(), kMostLogBytes >> 20);
  };
  struct stat status {};
  if (::fstat(file.get(), &status) == 0 &&
      static_cast<std::uint64_t>(status.st_size) > kMostLogBytes) {
    return too_long();
  }
  std::string piece(1 << 16, '\0');
  for (std::uint64_t at = 0;;) {
    const std::size_t got = read_at(file.get(), at, std::as_writable_bytes(std::span(piece)));
    if (got == 0) return {};
    at += got;
    if (at > kMostLogBytes) return too_long();  // It grew.
    const auto end = piece.begin() + static_cast<std::ptrdiff_t>(got);
    std::replace_if(piece.begin(), end, std::not_fn(is_of_a_log), '?');
    VIOLET_TRY(put(std::string_view(piece).substr(0, got)));
  }
}

// All histogram logs of a run, one behind another with the cell as a comment.
Status put_logs(const std::filesystem::path& run) {
  std::vector<std::filesystem::path> logs;
  std::error_code error;
  if (std::filesystem::is_symlink(run / "hlog", error)) {
    return fail("{}: is a link, which may lead anywhere", (run / "hlog").string());
  }
  for (std::filesystem::directory_iterator at(run / "hlog", error), end; !error && at != end;
       at.increment(error)) {
    if (at->path().extension() == ".hlog") logs.push_back(at->path());
  }
  std::sort(logs.begin(), logs.end());
  if (logs.empty()) return fail("{} has no histogram logs", run.string());
  for (const auto& log : logs) {
    VIOLET_TRY(put(fmt::format("#[Cell: {}]\n", results::printable(log.stem().string()))));
    VIOLET_TRY(put_log(log));
  }
  return {};
}

// How far it is, on a terminal or where it was asked for.
query::ShareDone share_line(results::ProgressMode mode) {
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  const bool always = mode == results::ProgressMode::kAlways;
  if (!always && (mode != results::ProgressMode::kAuto || !terminal)) return [](double) {};
  return [terminal, last = -1](double share) mutable {
    const int percent = static_cast<int>(share * 100);
    if (percent == last || (!terminal && percent / 10 == last / 10 && last >= 0)) return;
    last = percent;
    if (terminal) {
      tell("\r\x1b[Kviolet: {} % of the time", percent);
      if (share >= 1) tell("\r\x1b[K");
    } else {
      tell("violet: {} % of the time\n", percent);
    }
  };
}

Status put_events(const std::string& path, const ExportFlags& flags) {
  VIOLET_TRY(const auto run, query::open_run(path));
  if (const auto because = run->no_cells_because(); !because.empty()) {
    return fail("{}; its results are in ./violet report", because);
  }
  const auto cells = run->cells();
  VIOLET_TRY(const std::size_t index, choose_cell(cells, flags.part));
  VIOLET_TRY(const auto cell, run->open_cell(index, {}));
  VIOLET_TRY(const ShownWindow shown, choose_window(cell->info(), flags.part));
  tell("violet: {}, {}, {}\n", results::printable(cell->info().label),
       repetition_words(cell->info()), window_words(shown, cell->info()));
  VIOLET_TRY(query::write_trace_events(*cell, shown.window, put, share_line(flags.progress)));
  if (const std::string damage = run->damage(); !damage.empty()) return fail("{}", damage);
  return {};
}

}  // namespace

int export_verb(const Places& places, const ExportFlags& flags) {
  const auto path = find_run(places, flags.run);
  if (!path) return complain(path.error());
  if (flags.what == "hdr") {
    const Status put = put_logs(*path);
    return put ? print("") : complain(put.error());
  }
  if (flags.what == "perfetto") {
    const Status events = put_events(*path, flags);
    return events ? print("") : complain(events.error());
  }
  const auto data = results::read_run(*path);
  if (!data) return complain(data.error());
  if (flags.what == "json") {
    const Status written = results::write_results_json(*data, put);
    return written ? print("\n") : complain(written.error());
  }
  const results::TextStyle style = results::style_for(STDOUT_FILENO);
  return print(results::render(*data, results::report(*data), results::Format::kCsv, style));
}

}  // namespace violet::cli
