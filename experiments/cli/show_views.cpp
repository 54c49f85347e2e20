#include "experiments/cli/show_views.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "engine/base/counted.hpp"
#include "experiments/query/event_text.hpp"

namespace violet::cli {
namespace {

using query::CellQueries;
using query::Nanos;
using results::Audience;
using results::Item;
using results::Quantity;
using results::Table;
using results::Text;

double seconds(Nanos at) { return static_cast<double>(at) / 1e9; }
std::string time_text(Nanos at) { return results::with_unit(seconds(at), "s"); }
std::string window_text(query::TimeWindow window) {
  return fmt::format("{} to {}", time_text(window.from), time_text(window.to));
}

Quantity number(double value, std::string unit = {}) {
  Quantity made{value};
  made.unit = std::move(unit);
  return made;
}
Quantity as_count(Quantity made) {
  made.whole = true;
  return made;
}
Quantity number(std::uint64_t value) { return as_count(number(static_cast<double>(value))); }
Quantity unknown(std::string because) {
  Quantity made;
  made.because = std::move(because);
  return made;
}

// One number of a step of time.
Quantity of_step(const std::vector<query::Column>& steps, std::size_t i, float query::Column::*part,
                 const std::string& because) {
  if (i >= steps.size()) return unknown(because.empty() ? "not recorded" : because);
  if (steps[i].known()) return number(static_cast<double>(steps[i].*part));
  return unknown(steps[i].gap ? "events were lost here" : "nothing is known of this step");
}

query::Filter filter_of(const ViewRequest& request) {
  query::Filter filter;
  filter.range = request.range;
  return filter;
}

// How fine an answer is, where it is coarser than its events.
void note_resolution(Table& table, const query::Resolution& resolution, const char* what) {
  if (resolution.exact()) return;
  table.notes.push_back(fmt::format("{}: whole bins of {}, {}; nothing is said of shorter times",
                                    what, time_text(*resolution.bin),
                                    window_text(resolution.about)));
}

// Percentiles come from the bins of the pictures, which are wider than three digits suggest.
void note_buckets(Table& table, const char* what) {
  table.notes.push_back(
      fmt::format("{} are read from buckets of {:.0f} %", what, 100 * query::LatencyBins::width()));
}

// What is missing of the time that a table is about.
void note_missing(Table& table, const query::Resolution& resolution) {
  if (resolution.missing <= 0) return;
  table.notes.push_back(fmt::format(
      "events were lost in {} of {}: means and rates are of the rest, counts of what was seen",
      time_text(resolution.missing), time_text(resolution.about.length())));
}
void note_missing(Table& table, const CellQueries& cell, query::TimeWindow window) {
  note_missing(table, cell.overview(window, 1).resolution);
}

constexpr const char* kNoTimeMapped =
    "mappings that stay are in the recording as a sample, from which no time mapped follows";

Result<Table> timeline_table(const CellQueries& cell, const ViewRequest& request) {
  const auto overview = cell.overview(request.window, request.columns);
  const auto exposure = cell.exposure({request.window, request.columns, {}});
  const bool sampled = cell.info().calls_sampled;
  Table table;
  const auto column = [](const char* name, const char* unit, const char* head) {
    return results::Column{name, unit, false, Audience::kAll, head};
  };
  table.columns = {{"from", "s", true},
                   column("map and unmap calls", "1/s", "map and\nunmap calls"),
                   column("stale pages, mean", "1", "stale pages\nmean"),
                   column("stale pages, most", "1", "stale pages\nmost"),
                   column("mapped pages, mean", "1", "mapped pages\nmean")};
  for (std::size_t i = 0; i < request.columns; ++i) {
    const Nanos from =
        request.window.from + static_cast<Nanos>(static_cast<double>(request.window.length()) *
                                                 static_cast<double>(i) / request.columns);
    table.rows.push_back(
        {number(seconds(from)), of_step(overview.operations_per_s, i, &query::Column::mean, {}),
         of_step(exposure.stale_pages, i, &query::Column::mean, exposure.because),
         as_count(of_step(exposure.stale_pages, i, &query::Column::high, exposure.because)),
         sampled ? unknown(kNoTimeMapped)
                 : of_step(exposure.live_pages, i, &query::Column::mean, exposure.because)});
  }
  note_resolution(table, overview.resolution, "calls");
  if (exposure.pages) note_resolution(table, exposure.pages->resolution, "pages");
  if (!exposure.because.empty()) table.notes.push_back(exposure.because);
  note_missing(table, overview.resolution);
  return table;
}

// --- latency ---

Quantity percentile_of(const query::LatencyGrid& grid, double percent) {
  if (const auto value = grid.percentile(percent)) return number(*value);
  return unknown(fmt::format("fewer than {} operations", query::operations_for(percent)));
}

Result<Table> latency_table(const CellQueries& cell, const ViewRequest& request) {
  static constexpr std::array kNames = {"map", "unmap", "translate", "fault"};
  static_assert(kNames.size() == query::kOperations);
  Table table;
  table.columns = {{"operation", {}, true}, {"timed", "1"},  {"mean", "ns"},     {"p50", "ns"},
                   {"p99", "ns"},           {"p99.9", "ns"}, {"shortest", "ns"}, {"longest", "ns"}};
  bool percentiles = false;
  for (std::size_t i = 0; i < query::kOperations; ++i) {
    const auto operation = static_cast<query::Operation>(i);
    const auto grid = cell.latency({request.window, operation, 1, filter_of(request)});
    std::vector<Item> row = {Text{kNames[i]}};
    if (grid.count == 0) {
      const std::string because = grid.because.empty() ? "none in this window" : grid.because;
      row.push_back(grid.because.empty() ? number(std::uint64_t{0}) : unknown(because));
      while (row.size() < table.columns.size()) row.push_back(unknown(because));
    } else {
      percentiles = percentiles || grid.percentile(50);
      row.insert(row.end(), {number(grid.count), number(grid.mean_ns), percentile_of(grid, 50),
                             percentile_of(grid, 99), percentile_of(grid, 99.9)});
      row.push_back(!grid.below_clock(grid.min_ns) ? number(grid.min_ns)
                                                   : unknown("below a step of the clock"));
      row.push_back(number(grid.max_ns));
      note_resolution(table, grid.resolution, kNames[i]);
    }
    table.rows.push_back(std::move(row));
  }
  if (percentiles) note_buckets(table, "p50, p99 and p99.9");
  const auto step = cell.info().clock_step_ns;
  table.notes.push_back(
      step ? fmt::format("the clock tells {:.1f} ns apart: smaller differences are none", *step)
           : "how short a time the clock tells apart is not known");
  note_missing(table, cell, request.window);
  return table;
}

// --- exposure ---

Result<Table> exposure_table(const CellQueries& cell, const ViewRequest& request) {
  const auto answer = cell.exposure({request.window, 1, filter_of(request)});
  const std::string because = answer.because.empty() ? "not recorded" : answer.because;
  Table table;
  table.columns = {{"what", {}, true}, {"value", {}}};
  const auto add = [&](const char* what, Quantity value, const char* unit = "1") {
    value.unit = unit;
    table.rows.push_back({Text{what}, std::move(value)});
  };
  const auto& pages = answer.pages;
  add("stale pages, mean", pages ? number(pages->mean_stale) : unknown(because));
  add("stale pages, most", pages ? as_count(number(pages->peak_stale)) : unknown(because));
  const auto& unmaps = answer.unmaps;
  const auto count = [&](auto part) { return unmaps ? number((*unmaps).*part) : unknown(because); };
  using Unmaps = query::ExposureUnmaps;
  add("unmaps with a window", count(&Unmaps::count));
  add("of those, of no length", count(&Unmaps::zero_windows));
  add("unmaps that end nothing by design", count(&Unmaps::persistent));
  add("unmaps not executed by the end", count(&Unmaps::open));
  for (const double percent : {50.0, 99.0}) {
    const auto value = unmaps ? unmaps->percentile(percent) : std::nullopt;
    const auto why =
        unmaps ? fmt::format("fewer than {} windows", query::operations_for(percent)) : because;
    add(percent == 50 ? "window, p50" : "window, p99", value ? number(*value) : unknown(why), "ns");
  }
  const auto& probes = answer.probes;
  add("rogue probes at unmapped addresses", probes ? number(probes->count) : unknown(because));
  add("of those, reached memory", probes ? number(probes->hits) : unknown(because));
  if (pages) note_resolution(table, pages->resolution, "pages");
  if (unmaps) note_resolution(table, unmaps->resolution, "windows");
  if (unmaps && unmaps->percentile(50)) note_buckets(table, "window, p50 and p99");
  if (!answer.because.empty()) table.notes.push_back(answer.because);
  if (pages || unmaps) note_missing(table, pages ? pages->resolution : unmaps->resolution);
  return table;
}

// --- churn ---

IovaRange used_range(const CellQueries& cell) {
  const auto used = cell.used_ranges().ranges;
  return used.empty() ? IovaRange::all() : IovaRange{used.front().first, used.back().last};
}

std::uint64_t row_address(const query::ChurnQuery& query, std::uint32_t row) {
  const long double size = static_cast<long double>(query.range.size_minus_one()) + 1;
  return query.range.first.value + static_cast<std::uint64_t>(size / query.rows * row);
}

// A character for each cell: how often it was mapped or unmapped, on a logarithmic scale.
Table churn_picture(const query::ChurnGrid& grid) {
  static constexpr std::string_view kShades = " .:-=+*#%@";
  const auto& query = grid.query;
  const std::uint32_t most =
      grid.operations.empty() ? 0
                              : *std::max_element(grid.operations.begin(), grid.operations.end());
  Table table;
  table.columns = {{"from address", {}, true},
                   {window_text(query.window), {}, false, Audience::kAll, {}, true}};
  for (std::uint32_t row = query.rows; row-- > 0;) {
    std::string line;
    for (std::uint32_t column = 0; column < query.columns; ++column) {
      const std::size_t at = std::size_t{row} * query.columns + column;
      const std::uint32_t count = grid.operations[at];
      const double share = count == 0 ? 0 : std::log1p(count) / std::log1p(most);
      char shade = kShades[static_cast<std::size_t>(std::ceil(share * (kShades.size() - 1)))];
      if (count == 0 && grid.stale[at] > 0) shade = '~';
      if (grid.gap[column]) shade = '?';
      line += shade;
    }
    table.rows.push_back({Text{fmt::format("{:#x}", row_address(query, row))}, Text{line}});
  }
  table.notes.push_back(
      fmt::format("calls of dma_map and dma_unmap in {} of {}: '{}' none to '{}' {}; '~' stale "
                  "only; '?' events lost",
                  time_text(query.window.length() / std::max<Nanos>(1, query.columns)),
                  "addresses of a row", kShades.front(), kShades.back(), most));
  note_resolution(table, grid.resolution, "calls");
  return table;
}

Result<Table> churn_table(const CellQueries& cell, const ViewRequest& request) {
  const IovaRange range = request.range.value_or(used_range(cell));
  const std::uint32_t columns =
      request.people ? std::max(request.columns, request.picture) : request.columns;
  const auto grid = cell.churn({request.window, range, columns, request.rows, {}});
  if (request.people) return churn_picture(grid);
  Table table;
  table.columns = {{"from", "s", true}, {"address", {}, true}, {"map and unmap calls", "1"},
                   {"reuses", "1"},     {"mapped share", "1"}, {"stale share", "1"}};
  const auto& query = grid.query;
  const double step = seconds(query.window.length()) / std::max(1u, query.columns);
  const bool sampled = cell.info().calls_sampled;
  for (std::size_t at = 0; at < grid.operations.size(); ++at) {
    const auto column = static_cast<std::uint32_t>(at % query.columns);
    const auto row = static_cast<std::uint32_t>(at / query.columns);
    const auto value = [&](double known) {
      return grid.gap[column] ? unknown("events were lost here") : number(known);
    };
    table.rows.push_back({number(seconds(query.window.from) + step * column),
                          Text{fmt::format("{:#x}", row_address(query, row))},
                          value(grid.operations[at]), value(grid.reuses[at]),
                          sampled ? unknown(kNoTimeMapped) : value(double{grid.live[at]}),
                          value(double{grid.stale[at]})});
  }
  return table;
}

// --- lists ---

Result<Table> events_table(const CellQueries& cell, const ViewRequest& request) {
  const auto filter = filter_of(request);
  const auto info = cell.info();
  Table table;
  table.columns = {{"number", {}, true}, {"at", "s"},     {"lcore", {}},  {"event", {}},
                   {"owner", {}},        {"address", {}}, {"took", "ns"}, {"detail", {}}};
  for (const auto& line : cell.events(request.window, filter, 0, request.limit)) {
    const auto address = query::address_of(line.event);
    table.rows.push_back(
        {Text{fmt::format("{}", line.number)}, number(seconds(line.at)),
         Text{line.lcore == kRecorderLcore ? "recorder" : fmt::format("{}", line.lcore)},
         Text{query::to_text(line.event.kind)}, Text{query::owner_text(line.event)},
         Text{address ? fmt::format("{:#x}", address->value) : std::string()},
         line.took_ns == 0 ? unknown("not measured") : number(line.took_ns),
         Text{query::detail_text(line.event)}});
  }
  const auto fitting = cell.count_events(request.window, filter);
  table.notes.push_back(fmt::format("{} of {} kept one by one (--limit)", table.rows.size(),
                                    counted(fitting, "event")));
  if (request.window.to > info.kept_until && info.kept_events < info.events) {
    table.notes.push_back(
        fmt::format("behind {} not every event was kept one by one; all were counted "
                    "(run.trace_mib keeps more, a "
                    "shorter run.warmup_s leaves more of it for what is measured)",
                    time_text(info.kept_until)));
  }
  note_missing(table, cell, request.window);
  return table;
}

// Whether the page was mapped or could be reached in the window.
bool lived_in(const query::PageLifetimes::Lifetime& life, query::TimeWindow window) {
  const auto end = life.unmapped && life.unreachable ? std::max(*life.unmapped, *life.unreachable)
                                                     : std::numeric_limits<Nanos>::max();
  return life.mapped < window.to && end >= window.from;
}

query::TimeWindow within(query::TimeWindow window, query::TimeWindow whole) {
  return {std::max(window.from, whole.from), std::min(window.to, whole.to)};
}
bool all_of_time(query::TimeWindow window, query::TimeWindow whole) {
  return within(window, whole) == whole;
}

// Why a page has no lifetimes, and which pages have some.
std::string nobody_touched(const CellQueries& cell, const query::PageLifetimes& answer,
                           query::TimeWindow looked, const query::Resolution& seen) {
  if (looked.length() <= 0) return "single events of this time were not kept: nothing is known";
  const char* const lost = seen.missing > 0 ? ", and events were lost" : "";
  std::string text = fmt::format("no mapping of the page at {:#x} was seen in {}{}", answer.page,
                                 window_text(looked), lost);
  const auto used = cell.used_ranges().ranges;
  if (used.empty()) return text + "; nothing was mapped in this cell";
  return fmt::format("{}; what was mapped in this cell lies from {:#x} to {:#x}", text,
                     used.front().first.value, used.back().last.value);
}

Result<Table> page_table(const CellQueries& cell, const ViewRequest& request) {
  if (!request.range) {
    return fail(ErrorKind::kUsage, "of which page? give --iova ADDRESS, for example --iova {:#x}",
                used_range(cell).first.value);
  }
  // As many lifetimes may have ended before the window.
  auto answer = cell.page_lifetimes({request.range->first.value & ~std::uint64_t{4095}},
                                    request.window.from, 2 * request.limit + 2);
  std::erase_if(answer.lifetimes,
                [&](const auto& life) { return !lived_in(life, request.window); });
  if (answer.lifetimes.size() > request.limit) {
    answer.lifetimes.resize(request.limit);
    answer.truncated = true;
  }
  Table table;
  table.columns = {{"mapped", "s", true}, {"unmapped", "s"}, {"unreachable", "s"},
                   {"window", "ns"},      {"bytes", "B"},    {"rights", {}},
                   {"endpoint", {}},      {"probes", "1"},   {"reached", "1"}};
  const query::TimeWindow whole = cell.info().whole;
  // Until when it is known that something has not happened.
  const bool all = answer.searched.to >= whole.to;
  const std::string until = all ? "the end" : time_text(answer.searched.to);
  const query::TimeWindow looked = within({request.window.from, answer.searched.to}, whole);
  const query::Resolution seen = cell.overview(looked, 1).resolution;
  const auto moment = [&](const std::optional<Nanos>& at, const char* state) {
    if (at) return number(seconds(*at));
    // It may have been among the lost.
    return unknown(seen.missing > 0 ? "not seen, and events were lost"
                                    : fmt::format("{} {}", state, until));
  };
  for (const auto& life : answer.lifetimes) {
    const bool ended = life.unmapped && life.unreachable;
    table.rows.push_back(
        {number(seconds(life.mapped)), moment(life.unmapped, "still mapped at"),
         life.persistent ? unknown("stays reachable by design")
                         : moment(life.unreachable, "still reachable at"),
         ended ? number(static_cast<double>(std::max<Nanos>(0, *life.unreachable - *life.unmapped)))
               : unknown("not ended"),
         number(std::uint64_t{life.bytes}), Text{to_text(life.granted)},
         Text{fmt::format("{:#x}", life.endpoint)}, number(life.probes), number(life.probe_hits)});
  }
  table.title =
      fmt::format("lifetimes of the page at {:#x} in {}", answer.page, window_text(request.window));
  if (answer.lifetimes.empty()) table.notes.push_back(nobody_touched(cell, answer, looked, seen));
  if (answer.truncated) {
    table.notes.push_back(
        all_of_time(answer.searched, whole)
            ? fmt::format("not all: {} of its lifetimes, around that time (--limit)",
                          table.rows.size())
            : fmt::format("not all: what was looked through is {}",
                          window_text(within(answer.searched, whole))));
  }
  note_missing(table, seen);
  return table;
}

Result<Table> topology_table(const CellQueries& cell, const ViewRequest& request) {
  const auto state = cell.topology(request.window.to - 1, 1);
  Table table;
  table.title = fmt::format("at {}", time_text(state.at));
  table.columns = {
      {"endpoint", {}, true}, {"domain", {}}, {"mappings", "1"}, {"reserved regions", "1"}};
  for (const auto& endpoint : state.endpoints) {
    const auto domain = std::find_if(state.domains.begin(), state.domains.end(),
                                     [&](const auto& one) { return endpoint.is_in(one.id); });
    const auto& attachment = endpoint.attachment;
    const bool none = attachment && !attachment->domain;
    Quantity mappings = unknown(none                    ? "not attached"
                                : state.because.empty() ? "not known"
                                                        : state.because);
    if (domain != state.domains.end() && domain->mapping_count) {
      mappings = number(*domain->mapping_count);
    }
    table.rows.push_back({Text{fmt::format("{:#x}", endpoint.id)},
                          Text{!attachment ? "not known"
                               : none      ? "none"
                                           : fmt::format("{}", *attachment->domain)},
                          std::move(mappings), number(std::uint64_t{endpoint.regions.size()})});
  }
  if (!state.because.empty()) table.notes.push_back(state.because);
  return table;
}

Quantity injected_of(const query::CellInfo& cell) {
  return cell.injected_percent ? number(*cell.injected_percent) : unknown(cell.injected_because);
}

constexpr std::array kViews = {
    View{"timeline", "map and unmap calls, stale and mapped pages over time", false, true,
         &timeline_table},
    View{"churn", "what was mapped and unmapped, address over time", true, true, &churn_table},
    View{"latency", "how long maps, unmaps and translations took", true, true, &latency_table},
    View{"exposure", "stale pages, windows of unmaps, rogue probes", true, true, &exposure_table},
    View{"events", "single events in words", true, true, &events_table},
    View{"page", "the lifetimes of the page at --iova", true, true, &page_table},
    View{"topology", "endpoints, domains and their mappings at --to", false, false,
         &topology_table},
};

}  // namespace

std::span<const View> views() { return kViews; }

namespace {

// "not finished, not counted: cells 3, 7": one line for all of which the same is true.
void note_standings(Table& table, const std::vector<query::CellInfo>& cells) {
  std::vector<std::pair<std::string, std::vector<std::size_t>>> said;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string& words = cells[i].standing.words;
    if (words.empty()) continue;
    auto known =
        std::find_if(said.begin(), said.end(), [&](const auto& one) { return one.first == words; });
    if (known == said.end()) known = said.insert(said.end(), {words, {}});
    known->second.push_back(i + 1);
  }
  for (const auto& [words, numbers] : said) {
    table.notes.push_back(fmt::format("{}: {} {} (each says why)", words,
                                      numbers.size() == 1 ? "cell" : "cells",
                                      fmt::join(numbers, ", ")));
  }
}

}  // namespace

