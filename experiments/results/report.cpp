#include "experiments/results/report.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/base/counted.hpp"
#include "experiments/results/host_regime.hpp"
#include "experiments/results/live_mark.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/outlier_cause.hpp"
#include "experiments/results/repeated_warnings.hpp"
#include "experiments/results/retries.hpp"
#include "experiments/results/samples.hpp"
#include "experiments/results/steadiness.hpp"
#include "experiments/results/table_json.hpp"
#include "experiments/results/until_ci.hpp"

namespace violet::results {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kOutlierRepetitions = 8;
constexpr double kOutlierShare =
    0.02;  // Of the median: less is nearly constant, whatever its deviations.

// No number of a run that says how much of its time was injected is shown without that.
std::vector<Samples> with_injected(const RunData& run, std::vector<Samples> columns) {
  const std::string name(kInjectedShare);
  const auto says = [&](const auto& samples) { return samples.name == name; };
  if (!says_injected(run) || std::any_of(columns.begin(), columns.end(), says)) return columns;
  Samples share;
  for (const CellData& cell : run.cells) {
    share = samples_of(cell, name);
    if (!share.unit.empty()) break;
  }
  columns.push_back(std::move(share));
  return columns;
}

std::vector<Samples> columns_of(const RunData& run, const ReportOptions& options) {
  const auto place = [&](const std::string& name) -> std::size_t {
    const auto at =
        std::find_if(options.columns.begin(), options.columns.end(),
                     [&](const std::string& asked) { return same_metric(asked, name); });
    return static_cast<std::size_t>(at - options.columns.begin());
  };
  std::vector<Samples> columns;
  std::set<std::string> known;  // By today's names.
  for (const CellData& cell : run.cells) {
    for (Samples& samples : samples_of(cell)) {
      const bool percentile = samples.name.find(".p") != std::string::npos;
      const bool shown =
          !percentile || samples.name.ends_with(".p50") || samples.name.ends_with(".p99");
      const bool wanted =
          options.columns.empty() ? shown : place(samples.name) != options.columns.size();
      const std::string today(current_metric_name(samples.name));
      if (wanted && known.insert(today).second) columns.push_back(std::move(samples));
    }
  }
  sort_by_rank(columns);
  std::stable_sort(columns.begin(), columns.end(), [&](const Samples& a, const Samples& b) {
    return place(a.name) < place(b.name);
  });
  return with_injected(run, std::move(columns));
}

Quantity quantity_of(const Samples& samples) {
  if (samples.values.empty()) return {{}, {}, samples.because};
  Quantity median = quantity(median_estimate(samples));
  median.whole = are_counts(samples);
  return median;
}

Table table_of(const RunData& run, const ReportOptions& options) {
  Table table;
  const auto axes = varying_axes(run);
  for (const std::string& axis : axes) table.columns.push_back({axis, "", true});
  if (axes.empty()) table.columns.push_back({"cell", "", true});
  const auto columns = columns_of(run, options);
  for (const Samples& column : columns) table.columns.push_back({column.name, column.unit});
  for (const CellData& cell : run.cells) {
    if (!options.rows) break;
    std::vector<Item> row;
    for (const std::string& axis : axes) row.push_back(Text{axis_text(cell.cell, axis)});
    if (axes.empty()) row.push_back(Text{cell.cell.label});
    const CellSamples samples(cell);
    for (const Samples& column : columns) {
      const Samples* const its = samples.find(column.name);
      row.push_back(its != nullptr ? quantity_of(*its) : Quantity{{}, {}, kNoSuchSamples});
    }
    table.rows.push_back(std::move(row));
  }
  table.notes.push_back(fmt::format(
      "Medians over the repetitions, with the 95 % interval of the median from {} repetitions on.",
      fewest_for_interval(median_confidence(run.manifest))));
  if (says_injected(run)) table.notes.push_back(kInjectedNote);
  return table;
}

// "exit_ns 0 to 500, wake_ns 40"
std::string costs_text(const std::map<std::string, double>& costs) {
  constexpr std::string_view kLeast = ", least", kMost = ", most";
  std::string text;
  for (const auto& [name, value] : costs) {
    if (name.ends_with(kMost)) continue;
    const bool range = name.ends_with(kLeast);
    const std::string cost = range ? name.substr(0, name.size() - kLeast.size()) : name;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", cost, value);
    const auto most = costs.find(cost + std::string(kMost));
    if (range && most != costs.end()) text += fmt::format(" to {}", most->second);
  }
  return text;
}

// What was to be injected, and what of the measured time that took.
std::string injected_text(const RunData& run) {
  std::string text = costs_text(run.manifest.injected_costs);
  std::vector<double> shares;
  for (const CellData& cell : run.cells) {
    const Samples samples = samples_of(cell, std::string(kInjectedShare));
    if (!samples.values.empty()) shares.push_back(median(samples.values));
  }
  if (shares.empty()) {
    return (text.empty() ? "nothing said" : text) +
           "; share of time not available, because it was not measured";
  }
  const auto [least, most] = std::minmax_element(shares.begin(), shares.end());
  if (*most == 0) return text.empty() ? "nothing" : text + ", of which nothing was spun";
  if (text.empty()) text = "by costs at their defaults, or the workload's own delay";
  return text + fmt::format("; {}{} % of the measured time",
                            *least == *most ? "" : three_digits(*least) + " to ",
                            three_digits(*most));
}

// It has not said how it ended, and no process here is at work on it.
bool was_left(const RunData& run) {
  return run.manifest.outcome == "running" && !find_live(run.directory);
}

std::vector<std::string> head_of(const RunData& run) {
  const Manifest& m = run.manifest;
  std::size_t least = run.cells.empty() ? 0 : ~std::size_t{0}, most = 0;
  for (const CellData& cell : run.cells) {
    const std::size_t taken = counted_repetitions(cell).size();
    least = std::min(least, taken);
    most = std::max(most, taken);
  }
  // Beside it a regime counts those of all cells.
  const std::string repetitions = least == most
                                      ? counted(most, "repetition") + " each"
                                      : fmt::format("{} to {} repetitions each", least, most);
  std::vector<std::string> head = {
      fmt::format("plan       {} ({}), {}, {}, seed {}", m.plan_name, m.plan_hash,
                  counted(run.cells.size(), "cell"), repetitions, m.seed),
      fmt::format("run        {}, {}", m.run_id, was_left(run) ? "did not end" : m.outcome),
      fmt::format("host       {}, {}, {}, {}", m.host.text(), m.cpu_model.text(),
                  counted(m.cpus_online, "CPU"), m.kernel.text()),
      fmt::format("regime     {}", regimes_text(run)),
      fmt::format("clock      {}", m.clock_source.text()),
      fmt::format("hugepages  {}", m.hugepages.text()),
      fmt::format("built      {}, revision {}", m.compiler, m.git_revision.text()),
      fmt::format("injected   {}", injected_text(run)),
  };
  if (m.kept_trace) head.push_back("trace      " + kept_text(*m.kept_trace));
  return head;
}

void warn_about_host(const Manifest& m, std::vector<std::string>& warnings) {
  for (const std::string& text : m.oversubscribed) warnings.push_back("oversubscribed: " + text);
  if (!m.governor.known()) {
    warnings.push_back("CPU frequency governor " + m.governor.text());
  } else if (m.governor.value != "performance") {
    warnings.push_back(
        fmt::format("CPU frequency governor is '{}', not 'performance'", m.governor.value));
  }
  for (const auto& [what, count] : m.drop_counts) {
    if (count != 0) warnings.push_back(fmt::format("{} dropped: {}", count, what));
  }
  if (m.git_revision.known() && m.git_revision.value.ends_with("-dirty")) {
    warnings.push_back("built from files that are not committed");
  }
}

// Exposure is not judged where events were lost. Where those are the fast repetitions, what is left are the slow ones.
void warn_about_survivors(const RunData& run, std::vector<std::string>& warnings) {
  std::size_t cells = 0;
  std::string example;
  for (const CellData& cell : run.cells) {
    std::vector<double> judged, lost;
    const Samples events = samples_of(cell, "lost_events");
    const Samples rate = samples_of(cell, "operations_per_s");
    if (events.values.size() != rate.values.size()) continue;
    for (std::size_t i = 0; i < rate.values.size(); ++i) {
      (events.values[i] > 0 ? lost : judged).push_back(rate.values[i]);
    }
    if (judged.empty() || lost.empty() || median(judged) >= median(lost)) continue;
    if (cells++ > 0) continue;
    example = fmt::format("{}: {} of {}, at {} operations/s where the others ran at {}",
                          cell.cell.label, judged.size(), rate.values.size(),
                          three_digits(median(judged)), three_digits(median(lost)));
  }
  if (cells == 0) return;
  warnings.push_back(
      fmt::format("exposure is of the slower repetitions, which lost no event, in {} ({})",
                  counted(cells, "cell"), example));
}

void warn_about_repetitions(const RunData& run, std::vector<std::string>& warnings) {
  if (run.manifest.outcome != "finished") {
    warnings.push_back(fmt::format("the run {}; --resume goes on with it",
                                   was_left(run)
                                       ? "did not end, and no process here is at work on it"
                                       : "is " + run.manifest.outcome));
  }
  if (!run.unfinished.empty()) {
    warnings.push_back(
        fmt::format("begun and not finished: {}", counted(run.unfinished.size(), "repetition")));
  }
  std::size_t few = 0, set_aside = 0;
  const std::size_t enough = fewest_for_interval(median_confidence(run.manifest));
  // Said once, of the run.
  const std::set<std::string> of_the_run(run.manifest.oversubscribed.begin(),
                                         run.manifest.oversubscribed.end());
  RepeatedWarnings said;
  for (const CellData& cell : run.cells) {
    const auto taken = counted_repetitions(cell);
    few += taken.size() < enough ? 1 : 0;
    set_aside += cell.repetitions.size() - taken.size();
    // Of all: what went wrong in a repetition that does not count went wrong.
    for (const RepetitionRecord& record : cell.repetitions) {
      for (const std::string& warning : record.warnings) {
        if (!of_the_run.contains(warning)) said.add(warning);
      }
    }
  }
  if (few != 0) {
    warnings.push_back(fmt::format("fewer than {} repetitions, too few for an interval: {} of {}",
                                   enough, few, counted(run.cells.size(), "cell")));
  }
  if (set_aside != 0) {
    warnings.push_back(
        fmt::format("disturbed by the host, or retried in vain, and not counted: {}; all are kept",
                    counted(set_aside, "repetition")));
  }
  if (auto wide = still_wide_text(run); !wide.empty()) warnings.push_back(std::move(wide));
  if (auto mixed = mixed_regimes_text(run); !mixed.empty()) warnings.push_back(std::move(mixed));
  for (std::string& line : steadiness_warnings(run)) warnings.push_back(std::move(line));
  for (std::string& line : said.lines()) warnings.push_back(std::move(line));
  warn_about_survivors(run, warnings);
}

bool worth_naming(const Outlier& outlier, const Samples& samples) {
  return samples.values.size() >= kOutlierRepetitions &&
         std::abs(outlier.value - median(samples.values)) >
             kOutlierShare * std::abs(median(samples.values));
}

// Whether cells are related to a baseline, in a column or, transposed, in a row.
bool relates(const Table& table) {
  const auto is_relation = [](const std::string& name) { return name == "relative"; };
  return std::any_of(table.columns.begin(), table.columns.end(),
                     [&](const Column& column) { return is_relation(column.name); }) ||
         std::any_of(table.rows.begin(), table.rows.end(), [&](const std::vector<Item>& row) {
           const auto* name = row.empty() ? nullptr : std::get_if<Text>(&row.front());
           return name != nullptr && is_relation(name->text);
         });
}

constexpr std::string_view kRelation =
    "×: an estimate of how the column before it relates, from the ratios of the repetitions, which "
    "are paired where cells took turns for six or more; it need not be the ratio of the medians. "
    "The row with 1 is "
    "what the rows of its table relate to.";

// One line for all cells that lack a metric for one reason. A number that not every repetition has may be that of those
// that went well: this is a warning.
void note_values(const RunData& run, const Table& table, const ReportOptions& options,
                 std::vector<std::string>& warnings, std::vector<std::string>& notes) {
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> missing;
  std::vector<std::string> partly;
  std::set<std::string_view> columns;  // By today's names.
  for (const Column& column : table.columns) columns.insert(current_metric_name(column.name));
  for (const CellData& cell : run.cells) {
    for (const Samples& samples : samples_of(cell)) {
      // Says of itself why: time_report.hpp, steadiness.hpp. Unless it was asked for.
      const bool is_said =
          is_time_metric(samples.name) || samples.name == kSteady || samples.name == kSteadyAfter;
      if (options.columns.empty() && is_said) continue;
      if (!columns.contains(current_metric_name(samples.name))) continue;
      if (samples.values.empty()) {
        missing[{samples.name, samples.because}].push_back(cell.cell.label);
      } else if (const std::size_t taken = counted_repetitions(cell).size();
                 samples.values.size() < taken) {
        partly.push_back(fmt::format("{} of {} is of {} of {}", samples.name, cell.cell.label,
                                     samples.values.size(), counted(taken, "repetition")));
      }
      for (const Outlier& outlier : outliers(samples.values)) {
        if (!worth_naming(outlier, samples)) continue;
        notes.push_back(
            fmt::format("outlier, kept: {} {} = {} in repetition {} ({:+.1f} deviations; {})",
                        cell.cell.label, samples.name, with_unit(outlier.value, samples.unit),
                        samples.repetitions[outlier.index] + 1, outlier.deviations,
                        outlier_cause(cell, samples, outlier.index)));
      }
    }
  }
  if (!partly.empty()) {
    warnings.push_back(fmt::format(
        "{} some repetitions only, as the others have none of it, for example: {}",
        partly.size() == 1 ? "1 number is of" : fmt::format("{} numbers are of", partly.size()),
        partly.front()));
  }
  notes.insert(notes.end(), partly.begin(), partly.end());
  for (const auto& [what, cells] : missing) {
    notes.push_back(
        fmt::format("{} not available, because {} ({})", what.first, what.second,
                    cells.size() == 1 ? cells.front() : fmt::format("{} cells", cells.size())));
  }
}

}  // namespace

