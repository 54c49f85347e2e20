// Two threads write one word without order: ThreadSanitizer has to say so, or the tsan build finds nothing.
#include <cstdlib>
#include <thread>

int main() {
  long word = 0;
  const auto write = [&word] {
    for (int i = 0; i < 100'000; ++i) word = word + 1;
  };
  std::thread first(write);
  std::thread second(write);
  first.join();
  second.join();
  return word == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
