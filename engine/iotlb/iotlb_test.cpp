// Every design of the registry, in many shapes, keeps the contract of iotlb.hpp.
#include "engine/iotlb/iotlb.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/base/identifier_testing.hpp"
#include "engine/base/rng.hpp"
#include "engine/iotlb/any_iotlb.hpp"
#include "engine/iotlb/iotlb_history.hpp"
#include "engine/iotlb/iotlb_testing.hpp"
#include "engine/iotlb/iotlbs.hpp"

namespace violet::iotlb_test {
namespace {

Translation translation(std::uint64_t first, std::uint64_t bytes, std::uint64_t phys,
                        Permissions permissions = Permissions::kReadWrite) {
  return {IovaRange::of(first, bytes), {phys}, permissions};
}

// One design with `count` online readers.
struct IotlbBed {
  IotlbBed(const std::string& name, const IotlbConfig& config, std::size_t count)
      : owned(iotlbs().find(name)->make(config, quiescence)), iotlb(*owned) {
    for (std::size_t i = 0; i < count; ++i) {
      ids.push_back(quiescence.add_reader("reader" + std::to_string(i)).value());
      readers.push_back(open_any_reader(iotlb, ids.back()).value());
      quiescence.online(ids.back());
    }
  }
  AnyIotlbReader& reader(std::size_t i = 0) { return *readers[i]; }

  void fill(DomainTag tag, std::uint64_t at, const Translation& what, std::size_t i = 0) {
    const auto ticket = reader(i).begin_fill(tag, {at});
    reader(i).fill(ticket, tag, {at}, what);
  }
  std::optional<IotlbHit> lookup(DomainTag tag, std::uint64_t at, std::size_t i = 0) {
    return reader(i).lookup(tag, {at});
  }
  // The engine's whole protocol, with readers that cooperate.
  void complete(InvalidationToken token) {
    const auto grace = quiescence.start();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      reader(i).quiescent();
      quiescence.quiescent(ids[i]);
    }
    ASSERT_TRUE(quiescence.passed(grace));
    ASSERT_TRUE(iotlb.completed(token));
  }

