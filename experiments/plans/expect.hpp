// The [[expect]] tables of a plan say what its author expects to be measured: read, checked against the keys and
// metrics that there are, and against the cells of the plan. Internal to this room.
//
//   [[expect]]
//   claim = "A sidecore shortens lazy's exposure"   # a sentence
//   class = "must"                                  # or "should", "report"; a must that fails ends the run with 3
//   source = "driver's code"                        # who says so
//   kind = "ratio"                                  # results/expectation.hpp lists them
//   metric = "mean_stale_pages"
//   where = { strategy = "lazy-percpu" }            # of which cells; as in [[exclude]]
//   of = { placement = "sidecore" }
//   to = { placement = "samecore" }
//   at_most = 0.1
//
// Threading: pure functions.
// Invariants: every problem is at the place of its key. Where --set left cells out, an expectation of these is no problem
// but a note: it will not be judged.
#pragma once

#include <vector>

#include "experiments/plans/plan.hpp"
#include "experiments/plans/schema.hpp"

namespace violet::plans {

struct PlacedExpectation {
  results::Expectation expectation;
  const ListedTable* table = nullptr;  // Of the assignments that it was read from.
};

// Those in which nothing is wrong.
std::vector<PlacedExpectation> read_expectations(const Schema& schema,
                                                 const std::vector<ListedTable>& tables,
                                                 Problems& problems);
// Gives a plan, whose cells are resolved, what is expected of them.
void add_expectations(std::vector<PlacedExpectation> expectations, Plan& plan, Problems& problems);

}  // namespace violet::plans
