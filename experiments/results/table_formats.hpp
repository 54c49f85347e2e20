// Table formats turn a table into what programs read. Internal to this room; use render() of table.hpp.
//
// Threading: pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "experiments/results/table.hpp"

namespace violet::results {

// JSON has no infinity: null then.
nlohmann::ordered_json number(double value);
nlohmann::ordered_json table_json(const Table& table);
std::string table_ndjson(const Table& table);
std::string table_csv(const Table& table);
// Names of files and texts of plans may be any bytes; JSON may not.
std::string dump(const nlohmann::ordered_json& json, int indent);

}  // namespace violet::results
