#include "experiments/results/table.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "experiments/results/units.hpp"

namespace violet::results {
namespace {

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

std::string shortened(const std::string& text, std::size_t columns) {
  const std::string clean = printable(text);
  const std::size_t width = display_width(clean);
  if (width <= columns) return clean;
  const std::size_t front = columns / 3;  // Ends differ more often than beginnings.
  const std::string head = first_columns(clean, front);
  const std::size_t back = columns - display_width(head) - 1;
  std::string tail = clean.substr(head.size());
  while (display_width(tail) > back) {
    tail.erase(0, 1);  // And what continues the character.
    while (!tail.empty() && (static_cast<unsigned char>(tail[0]) & 0xc0) == 0x80) tail.erase(0, 1);
  }
  return head + "…" + tail;
}

std::vector<std::string> wrapped_whole(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  for (std::string& line : wrapped(text, width)) {
    if (width < 3 || display_width(line) <= width) {
      lines.push_back(std::move(line));
      continue;
    }
    if (line.find('/') != std::string::npos) {
      lines.push_back(shortened(line, width));
      continue;
    }
    while (!line.empty()) {
      const std::string piece = first_columns(line, width);
      line.erase(0, piece.size());
      lines.push_back(piece);
    }
  }
  return lines;
}

// Where the text of a line begins that a name and two spaces or more lead: "host       Debian". None: at its first word.
static std::size_t text_column(std::string_view line) {
  const std::size_t word = std::min(line.find_first_not_of(' '), line.size());
  const std::size_t gap = line.find("  ", word);
  if (gap == std::string_view::npos) return word;
  return std::min(line.find_first_not_of(' ', gap), line.size());
}

std::string fitted(std::string_view text, std::size_t width) {
  constexpr std::size_t kLeast = 30;
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    const bool ends = end < text.size();
    text.remove_prefix(ends ? end + 1 : end);
    std::size_t indent = text_column(line);
    if (display_width(line) <= width || width < kLeast) {
      out.append(line).append(ends ? "\n" : "");
      continue;
    }
    std::string_view lead = line.substr(0, indent);
    if (display_width(lead) + kLeast > width) {
      indent = std::min(line.find_first_not_of(' '), line.size());
      lead = line.substr(0, indent);
    }
    const std::size_t column = display_width(lead);
    const std::string gap(column, ' ');
    bool first = true;
    for (const std::string& part : wrapped(line.substr(indent), width - column)) {
      out += (first ? std::string(lead) : "\n" + gap) + part;
      first = false;
    }
    if (ends) out += '\n';
  }
  return out;
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

// COLUMNS, as shells export it; nothing where that is no width that a table fits.
static std::optional<unsigned> told_columns() {
  constexpr unsigned kFewest = 40, kMost = 10'000;
  const char* const told = std::getenv("COLUMNS");
  if (told == nullptr) return std::nullopt;
  const std::string_view text(told);
  unsigned columns = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), columns);
  const bool read = error == std::errc() && end == text.data() + text.size();
  if (!read || columns < kFewest || columns > kMost) return std::nullopt;
  return columns;
}

TextStyle style_for(int fd) {
  TextStyle style;
  style.terminal = ::isatty(fd) != 0;
  winsize size{};
  const bool asked = style.terminal && ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  style.width = told_columns().value_or(asked ? size.ws_col : kPipeColumns);
  const char* no_color = std::getenv("NO_COLOR");
  style.colour = style.terminal && (no_color == nullptr || *no_color == '\0');
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

}  // namespace violet::results
