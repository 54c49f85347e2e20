// The nearest word is the one that a user who misspelt a name probably meant.
//
// Threading: pure functions.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace violet {

// Edits (insert, delete, replace, swap neighbours) that turn one word into the other: the optimal
// string alignment distance. Bytes, not characters.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The closest candidate that is at most a third of the word away (at least 2 edits are allowed), or
// one that the word is a prefix of; empty when nothing is near.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace violet
