#include "gui/compare/divergence.hpp"

#include <gtest/gtest.h>

#include "experiments/query/fake_run_testing.hpp"

namespace violet::gui {
using namespace query;
namespace {

EventLine call(std::uint64_t number, Nanos at, EventKind kind, std::uint32_t bytes,
               std::uint32_t endpoint = 0x28, std::uint8_t direction = 2) {
  EventLine line;
  line.number = number;
  line.at = at;
  line.event.kind = kind;
  line.event.id = endpoint;
  line.event.a = 0x1000 * number;  // Addresses differ between strategies.
  line.event.b = bytes | std::uint64_t{7} << 32;
  line.event.status = static_cast<std::uint8_t>(direction | 3u << 2);
  return line;
}

// `calls` maps and unmaps of 1500 bytes, `pace` nanoseconds apart.
FakeCell cellOf(std::uint64_t calls, Nanos pace) {
  FakeCell cell;
  cell.about.whole = {0, static_cast<Nanos>(calls) * pace};
  cell.about.kept_until = cell.about.whole.to;
  for (std::uint64_t i = 0; i < calls; ++i) {
    const auto kind = i % 2 == 0 ? EventKind::kDmaMap : EventKind::kDmaUnmap;
    cell.lines.push_back(call(i, static_cast<Nanos>(i) * pace, kind, 1500));
  }
  return cell;
}

TEST(Divergence, TimesAndAddressesDoNotCount) {
  FakeCell a = cellOf(1000, 10), b = cellOf(1000, 17);
  for (auto& line : b.lines) line.event.a += 0x7000;
  const Divergence found = findDivergence(a, b, 500);
  EXPECT_EQ(found.kind, Divergence::Kind::kNone);
  EXPECT_EQ(found.compared, 500u);
  EXPECT_EQ(divergenceText(found, "a", "b"), "a and b: the same in the first 500 calls");
}

TEST(Divergence, TheFirstOtherCallIsFound) {
  FakeCell a = cellOf(1000, 10), b = cellOf(1000, 10);
  b.lines[321].event.b = 64 | std::uint64_t{7} << 32;
  b.lines[400].event.id = 0x99;
  const Divergence found = findDivergence(a, b);
  EXPECT_EQ(found.kind, Divergence::Kind::kDiffers);
  EXPECT_EQ(found.compared, 321u);
  EXPECT_EQ(found.second->bytes, 64u);
  const QString says = divergenceText(found, "strict", "lazy");
  EXPECT_TRUE(says.contains("strict and lazy first differ at call 322")) << says.toStdString();
  EXPECT_TRUE(says.contains("against unmap 64 B from the device (0x28)"));
}

TEST(Divergence, KindEndpointAndDirectionCount) {
  for (int what = 0; what < 3; ++what) {
    FakeCell a = cellOf(100, 10), b = cellOf(100, 10);
    if (what == 0) b.lines[50].event.kind = EventKind::kDmaUnmap;
    if (what == 1) b.lines[50].event.id = 0x30;
    if (what == 2) b.lines[50].event.status = 1;
    EXPECT_EQ(findDivergence(a, b).compared, 50u) << what;
  }
}

TEST(Divergence, AStreamThatEndsHasNotDiverged) {
  FakeCell a = cellOf(40'000, 10), b = cellOf(39'000, 10);
  const Divergence found = findDivergence(a, b);
  EXPECT_EQ(found.kind, Divergence::Kind::kEnds);
  EXPECT_EQ(found.compared, 39'000u);
  EXPECT_TRUE(divergenceText(found, "a", "b")
                  .contains("the same 39,000 calls; then b ends: its measurement"))
      << divergenceText(found, "a", "b").toStdString();
}

TEST(Divergence, OtherEventsAreSkipped) {
  FakeCell a = cellOf(10, 10), b = cellOf(10, 10);
  b.lines.insert(b.lines.begin() + 3, call(99, 25, EventKind::kKick, 1));
  EXPECT_EQ(findDivergence(a, b).kind, Divergence::Kind::kEnds);
  EXPECT_EQ(findDivergence(a, b).compared, 10u);
}

TEST(Divergence, LostEventsMakeNumbersMeaningless) {
  FakeCell a = cellOf(10, 10), b = cellOf(10, 10);
  b.about.lost = 3;
  const Divergence found = findDivergence(a, b);
  EXPECT_EQ(found.kind, Divergence::Kind::kUnknown);
  EXPECT_TRUE(divergenceText(found, "a", "b").contains("not available, because it lost 3 events"));
}

TEST(Divergence, MappingsThatStayAreNotCompared) {
  FakeCell a = cellOf(10, 10), b = cellOf(10, 10);
  b.lines[4].event.status |= 1u << 5;
  const Divergence found = findDivergence(a, b);
  EXPECT_EQ(found.kind, Divergence::Kind::kUnknown);
  EXPECT_TRUE(found.because.contains("mappings that stay")) << found.because.toStdString();
}

TEST(Divergence, TakingTheTestbedDownIsNoPartOfTheWorkload) {
  FakeCell a = cellOf(10, 10), b = cellOf(10, 10);
  b.about.measured = {0, 59};
  b.lines[7].event.kind = EventKind::kDmaMap;
  const Divergence found = findDivergence(a, b);
  EXPECT_EQ(found.kind, Divergence::Kind::kEnds);
  EXPECT_EQ(found.compared, 6u);
}

TEST(Divergence, NothingToCompareIsSaid) {
  FakeCell a = cellOf(0, 10), b = cellOf(10, 10);
  EXPECT_EQ(findDivergence(a, b).kind, Divergence::Kind::kUnknown);
}

}  // namespace
}  // namespace violet::gui
