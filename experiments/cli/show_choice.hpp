// A show choice turns the options of `show` into one cell of a run and a window of its time.
//
// Threading: pure functions.
// Invariants: without options it is the first cell, and of that what was measured: neither warm-up nor taking down.
// Who reads counts repetitions from 1; CellInfo counts from 0. Errors name what there is.
// Units: nanoseconds since the repetition began.
#pragma once

#include <string>
#include <vector>

#include "experiments/cli/verbs.hpp"
#include "experiments/query/queries.hpp"
#include "experiments/results/table.hpp"

namespace violet::cli {

// The index of a cell: by its number in the list, or by words of its label.
Result<std::size_t> choose_cell(const std::vector<query::CellInfo>& cells, const ShowFlags& flags);

struct ShownWindow {
  enum class Of { kMeasured, kWhole, kChosen };  // kChosen: --from or --to.
  query::TimeWindow window;
  Of of = Of::kMeasured;
};
// Where no mark says what was measured it is the whole recording.
Result<ShownWindow> choose_window(const query::CellInfo& cell, const ShowFlags& flags);

// "repetition 2 (disturbed by the host, not counted)".
std::string repetition_words(const query::CellInfo& cell);
// "measured time, 10 ms to 380 ms", with what the reader must know of a part that was not measured.
std::string window_words(const ShownWindow& shown, const query::CellInfo& cell);
// The same for programs, with the cell. `number`: its place in the list of cells, from 1.
std::vector<results::TableFact> facts_of(const ShownWindow& shown, const query::CellInfo& cell,
                                         std::size_t number);

// "150ms", "1.5s", "20us", "7ns": since the repetition began. Error: what it is not.
Result<query::Nanos> time_from(const std::string& text);
// "0x1000-0x1fff", "0x1000+8192" or one address.
Result<IovaRange> range_from(const std::string& text);

}  // namespace violet::cli