namespace {

std::string head_lines(const Report& report, const TextStyle& style) {
  std::string out;
  for (const std::string& line : report.head) {
    out += (style.width == 0 ? printable(line) : fitted(printable(line), style.width)) + "\n";
  }
  return out;
}

std::string break_even_lines(const Report& report, const TextStyle& style) {
  std::string out = report.break_evens.empty() ? "" : "\n";
  for (const BreakEven& one : report.break_evens) {
    out += labelled_lines("break-even", to_text(one), style);
  }
  return out;
}

constexpr std::string_view kNotCorrected =
    "Ratios and tests, and what is said of expectations, are not corrected for that cells were "
    "repeated until their intervals were narrow (--until-ci).";

std::string until_ci_lines(const Report& report, const TextStyle& style) {
  return report.until_ci ? "\n" + render_text(*report.until_ci, style) : std::string();
}

std::string expectation_lines(const Report& report, const TextStyle& style) {
  if (report.expectations.empty()) return {};
  return "\n" + render_text(expectations_table(report.expectations), style);
}

Json break_evens_json(const std::vector<BreakEven>& all) {
  Json json = Json::array();
  for (const BreakEven& one : all) {
    Json entry = {{"cells", one.cells},
                  {"metric", one.metric},
                  {"sweep_ns", {one.least_ns, one.most_ns}},
                  {"exit_ns", nullptr}};
    if (one.at_ns) {
      entry["exit_ns"] = one.at_ns->value;
      entry["between_ns"] = {one.between_ns.first, one.between_ns.second};
    }
    if (one.at_ns && one.at_ns->interval) {
      entry["interval"] = {one.at_ns->interval->low, one.at_ns->interval->high};
    }
    if (one.at_ns) entry["repetitions"] = one.repetitions;
    if (one.at_ns) entry["found_in_repetitions"] = one.found_in;
    entry["text"] = to_text(one);
    json.push_back(std::move(entry));
  }
  return json;
}

}  // namespace

