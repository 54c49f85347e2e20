// C1 on real threads: readers write through their translations while the engine maps and unmaps under
// them; a page that is written after its UNMAP or DETACH was answered is a failure. Run under
// ThreadSanitizer too, where the plain bytes also prove that every hand-over is ordered.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "engine/base/effort_testing.hpp"
#include "engine/base/rng.hpp"
#include "engine/device/all_pairs_testing.hpp"

namespace violet::canary_test {
namespace {

using protocol::Status;

constexpr std::uint64_t kPages = 64;
constexpr std::uint64_t kPoison = 0xdeadbeefdeadbeef;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::uint32_t kRounds = 2000;
#else
constexpr std::uint32_t kRounds = 6000;
#endif

class Canary : public OnAllPairs {};
INSTANTIATE_TEST_SUITE_P(Pairs, Canary, testing::ValuesIn(all_pairs()), pair_name);

// One word a page of guest memory. Plain, not atomic: an access that is not ordered by the device is
// a race that ThreadSanitizer sees.
struct Memory {
  std::vector<std::uint64_t> words = std::vector<std::uint64_t>(kPages, kPoison);
};

void write_until(Rig& rig, AnyReader& reader, std::uint32_t endpoint, std::uint64_t seed,
                 Memory& memory, std::atomic<bool>& stop, std::atomic<std::uint64_t>& writes) {
  Rng rng(seed);
  const auto handle = rig.device->endpoint({endpoint}).value();
  const std::uint64_t half = kPages / 2 * (endpoint == 9 ? 1 : 0);
  while (!stop.load(std::memory_order_relaxed)) {
    const AnyReader::Section section(reader);
    const auto write = [&](const TranslateResult& result) {
      if (!result.reaches_memory()) return;
      const std::uint64_t word = result.phys.value / kPage;
      // Each domain maps its half of the memory, so readers do not race with each other.
      if (word / (kPages / 2) != half / (kPages / 2)) std::abort();
      memory.words[word] = endpoint;
      writes.fetch_add(1, std::memory_order_relaxed);
    };
    std::array<std::uint64_t, 16> pages;
    for (auto& page : pages) page = rng.below(kPages);
    if (rng.below(2) == 0) {
      reader.translate_burst(
          handle, pages.size(),
          [&](std::size_t i) {
            return BurstAccess{{pages[i] * kPage}, Access::kWrite};
          },
          [&](std::size_t /*i*/, const TranslateResult& result) { write(result); });
    } else {
      for (const auto page : pages) {
        write(reader.translate(handle, {page * kPage}, Access::kWrite));
      }
    }
    // Where there are fewer cores than threads, the engine must get its turn.
    if (rng.below(4) == 0) std::this_thread::yield();
  }
}

// Unmaps and poisons one page, then maps it somewhere; checks what was poisoned in earlier rounds.
class CanaryEngine {
 public:
  CanaryEngine(Rig& rig, Memory& memory)
      : rig_(rig), memory_(memory), mapped_at_(kPages, kNowhere) {}

  void round(Rng& rng) {
    const std::uint64_t word = rng.below(kPages);
    const std::uint32_t domain = word < kPages / 2 ? 1 : 2;
    if (mapped_at_[word] != kNowhere) {
      const std::uint64_t at = mapped_at_[word] * kPage;
      ASSERT_EQ(wait_for(unmap_wire(domain, at, at + kPage - 1)), Status::kOk);
      mapped_at_[word] = kNowhere;
      memory_.words[word] = kPoison;
    } else {
      ASSERT_EQ(memory_.words[word], kPoison) << "page " << word << " was written while unmapped";
      const std::uint64_t at = rng.below(kPages);
      const auto status =
          wait_for(map_wire(domain, at * kPage, at * kPage + kPage - 1, word * kPage));
      if (status == Status::kOk) mapped_at_[word] = at;
    }
  }
  // Moves an endpoint away and back: everything of its domain is gone in between.
  void detach_round(std::uint32_t domain, std::uint32_t endpoint) {
    ASSERT_EQ(wait_for(detach_wire(domain, endpoint)), Status::kOk);
    for (std::uint64_t word = 0; word < kPages; ++word) {
      if ((word < kPages / 2 ? 1u : 2u) != domain) continue;
      mapped_at_[word] = kNowhere;
      memory_.words[word] = kPoison;
    }
    ASSERT_EQ(wait_for(attach_wire(domain, endpoint)), Status::kOk);
  }
  void check_poison() {
    for (std::uint64_t word = 0; word < kPages; ++word) {
      if (mapped_at_[word] != kNowhere) continue;
      ASSERT_EQ(memory_.words[word], kPoison) << word;
    }
  }

 private:
  static constexpr std::uint64_t kNowhere = ~std::uint64_t{0};

  template <class Wire>
  Status wait_for(const Wire& wire) {
    const auto token = rig_.requests.push_wire(wire);
    while (!rig_.requests.done(token)) {
      rig_.device->poll(8);
      std::this_thread::yield();
    }
    return rig_.requests.status(token).value();
  }

  Rig& rig_;
  Memory& memory_;
  std::vector<std::uint64_t> mapped_at_;
};

TEST_P(Canary, C1_C6_NothingIsWrittenAfterItsRemovalWasAnswered) {
  Rig rig;
  Memory memory;
  rig.attach(1, 8);
  rig.attach(2, 9);
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> writes{0};
  std::thread first([&] { write_until(rig, *rig.reader, 8, 1, memory, stop, writes); });
  std::thread second([&] { write_until(rig, *rig.other_reader, 9, 2, memory, stop, writes); });
  CanaryEngine engine(rig, memory);
  Rng rng(3);
  // On a busy host it goes on until it has tested something.
  const auto began = std::chrono::steady_clock::now();
  const auto enough = [&](std::uint32_t rounds) { return rounds > 100 && writes.load() > 100; };
  std::uint32_t round = 0;
  for (; round < kRounds && !testing::Test::HasFatalFailure(); ++round) {
    engine.round(rng);
    if (round % 500 == 499) engine.detach_round(1 + round / 500 % 2, 8 + round / 500 % 2);
    const auto taken = std::chrono::steady_clock::now() - began;
    if (taken > std::chrono::milliseconds(enough(round) ? by_effort(1000) : 120'000)) break;
  }
  stop.store(true);
  first.join();
  second.join();
  engine.check_poison();
  EXPECT_GT(writes.load(), 100u);
  EXPECT_GT(round, 100);
}

}  // namespace
}  // namespace violet::canary_test
