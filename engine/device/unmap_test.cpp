// UNMAP: D30 to D34 and the seven examples of the specification.
#include <gtest/gtest.h>

#include <vector>

#include "engine/device/all_pairs_testing.hpp"

namespace violet::unmap_test {
namespace {

using protocol::Status;

class Unmap : public OnAllPairs {};
INSTANTIATE_TEST_SUITE_P(Pairs, Unmap, testing::ValuesIn(all_pairs()), pair_name);

struct Example {
  std::vector<IovaRange> mapped;  // In units of pages, inclusive.
  IovaRange unmapped;
  Status status;
  std::vector<IovaRange> left;
};

std::vector<Example> specification_examples() {
  const auto r = [](std::uint64_t first, std::uint64_t last) { return IovaRange{{first}, {last}}; };
  return {
      {{}, r(0, 4), Status::kOk, {}},
      {{r(0, 9)}, r(0, 9), Status::kOk, {}},
      {{r(0, 4), r(5, 9)}, r(0, 9), Status::kOk, {}},
      {{r(0, 9)}, r(0, 4), Status::kRange, {r(0, 9)}},
      {{r(0, 4), r(5, 9)}, r(0, 4), Status::kOk, {r(5, 9)}},
      {{r(0, 4)}, r(0, 9), Status::kOk, {}},
      {{r(0, 4), r(10, 14)}, r(0, 14), Status::kOk, {}},
  };
}

TEST_P(Unmap, D33_D34_TheSevenExamplesOfTheSpecification) {
  int number = 0;
  for (const auto& example : specification_examples()) {
    SCOPED_TRACE(++number);
    Rig rig;
    rig.attach(1, 8);
    for (const auto& m : example.mapped) {
      ASSERT_EQ(rig.map(1, m.first.value * kPage, m.last.value * kPage + kLast, 0), Status::kOk);
    }
    const auto& u = example.unmapped;
    EXPECT_EQ(rig.unmap(1, u.first.value * kPage, u.last.value * kPage + kLast), example.status);
    for (std::uint64_t page = 0; page < 16; ++page) {
      const bool expected = std::any_of(example.left.begin(), example.left.end(),
                                        [&](const auto& r) { return r.contains(Iova{page}); });
      EXPECT_EQ(rig.reaches(8, page * kPage).has_value(), expected) << "page " << page;
    }
  }
}

TEST_P(Unmap, D30_NonZeroReservedIsInvalAndRemovesNothing) {
  Rig rig;
  rig.attach(1, 8);
  rig.map(1, 0, kLast, 0x5000);
  auto wire = unmap_wire(1, 0, kLast);
  wire.reserved[3] = 1;
  EXPECT_EQ(rig.send(wire), Status::kInval);
  EXPECT_TRUE(rig.reaches(8, 0));
}

TEST_P(Unmap, D31_UnknownDomainIsNoEnt) {
  Rig rig;
  rig.attach(1, 8);
  EXPECT_EQ(rig.unmap(2, 0, kLast), Status::kNoEnt);
}

TEST_P(Unmap, D32_BypassDomainIsInval) {
  Rig rig;
  rig.attach(1, 8, protocol::kAttachBypass);
  EXPECT_EQ(rig.unmap(1, 0, kLast), Status::kInval);
}

TEST_P(Unmap, D33_SplitIsRejectedAndRemovesNothing) {
  Rig rig;
  rig.attach(1, 8);
  // Whole mappings before and after the one that would be split: all of them must stay.
  rig.map(1, 0, kLast, 0);
  rig.map(1, kPage, 3 * kPage - 1, 0x10000);
  rig.map(1, 3 * kPage, 4 * kPage - 1, 0x20000);
  EXPECT_EQ(rig.unmap(1, 0, 2 * kPage - 1), Status::kRange);
  EXPECT_EQ(rig.unmap(1, 2 * kPage, 4 * kPage - 1), Status::kRange);
  for (std::uint64_t page = 0; page < 4; ++page) EXPECT_TRUE(rig.reaches(8, page * kPage));
}

TEST_P(Unmap, D33_AnUnalignedEdgeInsideAMappingWouldSplitIt) {
  Rig rig;
  rig.attach(1, 8);
  rig.map(1, kPage, 2 * kPage - 1, 0);
  EXPECT_EQ(rig.unmap(1, kPage, 2 * kPage - 2), Status::kRange);
  EXPECT_EQ(rig.unmap(1, kPage + 1, 2 * kPage - 1), Status::kRange);
  EXPECT_EQ(rig.unmap(1, kPage + 8, kPage + 16), Status::kRange);
  EXPECT_TRUE(rig.reaches(8, kPage));
}

TEST_P(Unmap, D34_AnUnalignedEdgeInAHoleIsFine) {
  Rig rig;
  rig.attach(1, 8);
  rig.map(1, kPage, 2 * kPage - 1, 0);
  EXPECT_EQ(rig.unmap(1, 8, 16), Status::kOk);  // Less than a granule, of nothing.
  EXPECT_TRUE(rig.reaches(8, kPage));
  EXPECT_EQ(rig.unmap(1, 17, 2 * kPage + 5), Status::kOk);
  EXPECT_FALSE(rig.reaches(8, kPage));
}

TEST_P(Unmap, D34_TheWholeSpaceIsARange) {
  Rig rig;
  rig.attach(1, 8);
  rig.map(1, 0, kLast, 0);
  rig.map(1, ~std::uint64_t{0} - kLast, ~std::uint64_t{0}, 0x7000);
  EXPECT_EQ(rig.reaches(8, ~std::uint64_t{0}), 0x7fff);
  EXPECT_EQ(rig.unmap(1, 0, ~std::uint64_t{0}), Status::kOk);
  EXPECT_FALSE(rig.reaches(8, 0));
  EXPECT_FALSE(rig.reaches(8, ~std::uint64_t{0}));
}

TEST_P(Unmap, D34_BeyondTheInputRangeThereIsNothingToRemove) {
  DeviceConfig config = rig_config();
  config.input_range = {{0x10000}, {0x1ffff}};
  Rig rig(config);
  rig.attach(1, 8);
  rig.map(1, 0x10000, 0x10fff, 0);
  EXPECT_EQ(rig.unmap(1, 0, 0xffff), Status::kOk);
  EXPECT_TRUE(rig.reaches(8, 0x10000));
  EXPECT_EQ(rig.unmap(1, 0, ~std::uint64_t{0}), Status::kOk);
  EXPECT_FALSE(rig.reaches(8, 0x10000));
}

TEST_P(Unmap, ARangeThatEndsBeforeItStartsIsInval) {
  Rig rig;
  rig.attach(1, 8);
  rig.map(1, 0, kLast, 0);
  EXPECT_EQ(rig.unmap(1, kPage, kLast), Status::kInval);
  EXPECT_EQ(rig.unmap(1, ~std::uint64_t{0}, 0), Status::kInval);
  EXPECT_TRUE(rig.reaches(8, 0));
}

TEST_P(Unmap, WithoutMapUnmapNegotiatedIsUnsupp) {
  Rig rig(rig_config(), false);
  rig.attach(1, 8);
  EXPECT_EQ(rig.map(1, 0, kLast, 0), Status::kUnsupp);
  EXPECT_EQ(rig.unmap(1, 0, kLast), Status::kUnsupp);
}

TEST_P(Unmap, ALargeRangeIsDoneInSlicesWithOneAnswer) {
  DeviceConfig config = rig_config();
  config.unmap_slice = 10;
  Rig rig(config);
  rig.attach(1, 8);
  for (std::uint64_t page = 0; page < 100; ++page) {
    ASSERT_EQ(rig.map(1, page * kPage, page * kPage + kLast, page * kPage), Status::kOk);
  }
  const auto unmap = rig.requests.push_wire(unmap_wire(1, 0, 100 * kPage - 1));
  const auto map = rig.requests.push_wire(map_wire(1, 0, kLast, 0x9000));
  int polls = 0;
  for (; !rig.requests.done(unmap); ++polls) rig.device->poll(2);
  EXPECT_GE(polls, 8);
  rig.poll_until_idle();
  EXPECT_EQ(rig.requests.status(unmap), Status::kOk);
  EXPECT_EQ(rig.requests.status(map), Status::kOk);  // It kept its place behind the UNMAP.
  EXPECT_EQ(rig.reaches(8, 0), 0x9000);
  for (std::uint64_t page = 1; page < 100; ++page) EXPECT_FALSE(rig.reaches(8, page * kPage));
}

}  // namespace
}  // namespace violet::unmap_test