  EpochQuiescence quiescence;
  std::unique_ptr<IotlbControl> owned;
  IotlbControl& iotlb;
  std::vector<ReaderId> ids;
  std::vector<std::unique_ptr<AnyIotlbReader>> readers;
};

// By the design's name.
class Designs : public testing::TestWithParam<std::string> {
 protected:
  struct Bed : IotlbBed {
    explicit Bed(const IotlbConfig& config, std::size_t count = 1)
        : IotlbBed(GetParam(), config, count) {}
  };
  static std::unique_ptr<IotlbControl> make(const IotlbConfig& config, Quiescence& quiescence) {
    return iotlbs().find(GetParam())->make(config, quiescence);
  }
};
INSTANTIATE_TEST_SUITE_P(Iotlbs, Designs, testing::ValuesIn(iotlbs().names()),
                         [](const auto& tested) { return identifier_of(tested.param); });

// Runs `check(config)` for every small shape and for the default one.
template <class F>
void in_every_shape(F&& check) {
  for (std::size_t which = 0; which < kSmallIotlbConfigs; ++which) {
    IotlbConfig config = small_iotlb_config(which);
    config.granule_shift = kGranuleShift4K;
    check(config);
    if (testing::Test::HasFatalFailure()) FAIL() << "shape " << which;
  }
  check(IotlbConfig{});
}

TEST(IotlbRegistry, HasEveryDesignOnceAndMakesIt) {
  std::set<IotlbDesign> designs;
  for (const auto& kind : iotlbs()) {
    EpochQuiescence quiescence;
    EXPECT_EQ(kind.make({}, quiescence)->design(), kind.design) << kind.name;
    EXPECT_TRUE(designs.insert(kind.design).second) << kind.name;
  }
  EXPECT_EQ(iotlbs().front().name, kDefaultIotlb);
}

TEST_P(Designs, EmptyMissesEverywhere) {
  in_every_shape([](const IotlbConfig& config) {
    Bed bed(config);
    for (const std::uint64_t at : {std::uint64_t{0}, kPage, ~std::uint64_t{0}}) {
      ASSERT_FALSE(bed.lookup({0}, at));
      ASSERT_FALSE(bed.lookup(kDomain, at));
    }
    ASSERT_EQ(bed.reader().stats().misses, 6u);
  });
}

TEST_P(Designs, HitAfterFillGivesAddressRightsAndBytesLeft) {
  in_every_shape([](const IotlbConfig& config) {
    Bed bed(config);
    bed.fill(kDomain, 0x5000, translation(0x5000, kPage, 0x9000, Permissions::kRead));
    const auto hit = bed.lookup(kDomain, 0x5abc);
    ASSERT_TRUE(hit);
    ASSERT_EQ(hit->phys, GuestPhys{0x9abc});
    ASSERT_EQ(hit->permissions, Permissions::kRead);
    ASSERT_EQ(hit->bytes_left, kPage - 0xabc);
    ASSERT_FALSE(bed.lookup(kDomain, 0x6000));
    ASSERT_FALSE(bed.lookup(kDomain, 0x4fff));
    const auto stats = bed.reader().stats();
    ASSERT_EQ(stats.hits, 1u);
    ASSERT_EQ(stats.misses, 2u);
    ASSERT_EQ(stats.fills, 1u);
  });
}

TEST_P(Designs, ABurstAnswersLikeSingleLookups) {
  in_every_shape([](const IotlbConfig& config) {
    Bed bed(config);
    bed.fill(kDomain, 0x5000, translation(0x5000, kPage, 0x9000, Permissions::kRead));
    {
      auto burst = bed.reader().burst(kDomain);
      const auto hit = burst->lookup({0x5fff});
      ASSERT_TRUE(hit);
      ASSERT_EQ(hit->phys, GuestPhys{0x9fff});
      ASSERT_EQ(hit->permissions, Permissions::kRead);
      ASSERT_EQ(hit->bytes_left, 1u);
      ASSERT_FALSE(burst->lookup({0x6000}));
    }
    bed.fill(kDomain, kLarge, translation(kLarge, kLarge, 0x100000));
    {
      auto burst = bed.reader().burst(kDomain);
      ASSERT_EQ(burst->lookup({kLarge + 5})->phys, GuestPhys{0x100005});
    }
    const auto stats = bed.reader().stats();
    ASSERT_EQ(stats.hits, 2u);
    ASSERT_EQ(stats.misses, 1u);
    auto other = bed.reader().burst({kDomain.value + 256});
    ASSERT_FALSE(other->lookup({0x5000}));
    bed.complete(bed.iotlb.invalidate(kDomain, IovaRange::of(0x5000, kPage)));
    auto later = bed.reader().burst(kDomain);
    ASSERT_FALSE(later->lookup({0x5000}));
  });
}

// The place tried first answers as lookup() does or says nothing, and counts nothing by itself.
TEST_P(Designs, TheHomeOfABurstNeverDisagrees) {
  in_every_shape([](const IotlbConfig& config) {
    Bed bed(config);
    for (std::uint64_t page = 0; page < 2 * config.entries; page += 3) {
      bed.fill(kDomain, page * kPage, translation(page * kPage, kPage, (page + 7) * kPage));
    }
    const auto before = bed.reader().stats();
    std::uint64_t at_home = 0;
    std::uint64_t looked_up = 0;
    {
      auto burst = bed.reader().burst(kDomain);
      for (std::uint64_t page = 0; page < 2 * config.entries; ++page) {
        const Iova at{page * kPage + 5};
        const auto home = burst->lookup_home(at);
        if (home) {
          ++at_home;
          burst->count_hits(1);
        }
        const auto hit = burst->lookup(at);
        looked_up += hit.has_value();
        if (!home) continue;
        ASSERT_TRUE(hit);
        ASSERT_EQ(home->phys, hit->phys);
        ASSERT_EQ(home->permissions, hit->permissions);
        ASSERT_EQ(home->bytes_left, hit->bytes_left);
      }
    }
    ASSERT_EQ(bed.reader().stats().hits - before.hits, at_home + looked_up);
    bed.complete(bed.iotlb.invalidate_domain(kDomain));
    auto later = bed.reader().burst(kDomain);
    for (std::uint64_t page = 0; page < 2 * config.entries; ++page) {
      ASSERT_FALSE(later->lookup_home({page * kPage}));
    }
  });
}

TEST_P(Designs, C3_EveryCombinationOfRightsIsKept) {
  Bed bed({});
  for (std::uint8_t bits = 0; bits < 8; ++bits) {
    const std::uint64_t at = bits * kPage;
    bed.fill(kDomain, at, translation(at, kPage, 0x100000, static_cast<Permissions>(bits)));
    ASSERT_EQ(bed.lookup(kDomain, at)->permissions, static_cast<Permissions>(bits));
  }
}

TEST_P(Designs, TheEndsOfTheAddressSpacesAreOrdinaryAddresses) {
  in_every_shape([](const IotlbConfig& config) {
    Bed bed(config);
    const std::uint64_t top = ~std::uint64_t{0} - (kPage - 1);
    bed.fill({~0u}, top, translation(top, kPage, top));
    ASSERT_EQ(bed.lookup({~0u}, ~std::uint64_t{0})->phys, GuestPhys{~std::uint64_t{0}});
    ASSERT_FALSE(bed.lookup({0}, 0));
    bed.fill({0}, 0, translation(0, kPage, 0));
    ASSERT_EQ(bed.lookup({0}, 0)->phys, GuestPhys{0});
    bed.complete(bed.iotlb.invalidate({~0u}, {{top}, {~std::uint64_t{0}}}));
    ASSERT_FALSE(bed.lookup({~0u}, top));
  });
}

TEST_P(Designs, DomainsDoNotSeeEachOther) {
  in_every_shape([](const IotlbConfig& config) {
    Bed bed(config);
    // Tags that share context slots (256 apart), generation counters (1024 apart), or neither.
    for (const std::uint32_t other :
         {kDomain.value + 1, kDomain.value + 256, kDomain.value + 1024}) {
      bed.fill(kDomain, 0x5000, translation(0x5000, kPage, 0x9000));
      ASSERT_FALSE(bed.lookup({other}, 0x5000));
      bed.fill({other}, 0x5000, translation(0x5000, kPage, 0xb000));
      ASSERT_EQ(bed.lookup({other}, 0x5000)->phys, GuestPhys{0xb000});
      const auto first = bed.lookup(kDomain, 0x5000);
      ASSERT_TRUE(!first || first->phys == GuestPhys{0x9000});
    }
  });
}

TEST_P(Designs, AReincarnatedDomainStartsEmpty) {
  Bed bed({});
  bed.fill(kDomain, 0x5000, translation(0x5000, kPage, 0x9000));
  ASSERT_TRUE(bed.lookup(kDomain, 0x5000));
  EXPECT_FALSE(bed.lookup({kDomain.value + 1}, 0x5000));
}

TEST_P(Designs, InvalidatedRangesAreGoneFromEveryReader) {
  in_every_shape([](const IotlbConfig& config) {
    Bed bed(config, 3);
    for (std::size_t i = 0; i < 3; ++i) {
      bed.fill(kDomain, 0x5000, translation(0x5000, kPage, 0x9000), i);
      ASSERT_TRUE(bed.lookup(kDomain, 0x5000, i));
    }
    bed.complete(bed.iotlb.invalidate(kDomain, IovaRange::of(0x5000, kPage)));
    for (std::size_t i = 0; i < 3; ++i) ASSERT_FALSE(bed.lookup(kDomain, 0x5000, i));
    bed.fill(kDomain, 0x5000, translation(0x5000, kPage, 0xd000), 1);
    ASSERT_EQ(bed.lookup(kDomain, 0x5000, 1)->phys, GuestPhys{0xd000});
  });
}

// Ranges that are not aligned, one byte long, or reach over many granules, up to everything.
TEST_P(Designs, AnyOverlapInvalidates) {
  const std::vector<IovaRange> ranges{
      {{0x5fff}, {0x5fff}}, {{0x4fff}, {0x5000}}, {{0x5000}, {0x5000}},   {{0x5800}, {0x6800}},
      {{0}, {0x5000}},      {{0}, {kLarge * 64}}, {{0x5123}, {0x100000}}, IovaRange::all(),
  };
  in_every_shape([&](const IotlbConfig& config) {
    Bed bed(config);
    for (const auto& range : ranges) {
      bed.fill(kDomain, 0x5000, translation(0x5000, kPage, 0x9000));
      ASSERT_TRUE(bed.lookup(kDomain, 0x5000));
      bed.complete(bed.iotlb.invalidate(kDomain, range));
      ASSERT_FALSE(bed.lookup(kDomain, 0x5000)) << range.first.value << " " << range.last.value;
    }
  });
}

TEST_P(Designs, AWholeDomainGoesAtOnce) {
  in_every_shape([](const IotlbConfig& config) {
    Bed bed(config);
    for (std::uint64_t page = 0; page < 64; ++page) {
      bed.fill(kDomain, page * kPage, translation(page * kPage, kPage, page * kPage));
    }
    bed.fill(kDomain, kLarge, translation(kLarge, kLarge, kLarge));
    bed.complete(bed.iotlb.invalidate_domain(kDomain));
    for (std::uint64_t page = 0; page < 64; ++page) ASSERT_FALSE(bed.lookup(kDomain, page * kPage));
    ASSERT_FALSE(bed.lookup(kDomain, kLarge));
  });
}

TEST_P(Designs, LargeTranslationsAreOneEntry) {
  in_every_shape([](const IotlbConfig& config) {
    Bed bed(config);
    // Larger than 2 MiB, and physically aligned to 4 KiB only.
    const auto mapping = translation(kLarge, 2 * kLarge, 0x7000, Permissions::kWrite);
    bed.fill(kDomain, kLarge + 0x12345, mapping);
    for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{0x54321}, kLarge - 1}) {
      const auto hit = bed.lookup(kDomain, kLarge + offset);
      ASSERT_TRUE(hit);
      ASSERT_EQ(hit->phys, GuestPhys{0x7000 + offset});
      ASSERT_EQ(hit->permissions, Permissions::kWrite);
      ASSERT_GE(hit->bytes_left, kLarge - offset);
    }
    // One byte of the region is enough to lose it.
    bed.complete(bed.iotlb.invalidate(kDomain, IovaRange::of(kLarge + 0x100000, 1)));
    ASSERT_FALSE(bed.lookup(kDomain, kLarge + 0x100000));
  });
}

