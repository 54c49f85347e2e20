// Label words choose cells by words of their labels, in any order: "strict costs.exit_ns=1500".
//
// Threading: pure functions.
// Invariants: the best match counts alone: labels that are the text, else those that have every word as a whole
// setting or as its value, else those in which every word stands somewhere. Words are parted by spaces or commas.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace violet::results {

std::vector<std::string> words_of(std::string_view text);
// Indexes below `count` of the best matches, ascending; none for a text without words.
std::vector<std::size_t> labels_with(std::size_t count,
                                     const std::function<const std::string&(std::size_t)>& label,
                                     const std::string& text);

// What there is, to be said behind "no cell is called 'strct'": "; did you mean 'strict'? There are: a; b". Of many
// the first few, and how many more.
std::string labels_there(std::vector<std::string> labels, const std::string& text);

}  // namespace violet::results
