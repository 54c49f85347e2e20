// Falls over inputs that begin with six certain bytes, which chance does not find in a run's time: a fuzzer that does not follow
// coverage misses it. Each byte has a branch of its own, as in a parser.
#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 6) return 0;
  if (data[0] != 'V') return 0;
  if (data[1] != 'I') return 0;
  if (data[2] != 'O') return 0;
  if (data[3] != 'L') return 0;
  if (data[4] != 'E') return 0;
  if (data[5] != 'T') return 0;
  __builtin_trap();
}
