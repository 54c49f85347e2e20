// JSON that others made is parsed only as deep as the functions that print, copy and compare it, which call themselves for
// each level, can go.
//
// Threading: pure functions.
#pragma once

#include <cstddef>
#include <string_view>

#include "engine/base/result.hpp"

namespace violet {

// Levels of arrays and objects within each other; what Violet writes has fewer than ten.
inline constexpr std::size_t kDeepestJson = 64;

// Whether arrays and objects are nested more than kDeepestJson deep; for any bytes, JSON or not.
bool is_too_deep(std::string_view json) noexcept;

// Into a value of a JSON library's type; the errors name `name`.
template <class Json>
Status parse_json(std::string_view text, std::string_view name, Json& into) {
  if (is_too_deep(text)) {
    return fail("{}: nested more than {} deep, which no file of Violet is", name, kDeepestJson);
  }
  into = Json::parse(text, nullptr, false);
  if (into.is_discarded()) return fail("{}: not JSON; the file is damaged", name);
  return {};
}

}  // namespace violet
