// A dry run shows a plan without measuring it: a table for people, JSON for programs that check plans as they are written.
//
//   {"schema": "violet.dry_run", "version": 1, "problems": [], "plan": {"name", "description", "hash"},
//    "repetitions": 5, "estimated_s": 12.5, "varying": ["strategy"],
//    "cells": [{"id", "label", "settings": {...}}], "notes": []}
// with "until_ci": {"percent": 5.0, "most_repetitions": 30, "most_estimated_s": 75.0} where cells are repeated by a rule,
// or, with exit code 2,
//   {..., "problems": [{"where": "x.toml:5:12", "line": 5, "column": 12, "message": "key 'x': ..."}]}
// `line` and `column` count from 1 and are null where a problem has no place in the file.
//
// Threading: pure functions.
#pragma once

#include <string>

#include "experiments/plans/plan.hpp"

namespace violet::cli {

inline constexpr int kDryRunSchema = 1;

// Seconds, without retries: of the plan's repetitions; of as many of each cell as run.until_ci_percent lets there be.
struct Estimates {
  double planned_s = 0, most_s = 0;
};
std::string dry_run_text(const plans::Plan& plan, const Estimates& estimates);
std::string dry_run_json(const plans::Plan& plan, const Estimates& estimates);
std::string problems_json(const plans::Problems& problems);

}  // namespace violet::cli
