// C1 with real threads: endpoints translate through IOTLB and store and write into what they get; the
// engine unmaps, waits for grace period and completed(), and poisons the page. A byte that an endpoint
// writes afterwards, or a right it was never given, is a failure. Under ThreadSanitizer the plain
// writes of endpoints and engine prove the ordering, too, not just its luck.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/identifier_testing.hpp"
#include "engine/base/rng.hpp"
#include "engine/iotlb/any_iotlb.hpp"
#include "engine/iotlb/generation_device.hpp"
#include "engine/iotlb/iotlb_testing.hpp"
#include "engine/iotlb/iotlbs.hpp"
#include "engine/store/stores.hpp"

namespace violet {
namespace {

constexpr std::uint64_t kCanaryPages = 24;  // IOVAs in use: more than the cache has entries.
constexpr std::uint64_t kFrames = 96;  // Frames come back late, so that a late write meets poison.
constexpr std::size_t kEndpoints = 3;
constexpr std::size_t kInFlight = 6;
constexpr int kSteps = 6000;
// The engine goes on until every endpoint was online this often meanwhile: on a busy host it would
// otherwise be done before the first of them is scheduled, and the test would have tested nothing.
constexpr std::uint64_t kSections = 200;
constexpr std::chrono::seconds kPatience{120};
constexpr std::uint64_t kPoison = 0xdeadbeefdeadbeef;

// One word for each endpoint, so that endpoints do not race each other.
struct alignas(kCacheLine) Frame {
  std::array<std::uint64_t, kEndpoints> words{};
};

// Odd frames are only ever mapped for reading: a write there is a right that was not granted (C3).
Permissions rights(std::uint64_t frame) {
  return frame % 2 == 1 ? Permissions::kRead : Permissions::kReadWrite;
}

using MakeIotlb = std::unique_ptr<IotlbControl> (*)(const IotlbConfig&, Quiescence&);

class Canary {
 public:
  Canary(MakeIotlb make_iotlb, const StoreInfo& store, const IotlbConfig& config)
      : owned_iotlb_(make_iotlb(config, quiescence_)),
        owned_store_(store.make({}, quiescence_, budget_)),
        iotlb_(*owned_iotlb_),
        store_(*owned_store_) {
    for (std::size_t i = 0; i < kEndpoints; ++i) {
      ids_[i] = quiescence_.add_reader("endpoint" + std::to_string(i)).value();
      readers_[i] = open_any_reader(iotlb_, ids_[i]).value();
    }
    for (std::uint64_t frame = 0; frame < kFrames; ++frame) {
      poison(frame);
      free_.push_back(frame);
    }
  }

  struct Report {
    std::uint64_t late_writes;
    std::uint64_t wrong_rights;
    std::uint64_t writes;
    std::uint64_t hits;
  };

  Report run() {
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < kEndpoints; ++i) threads.emplace_back([this, i] { endpoint(i); });
    engine();
    stop_.store(true, std::memory_order_relaxed);
    for (auto& thread : threads) thread.join();
    for (const std::uint64_t frame : free_) count_late_writes(frame);
    return {late_writes_, wrong_rights_.load(), writes_.load(), hits_.load()};
  }

 private:
  struct Unmapped {
    InvalidationToken token;
    Quiescence::Token grace;
    std::vector<std::uint64_t> frames;
  };
  using Clock = std::chrono::steady_clock;

  // ---- the endpoints

  void endpoint(std::size_t me) {
    Rng rng(me);
    while (!stop_.load(std::memory_order_relaxed)) {
      {
        const ReaderSection section(quiescence_, ids_[me]);
        for (std::uint64_t bursts = 1 + rng.below(8); bursts > 0; --bursts) {
          rng.chance(0.5) ? accesses(me, rng) : burst(me, rng);
          readers_[me]->quiescent();
          quiescence_.quiescent(ids_[me]);
        }
      }
      sections_[me].fetch_add(1, std::memory_order_relaxed);  // A tally: orders nothing.
      // Offline: the engine must not wait, and what it invalidates now must be gone afterwards.
      for (std::uint64_t naps = rng.below(4); naps > 0; --naps) std::this_thread::yield();
    }
    hits_.fetch_add(readers_[me]->stats().hits);
  }