TEST_P(Designs, AnExtentThatCoversNoWholeGranuleIsRefused) {
  Bed bed({});
  bed.fill(kDomain, 0x5000, translation(0x8000, kPage, 0x9000));  // Not even the address.
  EXPECT_FALSE(bed.lookup(kDomain, 0x5000));
  EXPECT_EQ(bed.reader().stats().refused_fills, 1u);
}

// The walk reads the store, the engine unmaps and invalidates, then the fill arrives.
TEST_P(Designs, AStaleFillIsNeverFound) {
  const std::vector<IovaRange> ranges{IovaRange::of(0x5000, kPage), IovaRange::of(0, 4 * kLarge)};
  in_every_shape([&](const IotlbConfig& config) {
    for (const auto& range : ranges) {
      for (const bool large : {false, true}) {
        for (const bool looked_up_between : {false, true}) {
          Bed bed(config, 2);
          const auto what = large ? translation(0, kLarge, 0) : translation(0x5000, kPage, 0x9000);
          const auto ticket = bed.reader().begin_fill(kDomain, {0x5000});
          const auto token = bed.iotlb.invalidate(kDomain, range);
          if (looked_up_between) bed.lookup(kDomain, 0x5000);
          bed.reader().fill(ticket, kDomain, {0x5000}, what);
          ASSERT_FALSE(bed.lookup(kDomain, 0x5000));
          bed.complete(token);
          for (std::size_t i = 0; i < 2; ++i) ASSERT_FALSE(bed.lookup(kDomain, 0x5000, i));
        }
      }
    }
  });
}

