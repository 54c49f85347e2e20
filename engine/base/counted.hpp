// A counted noun is a number with its noun in singular or plural: "1 cell", "2 cells".
//
// Threading: pure function. Limits: nouns whose plural ends in s.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace violet {

inline std::string counted(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace violet
