// Every strategy under random work, against an oracle that checks strategy.hpp's invariants and every byte that moves.
#include <gtest/gtest.h>

#include <set>

#include "engine/base/effort_testing.hpp"
#include "engine/base/rng.hpp"
#include "experiments/strategies/strategy_rig.hpp"

namespace violet {
namespace {

struct Held {
  std::vector<DmaMapping> mappings;
  bool list;
  std::byte value;  // What the CPU wrote before map().
};

class History {
 public:
  History(const RigOptions& options, std::uint64_t seed)
      : rng_(seed),
        rig_(options),
        cpus_(options.cpus),
        after_(strategies().find(options.strategy)->after_unmap) {
    arena_ = rig_.guest.take(kArena);
  }

  void run(int steps) {
    for (int step = 0; step < steps && !testing::Test::HasFatalFailure(); ++step) {
      rig_.advance(rng_.below(400'000));
      if (rng_.chance(0.05)) rig_.guest.device.poll(unsigned(rng_.below(4)));
      if (buffers_held_ + 6 < kPlaces && rng_.chance(0.52)) {
        map();
      } else if (!held_.empty()) {
        unmap(rng_.below(held_.size()));
      }
    }
    while (!held_.empty() && !testing::Test::HasFatalFailure()) unmap(held_.size() - 1);
    finish();
  }

 private:
  static constexpr std::uint64_t kArena = 16 << 20;
  static constexpr std::size_t kPlaces = 64;
  static constexpr std::uint64_t kStride = kArena / kPlaces;

  // Buffers do not overlap, so that what one device writes is not another's.
  DmaBuffer random_buffer() {
    const std::uint64_t place = arena_.value + (next_place_++ % kPlaces) * kStride;
    const std::uint64_t most = rng_.chance(0.7) ? 5000 : 60000;
    return {{place + rng_.below(8192)}, std::uint32_t(1 + rng_.below(most))};
  }
  bool place_is_free() const {
    for (const Held& held : held_) {
      for (const auto& mapping : held.mappings) {
        if ((mapping.buffer.phys.value - arena_.value) / kStride == next_place_ % kPlaces)
          return false;
      }
    }
    return true;
  }

  // Granules of the endpoint's domain that the device translates now and the guest has unmapped.
  std::set<std::uint64_t> stale(std::uint16_t endpoint) const {
    std::set<std::uint64_t> result;
    for (const auto& [where, granule] : unmapped_) {
      if (where == endpoint && rig_.reaches(endpoint, {granule << 12})) result.insert(granule);
    }
    return result;
  }

  void map() {
    Held made;
    made.list = rng_.chance(0.3);
    made.value = static_cast<std::byte>(1 + rng_.below(250));
    const auto endpoint = static_cast<std::uint16_t>(rng_.below(2));
    const auto direction = static_cast<DmaDirection>(1 + rng_.below(3));
    std::vector<DmaBuffer> buffers;
    for (std::uint64_t n = made.list ? 2 + rng_.below(4) : 1; n > 0; --n) {
      while (!place_is_free()) ++next_place_;
      buffers.push_back(random_buffer());
      std::memset(rig_.bytes(buffers.back()).data(), int(made.value), buffers.back().bytes);
    }
    const auto before = stale(endpoint);
    made.mappings.resize(buffers.size());
    const auto cpu = unsigned(rng_.below(cpus_));
    if (made.list) {
      ASSERT_TRUE(rig_.strategy->map_list(endpoint, buffers, direction, cpu, made.mappings));
    } else {
      const auto mapping = rig_.strategy->map(endpoint, buffers[0], direction, cpu);
      ASSERT_TRUE(mapping);
      made.mappings[0] = *mapping;
    }
    for (std::size_t i = 0; i < buffers.size(); ++i) check_mapped(made, i, buffers[i], before);
    buffers_held_ += buffers.size();
    held_.push_back(std::move(made));
  }

  void check_mapped(const Held& made, std::size_t i, DmaBuffer buffer,
                    const std::set<std::uint64_t>& before) {
    const DmaMapping& mapping = made.mappings[i];
    ASSERT_EQ(mapping.buffer.phys, buffer.phys);
    const Permissions needed = permissions_of(mapping.direction);
    ASSERT_EQ(mapping.granted & needed, needed);
    ASSERT_TRUE(mapping.persistent || after_ != AfterUnmap::kBuffers);
    for_granules(mapping, [&](std::uint64_t granule) {
      // Not handed out while still reachable, unless the mapping is taken over as it is.
      if (mapping.kept) {
        ASSERT_EQ(before.count(granule), 1u);
      } else if (!mapping.persistent) {
        ASSERT_EQ(before.count(granule), 0u);
      }
      unmapped_.erase({mapping.endpoint, granule});
    });
    if (allows(needed, Access::kRead)) {
      std::vector<std::byte> seen(buffer.bytes);
      ASSERT_TRUE(rig_.device_read(mapping.endpoint, mapping.iova, seen));
      for (const std::byte b : seen) ASSERT_EQ(b, made.value);
    } else if (mapping.granted == needed) {
      std::byte one;
      ASSERT_FALSE(rig_.device_read(mapping.endpoint, mapping.iova, {&one, 1}));
    }
  }

  void unmap(std::size_t victim) {
    const Held gone = held_[victim];
    held_.erase(held_.begin() + long(victim));
    buffers_held_ -= gone.mappings.size();
    const std::byte written{0xfe};
    const bool writes =
        allows(permissions_of(gone.mappings[0].direction), Access::kWrite) && rng_.chance(0.8);
    for (const auto& mapping : gone.mappings) {
      if (!writes) break;
      const std::vector<std::byte> data(mapping.buffer.bytes, written);
      ASSERT_TRUE(rig_.device_write(mapping.endpoint, mapping.iova, data));
    }
    const auto cpu = unsigned(rng_.below(cpus_));
    if (gone.list) {
      rig_.strategy->unmap_list(gone.mappings, cpu);
    } else {
      rig_.strategy->unmap(gone.mappings[0], cpu);
    }
    for (const auto& mapping : gone.mappings) check_unmapped(gone, mapping, writes, written);
  }

  void check_unmapped(const Held& gone, const DmaMapping& mapping, bool writes, std::byte written) {
    // A slot that the device did not write has the CPU's bytes only if it could read them.
    const bool copied_in = allows(permissions_of(mapping.direction), Access::kRead);
    if (writes || copied_in || !mapping.persistent) {
      for (const std::byte b : rig_.bytes(mapping.buffer)) {
        ASSERT_EQ(b, writes ? written : gone.value);
      }
    }
    if (mapping.persistent) return;
    for_granules(mapping, [&](std::uint64_t granule) {
      unmapped_.insert({mapping.endpoint, granule});
      if (after_ != AfterUnmap::kNothing && after_ != AfterUnmap::kCopies) return;
      ASSERT_FALSE(rig_.reaches(mapping.endpoint, {granule << 12}));
    });
  }

  void finish() {
    rig_.strategy->drain();
    EXPECT_EQ(rig_.guest.counters.failed_requests, 0u);
    EXPECT_EQ(rig_.guest.counters.map_failures, 0u);
    if (after_ == AfterUnmap::kForgotten) return;
    for (const auto& [endpoint, granule] : unmapped_) {
      ASSERT_FALSE(rig_.reaches(endpoint, {granule << 12}));
    }
  }

  template <class Function>
  static void for_granules(const DmaMapping& mapping, Function&& function) {
    const std::uint64_t last = (mapping.iova.value + mapping.buffer.bytes - 1) >> 12;
    for (std::uint64_t granule = mapping.iova.value >> 12; granule <= last; ++granule) {
      function(granule);
    }
  }

  Rng rng_;
  StrategyRig rig_;
  unsigned cpus_;
  AfterUnmap after_;
  GuestPhys arena_;
  std::uint64_t next_place_ = 0;
  std::vector<Held> held_;
  std::size_t buffers_held_ = 0;
  std::set<std::pair<std::uint16_t, std::uint64_t>>
      unmapped_;  // Unmapped and not handed out again.
};

// Small ones, so that limits are met within a history; others keep their defaults.
SettingAssignments settings_of(std::string_view strategy, std::uint64_t seed) {
  using Values = SettingAssignments;
  const std::int64_t few = seed % 2 == 0 ? 1 : 4;
  if (strategy.starts_with("lazy") && strategy != "lazy-wrap") {
    return seed == 4 ? Values{} : Values{{"entries", std::int64_t{16}}};
  }
  if (strategy == "optimistic") {
    return {{"quota", std::int64_t{12}}, {"batch", few}, {"keep_ms", 4.0}};
  }
  if (strategy == "bounce-dynamic") {
    return {{"slots", std::int64_t{4}}, {"limit_bytes", std::int64_t{20000}}, {"evict_s", 0.01}};
  }
  return {};
}

struct Case {
  const StrategyInfo* strategy;
  std::string allocator;
  RingFormat format;
};

class RandomHistory : public testing::TestWithParam<Case> {};

TEST_P(RandomHistory, KeepsT1ToT3AndEveryByte) {
  const bool often = GetParam().allocator == "rcache" || GetParam().allocator == "rbtree";
  for (std::uint64_t seed = 1; seed <= (often ? by_effort(4u) : 1u); ++seed) {
    SCOPED_TRACE(seed);
    RigOptions options{.strategy = GetParam().strategy->name,
                       .iova_allocator = GetParam().allocator,
                       .cpus = 1 + unsigned(seed % 3)};
    options.guest.format = GetParam().format;
    options.guest.ring_size = seed % 2 == 0 ? 256 : 16;
    options.settings = settings_of(options.strategy, seed);
    History(options, seed).run(by_effort(600));
  }
}

std::vector<Case> cases() {
  std::vector<Case> result;
  for (const auto& info : strategies()) {
    for (const auto& allocator : iova_allocators()) {
      const bool refused =
          std::any_of(info.refusals.begin(), info.refusals.end(),
                      [&](const auto& refusal) { return refusal.allocator == allocator.name; });
      const auto format = result.size() % 2 == 0 ? RingFormat::kSplit : RingFormat::kPacked;
      if (!refused) result.push_back({&info, allocator.name, format});
    }
  }
  return result;
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  std::string name = info.param.strategy->name + "_" + info.param.allocator;
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
}

INSTANTIATE_TEST_SUITE_P(Strategies, RandomHistory, testing::ValuesIn(cases()), case_name);

}  // namespace
}  // namespace violet
