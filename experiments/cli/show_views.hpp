// A view's table holds what the application shows of one cell, for a terminal or another program.
//
// Threading: pure functions over a CellQueries.
// Invariants: what the query does not know is "n/a" with its reason, and never 0. Limits: one table a view; a view
// that does not look at addresses says so (`by_address`).
// Units: as queries.hpp, but times of programs are seconds.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "experiments/query/queries.hpp"
#include "experiments/results/table.hpp"

namespace violet::cli {

struct ViewRequest {
  query::TimeWindow window;
  std::optional<IovaRange> range;
  std::uint32_t columns = 20;  // Steps of time, at least 1.
  std::uint32_t rows = 24;     // Bands of addresses, at least 1.
  std::uint32_t picture = 64;  // Columns that a picture of text has at least.
  std::size_t limit = 40;      // Lines of a list.
  bool people = true;          // Text; else a table for programs, one observation a row.
};

struct View {
  const char* name;
  const char* line;   // What it shows.
  bool by_address;    // Whether it obeys `range`.
  bool counts_calls;  // Whether a sample of the calls makes its numbers too low.
  Result<results::Table> (*table)(const query::CellQueries&, const ViewRequest&);
};
// What is said below a view that counts calls, of a cell whose calls were sampled.
inline constexpr const char* kSampledCalls =
    "Of calls on mappings that stay mapped by design the recording holds a sample: numbers and "
    "rates of calls are too low.";
// In the order of the help.
std::span<const View> views();

// The run's cells, numbered from 1 as `show --cell` takes them.
results::Table cells_table(const query::RunQueries& run);

}  // namespace violet::cli
