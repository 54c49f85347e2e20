// Falls over one input of six bytes, which chance does not find in a run's time: a fuzzer that does not follow
// coverage, or not into the code under test, misses it.
#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint8_t kInput[] = {'V', 'I', 'O', 'L', 'E', 'T'};
  if (size < sizeof(kInput)) return 0;
  for (std::size_t i = 0; i < sizeof(kInput); ++i) {
    if (data[i] != kInput[i]) return 0;
  }
  __builtin_trap();
}
