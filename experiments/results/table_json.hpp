// Table JSON writes a document with tables in it piece by piece: as nodes of a tree the rows of thousands of cells take a
// gigabyte. Internal to this room; use render() of table.hpp.
//
// Threading: as any value.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "engine/base/files.hpp"
#include "experiments/results/table.hpp"

namespace violet::results {

// JSON has no infinity: null then.
nlohmann::ordered_json number(double value);
// Names of files and texts of plans may be any bytes; JSON may not.
std::string dump(const nlohmann::ordered_json& json, int indent);
bool for_people(const Column& column);                 // And so for no program.
nlohmann::ordered_json head_json(const Table& table);  // But for its rows.
nlohmann::ordered_json row_json(const Table& table, const std::vector<Item>& row);

class TablesJson {
 public:
  // What stands in the document for the table, which has to live until write().
  nlohmann::ordered_json place(const Table& table);
  // As dump(document, 2) of the tree would be. Errors: those of `write`.
  Status write(const nlohmann::ordered_json& document, const WritePiece& write) const;

 private:
  Status write_value(const nlohmann::ordered_json& json, std::size_t depth,
                     const WritePiece& write) const;
  Status write_rows(const Table& table, std::size_t depth, const WritePiece& write) const;
  std::vector<const Table*> tables_;
};

// All pieces in one text.
std::string collected(const std::function<Status(const WritePiece&)>& all);

}  // namespace violet::results
