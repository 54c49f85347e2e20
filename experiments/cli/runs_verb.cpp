// runs: what lies on disk, and what of it may go.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <set>

#include "engine/base/counted.hpp"
#include "experiments/cli/verbs.hpp"
#include "experiments/results/run_store.hpp"
#include "experiments/results/table.hpp"

namespace violet::cli {
namespace {

using results::StoredRun;
using results::Text;

// "3 days", "2 h", "5 min": how long ago, in the largest unit that fits.
std::string age_text(double seconds) {
  constexpr double kDay = 86400, kHour = 3600, kMinute = 60;
  const auto whole = [](double number) { return static_cast<std::uint64_t>(number); };
  if (seconds >= kDay) return counted(whole(seconds / kDay), "day");
  if (seconds >= kHour) return fmt::format("{} h", whole(seconds / kHour));
  if (seconds >= kMinute) return fmt::format("{} min", whole(seconds / kMinute));
  return fmt::format("{} s", whole(std::max(0.0, seconds)));
}

results::Tone tone_of(const StoredRun& run) {
  return run.outcome == "finished" ? results::Tone::kPlain : results::Tone::kWarning;
}

std::uint64_t bytes_of(const std::vector<StoredRun>& runs) {
  std::uint64_t bytes = 0;
  for (const StoredRun& run : runs) bytes += run.bytes;
  return bytes;
}

std::string size_text(std::uint64_t bytes) {
  return results::with_unit(static_cast<double>(bytes), "B");
}

results::Quantity size_of(std::uint64_t bytes) {
  results::Quantity size{static_cast<double>(bytes)};
  size.unit = "B";  // A prefix of its own: a narrow head.
  return size;
}

results::Item trace_of(const StoredRun& run) {
  if (run.trace_bytes) return size_of(*run.trace_bytes);
  return results::Quantity{{}, {}, "no trace was kept"};
}

results::Table runs_table(const std::vector<StoredRun>& runs, const std::string& where) {
  using results::Audience;
  results::Table table;
  table.columns = {{"run", "", true},
                   {"plan"},
                   {"age", "", false, Audience::kPeople},
                   {"started", "", false, Audience::kPrograms},
                   {"outcome"},
                   {"size", "B"},
                   {"its trace", "B"}};
  for (const StoredRun& run : runs) {
    const auto started = run.started_s;
    table.rows.push_back({Text{run.directory.filename().string()},
                          Text{run.plan.empty() ? "not known" : run.plan},
                          Text{started ? age_text(results::epoch_now_s() - *started) : "not known"},
                          Text{started ? results::utc_text(*started) : ""},
                          Text{run.outcome, tone_of(run)}, size_of(run.bytes), trace_of(run)});
  }
  table.notes.push_back(
      fmt::format("{}, {} in {}", counted(runs.size(), "run"), size_text(bytes_of(runs)), where));
  return table;
}

// Asks on stderr; what is no yes is a no.
Result<bool> is_wanted(const std::vector<StoredRun>& runs, bool yes) {
  if (yes) return true;
  for (const StoredRun& run : runs) {
    tell("  {}  {}  {}\n", results::printable(run.directory.string()), size_text(run.bytes),
         run.outcome);
  }
  if (::isatty(STDIN_FILENO) == 0) {
    return fail(ErrorKind::kUsage,
                "nothing was removed: this asks first, and nobody can answer; add --yes");
  }
  tell("remove {}, {}? [y/N] ", counted(runs.size(), "run"), size_text(bytes_of(runs)));
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

int remove_all(const std::vector<StoredRun>& runs, bool yes) {
  if (runs.empty()) return print("nothing to remove\n");
  const auto wanted = is_wanted(runs, yes);
  if (!wanted) return complain(wanted.error());
  if (!*wanted) return print("nothing was removed\n");
  std::vector<StoredRun> gone;
  std::set<std::filesystem::path> roots;
  int ending = kOk;
  for (const StoredRun& run : runs) {
    if (const Status removed = results::remove_run(run.directory); !removed) {
      ending = complain(removed.error());
      continue;
    }
    gone.push_back(run);
    roots.insert(run.above);
  }
  for (const auto& root : roots) {
    if (const Status mended = results::mend_latest(root); !mended)
      ending = complain(mended.error());
  }
  const int printed = print(
      fmt::format("removed {}, {}\n", counted(gone.size(), "run"), size_text(bytes_of(gone))));
  return printed != kOk ? printed : ending;
}

// A name below runs/ or a path; a link is neither.
Result<StoredRun> named_run(const Places& places, const std::string& name) {
  const bool is_path = name.find('/') != std::string::npos;
  return results::stored_run(is_path ? std::filesystem::path(name)
                                     : std::filesystem::path(places.runs) / name);
}

}  // namespace

int list_runs_verb(const Places& places, results::Format format) {
  const auto table = runs_table(results::stored_runs(places.runs), places.runs);
  return print(results::render(table, format, results::style_for(STDOUT_FILENO)));
}

int prune_runs_verb(const Places& places, const RemovalFlags& flags) {
  return remove_all(results::beyond_newest(results::stored_runs(places.runs), flags.keep),
                    flags.yes);
}

int remove_runs_verb(const Places& places, const RemovalFlags& flags) {
  std::vector<StoredRun> runs;
  for (const std::string& name : flags.runs) {
    auto run = named_run(places, name);
    if (!run) return complain(run.error());
    const bool again = std::any_of(runs.begin(), runs.end(), [&](const StoredRun& one) {
      return one.directory == run->directory;
    });
    if (!again) runs.push_back(std::move(*run));
  }
  for (const StoredRun& run : runs) {
    if (!run.goes_on) continue;
    return complain(
        {fmt::format("{}: the run goes on; nothing was removed", run.directory.string()),
         ErrorKind::kUsage});
  }
  return remove_all(runs, flags.yes);
}

}  // namespace violet::cli