// A reader that slept through the invalidation, and through more of them than any log holds.
TEST_P(Designs, AnOfflineReaderIsNotWaitedForAndReturnsNothingStale) {
  for (const int count : {1, 100, 5000}) {
    Bed bed({});
    bed.fill(kDomain, 0x5000, translation(0x5000, kPage, 0x9000));
    bed.fill(kDomain, kLarge, translation(kLarge, kLarge, 0));
    bed.quiescence.offline(bed.ids[0]);
    InvalidationToken token = 0;
    for (int i = 0; i < count; ++i) {
      token = bed.iotlb.invalidate(kDomain, IovaRange::of(i == 0 ? 0x5000 : kLarge, kPage));
    }
    const auto grace = bed.quiescence.start();
    ASSERT_TRUE(bed.quiescence.passed(grace));
    ASSERT_TRUE(bed.iotlb.completed(token));
    ASSERT_EQ(bed.iotlb.laggard(token), std::nullopt);
    const ReaderSection section(bed.quiescence, bed.ids[0]);
    ASSERT_FALSE(bed.lookup(kDomain, 0x5000));
    ASSERT_EQ(bed.lookup(kDomain, kLarge).has_value() && count > 1, false);
  }
}

// Whoever is named keeps the invalidation open; when it yields, it completes.
TEST_P(Designs, C5_WhoKeepsAnInvalidationOpenIsNamed) {
  Bed bed({}, 2);
  bed.fill(kDomain, 0x5000, translation(0x5000, kPage, 0x9000), 1);
  bed.reader(0).quiescent();
  const auto token = bed.iotlb.invalidate(kDomain, IovaRange::of(0x5000, kPage));
  bed.reader(0).quiescent();
  bed.quiescence.quiescent(bed.ids[0]);
  if (bed.iotlb.completed(token)) {
    EXPECT_EQ(bed.iotlb.laggard(token), std::nullopt);
    EXPECT_FALSE(bed.lookup(kDomain, 0x5000, 1));
    return;
  }
  EXPECT_EQ(bed.iotlb.laggard(token), bed.ids[1]);
  bed.reader(1).quiescent();
  bed.quiescence.quiescent(bed.ids[1]);
  EXPECT_TRUE(bed.iotlb.completed(token));
  EXPECT_EQ(bed.iotlb.laggard(token), std::nullopt);
}

