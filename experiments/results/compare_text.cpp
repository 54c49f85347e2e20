// A comparison as people and programs read it.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <nlohmann/json.hpp>

#include "engine/base/counted.hpp"
#include "experiments/results/compare.hpp"
#include "experiments/results/summary.hpp"
#include "experiments/results/table_json.hpp"

namespace violet::results {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostRowColumns = 32;

Tone tone_of(Verdict verdict) {
  if (verdict == Verdict::kBetter) return Tone::kGood;
  return verdict == Verdict::kWorse ? Tone::kBad : Tone::kFaint;
}

std::string interval_text(const Difference& d) {
  if (!d.ratio || !d.ratio->interval) return "n/a";
  // As many digits as the ratio has, so that it lies within.
  return fmt::format("{} .. {}", three_digits(d.ratio->interval->low),
                     three_digits(d.ratio->interval->high));
}

// Medians in the table for people; programs have the means, too.
Quantity in_unit(const Estimate& estimate, const Samples& samples, const Difference& d,
                 bool with_interval = true) {
  if (estimate.samples == 0) {
    return {{}, {}, samples.because.empty() ? "not measured" : samples.because};
  }
  Quantity number = quantity(estimate);
  number.whole = are_counts(samples);
  number.unit = d.unit;
  if (!with_interval) number.interval.reset();
  return number;
}

Quantity count(std::size_t number) { return Quantity{static_cast<double>(number)}; }

std::string noise_source(const Difference& d) {
  if (d.how.arms == Arms::kOneRun) return "one run";
  return d.how.noise ? d.how.noise->source : "not known";
}

std::string mean_text(const Difference& d) {
  if (!(d.baseline_mean.value > 0) || d.contender_mean.samples == 0) return "n/a";
  return fmt::format("{:.3f}", d.contender_mean.value / d.baseline_mean.value);
}

Quantity injected(const std::optional<double>& percent) {
  return {percent, {}, percent ? "" : "it was not measured"};
}

// "61.2 → 0"
std::string injected_text(const Difference& d) {
  const auto text = [](const std::optional<double>& percent) {
    return percent ? three_digits(*percent) : std::string("n/a");
  };
  const std::string before = text(d.baseline_injected), after = text(d.contender_injected);
  return before == after ? before : before + " → " + after;
}

std::vector<Item> row_of(const Difference& d) {
  Quantity ratio{{}, {}, "a value is not positive"};
  if (d.ratio) ratio = quantity(*d.ratio);
  Quantity floor{d.noise_floor, {}, "not known, or one run"};
  Quantity visible{d.visible, {}, "no size can be seen"};
  std::string verdict = to_text(d.verdict);
  if (d.regression) verdict += " (regression)";
  return {Text{d.cell},
          Text{d.against},
          Text{d.metric},
          Text{d.unit},
          in_unit(d.baseline, d.baseline_samples, d),
          in_unit(d.contender, d.contender_samples, d),
          in_unit(d.baseline_mean, d.baseline_samples, d),
          in_unit(d.contender_mean, d.contender_samples, d),
          ratio,
          Text{mean_text(d)},
          Quantity{d.p},
          Quantity{d.adjusted_p},
          count(d.tests),
          Text{d.test},
          Quantity{d.a12},
          count(d.baseline.samples),
          count(d.contender.samples),
          injected(d.baseline_injected),
          injected(d.contender_injected),
          floor,
          Text{noise_source(d)},
          visible,
          Text{verdict, tone_of(d.verdict)},
          Text{d.reason},
          Text{d.regression ? "yes" : "no"}};
}

std::vector<Column> columns_for_programs() {
  return {{"cell", "", true},
          {"against"},
          {"metric", "", true},
          {"unit"},
          {"baseline"},
          {"contender"},
          {"baseline mean"},
          {"contender mean"},
          {"ratio"},
          {"ratio of means"},
          {"p"},
          {"adjusted p"},
          {"tests"},
          {"test"},
          {"A12"},
          {"baseline repetitions"},
          {"contender repetitions"},
          {"baseline injected", "%"},
          {"contender injected", "%"},
          {"noise floor"},
          {"noise from"},
          {"visible"},
          {"verdict"},
          {"why"},
          {"regression"}};
}

// --- For people ---

// A cell's label in two parts: what makes a table of its own, and the rest.
struct Place {
  std::string table, row;
};
Place place_of(const std::string& label) {
  Place place;
  for (std::size_t from = 0; from < label.size();) {
    const std::size_t to = std::min(label.find(' ', from), label.size());
    const std::string part = label.substr(from, to - from);
    std::string& into =
        part.starts_with("workload=") || part.starts_with("placement=") ? place.table : place.row;
    into += (into.empty() ? "" : " ") + part;
    from = to + 1;
  }
  return place;
}

// Without "strategy=" where that alone is the row.
std::string row_name(const std::string& row) {
  constexpr std::string_view kStrategy = "strategy=";
  const bool alone = row.starts_with(kStrategy) && row.find(' ') == std::string::npos;
  return shortened(alone ? row.substr(kStrategy.size()) : row, kMostRowColumns);
}

std::string verdict_text(const Difference& d) {
  std::string text = to_text(d.verdict);
  if (d.regression) text += ", too much";
  if (d.verdict == Verdict::kInconclusive && d.visible) {
    text += fmt::format(" < {} %", three_digits(100 * *d.visible));
  }
  return text;
}

// What stands side by side is read side by side: in the larger one's unit.
void scale_alike(Quantity& a, Quantity& b) {
  if (a.value && b.value)
    a.scale_by = b.scale_by = std::max(std::abs(*a.value), std::abs(*b.value));
}

std::vector<Item> people_row(const Difference& d, const std::string& name) {
  Quantity baseline = in_unit(d.baseline, d.baseline_samples, d, false);
  Quantity contender = in_unit(d.contender, d.contender_samples, d, false);
  scale_alike(baseline, contender);
  Quantity ratio{{}, {}, "a value is not positive"};
  if (d.ratio) ratio.value = d.ratio->value;
  return {Text{name},
          Text{metric_head(d.metric)},
          Text{verdict_text(d), tone_of(d.verdict)},
          baseline,
          contender,
          ratio,
          Text{interval_text(d)},
          Text{injected_text(d)}};
}

std::vector<Table> tables_for_people(const Contrast& contrast) {
  std::vector<Table> tables;
  std::vector<std::string> titles;
  for (const Difference& d : contrast.differences) {
    const Place place = place_of(d.cell);
    auto at = std::find(titles.begin(), titles.end(), place.table);
    if (at == titles.end()) {
      titles.push_back(place.table);
      tables.push_back({place.table,  // Empty: the title of the contrast says all.
                        {{"cell", "", true},
                         {"metric", "", true},
                         {"verdict"},
                         {"baseline", "", false, Audience::kAll, "baseline\nmedian"},
                         {"contender", "", false, Audience::kAll, "contender\nmedian"},
                         {"ratio"},
                         {"95 % interval", "", false, Audience::kAll, "95 %\ninterval"},
                         {"injected", "", false, Audience::kAll, "injected\n%"}},
                        {},
                        {}});
      at = std::prev(titles.end());
    }
    Table& table = tables[static_cast<std::size_t>(at - titles.begin())];
    table.rows.push_back(people_row(d, row_name(place.row)));
  }
  return tables;
}

std::string repetitions_text(const Contrast& contrast) {
  std::size_t least = SIZE_MAX, most = 0;
  for (const Difference& d : contrast.differences) {
    for (const std::size_t n : {d.baseline.samples, d.contender.samples}) {
      if (n == 0) continue;  // Of what was not measured, which its row says.
      least = std::min(least, n);
      most = std::max(most, n);
    }
  }
  return least >= most ? counted(most, "repetition")
                       : fmt::format("{} to {} repetitions", least, most);
}

std::string correction_text(std::size_t tests) {
  if (tests == 0) return "(none of these has repetitions enough to reach it)";
  if (tests == 1) return "(one comparison is judged here)";
  return fmt::format("after Holm's correction for the {} judged here",
                     counted(tests, "comparison"));
}

Json contrast_json(const Contrast& contrast, const Table& table, TablesJson& tables) {
  Json json = {{"baseline", contrast.baseline}, {"contender", contrast.contender}};
  json["table"] = tables.place(table);
  json["only_in_baseline"] = contrast.only_in_baseline;
  json["only_in_contender"] = contrast.only_in_contender;
  json["unmeasured"] = contrast.unmeasured;
  json["warnings"] = contrast.warnings;
  return json;
}

// How many comparisons each reason leaves inconclusive, where no size could be seen.
std::string reasons_text(const Contrast& contrast, const TextStyle& style) {
  std::vector<std::pair<std::string, std::size_t>> reasons;
  for (const Difference& d : contrast.differences) {
    if (d.verdict != Verdict::kInconclusive || d.visible) continue;
    const auto at = std::find_if(reasons.begin(), reasons.end(),
                                 [&](const auto& one) { return one.first == d.reason; });
    if (at == reasons.end()) {
      reasons.emplace_back(d.reason, 1);
    } else {
      ++at->second;
    }
  }
  std::string out;
  for (const auto& [reason, count] : reasons) {
    out += labelled_lines(fmt::format("inconclusive, {} of {}", count, contrast.differences.size()),
                          reason, style);
  }
  return out;
}

std::string legend_text(const Contrast& contrast, const TextStyle& style) {
  std::string out;
  for (const std::string& note : to_table(contrast).notes) {
    for (const std::string& line : wrapped(note, style.width)) out += line + "\n";
  }
  return out;
}

std::string contrast_text(const Contrast& contrast, const TextStyle& style) {
  std::string out;
  const std::string title = printable(contrast.baseline + "  →  " + contrast.contender);
  for (const std::string& line : wrapped(title, style.width)) out += line + "\n";
  out += '\n';
  for (const Table& table : tables_for_people(contrast)) out += render_text(table, style) + "\n";
  out += legend_text(contrast, style) + reasons_text(contrast, style);
  for (const std::string& cell : contrast.only_in_baseline) {
    out += labelled_lines("only in " + printable(contrast.baseline), cell, style);
  }
  for (const std::string& cell : contrast.only_in_contender) {
    out += labelled_lines("only in " + printable(contrast.contender), cell, style);
  }
  for (const std::string& cell : contrast.unmeasured) {
    out += labelled_lines("not measured on both sides", cell, style);
  }
  for (const std::string& warning : contrast.warnings) {
    out += labelled_lines("warning", warning, style, Tone::kWarning);
  }
  return out;
}

}  // namespace

