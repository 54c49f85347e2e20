// Table formats turn a table into what programs read. Internal to this room; use render() of table.hpp.
//
// Threading: pure functions.
#pragma once

#include <string>

#include "experiments/results/table.hpp"

namespace violet::results {

std::string table_ndjson(const Table& table);
std::string table_csv(const Table& table);

}  // namespace violet::results