bool says_injected(const RunData& run) {
  return std::any_of(run.cells.begin(), run.cells.end(), [](const CellData& cell) {
    return std::any_of(cell.repetitions.begin(), cell.repetitions.end(), [](const auto& record) {
      return std::any_of(record.metrics.begin(), record.metrics.end(),
                         [](const Metric& metric) { return metric.name == kInjectedShare; });
    });
  });
}

std::string axis_text(const CellRecord& cell, const std::string& axis) {
  for (const auto& [name, value] : cell.axes) {
    if (name == axis) return to_text(value);
  }
  return {};
}

std::vector<std::string> varying_axes(const RunData& run) {
  std::vector<std::string> order;
  std::map<std::string, std::set<std::string>> values;
  std::map<std::string, std::size_t> seen;
  for (const CellData& cell : run.cells) {
    for (const auto& [name, value] : cell.cell.axes) {
      if (values[name].empty()) order.push_back(name);
      values[name].insert(to_text(value));
      ++seen[name];
    }
  }
  std::vector<std::string> varying;
  for (const std::string& name : order) {
    // A parameter that only some cells have varies only if its own values do.
    if (values[name].size() > 1) varying.push_back(name);
  }
  return varying;
}

Report report(const RunData& run, const ReportOptions& options) {
  Report report{head_of(run),     table_of(run, options), {}, {}, says_injected(run),
                break_evens(run), judge_expectations(run)};
  report.until_ci = until_ci_table(run);
  report.enough_for_interval = fewest_for_interval(median_confidence(run.manifest));
  for (const Note& note : run.notes) {
    if (note.severity == "error") report.warnings.push_back("error: " + note.text);
  }
  warn_about_repetitions(run, report.warnings);
  warn_about_host(run.manifest, report.warnings);
  for (const Note& note : run.notes) {
    if (note.severity != "info" && note.severity != "error") {
      report.warnings.push_back(note.severity + ": " + note.text);
    }
  }
  for (std::string& line : steadiness_notes(run)) report.notes.push_back(std::move(line));
  if (run.manifest.until_ci && !run.expectations.empty()) {
    report.notes.emplace_back(kNotCorrected);
  }
  note_values(run, report.table, options, report.warnings, report.notes);
  if (!run.checked) {
    report.notes.push_back(
        "the numbers of this run are not protected: the program that made it stored no checksums, "
        "and a damaged "
        "results.sqlite would not be noticed");
  }
  return report;
}

