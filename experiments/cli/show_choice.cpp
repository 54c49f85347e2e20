#include "experiments/cli/show_choice.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "experiments/results/label_words.hpp"

namespace violet::cli {
namespace {

using query::CellInfo;
using query::Nanos;
using query::TimeWindow;

double in_seconds(Nanos at) { return static_cast<double>(at) / 1e9; }
std::string span_words(TimeWindow window) {
  return fmt::format("{} to {}", results::with_unit(in_seconds(window.from), "s"),
                     results::with_unit(in_seconds(window.to), "s"));
}

// A text that is a number and nothing else.
std::optional<std::size_t> list_number(const std::string& text) {
  std::size_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

// The first recording of the one cell that has these words.
Result<std::size_t> cell_called(const std::vector<CellInfo>& cells, const ShowFlags& flags) {
  const auto label = [&](std::size_t i) -> const std::string& { return cells[i].label; };
  const auto found = results::labels_with(cells.size(), label, flags.cell);
  if (found.empty()) {
    std::vector<std::string> labels;
    for (std::size_t i = 0; i < cells.size(); ++i) labels.push_back(label(i));
    return fail(ErrorKind::kUsage, "no cell is called '{}'{}", flags.cell,
                results::labels_there(std::move(labels), flags.cell));
  }
  const auto other = std::find_if(found.begin(), found.end(),
                                  [&](std::size_t i) { return label(i) != label(found.front()); });
  if (other == found.end()) return found.front();
  return fail(ErrorKind::kUsage,
              "'{}' is part of the name of several cells: {} and {}; write more of it", flags.cell,
              label(found.front()), label(*other));
}

Result<std::size_t> cell_named(const std::vector<CellInfo>& cells, const ShowFlags& flags) {
  if (flags.cell.empty()) return 0;
  const auto number = list_number(flags.cell);
  if (!number) return cell_called(cells, flags);
  if (*number >= 1 && *number <= cells.size()) return *number - 1;
  return fail(ErrorKind::kUsage, "there is no cell {}: the run has 1 to {}; `show {}` lists them",
              *number, cells.size(), flags.run);
}

// "repetition 1", "repetitions 1 to 3", "repetitions 1, 3"
std::string repetitions_text(const std::set<std::uint32_t>& numbers) {
  const std::uint32_t first = *numbers.begin(), last = *numbers.rbegin();
  if (numbers.size() == 1) return fmt::format("repetition {}", first);
  if (last - first + 1 == numbers.size()) return fmt::format("repetitions {} to {}", first, last);
  return fmt::format("repetitions {}", fmt::join(numbers, ", "));
}

Result<std::size_t> repetition_of(const std::vector<CellInfo>& cells, const CellInfo& cell,
                                  const ShowFlags& flags) {
  std::set<std::uint32_t> recorded;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (cells[i].label != cell.label) continue;
    if (cells[i].repetition + 1 == *flags.repetition) return i;
    recorded.insert(cells[i].repetition + 1);
  }
  return fail(ErrorKind::kUsage,
              "there are no events of repetition {} of '{}': {} of it {} recorded (they count from "
              "1); `show {}` lists what there is",
              *flags.repetition, cell.label, repetitions_text(recorded),
              recorded.size() == 1 ? "was" : "were", flags.run);
}

// For programs.
const char* standing_name(query::Standing::Kind kind) {
  constexpr std::array kNames = {"not known", "counts",      "exposure not counted",
                                 "disturbed", "not counted", "not finished"};
  return kNames[static_cast<std::size_t>(kind)];
}

// What lies outside of the measured time.
std::string unmeasured_text(const ShownWindow& shown, const CellInfo& cell) {
  if (!cell.measure_marked) return ", of which no mark says what was measured";
  const TimeWindow& measured = cell.measured;
  if (measured.from <= shown.window.from && shown.window.to <= measured.to) return {};
  return fmt::format(", of which {} was measured", span_words(measured));
}

}  // namespace

Result<std::size_t> choose_cell(const std::vector<CellInfo>& cells, const ShowFlags& flags) {
  if (cells.empty()) return fail(ErrorKind::kUsage, "the run has no cell with events");
  VIOLET_TRY(const std::size_t named, cell_named(cells, flags));
  if (!flags.repetition) return named;
  return repetition_of(cells, cells[named], flags);
}

Result<ShownWindow> choose_window(const CellInfo& cell, const ShowFlags& flags) {
  const bool whole = flags.whole || !cell.measure_marked;
  ShownWindow shown{whole ? cell.whole : cell.measured,
                    whole ? ShownWindow::Of::kWhole : ShownWindow::Of::kMeasured};
  if (!flags.from.empty() || !flags.to.empty()) shown.of = ShownWindow::Of::kChosen;
  TimeWindow& window = shown.window;
  if (!flags.from.empty()) {
    VIOLET_TRY(window.from, time_from(flags.from));
  }
  if (!flags.to.empty()) {
    VIOLET_TRY(window.to, time_from(flags.to));
  }
  if (!flags.from.empty() && !flags.to.empty() && window.from >= window.to) {
    return fail(ErrorKind::kUsage,
                "--from {} is not before --to {}: nothing lies between them; the recording goes "
                "from {}",
                flags.from, flags.to, span_words(cell.whole));
  }
  window.from = std::max(window.from, cell.whole.from);
  window.to = std::min(window.to, cell.whole.to);
  if (window.length() > 0) return shown;
  return fail(ErrorKind::kUsage,
              "nothing lies in {}: the recording goes from {}, and without --whole the end that is "
              "not given is that of the measured time, {}",
              span_words(window), span_words(cell.whole), span_words(cell.measured));
}

std::string repetition_words(const CellInfo& cell) {
  const std::string number = fmt::format("repetition {}", cell.repetition + 1);
  const std::string& words = cell.standing.words;
  return words.empty() ? number : fmt::format("{} ({})", number, words);
}

std::string window_words(const ShownWindow& shown, const CellInfo& cell) {
  switch (shown.of) {
    case ShownWindow::Of::kMeasured:
      return "measured time, " + span_words(shown.window);
    case ShownWindow::Of::kWhole:
      return "whole recording, " + span_words(shown.window) + unmeasured_text(shown, cell);
    case ShownWindow::Of::kChosen:
      break;
  }
  return span_words(shown.window) + unmeasured_text(shown, cell);
}

std::vector<results::TableFact> facts_of(const ShownWindow& shown, const CellInfo& cell,
                                         std::size_t number) {
  constexpr std::array kNames = {"measured", "whole", "chosen"};
  const auto measured = [&](Nanos at) {
    return cell.measure_marked ? std::optional(in_seconds(at)) : std::nullopt;
  };
  return {{"run", cell.run_id},
          {"cell", std::uint64_t{number}},
          {"label", cell.label},
          {"repetition", std::uint64_t{cell.repetition}},
          {"standing", std::string(standing_name(cell.standing.kind))},
          {"window", std::string(kNames[static_cast<std::size_t>(shown.of)])},
          {"from_s", in_seconds(shown.window.from)},
          {"to_s", in_seconds(shown.window.to)},
          {"measured_from_s", measured(cell.measured.from)},
          {"measured_to_s", measured(cell.measured.to)},
          {"calls_sampled", cell.calls_sampled}};
}

Result<query::Nanos> time_from(const std::string& text) {
  static constexpr std::array<std::pair<std::string_view, double>, 4> kUnits = {
      {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}}};
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  for (const auto& [unit, ns] : kUnits) {
    if (error == std::errc() && unit == std::string_view(rest, end) && value >= 0 &&
        value * ns < 1e18) {
      return static_cast<Nanos>(value * ns);
    }
  }
  return fail(ErrorKind::kUsage, "'{}' is no time: write it as 150ms, 1.5s, 20us or 7ns", text);
}

Result<IovaRange> range_from(const std::string& text) {
  const auto address = [](std::string_view part) -> std::optional<std::uint64_t> {
    int base = 10;
    if (part.starts_with("0x") || part.starts_with("0X")) part.remove_prefix(2), base = 16;
    std::uint64_t value = 0;
    const auto [rest, error] = std::from_chars(part.data(), part.data() + part.size(), value, base);
    if (error != std::errc() || rest != part.data() + part.size()) return std::nullopt;
    return value;
  };
  const std::size_t at = text.find_first_of("-+");
  const auto first = address(std::string_view(text).substr(0, at));
  std::optional<std::uint64_t> last = first;
  if (first && at != std::string::npos) {
    last = address(std::string_view(text).substr(at + 1));
    if (last && text[at] == '+') {
      last = *last == 0 || *last - 1 > ~*first ? std::nullopt : std::optional(*first + (*last - 1));
    }
  }
  if (first && last && *first <= *last) return IovaRange{{*first}, {*last}};
  return fail(ErrorKind::kUsage,
              "'{}' is no range of addresses: write it as 0x1000-0x1fff, 0x1000+4096 or 0x1000",
              text);
}

}  // namespace violet::cli
