// Any bytes as a run's manifest.json: refused with a message that names the file, or a manifest that is written and
// read again as the same.
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.hpp"
#include "engine/base/foreign_json.hpp"
#include "experiments/results/manifest.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace violet::results;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto manifest = manifest_from_json(text, "fuzz");
  if (!manifest) {
    VIOLET_CHECK(manifest.error().message.starts_with("fuzz: "));
    return 0;
  }
  VIOLET_CHECK(!violet::is_too_deep(text));
  const std::string written = to_json(*manifest);
  const auto again = manifest_from_json(written, "again");
  VIOLET_CHECK(again.has_value());
  VIOLET_CHECK(to_json(*again) == written);
  return 0;
}
