#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "experiments/cli/show_choice.hpp"
#include "experiments/cli/show_views.hpp"
#include "experiments/cli/verbs.hpp"

namespace violet::cli {
namespace {

std::string view_names() {
  std::string names = "cells";
  for (const View& view : views()) names += fmt::format(", {}", view.name);
  return names;
}

// Beside the addresses of a picture.
std::uint32_t picture_columns(unsigned width) {
  constexpr unsigned kAddress = 20, kFewest = 16, kMost = 256;
  return std::clamp(width - std::min(width, kAddress), kFewest, kMost);
}

Result<ViewRequest> request_of(const ShowFlags& flags, const ShownWindow& shown) {
  ViewRequest request;
  request.picture = picture_columns(results::style_for(STDOUT_FILENO).width);
  request.window = shown.window;
  if (!flags.iova.empty()) {
    VIOLET_TRY(request.range, range_from(flags.iova));
  }
  request.columns = flags.columns;
  request.rows = flags.rows;
  request.limit = flags.limit;
  request.people = flags.format == results::Format::kText;
  return request;
}

// With what there is of the events.
results::Table cells_and_trace(const query::RunQueries& run) {
  results::Table table = cells_table(run);
  const auto manifest = results::read_manifest(run.path());
  if (manifest && manifest->kept_trace) {
    table.notes.push_back(results::kept_text(*manifest->kept_trace));
  }
  return table;
}

Result<results::Table> table_of(query::RunQueries& run, const ShowFlags& flags) {
  if (flags.view == "cells") return cells_and_trace(run);
  const auto known = views();
  const auto view = std::find_if(known.begin(), known.end(),
                                 [&](const View& one) { return flags.view == one.name; });
  if (view == known.end()) {
    return fail(ErrorKind::kUsage, "there is no view '{}': {}", flags.view, view_names());
  }
  if (!view->by_address && !flags.iova.empty()) {
    return fail(ErrorKind::kUsage, "the view {} does not look at addresses: leave --iova away",
                view->name);
  }
  const auto cells = run.cells();
  VIOLET_TRY(const std::size_t index, choose_cell(cells, flags));
  VIOLET_TRY(const auto cell, run.open_cell(index, {}));
  const auto info = cell->info();
  VIOLET_TRY(const ShownWindow shown, choose_window(info, flags));
  VIOLET_TRY(const auto request, request_of(flags, shown));
  VIOLET_TRY(auto table, view->table(*cell, request));
  table.title = fmt::format("{}, {}, {}, {}", flags.view, info.label, repetition_words(info),
                            table.title.empty() ? window_words(shown, info) : table.title);
  table.about = facts_of(shown, info, index + 1);
  if (view->counts_calls && info.calls_sampled) table.notes.emplace_back(kSampledCalls);
  if (!info.standing.why.empty()) table.notes.push_back("This repetition: " + info.standing.why);
  if (!info.notice.empty()) table.notes.push_back(info.notice);
  return table;
}

}  // namespace

std::string show_help() {
  std::string text = "VIEW is one of\n  cells      the run's cells (default)\n";
  for (const View& view : views()) text += fmt::format("  {:<10} {}\n", view.name, view.line);
  return text +
         "Without --from, --to and --whole a view is of the measured time: warm-up and taking "
         "down are left out. Repetitions count from 1; in JSON and CSV from 0, as in "
         "results.sqlite.\n"
         "Examples\n"
         "  violet show latest\n"
         "  violet show latest latency --cell 2 --from 10ms --to 20ms\n"
         "  violet show latest page --cell 2 --iova 0xfffff000 --format csv\n";
}

int show_verb(const Places& places, const ShowFlags& flags) {
  const auto path = find_run(places, flags.run);
  if (!path) return complain(path.error());
  const auto run = query::open_run(*path);
  if (!run) return complain(run.error());
  if (const auto because = (*run)->no_cells_because(); !because.empty()) {
    return complain({because + "; its results are in ./violet report", ErrorKind::kFailed});
  }
  const auto table = table_of(**run, flags);
  if (!table) {
    const int code = complain(table.error());
    // What was asked for may be in the part that is lost.
    if (const std::string lost = (*run)->damage(); !lost.empty()) complain({lost});
    return code;
  }
  // CSV has no place for what the rows are about.
  if (flags.format == results::Format::kCsv && !table->title.empty()) {
    tell("violet: {}\n", results::printable(table->title));
  }
  const int printed =
      print(results::render(*table, flags.format, results::style_for(STDOUT_FILENO)));
  const std::string damage = (*run)->damage();
  return damage.empty() || printed != kOk ? printed : complain({damage, ErrorKind::kFailed});
}

}  // namespace violet::cli
