// Logarithmic bins divide durations: bin b covers [low(b), low(b + 1)) nanoseconds, eight to an
// octave from 8 ns to 2^33 ns; what lies outside counts in the first or the last bin.
//
// Threading: pure functions.
// Limits: a value that is taken for its bin's middle is off by at most 4.5 %.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace violet {

struct LogBins {
  static constexpr unsigned kPerOctave = 8;
  static constexpr unsigned kFirstOctave = 3;
  static constexpr unsigned kOctaves = 30;
  static constexpr std::size_t kCount = std::size_t{kPerOctave} * kOctaves;

  static std::size_t of(double ns) noexcept {
    if (!(ns >= 8)) return 0;
    if (ns >= 8589934592.0) return kCount - 1;
    const auto bits = std::bit_cast<std::uint64_t>(ns);
    const auto octave = static_cast<unsigned>(bits >> 52) - 1023;
    const double mantissa =
        std::bit_cast<double>((bits & ~(0x7ffull << 52)) | std::uint64_t{1023} << 52);
    std::size_t part = 0;
    while (part + 1 < kPerOctave && mantissa >= kSteps[part + 1]) ++part;
    return std::size_t{octave - kFirstOctave} * kPerOctave + part;
  }
  // Of kCount: where the last bin ends.
  static constexpr double low(std::size_t bin) noexcept {
    const auto octave = static_cast<unsigned>(bin / kPerOctave) + kFirstOctave;
    return static_cast<double>(std::uint64_t{1} << octave) * kSteps[bin % kPerOctave];
  }

 private:
  static constexpr std::array<double, kPerOctave> kSteps{1.0,
                                                         1.0905077326652577,
                                                         1.189207115002721,
                                                         1.2968395546510096,
                                                         1.4142135623730951,
                                                         1.5422108254079407,
                                                         1.681792830507429,
                                                         1.8340080864093424};
};

}  // namespace violet
