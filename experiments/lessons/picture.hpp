// A picture shows a snapshot as boxes of short lines, for the widget to draw, and says the same in
// words for those who cannot see it.
//
// Threading: pure functions over plain values.
// Invariants: every line comes from the snapshot; stale lines, and only those, are Tone::kStale.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "experiments/lessons/snapshot.hpp"

namespace violet::lessons {

struct Row {
  enum class Change : std::uint8_t { kSame, kNew, kChanged, kGone };
  std::string key;     // What it is about: the same row in the next picture has the same key.
  std::string text;    // At most some 20 characters.
  std::string detail;  // A second, quieter line; may be empty.
  Tone tone = Tone::kPlain;
  Change change = Change::kSame;
};

struct Box {
  Part part{};
  std::string title;
  std::string subtitle;
  std::vector<Row> rows;
  std::string empty;  // What stands there when there are no rows.
  bool alarm = false;
  std::string role = {};  // What the part is there for, in a sentence or two.
};

struct Picture {
  std::array<Box, kPartCount> boxes;  // By Part.
  bool shows_disk = false;            // The disk takes part.
  const Box& box(Part part) const { return boxes[static_cast<std::size_t>(part)]; }
};

Picture picture_of(const Snapshot& snapshot);
// Marks the rows of `now` that `before` does not have, or has otherwise; adds those that are gone.
void mark_changes(const Picture& before, Picture& now);
// The whole picture in sentences.
std::string in_words(const Picture& picture);

}  // namespace violet::lessons
