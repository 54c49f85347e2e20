// Shifts by more bits than there are: UndefinedBehaviorSanitizer has to say so, or the asan build finds nothing.
#include <cstdio>
#include <cstdlib>

int main(int argc, char** /*argv*/) {
  volatile int shift = 40 * argc;
  volatile int shifted = 1 << shift;
  std::puts("survived");  // A sanitizer that goes on is no use either.
  return shifted == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