// More generations than there are context ids (4096), with every old entry still in its place.
TEST_P(Designs, GenerationsThatWrapAroundFindNothingOld) {
  Bed bed({});
  constexpr std::uint64_t kRounds = 10000;
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    const std::uint64_t at = round * kPage;
    bed.fill(kDomain, at, translation(at, kPage, at));
    ASSERT_TRUE(bed.lookup(kDomain, at));
    bed.complete(bed.iotlb.invalidate_domain(kDomain));
    // Ask again for what was filled under every id that could come back now.
    bed.fill(kDomain, kRounds * kPage, translation(kRounds * kPage, kPage, 0));
    for (std::uint64_t age = 3800; age < 4100 && age <= round; ++age) {
      ASSERT_FALSE(bed.lookup(kDomain, (round - age) * kPage)) << "of " << age << " rounds ago";
    }
  }
}

TEST_P(Designs, EvictionNeverCorrupts) {
  in_every_shape([](const IotlbConfig& config) {
    Bed bed(config, 2);
    std::uint64_t hits = 0;
    for (std::uint64_t i = 0; i < 2000; ++i) {
      const std::uint64_t page = (i * 7919) % 256;
      const std::uint64_t at = page * kPage;
      bed.fill(kDomain, at, translation(at, kPage, (page + 1000) * kPage), i % 2);
      const std::uint64_t other = (i * 104729) % 256;
      if (const auto hit = bed.lookup(kDomain, other * kPage, i % 2)) {
        ++hits;
        ASSERT_EQ(hit->phys, GuestPhys{(other + 1000) * kPage});
      }
    }
    ASSERT_GT(hits, 0u);
  });
}

