// The sorter by itself: whatever the rings gave first, a cell is what lies between its marks.
#include "experiments/query/live_sorter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <set>

namespace violet::query {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kEngine = 0, kGuest = 1, kRecorder = 2, kRings = 3;
const std::vector<RingPlace> kPlaces{{1, RingRole::kEngine, 64},
                                     {0, RingRole::kGuest, 64},
                                     {kRecorderLcore, RingRole::kRecorder, 64}};

Event mark(Ticks at, std::uint32_t cell, Phase phase, std::uint32_t repetition = 0) {
  return MarkEvent{cell, repetition, phase}.event(at);
}
Event kick(Ticks at) { return {at, EventKind::kKick, 0, 0, 0x28, 0, 0}; }
Event sample(Ticks at) { return {at, EventKind::kSample, 0, 0, 0, 0, 0}; }

CellInfo name_of(void*, const LiveSorter::CellKey& key) {
  CellInfo info;
  info.label = std::to_string(key.cell);
  info.repetition = key.repetition;
  return info;
}

SegmentStatus doing(std::uint32_t cell, std::uint32_t repetition = 0) {
  SegmentStatus status;
  status.cell = cell;
  status.repetition = repetition;
  return status;
}

struct Sorted {
  explicit Sorted(std::vector<bool> missed = {false, false, false}, double ns_per_tick = 1)
      : sorter({.ns_per_tick = ns_per_tick}, kPlaces, missed, &name_of, nullptr) {}
  void sort(std::vector<LiveSorter::RingBatch> taken, std::optional<SegmentStatus> now = doing(0)) {
    sorter.sort(std::move(taken), now, cells);
  }
  void end(const std::string& why = "cut") { sorter.end(why, cells); }
  CellInfo info(std::size_t cell) const { return cells[cell]->info(); }

  LiveSorter sorter;
  LiveSorter::Cells cells;
};

// Events were lost, of which some or all may be another cell's: no number is said, and no 1.
void expect_lost_unknown(const CellInfo& info) {
  EXPECT_TRUE(info.lost_unknown) << info.label;
  EXPECT_EQ(info.lost, 0u) << info.label;
}

// What the lcores and the recorder left, in the order in which it happened.
struct Recorded {
  std::size_t ring;
  Event event;
};
using Story = std::vector<Recorded>;

// Reads a story as pulls do: each read of a ring sees what had happened by then.
class Reader {
 public:
  Reader(const Story& story, Sorted& into) : story_(story), into_(into) {}

  // The recorder's ring first. `held_back` of a ring's events stay in it, because the pull's budget ends there.
  void pull(const std::array<std::size_t, kRings>& happened, unsigned held_back = 0) {
    std::vector<LiveSorter::RingBatch> taken;
    bool more = true;
    constexpr std::array<std::size_t, kRings> kOrder{kRecorder, kEngine, kGuest};
    for (std::size_t i = 0; i < kRings; ++i) {
      const std::size_t ring = kOrder[i];
      LiveSorter::RingBatch part{ring, {}, 0, true};
      // Without the recorder's word the others are not looked at.
      if (more) part.events = fresh(ring, happened[i]);
      part.all = more;
      if (more && (held_back >> i & 1) != 0 && !part.events.empty()) {
        part.events.pop_back();
        --at_[ring];
        part.all = false;
        if (ring == kRecorder) more = false;
      }
      taken.push_back(std::move(part));
    }
    into_.sort(std::move(taken));
  }
  void rest() { pull({story_.size(), story_.size(), story_.size()}); }

 private:
  std::vector<Event> fresh(std::size_t ring, std::size_t happened) {
    std::vector<Event> events;
    std::size_t number = 0;
    for (std::size_t i = 0; i < happened; ++i) {
      if (story_[i].ring == ring && number++ >= at_[ring]) events.push_back(story_[i].event);
    }
    at_[ring] += events.size();
    return events;
  }

