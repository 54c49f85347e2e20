#include "experiments/lessons/player.hpp"

#include <algorithm>
#include <utility>

#include "experiments/lessons/scene.hpp"

namespace violet::lessons {

Player::Player(const Lesson& lesson, EngineChoice engine)
    : lesson_(&lesson), engine_(std::move(engine)) {
  go_to(0);
}

namespace {

// Runs the first steps of a lesson on a new scene. What follows a step whose call is held runs inside that call, as
// deep as the driver stands; the picture is taken there, and the call then goes on to its end unseen.
class Play {
 public:
  Play(const Lesson& lesson, const EngineChoice& engine, std::size_t last)
      : lesson_(lesson), last_(last), scene_(engine, [this] { run_within_call(); }) {}

  // Of the last step.
  Snapshot run() {
    while (next_ <= last_) run_step();
    if (!shot_) take();
    return std::move(*shot_);
  }
  std::vector<Move> moves() && { return std::move(moves_); }

 private:
  void run_step() {
    scene_.stage().begin_step();
    lesson_.steps[next_++].act(scene_);
  }
  void run_within_call() {
    while (scene_.stage().held()) {
      if (next_ <= last_) {
        run_step();
      } else {
        take();
        scene_.stage().abandon();
      }
    }
  }
  void take() {
    moves_ = scene_.stage().moves();
    shot_ = scene_.look();
  }

  const Lesson& lesson_;
  std::size_t last_;
  std::size_t next_ = 0;
  Scene scene_;
  std::optional<Snapshot> shot_;
  std::vector<Move> moves_;
};

}  // namespace

Snapshot Player::run(std::size_t step, std::vector<Move>* moves) const {
  Play play(*lesson_, engine_, step);
  Snapshot shot = play.run();
  if (moves != nullptr) *moves = std::move(play).moves();
  return shot;
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