Status write_json(const RunData& run, const Report& report, const WritePiece& write) {
  Json json = {{"schema", "violet.report"}, {"version", 1}};
  json["manifest"] = Json::parse(to_json(run.manifest));
  TablesJson tables;
  json["table"] = tables.place(report.table);
  if (!report.break_evens.empty()) json["break_even"] = break_evens_json(report.break_evens);
  if (!report.expectations.empty()) json["expectations"] = expectations_json(report.expectations);
  json["warnings"] = report.warnings;
  json["notes"] = report.notes;
  return tables.write(json, write);
}

std::string render(const RunData& run, const Report& report, Format format,
                   const TextStyle& style) {
  if (format == Format::kJson) {
    return collected([&](const WritePiece& write) { return write_json(run, report, write); });
  }
  if (format != Format::kText) return render(report.table, format, style);
  std::string out;
  out += head_lines(report, style);
  out += "\n" + render_text(report.table, style);
  out += break_even_lines(report, style) + until_ci_lines(report, style);
  if (!report.warnings.empty()) out += "\n";
  for (const std::string& warning : report.warnings)
    out += labelled_lines("warning", warning, style, Tone::kWarning);
  for (const std::string& note : report.notes) out += labelled_lines("note", note, style);
  return out + expectation_lines(report, style);
}