Table to_table(const Contrast& contrast) {
  Table table;
  table.title = fmt::format("{}  →  {}", contrast.baseline, contrast.contender);
  table.columns = columns_for_programs();
  for (const Difference& d : contrast.differences) table.rows.push_back(row_of(d));
  if (contrast.differences.empty()) {
    table.notes.push_back(
        "No cell has a partner with equal axes; axes that should not count can be ignored.");
    return table;
  }
  const Difference& any = contrast.differences.front();
  table.notes.push_back(
      fmt::format("{} a cell. ratio: contender over baseline, the median of the ratios of all "
                  "pairs "
                  "of repetitions (Hodges and Lehmann; of one run, from {} repetitions on: of the "
                  "same one), with "
                  "its 95 % interval.",
                  repetitions_text(contrast), kFewestPairs));
  table.notes.push_back(fmt::format(
      "better, worse: {} rank test, p below .05 {}. too much: worse by more than the "
      "threshold. no difference: the interval lies "
      "within {} % (--margin). inconclusive < X %: a difference below X % cannot be seen here.",
      std::string_view(any.test).find("approximation") == std::string::npos ? "an exact" : "a",
      correction_text(any.tests), three_digits(100 * any.how.margin())));
  table.notes.push_back(
      "injected: the share of baseline's and contender's measured time that was spun on purpose, "
      "all lcores together; n/a: "
      "not measured.");
  return table;
}

