// The rules that every domain store obeys, the oracle included.
#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <vector>

#include "engine/store/store_fixture.hpp"

namespace violet {
namespace {

// By the store's name.
class Store : public testing::TestWithParam<std::string> {
 protected:
  static StoreInfo kind() { return tested_store(GetParam()); }
  struct Fixture : StoreFixture {
    explicit Fixture(const StoreConfig& config = {}, std::size_t budget_bytes = kBudget)
        : StoreFixture(kind(), config, budget_bytes) {}
  };
  static constexpr std::array<unsigned, 4> kGranules = {12, 14, 16, 21};
};
INSTANTIATE_TEST_SUITE_P(Stores, Store, testing::ValuesIn(store_names_and_oracle()),
                         [](const auto& tested) { return identifier_of(tested.param); });

struct Interval {
  std::uint64_t first;
  std::uint64_t last;
};

// --- UNMAP ---------------------------------------------------------------------------------------

struct Example {
  std::vector<Interval> mapped;
  Interval unmapped;
  UnmapStatus status;
  std::uint64_t removed;
  std::vector<Interval> left;
};

// The seven examples of the specification, with their numbers.
const std::vector<Example>& spec_examples() {
  static const std::vector<Example> examples = {
      {{}, {0, 4}, UnmapStatus::kDone, 0, {}},
      {{{0, 9}}, {0, 9}, UnmapStatus::kDone, 1, {}},
      {{{0, 4}, {5, 9}}, {0, 9}, UnmapStatus::kDone, 2, {}},
      {{{0, 9}}, {0, 4}, UnmapStatus::kWouldSplit, 0, {{0, 9}}},
      {{{0, 4}, {5, 9}}, {0, 4}, UnmapStatus::kDone, 1, {{5, 9}}},
      {{{0, 4}}, {0, 9}, UnmapStatus::kDone, 1, {}},
      {{{0, 4}, {10, 14}}, {0, 14}, UnmapStatus::kDone, 2, {}},
  };
  return examples;
}

void expect_mapped_exactly(const StoreFixture& fixture, const std::vector<Interval>& mapped,
                           std::uint64_t shift, std::uint64_t limit) {
  for (std::uint64_t granule = 0; granule < limit; ++granule) {
    bool inside = false;
    for (const auto& interval : mapped) {
      inside |= interval.first + shift <= granule && granule <= interval.last + shift;
    }
    const auto expected = inside ? std::optional(granule + 1000) : std::nullopt;
    EXPECT_EQ(fixture.phys_granule(granule), expected) << "granule " << granule;
  }
}

// Shifted as well, so that the examples also lie across the edge of a table's node.
TEST_P(Store, UnmapExamplesOfTheSpecification) {
  for (const unsigned granule : kGranules) {
    for (const std::uint64_t shift : {0u, 505u}) {
      int number = 0;
      for (const auto& example : spec_examples()) {
        SCOPED_TRACE(testing::Message() << "example " << ++number << ", granule 2^" << granule
                                        << ", shifted by " << shift);
        Fixture fixture(Fixture::with_granule(granule));
        for (const auto& [first, last] : example.mapped) {
          ASSERT_EQ(fixture.map(first + shift, last + shift, first + shift + 1000), MapStatus::kOk);
        }
        EXPECT_EQ(fixture.unmap(example.unmapped.first + shift, example.unmapped.last + shift),
                  example.status);
        EXPECT_EQ(fixture.removed, example.removed);
        EXPECT_EQ(fixture.store.mapping_count(), example.left.size());
        expect_mapped_exactly(fixture, example.left, shift, shift + 20);
      }
    }
  }
}

TEST_P(Store, D33_ASplitAtEitherEndRemovesNothing) {
  Fixture fixture;
  const std::vector<Interval> mapped = {{100, 199}, {200, 200}, {201, 5000}};
  for (const auto& [first, last] : mapped)
    ASSERT_EQ(fixture.map(first, last, first + 1000), MapStatus::kOk);
  const std::vector<Interval> splits = {
      {101, 199}, {100, 198},  {150, 150},  {0, 150},     {101, 200}, {200, 4999}, {100, 600},
      {511, 512}, {512, 1023}, {202, 5000}, {1024, 9000}, {201, 511}, {201, 1023}, {201, 4095}};
  for (const auto& [first, last] : splits) {
    EXPECT_EQ(fixture.unmap(first, last), UnmapStatus::kWouldSplit) << first << "-" << last;
    EXPECT_EQ(fixture.removed, 0u);
  }
  expect_mapped_exactly(fixture, mapped, 0, 5100);
}

// Neighbours whose physical pages continue each other are still two mappings.
TEST_P(Store, D33_ContiguousNeighboursAreNotOneMapping) {
  Fixture fixture;
  ASSERT_EQ(fixture.map(0, 511, 1000), MapStatus::kOk);
  ASSERT_EQ(fixture.map(512, 1023, 1512), MapStatus::kOk);
  EXPECT_EQ(fixture.unmap(512, 1023), UnmapStatus::kDone);
  EXPECT_EQ(fixture.removed, 1u);
  EXPECT_EQ(fixture.phys_granule(511), 1511u);
  EXPECT_EQ(fixture.phys_granule(512), std::nullopt);
}

TEST_P(Store, D34_HolesAreToleratedEverywhere) {
  Fixture fixture;
  const std::vector<Interval> mapped = {{5, 5}, {511, 512}, {1024, 2047}, {300000, 300007}};
  for (const auto& [first, last] : mapped)
    ASSERT_EQ(fixture.map(first, last, first), MapStatus::kOk);
  EXPECT_EQ(fixture.unmap(6, 510), UnmapStatus::kDone);
  EXPECT_EQ(fixture.removed, 0u);
  EXPECT_EQ(fixture.unmap_bytes(IovaRange::all()), UnmapStatus::kDone);
  EXPECT_EQ(fixture.removed, 4u);
  EXPECT_EQ(fixture.store.mapping_count(), 0u);
  for (const auto& [first, last] : mapped) EXPECT_EQ(fixture.phys_granule(last), std::nullopt);
}

TEST_P(Store, AnUnmapOfManyIsSliced) {
  constexpr std::uint64_t kMappings = 3000;
  constexpr std::uint32_t kSlice = 7;
  Fixture fixture;
  for (std::uint64_t i = 0; i < kMappings; ++i)
    ASSERT_EQ(fixture.map(3 * i, 3 * i + 1, i), MapStatus::kOk);
  UnmapCursor cursor;
  UnmapStatus status = UnmapStatus::kMore;
  std::uint64_t calls = 0;
  while (status == UnmapStatus::kMore) {
    const std::uint64_t before = cursor.removed;
    status = fixture.updated([&] { return fixture.store.unmap(IovaRange::all(), cursor, kSlice); });
    ASSERT_LE(cursor.removed - before, kSlice);
    ASSERT_EQ(fixture.store.mapping_count(), kMappings - cursor.removed);
    ASSERT_LE(++calls, kMappings + 10);
  }
  EXPECT_EQ(status, UnmapStatus::kDone);
  EXPECT_EQ(cursor.removed, kMappings);
  EXPECT_GE(calls, kMappings / kSlice);
}

TEST_P(Store, D33_IsDecidedBeforeTheFirstSlice) {
  Fixture fixture;
  for (std::uint64_t i = 0; i < 100; ++i) ASSERT_EQ(fixture.map(i, i, i), MapStatus::kOk);
  ASSERT_EQ(fixture.map(100, 109, 100), MapStatus::kOk);
  EXPECT_EQ(fixture.unmap_bytes(fixture.range(0, 104), 10), UnmapStatus::kWouldSplit);
  EXPECT_EQ(fixture.store.mapping_count(), 101u);
}

// --- MAP -----------------------------------------------------------------------------------------

TEST_P(Store, D25_AnOverlapOfAnyKindChangesNothing) {
  Fixture fixture;
  const std::vector<Interval> mapped = {{100, 199}, {1024, 2047}, {1u << 20, (1u << 20) + 3}};
  for (const auto& [first, last] : mapped)
    ASSERT_EQ(fixture.map(first, last, first + 1000), MapStatus::kOk);
  const std::size_t before = fixture.store.resident_bytes();
  const std::vector<Interval> overlaps = {
      {100, 199}, {150, 150},   {199, 200},  {0, 100},     {0, 4095},        {1500, 1500},
      {0, 1024},  {2047, 9000}, {512, 1535}, {1024, 2047}, {4096, 1u << 24}, {1u << 20, 1u << 20}};
  for (const auto& [first, last] : overlaps) {
    EXPECT_EQ(fixture.map(first, last, 0), MapStatus::kOverlap) << first << "-" << last;
  }
  EXPECT_EQ(fixture.map_bytes(IovaRange::all(), 0), MapStatus::kOverlap);
  EXPECT_EQ(fixture.store.resident_bytes(), before);
  expect_mapped_exactly(fixture, mapped, 0, 2100);
}

TEST_P(Store, D25_TouchingIsNotOverlapping) {
  Fixture fixture;
  ASSERT_EQ(fixture.map(512, 1023, 1), MapStatus::kOk);
  EXPECT_EQ(fixture.map(0, 511, 5000), MapStatus::kOk);
  EXPECT_EQ(fixture.map(1024, 1024, 9000), MapStatus::kOk);
  EXPECT_EQ(fixture.phys_granule(511), 5511u);
  EXPECT_EQ(fixture.phys_granule(512), 1u);
  EXPECT_EQ(fixture.phys_granule(1023), 512u);
  EXPECT_EQ(fixture.phys_granule(1024), 9000u);
}

TEST_P(Store, D24_ExtentsAreWholeGranulesOfOneMapping) {
  for (const unsigned granule : kGranules) {
    Fixture fixture(Fixture::with_granule(granule));
    ASSERT_EQ(fixture.map(3, 2000, 77), MapStatus::kOk);
    for (std::uint64_t i = 3; i <= 2000; ++i) {
      const Iova inside{fixture.iova(i).value + 5};
      const auto found = fixture.store.translate(inside);
      ASSERT_TRUE(found);
      EXPECT_TRUE(found->extent.contains(fixture.range(i, i)));
      EXPECT_TRUE(fixture.range(3, 2000).contains(found->extent));
      EXPECT_EQ(found->at(inside).value, ((i + 74) << granule) + 5);
    }
  }
}

TEST_P(Store, C3_PermissionsAreTheMappingsOwn) {
  Fixture fixture;
  for (std::uint64_t bits = 0; bits < 8; ++bits) {
    ASSERT_EQ(fixture.map(bits * 600, bits * 600 + 599, bits, static_cast<Permissions>(bits)),
              MapStatus::kOk);
  }
  for (std::uint64_t i = 0; i < 8 * 600; ++i) {
    const auto found = fixture.store.translate(fixture.iova(i));
    ASSERT_TRUE(found);
    EXPECT_EQ(static_cast<std::uint64_t>(found->permissions), i / 600);
  }
}

TEST_P(Store, PhysicalAddressesMayBeAnywhere) {
  Fixture fixture;
  const std::uint64_t top = ~std::uint64_t{0} - 4095;
  for (unsigned bit = 12; bit < 64; ++bit) {
    ASSERT_EQ(fixture.map_bytes(fixture.range(bit, bit), std::uint64_t{1} << bit), MapStatus::kOk);
  }
  ASSERT_EQ(fixture.map_bytes(fixture.range(100, 100), top), MapStatus::kOk);
  for (unsigned bit = 12; bit < 64; ++bit)
    EXPECT_EQ(fixture.phys(fixture.iova(bit)), std::uint64_t{1} << bit);
  EXPECT_EQ(fixture.phys({fixture.iova(100).value + 4095}), ~std::uint64_t{0});
}

// --- The whole space -----------------------------------------------------------------------------

TEST_P(Store, TheWholeSpaceIsOneMapping) {
  for (const unsigned granule : kGranules) {
    Fixture fixture(Fixture::with_granule(granule));
    const std::uint64_t last = ~std::uint64_t{0};
    ASSERT_EQ(fixture.map_bytes(IovaRange::all(), 0), MapStatus::kOk);
    for (const std::uint64_t at : {std::uint64_t{0}, last / 3, last / 2 + 1, last}) {
      EXPECT_EQ(fixture.phys({at}), at);
    }
    EXPECT_EQ(fixture.map(7, 7, 7), MapStatus::kOverlap);
    EXPECT_EQ(fixture.unmap(0, 7), UnmapStatus::kWouldSplit);
    EXPECT_EQ(fixture.unmap_bytes({{std::uint64_t{1} << granule}, {last}}),
              UnmapStatus::kWouldSplit);
    EXPECT_EQ(fixture.unmap_bytes(IovaRange::all()), UnmapStatus::kDone);
    EXPECT_EQ(fixture.removed, 1u);
    EXPECT_EQ(fixture.phys({last}), std::nullopt);
    EXPECT_EQ(fixture.map(7, 7, 7), MapStatus::kOk);
  }
}

TEST_P(Store, AllButTheEdgesOfTheSpace) {
  for (const unsigned granule : kGranules) {
    Fixture fixture(Fixture::with_granule(granule));
    const std::uint64_t last = ~std::uint64_t{0} >> granule;
    ASSERT_EQ(fixture.map(1, last - 1, 0), MapStatus::kOk);
    EXPECT_EQ(fixture.phys_granule(0), std::nullopt);
    EXPECT_EQ(fixture.phys_granule(last), std::nullopt);
    for (const std::uint64_t at : {std::uint64_t{1}, std::uint64_t{511}, std::uint64_t{512},
                                   last / 2, last - 512, last - 1}) {
      EXPECT_EQ(fixture.phys_granule(at), at - 1);
    }
    ASSERT_EQ(fixture.map(0, 0, 5), MapStatus::kOk);
    ASSERT_EQ(fixture.map(last, last, 6), MapStatus::kOk);
    EXPECT_EQ(fixture.unmap(1, last - 1), UnmapStatus::kDone);
    EXPECT_EQ(fixture.removed, 1u);
    EXPECT_EQ(fixture.phys_granule(0), 5u);
    EXPECT_EQ(fixture.phys_granule(last), 6u);
    EXPECT_EQ(fixture.phys_granule(last - 1), std::nullopt);
  }
}

// An endpoint may ask for any address, also beyond what the table was made for.
TEST_P(Store, AddressesOutsideTheInputRangeTranslateToNothing) {
  for (unsigned bits = 13; bits < 64; ++bits) {
    StoreConfig config;
    config.input_range.last = {(std::uint64_t{1} << bits) - 1};
    Fixture fixture(config);
    ASSERT_EQ(fixture.map_bytes({{0}, config.input_range.last}, 0), MapStatus::kOk);
    EXPECT_EQ(fixture.phys(config.input_range.last), config.input_range.last.value);
    for (unsigned beyond = bits; beyond < 64; ++beyond) {
      EXPECT_EQ(fixture.phys({std::uint64_t{1} << beyond}), std::nullopt) << bits << " " << beyond;
    }
    EXPECT_EQ(fixture.unmap_bytes(IovaRange::all()), UnmapStatus::kDone);
    EXPECT_EQ(fixture.removed, 1u);
  }
}

// --- Limits --------------------------------------------------------------------------------------

TEST_P(Store, NoMemoryLeavesNoTrace) {
  constexpr std::uint64_t kFar = std::uint64_t{1} << 40;
  int refused = 0;
  for (std::size_t budget = 0; budget <= 200'000; budget += 1000) {
    Fixture fixture({}, budget);
    std::vector<std::uint64_t> mapped;
    for (std::uint64_t i = 0; i < 40; ++i) {
      const std::uint64_t first = (i % 5) * kFar + i * 520;
      const std::size_t resident = fixture.store.resident_bytes();
      const MapStatus status = fixture.map(first, first + 600 * (i % 2), first);
      if (status == MapStatus::kOk) {
        mapped.push_back(first);
        continue;
      }
      if (status == MapStatus::kOverlap) continue;
      ++refused;
      EXPECT_LE(fixture.store.resident_bytes(), resident);
      EXPECT_EQ(fixture.phys_granule(first), std::nullopt);
    }
    EXPECT_EQ(fixture.store.mapping_count(), mapped.size());
    EXPECT_LE(fixture.budget.used(), budget);
    for (const std::uint64_t first : mapped) EXPECT_EQ(fixture.phys_granule(first), first);
  }
  EXPECT_GT(refused, 0);
}

TEST_P(Store, MoreMappingsThanAllowedAreNoMemory) {
  StoreConfig config;
  config.max_mappings = 3;
  Fixture fixture(config);
  for (std::uint64_t i = 0; i < 3; ++i) ASSERT_EQ(fixture.map(i, i, i), MapStatus::kOk);
  EXPECT_EQ(fixture.map(5, 5, 5), MapStatus::kNoMemory);
  EXPECT_EQ(fixture.map(1, 1, 5), MapStatus::kOverlap);
  EXPECT_EQ(fixture.phys_granule(5), std::nullopt);
  ASSERT_EQ(fixture.unmap(1, 1), UnmapStatus::kDone);
  EXPECT_EQ(fixture.map(5, 5, 5), MapStatus::kOk);
}

TEST_P(Store, TheEngineMayAskBesideAReader) {
  Fixture f;
  f.map(8, 15, 0);
  EXPECT_TRUE(f.store.any_mapped(f.range(15, 15)));
  EXPECT_TRUE(f.store.any_mapped(f.range(0, 1000)));
  EXPECT_FALSE(f.store.any_mapped(f.range(0, 7)));
  EXPECT_FALSE(f.store.any_mapped(f.range(16, 1u << 30)));
  const Iova unaligned{f.iova(8).value + 5};
  EXPECT_TRUE(f.store.any_mapped({unaligned, unaligned}));
  f.unmap(8, 15);
  EXPECT_FALSE(f.store.any_mapped(f.range(0, 1000)));
  f.reclaim_all();
  EXPECT_FALSE(f.store.has_garbage());
}

TEST_P(Store, MemoryComesBack) {
  Fixture fixture;
  std::size_t idle = 0;
  for (int round = 0; round < 5; ++round) {
    for (std::uint64_t i = 0; i < 5000; ++i)
      ASSERT_EQ(fixture.map(i * 97, i * 97, i), MapStatus::kOk);
    EXPECT_EQ(fixture.store.resident_bytes(), fixture.budget.used());
    ASSERT_EQ(fixture.unmap_bytes(IovaRange::all(), 100), UnmapStatus::kDone);
    fixture.reclaim_all();
    if (round == 0) idle = fixture.store.resident_bytes();
    EXPECT_EQ(fixture.store.resident_bytes(), idle);
  }
  EXPECT_LE(idle, kind().idle_bytes);
}

TEST_P(Store, TheDestructorGivesEverythingBack) {
  EpochQuiescence quiescence;
  MemoryBudget budget(std::size_t{1} << 24);
  {
    const auto store = kind().make({}, quiescence, budget);
    ASSERT_TRUE(store->try_begin_update());
    ASSERT_EQ(store->map({IovaRange::of(1 << 12, 1 << 25), {0}, Permissions::kRead}),
              MapStatus::kOk);
    ASSERT_EQ(store->map({IovaRange::of(std::uint64_t{1} << 50, 4096), {0}, Permissions::kRead}),
              MapStatus::kOk);
    UnmapCursor cursor;
    ASSERT_EQ(store->unmap(IovaRange::of(1 << 12, 1 << 25), cursor, 10), UnmapStatus::kDone);
    store->end_update();
    EXPECT_GT(budget.used(), 0u);
  }
  EXPECT_EQ(budget.used(), 0u);
}

TEST_P(Store, AMillionPagesAndBack) {
  constexpr std::uint64_t kPages = std::uint64_t{1} << 20;
  Fixture fixture;
  for (std::uint64_t i = 0; i < kPages; ++i)
    ASSERT_EQ(fixture.map(i, i, kPages - i), MapStatus::kOk);
  EXPECT_EQ(fixture.store.mapping_count(), kPages);
  EXPECT_EQ(fixture.map(kPages, kPages, 0), MapStatus::kNoMemory);
  for (std::uint64_t i = 0; i < kPages; i += 1023) EXPECT_EQ(fixture.phys_granule(i), kPages - i);
  ASSERT_EQ(fixture.unmap_bytes(IovaRange::all(), 256), UnmapStatus::kDone);
  EXPECT_EQ(fixture.removed, kPages);
  EXPECT_EQ(fixture.store.mapping_count(), 0u);
}

}  // namespace
}  // namespace violet
