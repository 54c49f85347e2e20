// A query runs one question at a time on a worker thread: of the questions asked while one runs
// only the newest is kept.
//
// Threading: everything here belongs to the main thread; the question runs on the global
// QThreadPool and must own or share what it touches.
// Invariants: Answers come in the order of their questions, and none that was cancelled. At most
// one question of an object runs at a time, so a slow one never queues up. Nothing is delivered
// once the object is gone.
// An answer may be older than the newest question (while panning): it should carry what it
// answers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace violet::gui {

// Calls `work` on the global QThreadPool and `deliver` on the main thread after it.
void work_then_deliver(std::function<void()> work, std::function<void()> deliver);

template <class Answer>
class Query {
 public:
  using Question = std::function<Answer()>;
  using Deliver = std::function<void(Answer)>;

  explicit Query(Deliver deliver) : deliver_(std::move(deliver)) {}
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  void ask(Question question) {
    if (running_) {
      next_ = std::move(question);
    } else {
      start(std::move(question));
    }
  }
  // Drops what waits and the answer of what runs.
  void cancel() {
    next_.reset();
    ++epoch_;
  }
  bool busy() const { return running_; }

 private:
  void start(Question question) {
    running_ = true;
    const auto answer = std::make_shared<std::optional<Answer>>();
    work_then_deliver([answer, question = std::move(question)] { answer->emplace(question()); },
                      // `alive` is looked at on the main thread.
                      [this, epoch = epoch_, alive = std::weak_ptr<int>(alive_), answer] {
                        if (!alive.expired()) finish(epoch, std::move(**answer));
                      });
  }
  void finish(std::uint64_t epoch, Answer answer) {
    running_ = false;
    if (next_) {
      Question question = std::move(*next_);
      next_.reset();
      start(std::move(question));
    }
    if (epoch == epoch_) deliver_(std::move(answer));
  }

  Deliver deliver_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  std::optional<Question> next_;
  std::uint64_t epoch_ = 0;
  bool running_ = false;
};

}  // namespace violet::gui