  void accesses(std::size_t me, Rng& rng) {
    for (int i = 0; i < 16; ++i) {
      const Iova at{rng.below(kCanaryPages) * kPage};
      if (const auto hit = readers_[me]->lookup(kDomain, at)) {
        touch(me, hit->phys, hit->permissions);
      } else {
        walk(me, at);
      }
    }
  }
  void burst(std::size_t me, Rng& rng) {
    const auto lookups = readers_[me]->burst(kDomain);
    for (int i = 0; i < 16; ++i) {
      const Iova at{rng.below(kCanaryPages) * kPage};
      auto hit = lookups->lookup_home(at);
      if (!hit) hit = lookups->lookup(at);
      if (hit) touch(me, hit->phys, hit->permissions);
    }
  }
  void walk(std::size_t me, Iova at) {
    const auto ticket = readers_[me]->begin_fill(kDomain, at);
    const auto found = store_.translate(at);
    if (!found) return;
    if (at.value % (2 * kPage) != 0) std::this_thread::yield();  // Let stale fills happen.
    readers_[me]->fill(ticket, kDomain, at, *found);
    touch(me, found->at(at), found->permissions);
  }
  void touch(std::size_t me, GuestPhys at, Permissions permissions) {
    const std::uint64_t frame = at.value / kPage;
    if (permissions != rights(frame)) wrong_rights_.fetch_add(1, std::memory_order_relaxed);
    if (!allows(permissions, Access::kWrite)) return;
    frames_[frame].words[me] = me;
    writes_.fetch_add(1, std::memory_order_relaxed);
  }

  // ---- the engine

  void engine() {
    Rng rng(99);
    const auto deadline = Clock::now() + kPatience;
    for (int i = 0; (i < kSteps || !everybody_took_part()) && !testing::Test::HasFailure(); ++i) {
      if (Clock::now() > deadline) FAIL() << "an endpoint never ran";
      const std::uint64_t page = rng.below(kCanaryPages);
      if (rng.below(200) == 0) unmap_all();
      mapped_[page] ? unmap(page) : map(page);
      if (in_flight_.size() >= kInFlight) complete_first();
      if (rng.below(4) == 0) std::this_thread::yield();
    }
    while (!in_flight_.empty() && !testing::Test::HasFailure()) complete_first();
  }

  bool everybody_took_part() const {
    return std::all_of(sections_.begin(), sections_.end(), [](const auto& count) {
      return count.load(std::memory_order_relaxed) >= kSections;
    });
  }

  void map(std::uint64_t page) {
    const std::uint64_t frame = free_.front();
    free_.pop_front();
    count_late_writes(frame);
    frames_[frame].words.fill(0);
    begin_update();
    ASSERT_EQ(store_.map({IovaRange::of(page * kPage, kPage), {frame * kPage}, rights(frame)}),
              MapStatus::kOk);
    store_.end_update();
    mapped_[page] = frame;
  }

  void unmap(std::uint64_t page) {
    const auto range = IovaRange::of(page * kPage, kPage);
    remove(range);
    const auto token = iotlb_.invalidate(kDomain, range);
    in_flight_.push_back({token, quiescence_.start(), {*mapped_[page]}});
    mapped_[page].reset();
  }
  void unmap_all() {
    remove(IovaRange::of(0, kCanaryPages * kPage));
    const auto token = iotlb_.invalidate_domain(kDomain);
    in_flight_.push_back({token, quiescence_.start(), {}});
    for (auto& frame : mapped_) {
      if (frame) in_flight_.back().frames.push_back(*frame);
      frame.reset();
    }
  }
  void remove(IovaRange range) {
    begin_update();
    UnmapCursor cursor{};
    while (store_.unmap(range, cursor, 8) == UnmapStatus::kMore) {
    }
    store_.end_update();
  }
  void begin_update() {
    while (!store_.try_begin_update()) std::this_thread::yield();
  }

  void complete_first() {
    const Unmapped first = std::move(in_flight_.front());
    in_flight_.pop_front();
    const auto deadline = Clock::now() + kPatience;
    while (!quiescence_.passed(first.grace) || !iotlb_.completed(first.token)) {
      if (Clock::now() > deadline) FAIL() << "waited too long for " << waited_for(first);
      std::this_thread::yield();
    }
    store_.reclaim(64);
    for (const std::uint64_t frame : first.frames) {
      poison(frame);
      free_.push_back(frame);
    }
  }
  std::string waited_for(const Unmapped& unmapped) {
    auto who = iotlb_.laggard(unmapped.token);
    if (!who) who = quiescence_.laggard(unmapped.grace);
    return who ? quiescence_.reader_name(*who) : "nobody";
  }

