// The matrix of a plan multiplies checked assignments out into cells. Internal to this room.
//
// Threading: pure functions.
#pragma once

#include <string>
#include <vector>

#include "experiments/plans/plan.hpp"
#include "experiments/plans/schema.hpp"

namespace violet::plans {

// Of the matrix, with those that are excluded or equal.
inline constexpr std::size_t kMostVisited = 100'000;

// A key as results name it: its table is left out where it says nothing.
std::string short_key(std::string_view path);

// 64-bit FNV-1a: ids must be the same on every host and library.
std::uint64_t stable_hash(std::string_view text);

// One line per setting, the form that ids and duplicates are decided on.
std::string canonical_text(const SettingAssignments& settings);

// Fills plan.cells, plan.varying and plan.notes. `assignments` have been checked key by key.
void resolve_cells(const Schema& schema, const Vocabulary& vocabulary,
                   const Assignments& assignments, Plan& plan, Problems& problems);

}  // namespace violet::plans
