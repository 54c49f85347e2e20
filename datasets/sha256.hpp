// A SHA-256 (FIPS 180-4), in lower-case hex, identifies the bytes of a file in a manifest.
//
// Threading: pure function.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace violet::datasets {

std::string sha256_hex(std::span<const std::byte> bytes);

}  // namespace violet::datasets