results::Table cells_table(const query::RunQueries& run) {
  Table table;
  table.columns = {{"cell", {}, true},
                   {"repetition", {}, false, Audience::kPeople, "repe-\ntition"},
                   {"repetition", {}, false, Audience::kPrograms},
                   {"label", {}},
                   {"recorded", "s"},
                   {"measured", "s"},
                   {"events", "1"},
                   {"kept one by one", "1", false, Audience::kAll, "kept one\nby one"},
                   {"lost", "1"},
                   {"injected", "%"}};
  std::size_t number_of = 0;
  const std::vector<query::CellInfo> cells = run.cells();
  for (const auto& cell : cells) {
    table.rows.push_back(
        {Text{fmt::format("{}", ++number_of)}, Text{fmt::format("{}", cell.repetition + 1)},
         Text{fmt::format("{}", cell.repetition)}, Text{cell.label},
         number(seconds(cell.whole.length())),
         cell.measure_marked ? number(seconds(cell.measured.length()))
                             : unknown("no mark says what was measured"),
         number(cell.events), number(cell.kept_events), number(cell.lost), injected_of(cell)});
    if (!cell.notice.empty())
      table.notes.push_back(fmt::format("cell {}: {}", number_of, cell.notice));
  }
  note_standings(table, cells);
  return table;
}

}  // namespace violet::cli
