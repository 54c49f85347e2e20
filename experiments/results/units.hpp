// A scale brings numbers and units into a form that people read. Internal to this room.
//
// Threading: pure functions.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace violet::results {

struct Scale {
  double factor = 1;  // A value is divided by it.
  std::string unit;
};

// The largest scale that leaves `typical` at 1 or more.
Scale scale_of(double typical, std::string_view unit);
// One for a whole column; its unit is empty and its factor 0 when the values lie so far apart (four
// orders of magnitude) that each needs its own.
Scale common_scale(std::span<const double> values, std::string_view unit);

}  // namespace violet::results
