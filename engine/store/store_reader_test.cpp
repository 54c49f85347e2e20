// Readers beside an engine that updates: what they find is one mapping, and all of it or nothing.
// These are the tests that ThreadSanitizer is for.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "engine/base/rng.hpp"
#include "engine/store/store_fixture.hpp"

namespace violet {
namespace {

// By the store's name.
class StoreReaders : public testing::TestWithParam<std::string> {
 protected:
  struct Fixture : StoreFixture {
    Fixture() : StoreFixture(tested_store(GetParam())) {}
  };
};
INSTANTIATE_TEST_SUITE_P(Stores, StoreReaders, testing::ValuesIn(stores().names()),
                         [](const auto& tested) { return identifier_of(tested.param); });

// Runs `read` in online sections of a thread of its own until it is destroyed.
template <class Read>
class ReaderThread {
 public:
  ReaderThread(Quiescence& quiescence, ReaderId id, Read read)
      : thread_([this, &quiescence, id, read] {
          Rng rng(id.value + 1);
          while (!stop_.load(std::memory_order_relaxed)) {
            const ReaderSection section(quiescence, id);
            for (int i = 0; i < 16; ++i) read(rng);
            sections_.fetch_add(1, std::memory_order_relaxed);
          }
        }) {}
  ~ReaderThread() {
    stop_.store(true, std::memory_order_relaxed);
    thread_.join();
  }
  int sections() const { return sections_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<int> sections_{0};
  std::thread thread_;
};

// The engine's side: an update begins when the readers of a locked store let it, never by waiting
// inside the store.
template <class Call>
auto update(DomainStore& store, Call call) {
  while (!store.try_begin_update()) std::this_thread::yield();
  const auto result = call();
  store.end_update();
  return result;
}

// The n-th mapping of the history: its place follows from n, and its physical address contains n.
struct Numbered {
  static constexpr std::uint64_t kSpace = 3000;  // Granules.
  static constexpr unsigned kNumberShift = 40;