  const Story& story_;
  Sorted& into_;
  std::array<std::size_t, kRings> at_{};
};

// Two cells right behind each other.
Story two_cells(bool ends) {
  constexpr Ticks kUnit = 1000;
  Story story{{kRecorder, mark(10 * kUnit, 0, Phase::kStart)},
              {kGuest, kick(11 * kUnit)},
              {kEngine, kick(12 * kUnit)},
              {kRecorder, sample(13 * kUnit)},
              {kEngine, kick(14 * kUnit)}};
  if (ends) story.push_back({kRecorder, mark(15 * kUnit, 0, Phase::kEnd)});
  story.insert(story.end(), {{kRecorder, mark(20 * kUnit, 1, Phase::kStart)},
                             {kGuest, kick(21 * kUnit)},
                             {kEngine, kick(22 * kUnit)},
                             {kRecorder, mark(23 * kUnit, 1, Phase::kEnd)}});
  return story;
}

struct How {
  bool ends = true;  // The first cell has a kEnd mark.
  double ns_per_tick =
      1;  // Of which it depends whether the story is longer than the skew that an lcore may have.
  std::string text;
};

void expect_two_cells(const Story& story, const How& how,
                      const std::function<void(Reader&)>& pulls) {
  Sorted sorted({false, false, false}, how.ns_per_tick);
  Reader reader(story, sorted);
  pulls(reader);
  reader.rest();
  ASSERT_EQ(sorted.cells.size(), 2u) << how.text;
  for (const bool at_end : {false, true}) {
    if (at_end) sorted.end();
    EXPECT_EQ(sorted.info(0).events, how.ends ? 6u : 5u) << how.text;
    EXPECT_EQ(sorted.info(1).events, 4u) << how.text;
    EXPECT_FALSE(sorted.info(0).live) << how.text;
    EXPECT_FALSE(sorted.info(1).live) << how.text << ": its kEnd mark was read";
    EXPECT_EQ(sorted.info(0).lost + sorted.info(1).lost, 0u) << how.text;
    EXPECT_EQ(sorted.info(1).notice, "") << how.text;
  }
}

// Moments at which the recorder's, the engine's and the guest's ring are read, of all that differ in what is found.
std::vector<std::array<std::size_t, kRings>> ways_to_read(const Story& story,
                                                          std::size_t from = 0) {
  std::vector<std::array<std::size_t, kRings>> ways;
  std::set<std::array<long, kRings>> known;
  const auto found = [&](std::size_t ring, std::size_t moment) {
    return std::count_if(story.begin(), story.begin() + static_cast<std::ptrdiff_t>(moment),
                         [ring](const Recorded& one) { return one.ring == ring; });
  };
  for (std::size_t a = from; a <= story.size(); ++a) {
    for (std::size_t b = a; b <= story.size(); ++b) {
      for (std::size_t c = b; c <= story.size(); ++c) {
        if (known.insert({found(kRecorder, a), found(kEngine, b), found(kGuest, c)}).second)
          ways.push_back({a, b, c});
      }
    }
  }
  return ways;
}

// The next cell's events are there before the last of the former were read, in every way in which that can be.
TEST(LiveSorter, S1_ACellIsWhatLiesBetweenItsMarksHoweverTheRingsWereRead) {
  for (const double ns_per_tick : {1.0, 1e4}) {
    for (const bool ends : {true, false}) {
      const Story story = two_cells(ends);
      for (const auto& way : ways_to_read(story)) {
        for (unsigned held_back = 0; held_back < 8; ++held_back) {
          const How how{ends, ns_per_tick,
                        fmt::format("{} ns a tick, ends {}, read at {} {} {}, held back {}",
                                    ns_per_tick, ends, way[0], way[1], way[2], held_back)};
          expect_two_cells(story, how, [&](Reader& reader) { reader.pull(way, held_back); });
          if (::testing::Test::HasFailure()) return;
        }
      }
    }
  }
}

TEST(LiveSorter, S1_TheSameInTwoPullsAndARest) {
  const Story story = two_cells(true);
  for (const auto& first : ways_to_read(story)) {
    for (const auto& second : ways_to_read(story, first[2])) {
      const How how{true, 1e4,
                    fmt::format("read at {} {} {}, then {} {} {}", first[0], first[1], first[2],
                                second[0], second[1], second[2])};
      expect_two_cells(story, how, [&](Reader& reader) {
        reader.pull(first);
        reader.pull(second);
      });
      if (::testing::Test::HasFailure()) return;
    }
  }
}

TEST(LiveSorter, S2_WhatLiesBetweenTwoCellsIsNobodys) {
  Sorted sorted;
  sorted.sort({{kRecorder, {mark(1000, 0, Phase::kStart), mark(2000, 0, Phase::kEnd)}},
               {kEngine, {kick(1500), kick(2500)}}});
  EXPECT_FALSE(sorted.sorter.in_cell());
  sorted.sort({{kRecorder, {mark(3000, 1, Phase::kStart), mark(4000, 1, Phase::kEnd)}},
               {kEngine, {kick(2600), kick(3500)}}});
  ASSERT_EQ(sorted.cells.size(), 2u);
  EXPECT_EQ(sorted.info(0).events, 3u);
  EXPECT_EQ(sorted.info(1).events, 3u);
}

TEST(LiveSorter, S3_ACellEndsWithItsMarkAndNotWithTheNextCell) {
  Sorted sorted;
  sorted.sort({{kRecorder, {mark(1000, 0, Phase::kStart)}}, {kEngine, {kick(1100)}}});
  ASSERT_EQ(sorted.cells.size(), 1u);
  EXPECT_TRUE(sorted.info(0).live);
  EXPECT_TRUE(sorted.sorter.in_cell());
  sorted.sort({{kRecorder, {mark(2000, 0, Phase::kEnd)}}, {kEngine, {kick(1900)}}});
  EXPECT_FALSE(sorted.info(0).live);
  EXPECT_FALSE(sorted.sorter.in_cell());
  EXPECT_EQ(sorted.sorter.shown_until(), Ticks{2000});
  EXPECT_EQ(sorted.info(0).events, 4u);
}

TEST(LiveSorter, ACellWithoutEventsAppearsAndEnds) {
  Sorted sorted;
  sorted.sort({{kRecorder,
                {mark(1000, 0, Phase::kStart), mark(1001, 0, Phase::kEnd),
                 mark(2000, 1, Phase::kStart), mark(3000, 2, Phase::kStart)}}});
  ASSERT_EQ(sorted.cells.size(), 3u);
  EXPECT_EQ(sorted.info(0).events, 2u);
  EXPECT_EQ(sorted.info(1).events, 1u);
  EXPECT_FALSE(sorted.info(0).live);
  EXPECT_FALSE(sorted.info(1).live);
  EXPECT_TRUE(sorted.info(2).live);
  EXPECT_EQ(sorted.info(0).lost, 0u);
}

TEST(LiveSorter, TheRepetitionsOfACellAreCellsOfTheirOwn) {
  Sorted sorted;
  for (std::uint32_t repetition = 0; repetition < 3; ++repetition) {
    const Ticks at = 1000 * (repetition + 1);
    sorted.sort(
        {{kRecorder,
          {mark(at, 4, Phase::kStart, repetition), mark(at + 500, 4, Phase::kEnd, repetition)}},
         {kGuest, {kick(at + 100)}}});
  }
  ASSERT_EQ(sorted.cells.size(), 3u);
  EXPECT_EQ(sorted.info(2).repetition, 2u);
  EXPECT_EQ(sorted.info(2).events, 3u);
}

// --- Marks that were lost ---

TEST(LiveSorter, S4_ALostFirstMarkIsMadeUpForByTheNextOne) {
  Sorted sorted;
  sorted.sort({{kRecorder, {mark(1000, 0, Phase::kStart), sample(1200)}}, {kEngine, {kick(1100)}}});
  // Lost: the end of cell 0, and the beginning of cell 1.
  sorted.sort({{kRecorder, {sample(5000), mark(6000, 1, Phase::kTakeDown)}, 2},
               {kEngine, {kick(3000), kick(5500)}}},
              doing(7));
  ASSERT_EQ(sorted.cells.size(), 2u);
  EXPECT_FALSE(sorted.info(0).live);
  EXPECT_EQ(sorted.info(0).events, 3u) << "what was recorded within the gap is nobody's";
  expect_lost_unknown(sorted.info(0));
  EXPECT_EQ(sorted.info(1).label, "1") << "the mark says it, whatever the run does by now";
  sorted.sort({{kRecorder, {mark(7000, 1, Phase::kEnd)}}});
  expect_lost_unknown(sorted.info(1));
  EXPECT_EQ(sorted.info(1).events, 4u);
  EXPECT_FALSE(sorted.info(1).live);
}

TEST(LiveSorter, S4_WithoutAMarkTheRunSaysWhichCellGoesOn) {
  Sorted sorted;
  sorted.sort({{kRecorder, {mark(1000, 0, Phase::kStart)}}});
  sorted.sort({{kRecorder, {sample(5000)}, 9}}, std::nullopt);
  EXPECT_EQ(sorted.cells.size(), 1u) << "nobody knows yet";
  sorted.sort({{kRecorder, {sample(5100)}, 0, false}}, doing(3));
  EXPECT_EQ(sorted.cells.size(), 1u) << "a mark may still be in the ring";
  sorted.sort({{kRecorder, {sample(5200)}}}, doing(3));
  ASSERT_EQ(sorted.cells.size(), 2u);
  EXPECT_EQ(sorted.info(1).label, "3");
  sorted.sort({{kRecorder, {sample(50'000'000)}}}, doing(3));
  EXPECT_EQ(sorted.info(1).events, 3u) << "those since the gap, but for what is within the skew";
}

TEST(LiveSorter, S4_ALossWithinACellDoesNotEndIt) {
  for (const bool by_mark : {true, false}) {
    Sorted sorted;
    sorted.sort({{kRecorder, {mark(1000, 5, Phase::kStart)}}}, doing(5));
    std::vector<Event> after{sample(5000)};
    if (by_mark) after.push_back(mark(5001, 5, Phase::kMeasure));
    sorted.sort({{kRecorder, after, 4}, {kEngine, {kick(4000), kick(4900)}}},
                doing(by_mark ? 8 : 5));
    sorted.sort({{kRecorder, {mark(9000, 5, Phase::kEnd)}}}, doing(5));
    ASSERT_EQ(sorted.cells.size(), 1u);
    EXPECT_FALSE(sorted.info(0).live);
    EXPECT_EQ(sorted.info(0).lost, 4u);
    EXPECT_FALSE(sorted.info(0).lost_unknown);
    EXPECT_EQ(sorted.info(0).events, by_mark ? 6u : 5u);
  }
}

// A full ring counts what it drops at once, but its mark is missing behind what it holds.
TEST(LiveSorter, S4_AMarkThatAFullRingDroppedIsNotWaitedFor) {
  Sorted sorted;
  sorted.sort({{kRecorder,
                {mark(1000, 0, Phase::kStart), sample(1100), mark(1200, 0, Phase::kMeasure)},
                3}});
  sorted.sort(
      {{kRecorder, {sample(5000), mark(5100, 1, Phase::kMeasure), mark(5200, 1, Phase::kEnd)}}},
      doing(1));
  ASSERT_EQ(sorted.cells.size(), 2u);
  EXPECT_FALSE(sorted.info(0).live);
  EXPECT_FALSE(sorted.info(1).live);
  EXPECT_EQ(sorted.info(1).label, "1");
}

TEST(LiveSorter, WhoComesLateToldByTheRunWhereItIs) {
  Sorted sorted({true, true, true});
  sorted.sort({{kRecorder, {sample(5000)}}, {kEngine, {kick(4000), kick(5100)}}}, doing(2, 1));
  ASSERT_EQ(sorted.cells.size(), 1u);
  EXPECT_EQ(sorted.info(0).label, "2");
  EXPECT_EQ(sorted.info(0).repetition, 1u);
  sorted.sort({{kRecorder, {mark(9000, 2, Phase::kEnd, 1)}}}, doing(2, 1));
  EXPECT_EQ(sorted.info(0).events, 4u);
  expect_lost_unknown(sorted.info(0));
}

// The recorder's ring holds the marks of cells whose events have long been overwritten.
TEST(LiveSorter, EarlierCellsOfALateViewerMissTheirEventsAndSayIt) {
  Sorted sorted({true, false, false});
  sorted.sort(
      {{kRecorder,
        {mark(1000, 0, Phase::kStart), mark(2000, 0, Phase::kEnd), mark(3000, 1, Phase::kStart),
         mark(4000, 1, Phase::kEnd), mark(5000, 2, Phase::kStart), mark(6000, 2, Phase::kEnd)}},
       {kEngine, {kick(3500), kick(5500)}}});
  ASSERT_EQ(sorted.cells.size(), 3u);
  expect_lost_unknown(sorted.info(0));
  expect_lost_unknown(sorted.info(1));
  EXPECT_FALSE(sorted.info(2).lossy()) << "it began when the ring was read already";
}

// --- Losses ---

// A viewer that loses events across the border of two cells, while another ring keeps it from crossing.
TEST(LiveSorter, ALossOverTheBorderIsToldToBothCells) {
  constexpr Ticks kBorder = 100'000'000;
  Sorted sorted;
  sorted.sort({{kRecorder, {mark(1000, 0, Phase::kStart)}}, {kGuest, {kick(2000), kick(3000)}}});
  // The next cell's mark is known, but the engine's ring is behind; the guest's has lost all around the border.
  sorted.sort({{kEngine, {kick(kBorder - 50'000'000)}, 0, false},
               {kGuest, {kick(kBorder + 1000)}, 5},
               {kRecorder, {mark(kBorder, 1, Phase::kStart)}}});
  sorted.sort({{kEngine, {kick(kBorder + 2000)}}, {kRecorder, {sample(kBorder + 50'000'000)}}});
  sorted.end();
  ASSERT_EQ(sorted.cells.size(), 2u);
  expect_lost_unknown(sorted.info(0));
  expect_lost_unknown(sorted.info(1));
  const CellInfo second = sorted.info(1);
  EXPECT_EQ(sorted.cells[1]->count_events(second.whole, {}), second.kept_events);
  EXPECT_EQ(second.events, 4u) << "its mark, two kicks, a sample";
}

TEST(LiveSorter, ALossBetweenTwoCellsIsTheNextOnes) {
  for (const bool at_once : {true, false}) {
    Sorted sorted;
    sorted.sort({{kRecorder, {mark(1000, 0, Phase::kStart), mark(2000, 0, Phase::kEnd)}},
                 {kEngine, {kick(1500)}}});
    if (!at_once) sorted.sort({{kEngine, {}, 7}});
    sorted.sort({{kRecorder, {mark(3000, 1, Phase::kStart), mark(4000, 1, Phase::kEnd)}},
                 {kEngine, {kick(3500)}, at_once ? 7u : 0u}});
    ASSERT_EQ(sorted.cells.size(), 2u);
    EXPECT_FALSE(sorted.info(0).lossy());
    EXPECT_TRUE(sorted.info(1).lossy());
    EXPECT_EQ(sorted.info(1).lost_unknown, !at_once) << "what a tidy ring lost between them";
    EXPECT_EQ(sorted.info(1).events, 3u);
  }
}

// --- The end ---

TEST(LiveSorter, ACellThatWasCutOffSaysSoAndKeepsWhatItHas) {
  Sorted sorted;
  sorted.sort({{kRecorder, {mark(1000, 0, Phase::kStart)}}, {kEngine, {kick(9'000)}}});
  EXPECT_EQ(sorted.info(0).events, 0u) << "the recorder has not said that it is so late";
  sorted.end("the process is gone");
  ASSERT_EQ(sorted.cells.size(), 1u);
  EXPECT_FALSE(sorted.info(0).live);
  EXPECT_EQ(sorted.info(0).events, 2u);
  EXPECT_THAT(sorted.info(0).notice, HasSubstr("the process is gone"));
}

TEST(LiveSorter, ARunThatDiedBeforeTheRecorderSaidAnythingIsShownAllTheSame) {
  Sorted sorted({true, false, false});
  sorted.sort({{kEngine, {kick(1000), kick(2000)}}}, doing(3));
  EXPECT_TRUE(sorted.cells.empty());
  EXPECT_FALSE(sorted.sorter.shown_until());
  sorted.end();
  ASSERT_EQ(sorted.cells.size(), 1u);
  EXPECT_EQ(sorted.info(0).label, "3");
  EXPECT_EQ(sorted.info(0).events, 2u);
}

TEST(LiveSorter, ARunWithoutAnyEventHasNoCells) {
  Sorted sorted;
  sorted.sort({}, doing(0));
  sorted.end();
  EXPECT_TRUE(sorted.cells.empty());
}

}  // namespace
}  // namespace violet::query
