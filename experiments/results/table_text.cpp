// A table as aligned text that fits a width.
//
// What is too wide is wrapped, then split into blocks that repeat the keys: texts in lines of whole words, a path in the
// middle. Numbers are never cut.
#include <algorithm>
#include <cmath>
#include <map>
#include <span>

#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/overload.hpp"
#include "experiments/results/table.hpp"
#include "experiments/results/units.hpp"

namespace violet::results {
namespace {

constexpr std::string_view kGap = "  ";
// Narrower than this no text is wrapped for the sake of its neighbours.
constexpr std::size_t kLeastText = 24, kLeastKey = 14;
// Counts up to this are read in full.
constexpr double kMostInFull = 1e6;

// A cell that is ready to be aligned.
struct Shown {
  std::string text;
  Tone tone = Tone::kPlain;
  bool right = false;
  std::vector<std::string> more = {};  // Lines below the first.
};

std::string digits_of(double value, const Scale& scale, bool whole) {
  const bool full = whole && scale.factor == 1 && value == std::round(value);
  return full ? fmt::format("{:.0f}", value) : three_digits(value / scale.factor);
}

std::string spread_of(const Quantity& q, const Scale& scale) {
  if (!q.interval) return {};
  return fmt::format(" ({} .. {})", digits_of(q.interval->low, scale, q.whole),
                     digits_of(q.interval->high, scale, q.whole));
}

Shown show(const Item& item, const Scale& scale, std::string_view unit) {
  if (const auto* text = std::get_if<Text>(&item))
    return {printable(text->text), text->tone, false};
  const auto& q = std::get<Quantity>(item);
  if (!q.value && q.because == kStaysReachable) return {"always", q.tone, true};
  if (!q.value && is_overload(q.because)) return {std::string(kOverloaded), Tone::kBad, true};
  if (!q.value || !std::isfinite(*q.value)) return {"n/a", Tone::kFaint, true};
  const bool own = scale.factor == 0 || !q.unit.empty();
  const bool in_full = own && q.whole && std::abs(*q.value) < kMostInFull;
  const Scale mine = !own ? scale
                     : in_full
                         ? scale_of(1, q.unit.empty() ? unit : q.unit)
                         : scale_of(q.scale_by.value_or(*q.value), q.unit.empty() ? unit : q.unit);
  std::string text = digits_of(*q.value, mine, q.whole);
  if (own && !mine.unit.empty()) text += " " + printable(mine.unit);
  return {text + spread_of(q, mine), q.tone, true};
}

struct TextColumn {
  std::vector<std::string> head;  // Lines.
  bool right = false;
  bool is_key = false;
  bool as_is = false;
  std::size_t width = 0;
  std::vector<Shown> items;

  bool wraps() const { return !right && !as_is; }
  std::size_t head_width() const {
    std::size_t widest = 0;
    for (const std::string& line : head) widest = std::max(widest, display_width(line));
    return widest;
  }
};

std::vector<std::string> lines_of_head(const Column& column) {
  if (column.head.empty()) return {printable(column.name)};
  std::vector<std::string> lines;
  for (std::size_t from = 0; from <= column.head.size();) {
    const std::size_t to = std::min(column.head.find('\n', from), column.head.size());
    lines.push_back(printable(std::string_view(column.head).substr(from, to - from)));
    from = to + 1;
  }
  return lines;
}

// Numbers of a column that do not bring a unit of their own.
struct ScaledValues {
  std::vector<double> values;
  bool whole = true;
  bool numbers = false;  // There are some, with or without one.

