#include "experiments/results/table_formats.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/results/table_json.hpp"

namespace violet::results {
namespace {

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string csv_number(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : std::string();
}

// By column: whether some row has an interval there.
std::vector<bool> columns_with_interval(const Table& table) {
  std::vector<bool> found(table.columns.size());
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const auto* q = std::get_if<Quantity>(&row[i]);
      if (q != nullptr && q->interval) found[i] = true;
    }
  }
  return found;
}

std::string csv_head(const Table& table, const std::vector<bool>& with_interval) {
  std::string line = "schema";
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    if (for_people(column)) continue;
    const bool plain = column.unit.empty() || column.unit == "1";
    line += "," + csv_field(plain ? column.name : fmt::format("{} [{}]", column.name, column.unit));
    if (!with_interval[i]) continue;
    line += "," + csv_field(column.name + " low") + "," + csv_field(column.name + " high");
  }
  return line + "\r\n";
}

std::string csv_item(const Item& item, bool with_interval) {
  if (const auto* text = std::get_if<Text>(&item)) return csv_field(text->text);
  const auto& q = std::get<Quantity>(item);
  std::string out = q.value ? csv_number(*q.value) : std::string();
  if (!with_interval) return out;
  if (!q.interval) return out + ",,";
  return out + "," + csv_number(q.interval->low) + "," + csv_number(q.interval->high);
}

}  // namespace

std::string table_ndjson(const Table& table) {
  std::string out = dump(head_json(table), -1);
  for (const auto& row : table.rows) out += dump(row_json(table, row), -1);
  return out;
}

// RFC 4180 has no place for a version, so each row carries it.
std::string table_csv(const Table& table, bool terminal) {
  const auto shown = [terminal](const std::string& line) {
    // Lines end with a carriage return and a line break.
    const std::string_view text = std::string_view(line).substr(0, line.size() - 2);
    return terminal ? printable(text) + "\r\n" : line;
  };
  const auto with_interval = columns_with_interval(table);
  std::string out = shown(csv_head(table, with_interval));
  for (const auto& row : table.rows) {
    std::string line = fmt::format("violet.table/{}", kTableSchema);
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (!for_people(table.columns[i])) line += "," + csv_item(row[i], with_interval[i]);
    }
    out += shown(line + "\r\n");
  }
  return out;
}

std::string render(const Table& table, Format format, const TextStyle& style) {
  if (format == Format::kJson) {
    return collected([&](const WritePiece& write) {
      TablesJson tables;
      return tables.write(tables.place(table), write);
    });
  }
  if (format == Format::kNdjson) return table_ndjson(table);
  if (format == Format::kCsv) return table_csv(table, style.terminal);
  return render_text(table, style);
}

}  // namespace violet::results
