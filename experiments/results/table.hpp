// A table shows the same rows to people (aligned text) and to programs (JSON, NDJSON, CSV).
//
// Threading: plain values and pure functions.
// Invariants: text output scales numbers to three significant digits and names the scaled unit in the
// header; the other formats keep the recorded unit and every digit. A number that is missing is "n/a" or
// null with its reason. Control characters in texts never reach a terminal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/base/result.hpp"
#include "experiments/results/statistics.hpp"

namespace violet::results {

inline constexpr int kTableSchema = 1;

enum class Tone { kPlain, kGood, kBad, kWarning, kFaint };

struct Text {
  std::string text;
  Tone tone = Tone::kPlain;
};

struct Quantity {
  std::optional<double> value;
  std::optional<Interval> interval = {};  // 95 %; text shows "(1.44 .. 1.56)".
  std::string because = {};               // Why there is no value.
  Tone tone = Tone::kPlain;
  std::string unit = {};  // Instead of the column's, in columns that mix units.
  bool whole = false;     // A count: people read no decimals of it.
  // With a unit of its own: scaled as this value, so that numbers that are read side by side have one unit.
  std::optional<double> scale_by = {};
};
Quantity quantity(const Estimate& estimate);

using Item = std::variant<Text, Quantity>;

enum class Audience { kAll, kPeople, kPrograms };  // Text, or the other formats, or both.

struct Column {
  std::string name;
  std::string unit = {};  // "ns", "s", "B", "<x>/s", "%", "1" or empty: see scale_of().
  bool is_key = false;    // Says what the row is about: repeated when a table is split.
  Audience audience = Audience::kAll;
  std::string head = {};  // What people read instead of the name; a line break begins a new line.
  bool as_is = false;     // A picture: its lines are not wrapped, however wide.
};

// Of the whole table, for programs: JSON has it under `about`.
struct TableFact {
  std::string name;
  std::variant<std::string, std::uint64_t, std::optional<double>, bool> value;
};

struct Table {
  std::string title;
  std::vector<Column> columns;
  std::vector<std::vector<Item>> rows;  // As wide as columns.
  std::vector<std::string> notes;       // Below the table.
  std::vector<TableFact> about = {};
};

enum class Format { kText, kJson, kNdjson, kCsv };
Result<Format> format_from(std::string_view name);

struct TextStyle {
  bool colour = false;
  unsigned width = 0;  // Columns of a line; 0: no limit. Wide columns of texts are wrapped to fit.
  bool terminal =
      false;  // Control characters, which a terminal would obey, are shown as "?" in CSV as well.
};
// The width of a pipe, where a reader's window is not known.
inline constexpr unsigned kPipeColumns = 100;
// Colour only on a terminal and without NO_COLOR; as wide as COLUMNS says, else as the terminal, else as a pipe.
TextStyle style_for(int fd);

std::string render(const Table& table, Format format, const TextStyle& style = {});
std::string render_text(const Table& table, const TextStyle& style);

// Terminal columns that a UTF-8 text takes.
std::size_t display_width(std::string_view utf8);
// The words of a text in lines; a word that is longer than a line stays whole. Width 0: one line.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);
// The same, and no line is longer: a path is shortened in the middle, any other word goes on in the next line.
std::vector<std::string> wrapped_whole(std::string_view text, std::size_t width);
// Lines of a text that are too long are wrapped, and go on under the text that a name and two spaces lead in them
// ("host       Debian 12, ..."), or under their first word. Texts hold no control characters but line breaks.
std::string fitted(std::string_view text, std::size_t width);
// At most `columns` wide, with an ellipsis in the middle of what is longer.
std::string shortened(const std::string& text, std::size_t columns);
// As much of a text as fits in so many columns.
std::string first_columns(std::string_view utf8, std::size_t columns);
// Without control characters; invalid UTF-8 becomes '?'.
std::string printable(std::string_view text);
// The same of a text of several lines, as a message is that names files and labels which others gave.
std::string printable_lines(std::string_view text);
std::string painted(std::string_view text, Tone tone, bool colour);
// "warning: ..." in lines of the style's width.
std::string labelled_lines(std::string_view kind, std::string_view text, const TextStyle& style,
                           Tone tone = Tone::kPlain);
// Three significant digits, never an exponent below 1e15.
std::string three_digits(double value);
// With the best unit: "1.23 ms".
std::string with_unit(double value, std::string_view unit);

}  // namespace violet::results
