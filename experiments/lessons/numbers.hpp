// The numbers of a step show what the simulation has counted and what its clock assumes.
//
// Threading: pure functions over plain values.
#pragma once

#include <string>
#include <vector>

#include "experiments/lessons/snapshot.hpp"

namespace violet::lessons {

struct Number {
  std::string name;
  std::string text;
  std::string help;
};
std::vector<Number> numbers_of(const Snapshot& snapshot);
std::string time_text(std::uint64_t ns);      // "2.31 µs"
std::string count_text(std::uint64_t count);  // "None", "One", "3"
std::string bytes_text(std::uint64_t bytes);  // "64 KiB"
// The assumed costs, one a line.
std::vector<Number> costs_of(const Snapshot& snapshot);

}  // namespace violet::lessons
