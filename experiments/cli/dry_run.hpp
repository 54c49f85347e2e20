// A dry run shows a plan without measuring it: a table for people, JSON for programs that check plans as they are written.
//
//   {"schema": "violet.dry_run", "version": 1, "problems": [], "plan": {"name", "description", "hash"},
//    "repetitions": 5, "estimated_s": 12.5, "varying": ["strategy"],
//    "cells": [{"id", "label", "settings": {...}}], "notes": []}
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

std::string dry_run_text(const plans::Plan& plan, double estimated_s);
std::string dry_run_json(const plans::Plan& plan, double estimated_s);
std::string problems_json(const plans::Problems& problems);

}  // namespace violet::cli
