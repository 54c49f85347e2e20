// How much of a long test is done: all of it, but where somebody waits (./violet test --quick).
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <cstdlib>

namespace violet {

// Of `full` rounds, seeds or milliseconds: all, or the share in per cent that VIOLET_TEST_EFFORT says, 1 to 100; at least one.
// What such a test is there for it may miss then: a full run never sets it.
template <std::integral Count>
Count by_effort(Count full) {
  const char* const text = std::getenv("VIOLET_TEST_EFFORT");
  const unsigned long percent = text == nullptr ? 100 : std::strtoul(text, nullptr, 10);
  if (percent == 0 || percent >= 100) return full;
  return std::max(Count{1}, static_cast<Count>(static_cast<std::uint64_t>(full) * percent / 100));
}

}  // namespace violet
