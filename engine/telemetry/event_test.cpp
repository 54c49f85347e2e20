#include "engine/telemetry/event.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "engine/telemetry/event_bodies.hpp"

namespace violet {
namespace {

TEST(PackTicks, IsExactForShortTimes) {
  for (Ticks ticks = 0; ticks <= 4095; ++ticks) ASSERT_EQ(unpack_ticks(pack_ticks(ticks)), ticks);
}

TEST(PackTicks, IsRightToOnePartIn2048AndNeverTooLong) {
  for (unsigned exponent = 11; exponent < 42; ++exponent) {
    const Ticks low = Ticks{1} << exponent;
    for (Ticks step = 0; step < 997; ++step) {
      const Ticks ticks = low + step * (low / 997) + step;
      const Ticks back = unpack_ticks(pack_ticks(ticks));
      ASSERT_LE(back, ticks);
      ASSERT_LT(static_cast<double>(ticks - back), static_cast<double>(ticks) / 2048) << ticks;
    }
  }
}

TEST(PackTicks, KeepsTheOrder) {
  std::uint16_t last = 0;
  for (Ticks ticks = 1; ticks < Ticks{1} << 44; ticks += 1 + ticks / 5000) {
    const std::uint16_t packed = pack_ticks(ticks);
    ASSERT_GE(packed, last) << ticks;
    last = packed;
  }
}

TEST(PackTicks, EveryPackedTimeStandsForItself) {
  for (unsigned packed = 0; packed <= 0xffff; ++packed) {
    ASSERT_EQ(pack_ticks(unpack_ticks(static_cast<std::uint16_t>(packed))), packed);
  }
}

TEST(PackTicks, SaturatesAtTheLongestTime) {
  const Ticks longest = (Ticks{1} << 42) - (Ticks{1} << 30);
  EXPECT_EQ(unpack_ticks(0xffff), longest);
  EXPECT_EQ(pack_ticks(longest), 0xffff);
  EXPECT_EQ(pack_ticks(Ticks{1} << 42), 0xffff);
  EXPECT_EQ(pack_ticks(~Ticks{0}), 0xffff);
}

// The file format: what stands where in an event of each kind.
struct BodyCase {
  Event made;
  Event bytes;
};
const BodyCase kBodies[] = {
    {MappingEvent{{7}, {{0x1000}, {0x1fff}}, Permissions::kWrite}.event(EventKind::kMapDone, 5),
     {5, EventKind::kMapDone, 2, 0, 7, 0x1000, 0x1fff}},
    {MappingEvent{{7}, IovaRange::all()}.event(EventKind::kUnmapCompleted, 5),
     {5, EventKind::kUnmapCompleted, 0, 0, 7, 0, ~std::uint64_t{0}}},
    {AttachEvent{{3}, {9}}.event(EventKind::kDetach, 5), {5, EventKind::kDetach, 0, 0, 3, 9, 0}},
    {FaultEvent{{3}, {0x1000}, 2}.event(5), {5, EventKind::kFault, 2, 0, 3, 0x1000, 0}},
    {StallEvent{4, 1000}.event(5), {5, EventKind::kInvalidationStalled, 0, 0, 4, 1000, 0}},
    {DmaEvent{{3}, {0x1010}, 1500, 0x80, Permissions::kRead, Permissions::kReadWrite, true}.event(
         EventKind::kDmaUnmap, 5, 200),
     {5, EventKind::kDmaUnmap, 1 | 3 << 2 | 1 << 5, 200, 3, 0x1010,
      1500 | std::uint64_t{0x80} << 32}},
    {DmaEvent{.endpoint = {3}, .iova = {0x1000}, .bytes = 64, .kept = true}.event(
         EventKind::kDmaMap, 5),
     {5, EventKind::kDmaMap, 1 << 6, 0, 3, 0x1000, 64}},
    {FlushEvent{{7}, 256}.event(5, 200), {5, EventKind::kFlush, 0, 200, 7, 256, 0}},
    {KickEvent{12}.event(5), {5, EventKind::kKick, 0, 0, 0, 12, 0}},
    {TranslateEvent{{3}, {0x1000}, 4096, TranslateEvent::Outcome::kFault}.event(5, 200),
     {5, EventKind::kTranslate, 2, 200, 3, 0x1000, 4096}},
    {ProbeEvent{{3}, {0x1000}, Access::kWrite, true}.event(5),
     {5, EventKind::kRogueProbe, 1, 0, 3, 0x1000, 2}},
    {CopyEvent{{3}, {0x1000}, 1500}.event(5, 200), {5, EventKind::kCopy, 0, 200, 3, 0x1000, 1500}},
    {MarkEvent{2, 6, Phase::kTakeDown}.event(5), {5, EventKind::kMark, 2, 0, 2, 6, 0}},
    {SampleEvent{Gauge::kFaults, 1, 77}.event(5), {5, EventKind::kSample, 1, 0, 13, 77, 0}},
    {RegionEvent{{3}, {{0x1000}, {0x1fff}}, 1}.event(5),
     {5, EventKind::kEndpoint, 1, 0, 3, 0x1000, 0x1fff}},
    {RegionEvent::none({3}).event(5), {5, EventKind::kEndpoint, 0, 0, 3, 1, 0}},
    {TargetEvent{{7}, {0x1000}, {0x80000}, 3}.event(5),
     {5, EventKind::kMapTarget, 3, 0, 7, 0x1000, 0x80000}},
    {AccessEvent{{3}, {0x1000}, 64, Access::kWrite, 4}.event(5, 200),
     {5, EventKind::kAccess, 2 | 4 << 2, 200, 3, 0x1000, 64}},
};

TEST(EventBodies, KeepTheBytesOfTheFormat) {
  for (const auto& [made, bytes] : kBodies) {
    EXPECT_EQ(std::memcmp(&made, &bytes, sizeof(Event)), 0)
        << static_cast<unsigned>(bytes.kind) << ": " << unsigned{made.status} << ' ' << made.took
        << ' ' << made.id << ' ' << made.a << ' ' << made.b;
  }
}

template <class Body>
void expect_same(const Event& event) {
  const Body body = Body::of(event);
  Event again{};
  if constexpr (requires { body.event(event.kind, event.at, event.duration()); }) {
    again = body.event(event.kind, event.at, event.duration());
  } else if constexpr (requires { body.event(event.kind, event.at); }) {
    again = body.event(event.kind, event.at);
  } else if constexpr (requires { body.event(event.at, event.duration()); }) {
    again = body.event(event.at, event.duration());
  } else {
    again = body.event(event.at);
  }
  EXPECT_EQ(std::memcmp(&event, &again, sizeof(Event)), 0) << static_cast<unsigned>(event.kind);
}

TEST(EventBodies, AreReadAsTheyWereWritten) {
  for (const auto& [event, bytes] : kBodies) {
    switch (event.kind) {
      case EventKind::kAttach:
      case EventKind::kDetach:
        expect_same<AttachEvent>(event);
        break;
      case EventKind::kFault:
        expect_same<FaultEvent>(event);
        break;
      case EventKind::kInvalidationStalled:
        expect_same<StallEvent>(event);
        break;
      case EventKind::kDmaMap:
      case EventKind::kDmaUnmap:
        expect_same<DmaEvent>(event);
        break;
      case EventKind::kFlush:
        expect_same<FlushEvent>(event);
        break;
      case EventKind::kKick:
        expect_same<KickEvent>(event);
        break;
      case EventKind::kTranslate:
        expect_same<TranslateEvent>(event);
        break;
      case EventKind::kRogueProbe:
        expect_same<ProbeEvent>(event);
        break;
      case EventKind::kCopy:
        expect_same<CopyEvent>(event);
        break;
      case EventKind::kMark:
        expect_same<MarkEvent>(event);
        break;
      case EventKind::kSample:
        expect_same<SampleEvent>(event);
        break;
      case EventKind::kEndpoint:
        expect_same<RegionEvent>(event);
        break;
      case EventKind::kMapTarget:
        expect_same<TargetEvent>(event);
        break;
      case EventKind::kAccess:
        expect_same<AccessEvent>(event);
        break;
      default:
        expect_same<MappingEvent>(event);
        break;
    }
  }
}

TEST(EventTraits, SayWhoseAnEventIs) {
  EXPECT_EQ(traits_of(EventKind::kMapTarget).source, EventSource::kEngine);
  EXPECT_EQ(traits_of(EventKind::kInvalidationStalled).source, EventSource::kEngine);
  EXPECT_EQ(traits_of(EventKind::kAccess).source, EventSource::kReader);
  EXPECT_TRUE(traits_of(EventKind::kDetach).changes_mappings);
  EXPECT_FALSE(traits_of(EventKind::kMapTarget).changes_mappings);
  EXPECT_EQ(traits_of(static_cast<EventKind>(200)).source, EventSource::kNone);
  for (std::size_t kind = 1; kind < kEventKinds; ++kind) {
    EXPECT_NE(traits_of(static_cast<EventKind>(kind)).source, EventSource::kNone) << kind;
  }
}

TEST(EventTraits, SayWhichAddressesAnEventIsAbout) {
  const auto dma = [](std::uint64_t iova, std::uint32_t bytes) {
    return addresses_of(
        DmaEvent{.endpoint = {1}, .iova = {iova}, .bytes = bytes}.event(EventKind::kDmaMap, 1));
  };
  EXPECT_EQ(dma(0x1010, 16), IovaRange::of(0x1010, 16));
  EXPECT_EQ(dma(0x1010, 0), IovaRange::of(0x1010, 1));
  EXPECT_EQ(dma(~std::uint64_t{0}, 16), IovaRange::of(~std::uint64_t{0}, 1));
  EXPECT_EQ(addresses_of(MappingEvent{{1}, IovaRange::all()}.event(EventKind::kMapDone, 1)),
            IovaRange::all());
  EXPECT_EQ(addresses_of(CopyEvent{{1}, {0x1000}, 4096}.event(1)), IovaRange::of(0x1000, 1));
  EXPECT_EQ(addresses_of(KickEvent{}.event(1)), std::nullopt);
}

}  // namespace
}  // namespace violet
