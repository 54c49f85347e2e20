#include "experiments/results/table.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/units.hpp"

namespace violet::results {
namespace {

constexpr const char* kGap = "  ";

// One code point off the front; U+FFFD for bytes that are no UTF-8.
char32_t next_code_point(std::string_view& text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  std::size_t length = 1;
  if (lead >= 0xf0 && lead < 0xf5) length = 4;
  if (lead >= 0xe0 && lead < 0xf0) length = 3;
  if (lead >= 0xc2 && lead < 0xe0) length = 2;
  char32_t code = length == 1 ? lead : lead & (0x7fu >> length);
  bool valid = (lead < 0x80 || length > 1) && length <= text.size();
  for (std::size_t i = 1; valid && i < length; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    valid = (byte & 0xc0) == 0x80;
    code = (code << 6) | (byte & 0x3f);
  }
  text.remove_prefix(valid ? length : 1);
  return valid ? code : U'\uFFFD';
}

bool between(char32_t code, char32_t low, char32_t high) { return low <= code && code <= high; }

// Line ends and the marks that make a screen show text in another order than it has.
bool turns_text(char32_t code) {
  return between(code, 0x2028, 0x202e) || between(code, 0x2066, 0x2069) ||
         between(code, 0x200e, 0x200f) || code == 0x61c;
}

// The blocks that terminals draw two columns wide, and the combining marks that take none.
std::size_t width_of(char32_t code) {
  if (between(code, 0x300, 0x36f) || between(code, 0x200b, 0x200f) ||
      between(code, 0xfe00, 0xfe0f) || between(code, 0x20d0, 0x20ff)) {
    return 0;
  }
  const bool wide = between(code, 0x1100, 0x115f) || between(code, 0x2e80, 0xa4cf) ||
                    between(code, 0xac00, 0xd7a3) || between(code, 0xf900, 0xfaff) ||
                    between(code, 0xfe30, 0xfe6f) || between(code, 0xff00, 0xff60) ||
                    between(code, 0xffe0, 0xffe6) || between(code, 0x1f300, 0x1faff) ||
                    between(code, 0x20000, 0x3fffd);
  return wide ? 2 : 1;
}

// A cell that is ready to be aligned.
struct Shown {
  std::string text;
  Tone tone = Tone::kPlain;
  bool right = false;
  std::vector<std::string> more = {};  // Lines below the first.
};

std::string spread_of(const Quantity& q, double factor) {
  if (!q.interval) return {};
  return fmt::format(" ({} .. {})", three_digits(q.interval->low / factor),
                     three_digits(q.interval->high / factor));
}

Shown show(const Item& item, const Scale& scale, std::string_view unit) {
  if (const auto* text = std::get_if<Text>(&item))
    return {printable(text->text), text->tone, false};
  const auto& q = std::get<Quantity>(item);
  if (!q.value && q.because == kStaysReachable) return {"always", q.tone, true};
  if (!q.value || !std::isfinite(*q.value)) return {"n/a", Tone::kFaint, true};
  const bool own = scale.factor == 0 || !q.unit.empty();
  const Scale mine = own ? scale_of(*q.value, q.unit.empty() ? unit : q.unit) : scale;
  std::string text = three_digits(*q.value / mine.factor);
  if (own && !mine.unit.empty()) text += " " + printable(mine.unit);
  return {text + spread_of(q, mine.factor), q.tone, true};
}

struct TextColumn {
  std::vector<std::string> head;  // Lines.
  bool right = false;
  bool is_key = false;
  std::size_t width = 0;
  std::vector<Shown> items;
};

std::vector<std::string> head_lines(const Column& column) {
  if (column.head.empty()) return {printable(column.name)};
  std::vector<std::string> lines;
  for (std::size_t from = 0; from <= column.head.size();) {
    const std::size_t to = std::min(column.head.find('\n', from), column.head.size());
    lines.push_back(printable(std::string_view(column.head).substr(from, to - from)));
    from = to + 1;
  }
  return lines;
}

TextColumn lay_out(const Table& table, std::size_t index) {
  const Column& column = table.columns[index];
  std::vector<double> values;
  bool numbers = false;
  for (const auto& row : table.rows) {
    const auto* q = std::get_if<Quantity>(&row[index]);
    if (q == nullptr || !q->value) continue;
    numbers = true;
    if (q->unit.empty()) values.push_back(*q->value);  // The others bring their own.
  }
  const Scale scale = common_scale(values, column.unit);
  TextColumn out{head_lines(column), numbers, column.is_key, 0, {}};
  if (!values.empty() && !scale.unit.empty()) {
    const std::string unit = fmt::format("[{}]", printable(scale.unit));
    if (column.head.empty()) {
      out.head.back() += " " + unit;
    } else {
      out.head.push_back(unit);
    }
  }
  for (const std::string& line : out.head) out.width = std::max(out.width, display_width(line));
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

std::string block_of(const std::vector<const TextColumn*>& columns, std::size_t rows, bool colour) {
  std::string out, rule;
  std::size_t lines = 0;
  for (const TextColumn* column : columns) lines = std::max(lines, column->head.size());
  for (std::size_t line = 0; line < lines; ++line) {
    std::string head;
    for (const TextColumn* column : columns) {
      const bool there = line < column->head.size();
      head += aligned(there ? column->head[line] : "", column->width, column->right) + kGap;
    }
    append_line(out, head);
  }
  for (const TextColumn* column : columns) {
    for (std::size_t i = 0; i < column->width; ++i) rule += "─";
    rule += kGap;
  }
  append_line(out, rule);
  for (std::size_t row = 0; row < rows; ++row) {
    std::size_t more = 0;
    for (const TextColumn* column : columns) more = std::max(more, column->items[row].more.size());
    for (std::size_t part = 0; part <= more; ++part) {
      std::string line;
      for (const TextColumn* column : columns) {
        const Shown& item = column->items[row];
        const bool right = item.right || column->right;
        const std::string text = part == 0                  ? item.text
                                 : part <= item.more.size() ? item.more[part - 1]
                                                            : "";
        line += aligned(text, column->width, right, item.tone, colour) + kGap;
      }
      append_line(out, line);
    }
  }
  return out;
}

constexpr std::size_t kLeastWrapped = 30;

bool wraps(const TextColumn& column) {
  return !column.right && !column.is_key && column.width > kLeastWrapped;
}

// Wide columns of texts share what the others leave.
void wrap_texts(std::vector<TextColumn>& columns, unsigned width) {
  std::size_t all = 0, others = 0, wide = 0;
  for (const TextColumn& column : columns) {
    all += column.width + 2;
    others += wraps(column) ? 2 : column.width + 2;
    wide += wraps(column) ? 1 : 0;
  }
  if (width == 0 || wide == 0 || all <= width + 2) return;
  if (others + wide * kLeastWrapped > width + 2) return;
  const std::size_t share = (width + 2 - others) / wide;
  for (TextColumn& column : columns) {
    if (!wraps(column) || column.width <= share) continue;
    column.width = 0;
    for (const std::string& line : column.head) {
      column.width = std::max(column.width, display_width(line));
    }
    for (Shown& item : column.items) {
      auto lines = wrapped(item.text, share);
      for (const auto& line : lines) column.width = std::max(column.width, display_width(line));
      item.text = lines.front();
      item.more.assign(lines.begin() + 1, lines.end());
    }
  }
}

// Groups of columns that fit the width, each led by the keys.
std::vector<std::vector<const TextColumn*>> split(const std::vector<TextColumn>& columns,
                                                  unsigned width) {
  std::vector<const TextColumn*> keys;
  std::size_t keys_width = 0;
  for (const TextColumn& column : columns) {
    if (!column.is_key) continue;
    keys.push_back(&column);
    keys_width += column.width + 2;
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
    used += column.width + 2;
  }
  return groups;
}

}  // namespace

std::string labelled_lines(std::string_view kind, std::string_view text, const TextStyle& style,
                           Tone tone) {
  std::string out;
  for (const auto& line : wrapped(fmt::format("{}: {}", kind, printable(text)), style.width)) {
    out += painted(line, tone, style.colour) + "\n";
  }
  return out;
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::vector<std::string> lines(1);
  while (!text.empty()) {
    const std::size_t space = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, space);
    text.remove_prefix(std::min(space + 1, text.size()));
    std::string& line = lines.back();
    if (width != 0 && !line.empty() && display_width(line) + 1 + display_width(word) > width) {
      lines.emplace_back(word);
    } else {
      line += (line.empty() ? "" : " ") + std::string(word);
    }
  }
  return lines;
}

Quantity quantity(const Estimate& estimate) {
  if (!std::isfinite(estimate.value)) return {{}, {}, "nothing was measured"};
  return {estimate.value, estimate.interval};
}

Result<Format> format_from(std::string_view name) {
  if (name == "text") return Format::kText;
  if (name == "json") return Format::kJson;
  if (name == "ndjson") return Format::kNdjson;
  if (name == "csv") return Format::kCsv;
  return fail(ErrorKind::kUsage, "--format: expected text, json, ndjson or csv, found '{}'", name);
}

TextStyle style_for(int fd) {
  TextStyle style;
  style.width = kPipeColumns;
  style.terminal = ::isatty(fd) != 0;
  if (!style.terminal) return style;
  const char* no_color = std::getenv("NO_COLOR");
  style.colour = no_color == nullptr || *no_color == '\0';
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) style.width = size.ws_col;
  return style;
}

