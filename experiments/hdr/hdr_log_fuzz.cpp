// Any bytes as a histogram log: an error or histograms that encode and decode to themselves.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/base/check.hpp"
#include "experiments/hdr/hdr_encoding.hpp"
#include "experiments/hdr/hdr_log.hpp"

using namespace violet::results;

// Small histograms only: what is fuzzed is the parser, not the memory of the machine.
static constexpr std::size_t kMostCounts = 1 << 16;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)decode(text, kMostCounts);
  const auto log = parse_hdr_log(text, "fuzz.hlog", kMostCounts);
  if (!log) {
    VIOLET_CHECK(log.error().message.starts_with("fuzz.hlog:"));
    return 0;
  }
  for (const HdrLogInterval& interval : log->intervals) {
    const HdrHistogram& h = interval.histogram;
    const auto again = decode(encode(h));
    VIOLET_CHECK(again && again->counts() == h.counts());
    VIOLET_CHECK(h.percentile(50) <= h.percentile(99.99));
    VIOLET_CHECK(h.empty() || (h.min() <= h.percentile(50) && h.percentile(100) <= h.max()));
  }
  return 0;
}
