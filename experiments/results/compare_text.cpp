// A comparison as people and programs read it.
#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "experiments/results/compare.hpp"
#include "experiments/results/table_formats.hpp"

namespace violet::results {
namespace {

using Json = nlohmann::ordered_json;

Tone tone_of(Verdict verdict) {
  if (verdict == Verdict::kBetter) return Tone::kGood;
  return verdict == Verdict::kWorse ? Tone::kBad : Tone::kFaint;
}

std::string interval_text(const Difference& d) {
  if (!d.ratio || !d.ratio->interval) return "n/a";
  return fmt::format("{:.3f} .. {:.3f}", d.ratio->interval->low, d.ratio->interval->high);
}

// Medians in the table for people; programs have the means, too.
Quantity in_unit(const Estimate& estimate, const Difference& d, bool with_interval = true) {
  if (estimate.samples == 0) return {{}, {}, "not measured"};
  Quantity number = quantity(estimate);
  number.unit = d.unit;
  if (!with_interval) number.interval.reset();
  return number;
}

Quantity count(std::size_t number) { return Quantity{static_cast<double>(number)}; }

std::string p_text(double p) { return p < 0.001 ? "< .001" : fmt::format("{:.3f}", p); }

std::string noise_source(const Difference& d) {
  if (d.how.arms == Arms::kOneRun) return "one run";
  return d.how.noise ? d.how.noise->source : "not known";
}

std::string mean_text(const Difference& d) {
  if (!(d.baseline_mean.value > 0) || d.contender_mean.samples == 0) return "n/a";
  return fmt::format("{:.3f}", d.contender_mean.value / d.baseline_mean.value);
}

std::vector<Item> row_of(const Difference& d) {
  Quantity ratio{{}, {}, "a value is not positive"};
  if (d.ratio) ratio = quantity(*d.ratio);
  Quantity ratio_for_people = ratio;
  ratio_for_people.interval.reset();
  Quantity floor{d.noise_floor, {}, "not known, or one run"};
  Quantity visible{d.visible, {}, "no size can be seen"};
  std::string verdict = to_text(d.verdict);
  if (d.regression) verdict += " (regression)";
  return {Text{d.cell},
          Text{d.against},
          Text{d.metric},
          Text{d.unit},
          in_unit(d.baseline, d, false),
          in_unit(d.contender, d, false),
          in_unit(d.baseline, d),
          in_unit(d.contender, d),
          in_unit(d.baseline_mean, d),
          in_unit(d.contender_mean, d),
          ratio_for_people,
          ratio,
          Text{interval_text(d)},
          Text{mean_text(d)},
          Text{p_text(d.adjusted_p)},
          Quantity{d.p},
          Quantity{d.adjusted_p},
          count(d.tests),
          Text{d.test},
          Quantity{d.a12},
          count(d.baseline.samples),
          count(d.contender.samples),
          floor,
          Text{noise_source(d)},
          visible,
          Text{verdict, tone_of(d.verdict)},
          Text{d.reason},
          Text{d.regression ? "yes" : "no"}};
}

std::vector<Column> columns_of(bool one_run) {
  const Audience people = Audience::kPeople, programs = Audience::kPrograms;
  const Audience pairs = one_run ? Audience::kAll : programs;
  return {{"cell", "", true},
          {"against", "", false, pairs},
          {"metric", "", true},
          {"unit", "", false, programs},
          {"baseline", "", false, people, "baseline\nmedian"},
          {"contender", "", false, people, "contender\nmedian"},
          {"baseline", "", false, programs},
          {"contender", "", false, programs},
          {"baseline mean", "", false, programs},
          {"contender mean", "", false, programs},
          {"ratio", "", false, people},
          {"ratio", "", false, programs},
          {"95 % interval", "", false, people},
          {"ratio of means", "", false, people, "of\nmeans"},
          {"p", "", false, people, "p\n(Holm)"},
          {"p", "", false, programs},
          {"adjusted p", "", false, programs},
          {"tests", "", false, programs},
          {"test", "", false, programs},
          {"A12", "", false, programs},
          {"baseline repetitions", "", false, programs},
          {"contender repetitions", "", false, programs},
          {"noise floor", "", false, programs},
          {"noise from", "", false, programs},
          {"visible", "", false, programs},
          {"verdict"},
          {"why"},
          {"regression", "", false, programs}};
}

std::string repetitions_text(const Contrast& contrast) {
  std::size_t least = SIZE_MAX, most = 0;
  for (const Difference& d : contrast.differences) {
    for (const std::size_t n : {d.baseline.samples, d.contender.samples}) {
      least = std::min(least, n);
      most = std::max(most, n);
    }
  }
  return least == most ? fmt::format("{}", most) : fmt::format("{} to {}", least, most);
}

Json contrast_json(const Contrast& contrast) {
  Json json = {{"baseline", contrast.baseline}, {"contender", contrast.contender}};
  json["table"] = table_json(to_table(contrast));
  json["only_in_baseline"] = contrast.only_in_baseline;
  json["only_in_contender"] = contrast.only_in_contender;
  json["unmeasured"] = contrast.unmeasured;
  json["warnings"] = contrast.warnings;
  return json;
}

std::string contrast_text(const Contrast& contrast, const TextStyle& style) {
  std::string out = render_text(to_table(contrast), style);
  for (const std::string& cell : contrast.only_in_baseline) {
    out += fmt::format("only in {}: {}\n", contrast.baseline, printable(cell));
  }
  for (const std::string& cell : contrast.only_in_contender) {
    out += fmt::format("only in {}: {}\n", contrast.contender, printable(cell));
  }
  for (const std::string& cell : contrast.unmeasured) {
    out += fmt::format("not measured on both sides: {}\n", printable(cell));
  }
  for (const std::string& warning : contrast.warnings) {
    out += painted("warning: " + printable(warning), Tone::kWarning, style.colour) + "\n";
  }
  return out;
}

}  // namespace

Table to_table(const Contrast& contrast) {
  Table table;
  table.title = fmt::format("{}  →  {}", contrast.baseline, contrast.contender);
  const bool one_run = std::any_of(contrast.differences.begin(), contrast.differences.end(),
                                   [](const Difference& d) { return !d.against.empty(); });
  table.columns = columns_of(one_run);
  for (const Difference& d : contrast.differences) table.rows.push_back(row_of(d));
  if (contrast.differences.empty()) {
    table.notes.push_back(
        "No cell has a partner with equal axes; axes that should not count can be ignored.");
    return table;
  }
  table.notes.push_back(
      fmt::format("{} repetitions a cell. Ratios are contender over baseline: Hodges and Lehmann's "
                  "estimate with "
                  "its interval, and that of the means.",
                  repetitions_text(contrast)));
  const Difference& any = contrast.differences.front();
  table.notes.push_back(fmt::format(
      "Better and worse hold for all {} tests together at the 5 % level (exact rank tests, "
      "p after Holm); no difference: the interval lies within {} %, the margin.",
      any.tests, three_digits(100 * any.how.margin())));
  return table;
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
    Json json = {{"schema", "violet.comparison"}, {"version", 2}};
    json["threshold_percent"] = comparison.threshold_percent;
    json["margin_percent"] = comparison.margin_percent;
    json["tests"] = comparison.tests;
    json["regression"] = comparison.regression();
    json["contrasts"] = Json::array();
    for (const Contrast& contrast : comparison.contrasts) {
      json["contrasts"].push_back(contrast_json(contrast));
    }
    return dump(json, 2);
  }
  Table all;
  all.title = "comparison";
  for (const Contrast& contrast : comparison.contrasts) {
    Table table = to_table(contrast);
    all.columns = {{"contender run", "", true}};
    all.columns.insert(all.columns.end(), table.columns.begin(), table.columns.end());
    for (auto& row : table.rows) {
      row.insert(row.begin(), Text{contrast.contender});
      all.rows.push_back(std::move(row));
    }
  }
  return render(all, format, style);
}

}  // namespace violet::results
