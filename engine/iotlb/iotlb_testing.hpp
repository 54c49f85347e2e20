// Test values give the tests of this room the same addresses and the same domain.
#pragma once

#include <cstdint>

#include "engine/base/types.hpp"

namespace violet {

inline constexpr std::uint64_t kPage = 4096;
inline constexpr std::uint64_t kLarge = std::uint64_t{1} << 21;
inline constexpr DomainTag kDomain{7};

}  // namespace violet
