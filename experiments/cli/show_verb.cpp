#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "experiments/cli/show_views.hpp"
#include "experiments/cli/verbs.hpp"

namespace violet::cli {
namespace {

std::string view_names() {
  std::string names = "cells";
  for (const View& view : views()) names += fmt::format(", {}", view.name);
  return names;
}

// By its number in the list of cells, or by words of its label; the first repetition where none is given.
Result<std::size_t> find_cell(const std::vector<query::CellInfo>& cells, const ShowFlags& flags) {
  if (cells.empty()) return fail(ErrorKind::kUsage, "the run has no cell with events");
  const std::string& wanted = flags.cell;
  std::size_t number = 0;
  const char* const end = wanted.data() + wanted.size();
  const auto [rest, error] = std::from_chars(wanted.data(), end, number);
  if (wanted.empty()) number = 1;
  if (wanted.empty() || (error == std::errc() && rest == end)) {
    if (number >= 1 && number <= cells.size() && !flags.repetition) return number - 1;
    if (number < 1 || number > cells.size()) {
      return fail(ErrorKind::kUsage, "there is no cell {}: the run has {}; `show {}` lists them",
                  number, cells.size(), flags.run);
    }
  }
  const bool by_number = number >= 1 && (wanted.empty() || (error == std::errc() && rest == end));
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const bool named = by_number ? cells[i].label == cells[number - 1].label
                                 : cells[i].label.find(wanted) != std::string::npos;
    if (named && cells[i].repetition == flags.repetition.value_or(cells[i].repetition)) {
      found.push_back(i);
    }
  }
  if (found.empty()) {
    return fail(ErrorKind::kUsage, "no cell is called '{}'{}; `show {}` lists them", wanted,
                flags.repetition ? fmt::format(" in repetition {}", *flags.repetition) : "",
                flags.run);
  }
  const auto other = std::find_if(found.begin(), found.end(), [&](std::size_t i) {
    return cells[i].label != cells[found.front()].label;
  });
  if (other != found.end()) {
    return fail(ErrorKind::kUsage,
                "'{}' is part of the name of several cells: {} and {}; write more of it", wanted,
                cells[found.front()].label, cells[*other].label);
  }
  return found.front();
}

Result<ViewRequest> request_of(const ShowFlags& flags, const query::CellInfo& cell) {
  ViewRequest request;
  request.window = cell.whole;
  if (!flags.from.empty()) {
    VIOLET_TRY(request.window.from, time_from(flags.from));
  }
  if (!flags.to.empty()) {
    VIOLET_TRY(request.window.to, time_from(flags.to));
  }
  request.window.from = std::max(request.window.from, cell.whole.from);
  request.window.to = std::min(request.window.to, cell.whole.to);
  if (request.window.length() <= 0) {
    return fail(ErrorKind::kUsage,
                "nothing lies between --from and --to: the cell goes from {} to {}",
                results::with_unit(static_cast<double>(cell.whole.from) / 1e9, "s"),
                results::with_unit(static_cast<double>(cell.whole.to) / 1e9, "s"));
  }
  if (!flags.iova.empty()) {
    VIOLET_TRY(request.range, range_from(flags.iova));
  }
  request.columns = flags.columns;
  request.rows = flags.rows;
  request.limit = flags.limit;
  request.people = flags.format == results::Format::kText;
  return request;
}

Result<results::Table> table_of(query::RunQueries& run, const ShowFlags& flags) {
  if (flags.view == "cells") return cells_table(run);
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
  VIOLET_TRY(const std::size_t index, find_cell(cells, flags));
  VIOLET_TRY(const auto cell, run.open_cell(index, {}));
  const auto info = cell->info();
  VIOLET_TRY(const auto request, request_of(flags, info));
  VIOLET_TRY(auto table, view->table(*cell, request));
  const std::string what =
      fmt::format("{}, {}, repetition {}", flags.view, info.label, info.repetition);
  table.title = table.title.empty() ? what : fmt::format("{}, {}", what, table.title);
  if (!info.notice.empty()) table.notes.push_back(info.notice);
  return table;
}

}  // namespace

std::string show_help() {
  std::string text = "VIEW is one of\n  cells      the run's cells (default)\n";
  for (const View& view : views()) text += fmt::format("  {:<10} {}\n", view.name, view.line);
  return text +
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
    return complain({because, ErrorKind::kFailed});
  }
  const auto table = table_of(**run, flags);
  if (!table) return complain(table.error());
  const int printed =
      print(results::render(*table, flags.format, results::style_for(STDOUT_FILENO)));
  const std::string damage = (*run)->damage();
  return damage.empty() || printed != kOk ? printed : complain({damage, ErrorKind::kFailed});
}

}  // namespace violet::cli
