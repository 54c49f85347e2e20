// A time report says where an operation's time went in each cell of a run: on the guest's lcore, and on the engine's where
// it has one of its own.
//
// Threading: pure functions.
// Invariants: numbers are means over the repetitions, because means add up: every column's parts add up to its last row. A
// part that is not there is n/a, and so is one that a repetition met too rarely; their time is in "not attributed".
// Limits: runs of older programs and runs with run.breakdown = false have none, which is an error that says so.
#pragma once

#include <string>
#include <vector>

#include "experiments/results/run_directory.hpp"
#include "experiments/results/table.hpp"

namespace violet::results {

// For people: a row a part and a column a cell; a table for each lcore, workload and placement.
Result<std::vector<Table>> time_tables(const RunData& run);
// For programs: a row for each cell, lcore and part.
Result<Table> time_rows(const RunData& run);

}  // namespace violet::results