namespace {

std::string tables_text(const Report& report, const std::vector<Table>& tables,
                        const ReadingOptions& options) {
  std::string out = head_lines(report, options.style);
  for (const Table& table : tables) out += "\n" + render_text(table, options.style);
  return out;
}

std::string paragraph(std::string_view text, const ReadingOptions& options) {
  std::string out;
  for (const std::string& line : wrapped(text, options.style.width)) out += line + "\n";
  return out;
}

// At most kMostWarnings, and how many more notes there are.
std::string what_to_distrust(const Report& report, const ReadingOptions& options) {
  std::string out = report.warnings.empty() ? "" : "\n";
  std::size_t said = 0;
  for (const std::string& warning : report.warnings) {
    if (said == kMostWarnings && !options.notes) break;
    out += labelled_lines("warning", warning, options.style, Tone::kWarning);
    ++said;
  }
  if (options.notes) {
    for (const std::string& note : report.notes) out += labelled_lines("note", note, options.style);
  } else if (const std::size_t more = report.warnings.size() - said + report.notes.size();
             more > 0) {
    out += fmt::format("{} more {}: ./violet report RUN --notes\n", more,
                       more == 1 ? "note" : "notes");
  }
  return out;
}

}  // namespace

std::string render_summary(const Report& report, const std::vector<Table>& tables,
                           const ReadingOptions& options) {
  std::string out = tables_text(report, tables, options);
  out += break_even_lines(report, options.style) + until_ci_lines(report, options.style);
  const auto say = [&](std::string_view text) { out += paragraph(text, options); };
  out += '\n';
  say(fmt::format(
      "Medians over the repetitions, with the 95 % interval of the median from {} repetitions on; "
      "mean: the median of the repetitions' means.",
      report.enough_for_interval));
  const bool related = std::any_of(tables.begin(), tables.end(), relates);
  if (related) say(kRelation);
  // Beside expectations it is among the notes, which may be left out here.
  const bool judged = !report.expectations.empty();
  if (report.until_ci && (judged ? !options.notes : related)) say(kNotCorrected);
  if (report.says_injected) say(kInjectedNote);
  return out + what_to_distrust(report, options) + expectation_lines(report, options.style);
}

std::string render_breakdown(const Report& report, const std::vector<Table>& tables,
                             const ReadingOptions& options) {
  return tables_text(report, tables, options) + "\n" +
         paragraph(
             "Means over the repetitions, which add up. n/a: the part is not there, or was "
             "met too rarely (--format json says which). What each part is: ./violet list "
             "metrics, time_...",
             options) +
         what_to_distrust(report, options);
}

}  // namespace violet::results