  void poison(std::uint64_t frame) { frames_[frame].words.fill(kPoison); }
  void count_late_writes(std::uint64_t frame) {
    for (const std::uint64_t word : frames_[frame].words) late_writes_ += word != kPoison ? 1 : 0;
  }

  EpochQuiescence quiescence_;
  MemoryBudget budget_{std::size_t{64} << 20};
  std::unique_ptr<IotlbControl> owned_iotlb_;
  std::unique_ptr<DomainStore> owned_store_;
  IotlbControl& iotlb_;
  DomainStore& store_;
  std::array<ReaderId, kEndpoints> ids_{};
  std::array<std::unique_ptr<AnyIotlbReader>, kEndpoints> readers_{};
  std::array<Frame, kFrames> frames_{};
  std::atomic<bool> stop_{false};
  std::array<std::atomic<std::uint64_t>, kEndpoints> sections_{};
  std::atomic<std::uint64_t> writes_{0};
  std::atomic<std::uint64_t> hits_{0};
  std::atomic<std::uint64_t> wrong_rights_{0};
  // The engine's own.
  std::uint64_t late_writes_ = 0;
  std::deque<std::uint64_t> free_;
  std::array<std::optional<std::uint64_t>, kCanaryPages> mapped_{};
  std::deque<Unmapped> in_flight_;
};

// By the design's name.
class IotlbCanary : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Iotlbs, IotlbCanary, testing::ValuesIn(iotlbs().names()),
                         [](const auto& tested) { return identifier_of(tested.param); });

IotlbConfig config_with(std::size_t entries, unsigned ways) {
  IotlbConfig config;
  config.entries = entries;
  config.ways = ways;
  return config;
}

void expect_alive(const std::string& iotlb, const char* store, const IotlbConfig& config) {
  const auto report = Canary(iotlbs().find(iotlb)->make, *stores().find(store), config).run();
  EXPECT_EQ(report.late_writes, 0u) << "an endpoint wrote after the unmap completed";
  EXPECT_EQ(report.wrong_rights, 0u);
  EXPECT_GT(report.writes, kEndpoints * kSections);
  EXPECT_GT(report.hits, kSections);
}

TEST_P(IotlbCanary, C1_NothingIsWrittenAfterTheUnmapCompleted_RadixStore) {
  expect_alive(GetParam(), "radix", config_with(16, 4));
}
TEST_P(IotlbCanary, C1_NothingIsWrittenAfterTheUnmapCompleted_IntervalStore) {
  expect_alive(GetParam(), "interval", config_with(64, 4));
}
// Every page competes for one set: constant eviction, constant writes to one shared set.
TEST_P(IotlbCanary, C1_HoldsWhenEveryFillEvicts) {
  expect_alive(GetParam(), "radix", config_with(4, 4));
}

// The compiler's own macro first: libraries define a __has_feature that knows nothing for g++.
#if defined(__SANITIZE_THREAD__)
#define VIOLET_UNDER_TSAN 1
#elif defined(__has_feature)
#define VIOLET_UNDER_TSAN __has_feature(thread_sanitizer)
#else
#define VIOLET_UNDER_TSAN 0
#endif
#if !VIOLET_UNDER_TSAN  // The races of a broken cache are real.
// The canary of the canary: a cache that never invalidates must kill it.
class ForgetfulIotlb : public GenerationDeviceIotlb {
 public:
  using GenerationDeviceIotlb::GenerationDeviceIotlb;
  InvalidationToken invalidate(DomainTag /*tag*/, IovaRange /*range*/) override { return 0; }
};

TEST(Canary, DiesWhenInvalidationsAreForgotten) {
  const MakeIotlb forgetful = [](const IotlbConfig& config,
                                 Quiescence& quiescence) -> std::unique_ptr<IotlbControl> {
    return std::make_unique<ForgetfulIotlb>(config, quiescence);
  };
  const auto report = Canary(forgetful, *stores().find("radix"), config_with(64, 4)).run();
  EXPECT_GT(report.late_writes + report.wrong_rights, 0u);
}
#endif

}  // namespace
}  // namespace violet
