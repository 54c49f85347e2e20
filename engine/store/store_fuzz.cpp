// Bytes become a history of MAP, UNMAP and reclaim, run on every store beside the oracle:
// any difference, and anything a sanitizer finds, is a crash.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>

#include "engine/store/store_history.hpp"
#include "engine/store/stores.hpp"

namespace violet {
namespace {

constexpr std::size_t kMaxOperations = 2000;

// Takes as many bytes as the bound needs; zero when they are used up.
class Bytes {
 public:
  explicit Bytes(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  std::uint64_t below(std::uint64_t bound) {
    std::uint64_t value = 0;
    for (std::uint64_t reach = 1; reach < bound && !bytes_.empty(); reach <<= 8) {
      value = value << 8 | bytes_.front();
      bytes_ = bytes_.subspan(1);
    }
    return value % bound;
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

void expect_same(const StoreInfo& kind, const std::string& problem) {
  if (problem.empty()) return;
  std::fprintf(stderr, "%s: %s\n", kind.name.c_str(), problem.c_str());
  std::abort();
}

void run(const StoreInfo& kind, std::span<const std::uint8_t> input) {
  Bytes bytes(input);
  const Choose choose = [&bytes](std::uint64_t bound) { return bytes.below(bound); };
  History history(kind, choose_shape(choose));
  for (std::size_t i = 0; i < kMaxOperations && !bytes.empty(); ++i) {
    expect_same(kind, history.step(choose));
  }
  expect_same(kind, history.finish());
}

}  // namespace
}  // namespace violet

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const auto& kind : violet::stores()) violet::run(kind, {data, size});
  return 0;
}
