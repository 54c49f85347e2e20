#include "experiments/lessons/player.hpp"

#include <algorithm>
#include <utility>

namespace violet::lessons {

Player::Player(const Lesson& lesson, EngineChoice engine)
    : lesson_(&lesson), engine_(std::move(engine)) {
  go_to(0);
}

Snapshot Player::run(std::size_t step, std::vector<Move>* moves) const {
  Scene scene(engine_);
  for (std::size_t i = 0; i <= step; ++i) {
    scene.stage().begin_step();
    lesson_->steps[i].act(scene);
  }
  if (moves != nullptr) *moves = scene.stage().moves();
  return scene.look();
}

void Player::go_to(std::size_t step) {
  at_ = std::min(step, count() - 1);
  frame_ = {};
  frame_.snapshot = run(at_, &frame_.moves);
  frame_.picture = picture_of(frame_.snapshot);
  frame_.numbers = numbers_of(frame_.snapshot);
  if (at_ == 0) {
    frame_.moves.clear();  // The scene is simply there.
    frame_.numbers_before = frame_.numbers;
    frame_.text = lesson_->steps[0].text(frame_.snapshot, frame_.snapshot);
    return;
  }
  const Snapshot before = run(at_ - 1);
  frame_.numbers_before = numbers_of(before);
  mark_changes(picture_of(before), frame_.picture);
  frame_.text = lesson_->steps[at_].text(before, frame_.snapshot);
}

const Question* Player::question() const {
  if (at_end() || !lesson_->steps[at_ + 1].question.asks()) return nullptr;
  return &lesson_->steps[at_ + 1].question;
}

std::optional<std::size_t> Player::right_choice(std::size_t step) const {
  if (step == 0 || step >= count()) return std::nullopt;
  const auto& choices = lesson_->steps[step].question.choices;
  const Snapshot before = run(step - 1);
  const Snapshot after = run(step);
  const auto right = std::find_if(choices.begin(), choices.end(), [&](const Choice& choice) {
    return choice.is_right(before, after);
  });
  if (right == choices.end()) return std::nullopt;
  return static_cast<std::size_t>(right - choices.begin());
}

}  // namespace violet::lessons