std::size_t display_width(std::string_view utf8) {
  std::size_t width = 0;
  while (!utf8.empty()) width += width_of(next_code_point(utf8));
  return width;
}

std::string first_columns(std::string_view utf8, std::size_t columns) {
  std::string_view rest = utf8;
  for (std::size_t width = 0; !rest.empty();) {
    std::string_view after = rest;
    width += width_of(next_code_point(after));
    if (width > columns) break;
    rest = after;
  }
  return std::string(utf8.substr(0, utf8.size() - rest.size()));
}

std::string printable(std::string_view text) {
  const auto is_plain = [](char c) { return ' ' <= c && c <= '~'; };
  if (std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);
  std::string out;
  while (!text.empty()) {
    const std::string_view before = text;
    const char32_t code = next_code_point(text);
    const bool control =
        code < 0x20 || between(code, 0x7f, 0x9f) || code == U'\uFFFD' || turns_text(code);
    out += control ? std::string_view("?") : before.substr(0, before.size() - text.size());
  }
  return out;
}

std::string printable_lines(std::string_view text) {
  std::string out;
  for (;;) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out += printable(text.substr(0, end));
    if (end == text.size()) return out;
    out += '\n';
    text.remove_prefix(end + 1);
  }
}

std::string painted(std::string_view text, Tone tone, bool colour) {
  if (!colour || tone == Tone::kPlain) return std::string(text);
  const char* code = "2";
  if (tone == Tone::kGood) code = "32";
  if (tone == Tone::kBad) code = "31";
  if (tone == Tone::kWarning) code = "33";
  return fmt::format("\033[{}m{}\033[0m", code, text);
}

std::string three_digits(double value) {
  if (value == 0) return "0";
  const double size = std::abs(value);
  if (size >= 1e15 || size < 1e-9) return fmt::format("{:.2e}", value);
  int exponent = static_cast<int>(std::floor(std::log10(size)));
  int decimals = std::max(0, 2 - exponent);
  // 9.996 is 10.0, not 10.00.
  const double rounded = std::round(size * std::pow(10, decimals)) / std::pow(10, decimals);
  if (rounded >= std::pow(10, exponent + 1)) decimals = std::max(0, decimals - 1);
  return fmt::format("{:.{}f}", value, decimals);
}

std::string with_unit(double value, std::string_view unit) {
  const Scale scale = scale_of(value, unit);
  const std::string number = three_digits(value / scale.factor);
  return scale.unit.empty() ? number : fmt::format("{} {}", number, printable(scale.unit));
}

std::string render_text(const Table& table, const TextStyle& style) {
  std::vector<TextColumn> columns;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].audience != Audience::kPrograms) columns.push_back(lay_out(table, i));
  }
  wrap_texts(columns, style.width);
  std::string out = table.title.empty() ? std::string() : printable(table.title) + "\n\n";
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