Status write_json(const Comparison& comparison, const WritePiece& write) {
  Json json = {{"schema", "violet.comparison"}, {"version", 2}};
  json["threshold_percent"] = comparison.threshold_percent;
  json["margin_percent"] = comparison.margin_percent;
  json["tests"] = comparison.tests;
  json["regression"] = comparison.regression();
  json["contrasts"] = Json::array();
  TablesJson tables;
  std::deque<Table> all;  // Stay where they are.
  for (const Contrast& contrast : comparison.contrasts) {
    json["contrasts"].push_back(
        contrast_json(contrast, all.emplace_back(to_table(contrast)), tables));
  }
  return tables.write(json, write);
}

std::string render(const Comparison& comparison, Format format, const TextStyle& style) {
  if (format == Format::kText) {
    std::string out;
    for (const Contrast& contrast : comparison.contrasts) {
      if (!out.empty()) out += '\n';
      out += contrast_text(contrast, style);
    }
    return out;
  }
  if (format == Format::kJson) {
    return collected([&](const WritePiece& write) { return write_json(comparison, write); });
  }
  Table all;
  all.title = "comparison";
  all.columns = {{"contender run", "", true}};
  const std::vector<Column> columns = columns_for_programs();
  all.columns.insert(all.columns.end(), columns.begin(), columns.end());
  for (const Contrast& contrast : comparison.contrasts) {
    for (const Difference& d : contrast.differences) {
      // A row that grew would hold twice as much as it has.
      auto& row = all.rows.emplace_back();
      row.reserve(all.columns.size());
      row.emplace_back(Text{contrast.contender});
      for (Item& item : row_of(d)) row.push_back(std::move(item));
    }
  }
  return render(all, format, style);
}

}  // namespace violet::results
