// A player steps through a lesson: forwards by one step, backwards by running the lesson again from
// the start.
//
// Threading: owner-only.
// Invariants: the frame of step n is read from a scene that has just run steps 0 to n and is
// then thrown away, so looking changes nothing and going back is exact. There is always a frame: at() < count().
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "experiments/lessons/lesson.hpp"
#include "experiments/lessons/numbers.hpp"
#include "experiments/lessons/picture.hpp"

namespace violet::lessons {

// What one step shows.
struct Frame {
  Snapshot snapshot;
  std::vector<Move> moves;                      // What travelled in this step.
  Picture picture;                              // With what changed since the step before.
  std::vector<Number> numbers, numbers_before;  // Before: of the step before.
  std::string text;
};

class Player {
 public:
  Player(const Lesson& lesson, EngineChoice engine);

  const Lesson& lesson() const { return *lesson_; }
  const EngineChoice& engine() const { return engine_; }
  std::size_t count() const { return lesson_->steps.size(); }
  std::size_t at() const { return at_; }
  const Frame& frame() const { return frame_; }
  bool at_end() const { return at_ + 1 == count(); }
  void go_to(std::size_t step);
  // The question before the next step, if there is one.
  const Question* question() const;
  // Which choice of the question before step `step` the simulation proves right.
  std::optional<std::size_t> right_choice(std::size_t step) const;

 private:
  Snapshot run(std::size_t step, std::vector<Move>* moves = nullptr) const;

  const Lesson* lesson_;
  EngineChoice engine_;
  std::size_t at_ = 0;
  Frame frame_;
};

}  // namespace violet::lessons
