#include "experiments/results/table_json.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/base/check.hpp"

namespace violet::results {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kIndent = 2;

Json item_json(const Item& item) {
  if (const auto* text = std::get_if<Text>(&item)) return text->text;
  const auto& q = std::get<Quantity>(item);
  Json json = {{"value", q.value ? number(*q.value) : Json(nullptr)}};
  if (q.interval) json["interval"] = {number(q.interval->low), number(q.interval->high)};
  if (!q.unit.empty()) json["unit"] = q.unit;
  if (!q.value) json["because"] = q.because;
  return json;
}

}  // namespace

Json row_json(const Table& table, const std::vector<Item>& row) {
  Json json = Json::object();
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (!for_people(table.columns[i])) json[table.columns[i].name] = item_json(row[i]);
  }
  return json;
}

namespace {

Json fact_json(const TableFact& fact) {
  if (const auto* text = std::get_if<std::string>(&fact.value)) return *text;
  if (const auto* count = std::get_if<std::uint64_t>(&fact.value)) return *count;
  if (const auto* yes = std::get_if<bool>(&fact.value)) return *yes;
  const auto known = std::get<std::optional<double>>(fact.value);
  return known ? number(*known) : Json(nullptr);
}

}  // namespace

Json head_json(const Table& table) {
  Json json = {{"schema", "violet.table"}, {"version", kTableSchema}, {"title", table.title}};
  json["columns"] = Json::array();
  for (const Column& column : table.columns) {
    if (for_people(column)) continue;
    json["columns"].push_back({{"name", column.name}, {"unit", column.unit}});
  }
  json["notes"] = table.notes;
  for (const TableFact& fact : table.about) json["about"][fact.name] = fact_json(fact);
  return json;
}

bool for_people(const Column& column) { return column.audience == Audience::kPeople; }

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

namespace {

std::string margin(std::size_t depth) { return "\n" + std::string(depth * kIndent, ' '); }

// As it stands so deep in a document.
std::string text_at(const Json& json, std::size_t depth) {
  std::string out, line = margin(depth);
  for (const char one :
       json.dump(static_cast<int>(kIndent), ' ', false, Json::error_handler_t::replace)) {
    if (one == '\n') {
      out += line;  // No string of JSON has a line break of its own.
    } else {
      out += one;
    }
  }
  return out;
}

// Binary values, which JSON has not, stand for the rows of tables.
bool has_place(const Json& json) {
  if (json.is_binary()) return true;
  return json.is_structured() && std::any_of(json.begin(), json.end(), has_place);
}

}  // namespace

Json TablesJson::place(const Table& table) {
  Json json = head_json(table);
  json["rows"] = Json::binary({}, tables_.size());
  tables_.push_back(&table);
  return json;
}

Status TablesJson::write_rows(const Table& table, std::size_t depth,
                              const WritePiece& write) const {
  if (table.rows.empty()) return write("[]");
  VIOLET_TRY(write("["));
  const char* separator = "";
  for (const auto& row : table.rows) {
    VIOLET_TRY(write(separator + margin(depth + 1) + text_at(row_json(table, row), depth + 1)));
    separator = ",";
  }
  return write(margin(depth) + "]");
}

Status TablesJson::write_value(const Json& json, std::size_t depth, const WritePiece& write) const {
  if (json.is_binary()) {
    const std::size_t place = json.get_binary().subtype();
    VIOLET_CHECK(place < tables_.size());
    return write_rows(*tables_[place], depth, write);
  }
  if (!has_place(json)) return write(text_at(json, depth));
  VIOLET_TRY(write(json.is_object() ? "{" : "["));
  const char* separator = "";
  for (const auto& [key, value] : json.items()) {
    const std::string name = json.is_object() ? text_at(Json(key), 0) + ": " : std::string();
    VIOLET_TRY(write(separator + margin(depth + 1) + name));
    VIOLET_TRY(write_value(value, depth + 1, write));
    separator = ",";
  }
  return write(margin(depth) + (json.is_object() ? "}" : "]"));
}

Status TablesJson::write(const Json& document, const WritePiece& write) const {
  VIOLET_TRY(write_value(document, 0, write));
  return write("\n");
}

std::string collected(const std::function<Status(const WritePiece&)>& all) {
  std::string text;
  const Status done = all([&](std::string_view piece) -> Status {
    text += piece;
    return {};
  });
  VIOLET_CHECK(done.has_value());  // No piece was refused.
  return text;
}

}  // namespace violet::results
