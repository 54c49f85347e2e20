#include "experiments/results/table_formats.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace violet::results {
namespace {

using Json = nlohmann::ordered_json;

Json item_json(const Item& item) {
  if (const auto* text = std::get_if<Text>(&item)) return text->text;
  const auto& q = std::get<Quantity>(item);
  Json json = {{"value", q.value ? number(*q.value) : Json(nullptr)}};
  if (q.interval) json["interval"] = {number(q.interval->low), number(q.interval->high)};
  if (!q.unit.empty()) json["unit"] = q.unit;
  if (!q.value) json["because"] = q.because;
  return json;
}

bool for_people(const Column& column) { return column.audience == Audience::kPeople; }

Json row_json(const Table& table, const std::vector<Item>& row) {
  Json json = Json::object();
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (!for_people(table.columns[i])) json[table.columns[i].name] = item_json(row[i]);
  }
  return json;
}

Json head_json(const Table& table) {
  Json json = {{"schema", "violet.table"}, {"version", kTableSchema}, {"title", table.title}};
  json["columns"] = Json::array();
  for (const Column& column : table.columns) {
    if (for_people(column)) continue;
    json["columns"].push_back({{"name", column.name}, {"unit", column.unit}});
  }
  json["notes"] = table.notes;
  return json;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string csv_number(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : std::string();
}

bool has_interval(const Table& table, std::size_t column) {
  return std::any_of(table.rows.begin(), table.rows.end(), [&](const auto& row) {
    const auto* q = std::get_if<Quantity>(&row[column]);
    return q != nullptr && q->interval.has_value();
  });
}

// Of each column whether it has intervals: looked up once, for as many rows as there are.
std::vector<bool> intervals_of(const Table& table) {
  std::vector<bool> has(table.columns.size());
  for (std::size_t i = 0; i < has.size(); ++i) has[i] = has_interval(table, i);
  return has;
}

std::string csv_head(const Table& table, const std::vector<bool>& intervals) {
  std::string line = "schema";
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    if (for_people(column)) continue;
    const bool plain = column.unit.empty() || column.unit == "1";
    line += "," + csv_field(plain ? column.name : fmt::format("{} [{}]", column.name, column.unit));
    if (!intervals[i]) continue;
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

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json table_json(const Table& table) {
  Json json = head_json(table);
  json["rows"] = Json::array();
  for (const auto& row : table.rows) json["rows"].push_back(row_json(table, row));
  return json;
}

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
  const std::vector<bool> intervals = intervals_of(table);
  std::string out = shown(csv_head(table, intervals));
  for (const auto& row : table.rows) {
    std::string line = fmt::format("violet.table/{}", kTableSchema);
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (!for_people(table.columns[i])) line += "," + csv_item(row[i], intervals[i]);
    }
    out += shown(line + "\r\n");
  }
  return out;
}

std::string render(const Table& table, Format format, const TextStyle& style) {
  if (format == Format::kJson) return dump(table_json(table), 2);
  if (format == Format::kNdjson) return table_ndjson(table);
  if (format == Format::kCsv) return table_csv(table, style.terminal);
  return render_text(table, style);
}

}  // namespace violet::results