  void add(const Table& table, std::size_t index) {
    for (const auto& row : table.rows) {
      const auto* q = std::get_if<Quantity>(&row[index]);
      if (q == nullptr || !q->value) continue;
      numbers = true;
      if (!q->unit.empty()) continue;
      values.push_back(*q->value);
      whole = whole && q->whole;
    }
  }
};

// What columns of one distribution have in common: "map" of "map.p50" and "map.mean". Empty: it is of none.
std::string_view distribution_of_column(const Column& column) {
  const std::string_view name = column.name;
  const std::size_t dot = name.find('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(0, dot);
}

// Counts are read in full where all of them can be, and else each with a prefix of its own.
Scale scale_of_all(const ScaledValues& all, const std::string& unit) {
  if (!all.whole) return common_scale(all.values, unit);
  const bool in_full = std::all_of(all.values.begin(), all.values.end(),
                                   [](double value) { return std::abs(value) < kMostInFull; });
  return in_full ? scale_of(1, unit) : Scale{0, ""};
}

struct ColumnScale {
  Scale scale;
  bool numbers = false;  // The column has some.
};

// Columns of one distribution, which are read side by side, have one unit.
std::vector<ColumnScale> scales_of_columns(const Table& table) {
  using Group = std::pair<std::string_view, std::string_view>;  // Distribution and unit.
  std::map<Group, ScaledValues> groups;
  std::vector<ScaledValues> own(table.columns.size());
  for (std::size_t i = 0; i < own.size(); ++i) {
    const Column& column = table.columns[i];
    own[i].add(table, i);
    const std::string_view distribution = distribution_of_column(column);
    if (!distribution.empty()) groups[{distribution, column.unit}].add(table, i);
  }
  std::map<Group, Scale> scales;
  for (const auto& [group, all] : groups)
    scales[group] = scale_of_all(all, std::string(group.second));
  std::vector<ColumnScale> columns;
  for (std::size_t i = 0; i < own.size(); ++i) {
    const Column& column = table.columns[i];
    const auto shared = scales.find({distribution_of_column(column), column.unit});
    Scale scale{1, ""};
    if (!own[i].values.empty()) {
      scale = shared != scales.end() ? shared->second : scale_of_all(own[i], column.unit);
    }
    columns.push_back({scale, own[i].numbers});
  }
  return columns;
}

TextColumn lay_out(const Table& table, std::size_t index, const ColumnScale& of_column) {
  const Column& column = table.columns[index];
  const auto& [scale, numbers] = of_column;
  TextColumn out{lines_of_head(column), numbers, column.is_key, column.as_is, 0, {}};
  if (!scale.unit.empty()) {
    const std::string unit = fmt::format("[{}]", printable(scale.unit));
    if (column.head.empty()) {
      out.head.back() += " " + unit;
    } else {
      out.head.push_back(unit);
    }
  }
  out.width = out.head_width();
  for (const auto& row : table.rows) {
    out.items.push_back(show(row[index], scale, column.unit));
    out.width = std::max(out.width, display_width(out.items.back().text));
  }
  return out;
}

std::string aligned(const std::string& text, std::size_t width, bool right,
                    Tone tone = Tone::kPlain, bool colour = false) {
  const std::string padding(width - std::min(width, display_width(text)), ' ');
  const std::string shown = painted(text, tone, colour);
  return right ? padding + shown : shown + padding;
}

void append_line(std::string& out, const std::string& line) {
  out += line.substr(0, line.find_last_not_of(' ') + 1);
  out += '\n';
}

std::string head_of_block(const std::vector<const TextColumn*>& columns) {
  std::string out, rule;
  std::size_t lines = 0;
  for (const TextColumn* column : columns) lines = std::max(lines, column->head.size());
  for (std::size_t line = 0; line < lines; ++line) {
    std::string head;
    for (const TextColumn* column : columns) {
      const bool there = line < column->head.size();
      head += aligned(there ? column->head[line] : "", column->width, column->right);
      head += kGap;
    }
    append_line(out, head);
  }
  for (const TextColumn* column : columns) {
    for (std::size_t i = 0; i < column->width; ++i) rule += "─";
    rule += kGap;
  }
  append_line(out, rule);
  return out;
}

std::string block_of(const std::vector<const TextColumn*>& columns, std::size_t rows, bool colour) {
  std::string out = head_of_block(columns);
  for (std::size_t row = 0; row < rows; ++row) {
    std::size_t more = 0;
    for (const TextColumn* column : columns) more = std::max(more, column->items[row].more.size());
    for (std::size_t part = 0; part <= more; ++part) {
      std::string line;
      for (const TextColumn* column : columns) {
        const Shown& item = column->items[row];
        const std::string text = part == 0                  ? item.text
                                 : part <= item.more.size() ? item.more[part - 1]
                                                            : "";
        line += aligned(text, column->width, item.right || column->right, item.tone, colour);
        line += kGap;
      }
      append_line(out, line);
    }
  }
  return out;
}

// --- Fitting ---

std::size_t natural_width(std::span<const TextColumn> columns) {
  std::size_t all = 0;
  for (const TextColumn& column : columns) all += column.width + kGap.size();
  return all == 0 ? 0 : all - kGap.size();
}

void wrap_to(TextColumn& column, std::size_t width) {
  width = std::max(width, column.head_width());
  if (column.width <= width) return;
  column.width = column.head_width();
  for (Shown& item : column.items) {
    auto lines = wrapped_whole(item.text, width);
    for (const auto& line : lines) column.width = std::max(column.width, display_width(line));
    item.text = lines.front();
    item.more.assign(lines.begin() + 1, lines.end());
  }
}

// Gives wide columns what `room` they have together: none gets more than it needs, the others share the rest alike.
void share_out(std::vector<TextColumn*> columns, std::size_t room) {
  std::sort(columns.begin(), columns.end(),
            [](const TextColumn* a, const TextColumn* b) { return a->width < b->width; });
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::size_t share = room / (columns.size() - i);
    wrap_to(*columns[i], share);
    room -= std::min(room, columns[i]->width);
  }
}

std::size_t least_of(const TextColumn& column) {
  return std::min(column.width,
                  std::max(column.head_width(), column.is_key ? kLeastKey : kLeastText));
}

// Wraps the texts of the columns that `chosen` names so that all fit side by side; false: they cannot.
template <class Chosen>
bool fit_side_by_side(std::vector<TextColumn>& columns, std::size_t width, Chosen&& chosen) {
  std::size_t fixed = 0, least = 0;
  std::vector<TextColumn*> texts;
  for (TextColumn& column : columns) {
    fixed += kGap.size();
    if (column.wraps() && chosen(column)) {
      texts.push_back(&column);
      least += least_of(column);
    } else {
      fixed += column.width;
    }
  }
  if (texts.empty() || fixed + least > width + kGap.size()) return false;
  share_out(std::move(texts), width + kGap.size() - fixed);
  return true;
}

// Where not all fit side by side, keys leave each other column room to stand beside them.
void fit_in_blocks(std::vector<TextColumn>& columns, std::size_t width) {
  std::size_t keys = 0, widest = 0;
  std::vector<TextColumn*> texts;
  for (TextColumn& column : columns) {
    if (!column.is_key) {
      widest = std::max(widest, column.wraps() ? least_of(column) : column.width);
      continue;
    }
    keys += column.width + kGap.size();
    if (column.wraps()) texts.push_back(&column);
  }
  if (keys + widest > width && !texts.empty()) {
    std::size_t fixed = keys;
    for (const TextColumn* column : texts) fixed -= column->width;
    const std::size_t room = width > fixed + widest ? width - fixed - widest : 0;
    share_out(texts, std::max(room, kLeastKey * texts.size()));
  }
  keys = 0;
  for (const TextColumn& column : columns) keys += column.is_key ? column.width + kGap.size() : 0;
  for (TextColumn& column : columns) {
    if (!column.is_key && column.wraps()) wrap_to(column, width > keys ? width - keys : 1);
  }
}

void fit(std::vector<TextColumn>& columns, std::size_t width) {
  if (width == 0 || natural_width(columns) <= width) return;
  if (fit_side_by_side(columns, width, [](const TextColumn& one) { return !one.is_key; })) return;
  const bool words = std::any_of(columns.begin(), columns.end(), [](const TextColumn& one) {
    return !one.is_key && one.wraps() && one.width > kLeastText;
  });
  if (words && fit_side_by_side(columns, width, [](const TextColumn&) { return true; })) return;
  fit_in_blocks(columns, width);
}

// Groups of columns that fit the width, each led by the keys.
std::vector<std::vector<const TextColumn*>> split(const std::vector<TextColumn>& columns,
                                                  unsigned width) {
  std::vector<const TextColumn*> keys;
  std::size_t keys_width = 0;
  for (const TextColumn& column : columns) {
    if (!column.is_key) continue;
    keys.push_back(&column);
    keys_width += column.width + kGap.size();
  }
  std::vector<std::vector<const TextColumn*>> groups{keys};
  std::size_t used = keys_width;
  for (const TextColumn& column : columns) {
    if (column.is_key) continue;
    const bool full =
        width != 0 && used + column.width > width && groups.back().size() > keys.size();
    if (full) {
      groups.push_back(keys);
      used = keys_width;
    }
    groups.back().push_back(&column);
    used += column.width + kGap.size();
  }
  return groups;
}

}  // namespace

std::string render_text(const Table& table, const TextStyle& style) {
  std::vector<TextColumn> columns;
  const std::vector<ColumnScale> scales = scales_of_columns(table);
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].audience == Audience::kPrograms) continue;
    columns.push_back(lay_out(table, i, scales[i]));
  }
  fit(columns, style.width);
  std::string out;
  if (!table.title.empty()) {
    for (const std::string& line : wrapped_whole(printable(table.title), style.width)) {
      out += line + "\n";
    }
    out += '\n';
  }
  bool first = true;
  for (const auto& group : split(columns, style.width)) {
    if (!first) out += '\n';
    first = false;
    out += block_of(group, table.rows.size(), style.colour);
  }
  for (const std::string& note : table.notes) {
    for (const std::string& line : wrapped(printable(note), style.width)) {
      out += "\n" + line;
    }
  }
  if (!table.notes.empty()) out += '\n';
  return out;
}

}  // namespace violet::results
