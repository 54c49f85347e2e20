// The SHA-256 (FIPS 180-4) of a run of bytes, in lower-case hex, is what a manifest says of a file.
//
// Threading: pure function.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace violet::datasets {

std::string sha256_hex(std::span<const std::byte> bytes);

}  // namespace violet::datasets
