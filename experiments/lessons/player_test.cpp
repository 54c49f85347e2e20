#include "experiments/lessons/player.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "experiments/lessons/layout.hpp"
#include "experiments/lessons/lessons.hpp"
#include "experiments/lessons/numbers.hpp"

namespace violet::lessons {
namespace {

std::string everything(const Frame& frame) {
  std::string text = frame.text + in_words(frame.picture);
  for (const Number& number : numbers_of(frame.snapshot)) text += number.name + number.text + "\n";
  for (const Move& move : frame.moves) text += move.label;
  for (const RequestView& request : frame.snapshot.requests) {
    for (const std::byte byte : request.written) text += static_cast<char>(byte);
  }
  for (const Score& score : frame.snapshot.scores) {
    for (const Measure& measure : score.measures) text += measure.text;
  }
  return text;
}

TEST(Player, P1_GoingBackGivesTheSameStates) {
  for (const Lesson& lesson : lessons()) {
    Player player(lesson, {});
    std::vector<std::string> forwards;
    for (std::size_t i = 0; i < player.count(); ++i) {
      player.go_to(i);
      forwards.push_back(everything(player.frame()));
    }
    for (std::size_t i = player.count(); i-- > 0;) {
      player.go_to(i);
      EXPECT_EQ(everything(player.frame()), forwards[i]) << lesson.id << " step " << i;
    }
  }
}

TEST(Player, P2_StopsAtTheLastStep) {
  Player player(lessons()[0], {});
  player.go_to(1000);
  EXPECT_EQ(player.at(), player.count() - 1);
  EXPECT_TRUE(player.at_end());
  EXPECT_EQ(player.question(), nullptr);
}

TEST(Player, MovesAreThoseOfTheStep) {
  Player player(lessons()[0], {});
  EXPECT_TRUE(player.frame().moves.empty());
  player.go_to(1);
  ASSERT_EQ(player.frame().moves.size(), 1u);
  EXPECT_EQ(player.frame().moves[0], (Move{Part::kDriver, Part::kQueue, "PROBE", Tone::kPlain}));
}

TEST(Player, AnUnmapAndAMapOfOneKickBothReachTheStore) {
  Player player(lessons()[3], {});
  player.go_to(4);  // The next map closes it.
  const auto& moves = player.frame().moves;
  for (const Move& wanted : {Move{Part::kEngine, Part::kStore, "remove", Tone::kUnmap},
                             Move{Part::kEngine, Part::kStore, "insert", Tone::kMap}}) {
    EXPECT_EQ(std::count(moves.begin(), moves.end(), wanted), 1) << wanted.label;
  }
}

TEST(Player, MarksWhatTheStepChanged) {
  Player player(lessons()[0], {});
  player.go_to(4);  // The MAP is written.
  const auto& rows = player.frame().picture.box(Part::kQueue).rows;
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].change, Row::Change::kNew);
  player.go_to(5);  // Answered and read: gone from the ring.
  EXPECT_EQ(player.frame().picture.box(Part::kQueue).rows[0].change, Row::Change::kGone);
  EXPECT_EQ(player.frame().picture.box(Part::kStore).rows[0].change, Row::Change::kNew);
}

TEST(Picture, StaleIsMarkedWhereItCanBeReached) {
  Player player(lessons()[3], {});
  player.go_to(1);  // The lazy unmap has returned.
  for (const Part part : {Part::kStore, Part::kNicIotlb, Part::kMemory}) {
    const Box& box = player.frame().picture.box(part);
    EXPECT_TRUE(box.alarm) << box.title;
    EXPECT_TRUE(std::any_of(box.rows.begin(), box.rows.end(),
                            [](const Row& row) { return row.tone == Tone::kStale; }));
  }
  EXPECT_NE(in_words(player.frame().picture).find(", stale"), std::string::npos);
}

TEST(Picture, AnAddressThatStaysOpenIsNotSaidToLeadToTheCallersPage) {
  Player player(lessons()[5], {});
  player.go_to(3);  // Unmap is a copy.
  const auto& rows = player.frame().picture.box(Part::kDriver).rows;
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].detail, "reachable by design");
  EXPECT_NE(rows[0].tone, Tone::kStale);
}

TEST(Layout, FieldsCoverTheRequestWithoutGaps) {
  for (const Lesson& lesson : lessons()) {
    Player player(lesson, {});
    player.go_to(player.count() - 1);
    for (const RequestView& request : player.frame().snapshot.requests) {
      std::size_t readable = 0;
      std::size_t written = 0;
      for (const Field& field : request_fields(request.readable, request.written)) {
        std::size_t& end = field.origin == Field::Origin::kDevice ? written : readable;
        EXPECT_EQ(field.offset, end) << field.name;
        end += field.bytes.size();
        EXPECT_FALSE(field.meaning.empty()) << field.name;
      }
      EXPECT_EQ(readable, request.readable.size());
      EXPECT_EQ(written, request.written.size());
    }
  }
}

TEST(Layout, AccessesShowTheBytesThatMoved) {
  Player player(lessons()[3], {});
  player.go_to(3);  // The attack.
  const Snapshot& shot = player.frame().snapshot;
  ASSERT_EQ(shot.focus.kind, Focus::Kind::kAccess);
  std::string moved;
  for (const Field& field : access_fields(kNic, shot.nic())) {
    EXPECT_FALSE(field.meaning.empty()) << field.name;
    if (field.origin != Field::Origin::kMoved) continue;
    EXPECT_EQ(field.offset, moved.size());
    for (const std::byte byte : field.bytes) moved += static_cast<char>(byte);
  }
  EXPECT_EQ(moved, "password=tulip");
  player.go_to(5);  // Too late: it faults and moves nothing.
  for (const Field& field : access_fields(kNic, player.frame().snapshot.nic())) {
    EXPECT_NE(field.origin, Field::Origin::kMoved);
  }
}

TEST(Layout, MapIsDecodedAsTheWireSays) {
  protocol::Map wire{};
  wire.head.type = 3;
  wire.domain = 1;
  wire.virt_start = 0xfffff000;
  wire.virt_end = 0xffffffff;
  wire.phys_start = 0x2000;
  wire.flags = protocol::kMapWrite;
  const auto bytes = std::as_bytes(std::span(&wire, 1));
  const auto fields = request_fields(bytes, {});
  ASSERT_EQ(fields.size(), 7u);
  EXPECT_EQ(fields[3].name, "virt_start");
  EXPECT_EQ(fields[3].offset, offsetof(protocol::Map, virt_start));
  EXPECT_EQ(fields[3].meaning, "0xfffff000");
  EXPECT_EQ(fields[6].offset, offsetof(protocol::Map, flags));
  EXPECT_EQ(fields[6].meaning, "WRITE");
  EXPECT_EQ(request_summary(bytes), "MAP 0xfffff000 \u2192 0x2000");
}

}  // namespace
}  // namespace violet::lessons