  static Mapping mapping(std::uint64_t n) {
    constexpr std::array<std::uint64_t, 5> kSizes = {1, 3, 100, 600, 1100};
    Rng rng(n);
    const std::uint64_t size = kSizes[rng.below(kSizes.size())];
    const std::uint64_t first = rng.below(kSpace - size);
    const IovaRange range{{first << 12}, {((first + size) << 12) - 1}};
    return {range, {range.first.value + (n << kNumberShift)}, permissions(n)};
  }
  static Permissions permissions(std::uint64_t n) { return static_cast<Permissions>(n % 8); }
};

// Store.1, C3: address, permissions and extent all belong to the same mapping.
bool of_one_mapping(Iova at, const Translation& found) {
  const std::uint64_t distance = found.at(at).value - at.value;
  const std::uint64_t n = distance >> Numbered::kNumberShift;
  return distance == n << Numbered::kNumberShift && found.permissions == Numbered::permissions(n) &&
         found.extent.contains(at) && Numbered::mapping(n).range.contains(found.extent);
}

TEST_P(StoreReaders, NeverAMixOfTwoMappings) {
  constexpr std::uint64_t kUpdates = 15'000;
  Fixture fixture;
  const auto& store = fixture.store;
  std::atomic<int> wrong{0};
  std::atomic<int> found{0};
  const auto read = [&](Rng& rng) {
    const Iova at{rng.below(Numbered::kSpace << 12)};
    const auto translation = store.translate(at);
    if (!translation) return;
    found.fetch_add(1, std::memory_order_relaxed);
    if (!of_one_mapping(at, *translation)) wrong.fetch_add(1, std::memory_order_relaxed);
  };
  const ReaderId first = fixture.quiescence.add_reader("first").value();
  const ReaderId second = fixture.quiescence.add_reader("second").value();
  {
    ReaderThread one(fixture.quiescence, first, read);
    ReaderThread two(fixture.quiescence, second, read);
    std::uint64_t n = 1;
    while (n < kUpdates || found.load(std::memory_order_relaxed) < 1000) {
      const Mapping mapping = Numbered::mapping(++n);
      update(fixture.store, [&] {
        if (fixture.store.map(mapping) != MapStatus::kOverlap) return UnmapStatus::kDone;
        UnmapCursor cursor;
        return fixture.store.unmap(n % 7 == 0 ? IovaRange::all() : mapping.range, cursor, ~0u);
      });
      fixture.store.reclaim(4);
    }
  }
  EXPECT_EQ(wrong.load(), 0);
}

// Store.2, Store.3: a reader that knows that a page is mapped finds it; one that knows it is not, does not.
TEST_P(StoreReaders, WhatIsMappedIsFoundAndWhatIsUnmappedIsNot) {
  constexpr std::uint64_t kRounds = 10'000;
  // Even: unmapped; odd: mapped; the last bit is meaningless while kMoving is set.
  constexpr std::uint64_t kMoving = std::uint64_t{1} << 63;
  Fixture fixture;
  const auto& store = fixture.store;
  std::atomic<std::uint64_t> state{0};
  std::atomic<int> wrong{0};
  std::atomic<int> judged{0};
  const auto read = [&](Rng& rng) {
    const std::uint64_t before = state.load(std::memory_order_seq_cst);
    const bool found = store.translate({(512 + rng.below(4)) << 12}).has_value();
    if (before != state.load(std::memory_order_seq_cst) || (before & kMoving) != 0) return;
    judged.fetch_add(1, std::memory_order_relaxed);
    if (found != (before % 2 == 1)) wrong.fetch_add(1, std::memory_order_relaxed);
  };
  const ReaderId id = fixture.quiescence.add_reader("reader").value();
  {
    ReaderThread reader(fixture.quiescence, id, read);
    const Mapping mapping{IovaRange::of(512 << 12, 4 << 12), {0}, Permissions::kRead};
    for (std::uint64_t round = 0; round < kRounds || judged.load() < 1000; ++round) {
      state.store(kMoving, std::memory_order_seq_cst);
      update(fixture.store, [&] { return fixture.store.map(mapping); });
      state.store(2 * round + 1, std::memory_order_seq_cst);
      if (round % 64 == 0) std::this_thread::yield();
      state.store(kMoving, std::memory_order_seq_cst);
      UnmapCursor cursor;
      update(fixture.store, [&] { return fixture.store.unmap(mapping.range, cursor, 1); });
      state.store(2 * round + 2, std::memory_order_seq_cst);
      if (round % 64 == 0) std::this_thread::yield();
    }
  }
  EXPECT_EQ(wrong.load(), 0);
}

// C6: nodes are unlinked, reclaimed and linked elsewhere all the time; a reader that met a reused
// node would see a far mapping's address. Sanitizers see the rest.
TEST_P(StoreReaders, C6_NothingIsReusedUnderAReader) {
  constexpr std::uint64_t kRounds = 4000;
  constexpr std::uint64_t kPlaces = 16;
  Fixture fixture;
  const auto& store = fixture.store;
  const auto place = [](std::uint64_t i) { return IovaRange::of(i << 42, 4096); };
  std::atomic<int> wrong{0};
  const auto read = [&](Rng& rng) {
    const Iova at = place(rng.below(kPlaces)).first;
    const auto found = store.translate(at);
    if (found && found->at(at).value != at.value) wrong.fetch_add(1, std::memory_order_relaxed);
  };
  const ReaderId id = fixture.quiescence.add_reader("reader").value();
  {
    const ReaderThread reader(fixture.quiescence, id, read);
    for (std::uint64_t round = 0; round < kRounds || reader.sections() < 100; ++round) {
      const IovaRange here = place(round % kPlaces);
      const Mapping mapping{here, {here.first.value}, Permissions::kRead};
      EXPECT_EQ(update(fixture.store, [&] { return fixture.store.map(mapping); }), MapStatus::kOk);
      const IovaRange old = place((round + kPlaces - 7) % kPlaces);
      UnmapCursor cursor;
      update(fixture.store, [&] { return fixture.store.unmap(old, cursor, 8); });
      fixture.store.reclaim(8);
    }
  }
  EXPECT_EQ(wrong.load(), 0);
}

// Store.8: the engine's own questions need no update, however many readers are inside.
TEST_P(StoreReaders, TheEngineAsksWithoutWaiting) {
  Fixture f;
  const auto id = f.quiescence.add_reader("reader").value();
  for (std::uint64_t i = 0; i < 64; ++i) f.map(2 * i, 2 * i, i);
  const ReaderThread reader(f.quiescence, id,
                            [&](Rng& rng) { f.store.translate(f.iova(rng.below(128))); });
  while (reader.sections() < 1) std::this_thread::yield();
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    const std::uint64_t granule = i % 128;
    ASSERT_EQ(f.store.any_mapped(f.range(granule, granule)), granule % 2 == 0);
    f.store.has_garbage();
  }
}

}  // namespace
}  // namespace violet
