// An address tick marks a round address on the axis of the churn view: a multiple of a power of
// two, few enough to be read.
//
// Threading: pure functions.
#pragma once

#include <QString>
#include <cstdint>
#include <functional>
#include <vector>

#include "engine/base/types.hpp"

namespace violet::gui {

// Ascending, at least `spacing` pixels apart; the first page of the range when nothing rounder
// fits.
std::vector<std::uint64_t> address_ticks(const IovaRange& range, double pixels, double spacing);

// short_address() without its leading groups where `room` holds no more: "…_ffff_e000". `width` measures a text.
QString fitting_address(std::uint64_t address, double room,
                        const std::function<double(const QString&)>& width);

// "ffff_e000": without the groups that are zero in front, and with an ellipsis for a long tail of
// zeros.
QString short_address(std::uint64_t address);

}  // namespace violet::gui
