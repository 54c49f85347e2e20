// Writes one byte behind a buffer: AddressSanitizer has to say so, or the asan build finds nothing.
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int argc, char** /*argv*/) {
  std::vector<char> bytes(static_cast<std::size_t>(argc) * 16);
  volatile char* behind = bytes.data() + bytes.size();
  *behind = 1;
  std::puts("survived");  // A sanitizer that goes on is no use either.
  return EXIT_SUCCESS;
}
