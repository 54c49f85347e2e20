// An HdrHistogram's V2 encoding carries its counts as text, compressed with deflate and in base64
// ("HISTFAAAA..."): .hlog files and the results database hold it.
//
// Threading: pure functions.
// Invariants: decode(encode(h)) has the counts of h. decode() reads any bytes: damage is an error, and it
// never allocates more than HdrLayout::kMostCounts counts.
// Limits: exact min, max and clamped() are not part of the format.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "experiments/hdr/hdr_histogram.hpp"

namespace violet::results {

std::string encode(const HdrHistogram& histogram);
Result<HdrHistogram> decode(std::string_view base64,
                            std::size_t most_counts = HdrLayout::kMostCounts);

}  // namespace violet::results