// As many dense pages as there are entries all stay (the baseline holds 2048).
TEST_P(Designs, ADenseRegionOfAllEntriesFits) {
  for (const unsigned ways : {1u, 2u, 4u, 8u, 16u}) {
    IotlbConfig config;
    config.entries = 2048;
    config.ways = ways;
    Bed bed(config);
    for (std::uint64_t page = 0; page < 2048; ++page) {
      bed.fill(kDomain, page * kPage, translation(page * kPage, kPage, page * kPage));
    }
    for (std::uint64_t page = 0; page < 2048; ++page) {
      ASSERT_EQ(bed.lookup(kDomain, page * kPage)->phys, GuestPhys{page * kPage}) << page;
    }
  }
}

TEST_P(Designs, AddReaderBeyondTheLimitIsAnError) {
  IotlbConfig config;
  config.max_readers = 1;
  EpochQuiescence quiescence;
  const auto iotlb = make(config, quiescence);
  ASSERT_TRUE(iotlb->add_reader({0}));
  EXPECT_FALSE(iotlb->add_reader({1}));
}

TEST_P(Designs, ResidentBytesGrowWithTheEntries) {
  EpochQuiescence quiescence;
  IotlbConfig small;
  small.entries = 256;
  IotlbConfig big;
  big.entries = 4096;
  const auto a = make(small, quiescence);
  const auto b = make(big, quiescence);
  ASSERT_TRUE(a->add_reader({0}));
  ASSERT_TRUE(b->add_reader({0}));
  EXPECT_GE(b->resident_bytes(), a->resident_bytes() + 16 * (2048 - 256));
}

TEST_P(Designs, RandomHistoriesAgreeWithTheOracle) {
  std::uint64_t hits = 0;
  const bool ok = rc::check(GetParam(), [&](std::uint8_t shape) {
    const auto bytes = *rc::gen::resize(1000, rc::gen::arbitrary<std::vector<std::uint8_t>>());
    IotlbHistory history(*iotlbs().find(GetParam()), small_iotlb_config(shape));
    const auto failure = history.play(bytes);
    if (failure) RC_FAIL(*failure);
    hits += history.hits();
  });
  EXPECT_TRUE(ok);
  EXPECT_GT(hits, 0u) << "no history ever hit: the oracle checked nothing";
}

TEST_P(Designs, SeededHistoriesAgreeWithTheOracle) {
  std::uint64_t hits = 0;
  for (std::uint64_t seed = 0; seed < 2 * kSmallIotlbConfigs; ++seed) {
    Rng rng(seed);
    std::vector<std::uint8_t> bytes(6000);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng());
    IotlbHistory history(*iotlbs().find(GetParam()), small_iotlb_config(seed));
    const auto failure = history.play(bytes);
    ASSERT_FALSE(failure) << "seed " << seed << ": " << *failure;
    hits += history.hits();
  }
  EXPECT_GT(hits, 10000u);
}

}  // namespace
}  // namespace violet::iotlb_test
