// One question at a time to a worker thread: of the questions asked while one runs only the newest is kept.
//
// Threading: everything here belongs to the main thread; the question runs on the global QThreadPool and
// must own or share what it touches.
// Invariants: Q1 answers come in the order of their questions, and none that was cancelled. Q2 at most one
// question of an object runs at a time, so a slow one never queues up. Q3 nothing is delivered once the
// object is gone.
// An answer may be older than the newest question (while panning): it should carry what it answers.
#pragma once

#include <QCoreApplication>
#include <QMetaObject>
#include <QThreadPool>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace violet::gui {

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
    QThreadPool::globalInstance()->start(
        [this, epoch = epoch_, alive = std::weak_ptr<int>(alive_), question = std::move(question)] {
          auto answer = std::make_shared<Answer>(question());
          // The application object outlives the pool's work; `alive` is looked at on the main thread.
          QMetaObject::invokeMethod(
              QCoreApplication::instance(),
              [this, epoch, alive, answer] {
                if (!alive.expired()) finish(epoch, std::move(*answer));
              },
              Qt::QueuedConnection);
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
