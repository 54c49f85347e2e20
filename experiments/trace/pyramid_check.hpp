// Whether the arrays of a pyramid that came from a file can be used without looking again: positions in
// range, arrays in order, numbers that are numbers.
//
// Threading: pure function.
#pragma once

#include <string>

#include "experiments/trace/pyramid.hpp"

namespace violet::results {

// Empty when all is well, else what is not.
std::string flaw_of(const PyramidView& pyramid);

}  // namespace violet::results
