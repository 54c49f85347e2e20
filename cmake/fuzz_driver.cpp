// Stands in for libFuzzer where the compiler has none: replays the corpus given as folders, then feeds
// bounded pseudo-random inputs and mutations of the corpus. The seed is printed and can be given again:
//   x_fuzz [CORPUS_DIR...]      VIOLET_FUZZ_SEED=n VIOLET_FUZZ_RUNS=n VIOLET_FUZZ_SECONDS=n
// The runs end early when the seconds are over, and what is printed says how many there were.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 0) : otherwise;
}

std::vector<Input> read_corpus(int argc, char** argv) {
  std::vector<Input> corpus;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
  }
  return corpus;
}

Input random_input(std::mt19937_64& rng, const std::vector<Input>& corpus) {
  Input input;
  if (!corpus.empty() && rng() % 4 != 0) input = corpus[rng() % corpus.size()];
  if (input.empty()) input.resize(rng() % 1024);
  for (auto flips = rng() % 16; flips > 0 && !input.empty(); --flips) {
    input[rng() % input.size()] = static_cast<std::uint8_t>(rng());
  }
  if (corpus.empty()) {
    for (auto& byte : input) byte = static_cast<std::uint8_t>(rng());
  }
  if (rng() % 8 == 0) input.resize(rng() % (input.size() + 64));
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  const auto seed = number_from_environment("VIOLET_FUZZ_SEED", 1);
  const auto runs = number_from_environment("VIOLET_FUZZ_RUNS", 2000);
  const auto corpus = read_corpus(argc, argv);
  for (const auto& input : corpus) LLVMFuzzerTestOneInput(input.data(), input.size());
  std::mt19937_64 rng(seed);
  using Clock = std::chrono::steady_clock;
  const auto end =
      Clock::now() + std::chrono::seconds(number_from_environment("VIOLET_FUZZ_SECONDS", 10));
  std::uint64_t run = 0;
  for (; run < runs && Clock::now() < end; ++run) {
    const auto input = random_input(rng, corpus);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%zu seeds and %llu random inputs passed, seed %llu\n", corpus.size(),
              static_cast<unsigned long long>(run), static_cast<unsigned long long>(seed));
  return 0;
}
