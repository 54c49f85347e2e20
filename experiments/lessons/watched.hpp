// The engine's two queues and its grace periods, watched from outside: what the engine took, what
// it answered and whom it waits for, without a change to the engine.
//
// Threading: owner-only.
// Invariants: everything is handed through to FakeRequestQueue, FakeEventQueue and EpochQuiescence
// unchanged; the copies kept here are of bytes and tokens that passed by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/clock.hpp"
#include "engine/base/quiescence.hpp"
#include "engine/device/fake_queues.hpp"

namespace violet::lessons {

// One request from the driver's pen to the driver's eye.
struct RequestView {
  enum class State : std::uint8_t { kQueued, kTaken, kAnswered };
  std::uint32_t token = 0;
  State state = State::kQueued;
  bool seen = false;                // The driver has read the used entry.
  std::vector<std::byte> readable;  // As the driver wrote it.
  std::vector<std::byte> written;   // The part the device may write; valid once answered.
  std::optional<protocol::Status> status;
  Ticks queued_at = 0;
  Ticks answered_at = 0;
  bool operator==(const RequestView&) const = default;
};

class WatchedRequests final : public RequestQueue {
 public:
  explicit WatchedRequests(const Ticks& clock) : clock_(clock) {}

  std::uint32_t push(std::span<const std::byte> readable, std::uint32_t writable) {
    RequestView view;
    view.token = inner_.push(readable, writable);
    view.readable.assign(readable.begin(), readable.end());
    view.queued_at = clock_;
    views_.push_back(std::move(view));
    return views_.back().token;
  }
  const std::vector<RequestView>& views() const { return views_; }
  void see(std::uint32_t token) { views_[token].seen = true; }
  // Tokens that the engine took, or gave back, since the last call.
  std::vector<std::uint32_t> newly_taken() { return std::exchange(taken_, {}); }
  const std::vector<std::uint32_t>& answered() const { return answered_; }
  std::vector<std::uint32_t> newly_answered() { return std::exchange(answered_, {}); }

  std::size_t pop(std::span<Request> out) override {
    const std::size_t count = inner_.pop(out);
    for (const Request& request : out.first(count)) {
      views_[request.token].state = RequestView::State::kTaken;
      taken_.push_back(request.token);
    }
    return count;
  }
  bool write(std::uint32_t token, std::uint32_t offset, std::span<const std::byte> bytes) override {
    return inner_.write(token, offset, bytes);
  }
  void complete(std::span<const Completion> completions) override {
    inner_.complete(completions);
    for (const Completion& completion : completions) note(completion);
  }
  bool broken() const override { return inner_.broken(); }

 private:
  void note(const Completion& completion) {
    RequestView& view = views_[completion.token];
    view.state = RequestView::State::kAnswered;
    view.answered_at = clock_;
    view.written = inner_.answer(completion.token).written;
    view.written.resize(completion.used);
    if (completion.used > 0) view.status = static_cast<protocol::Status>(completion.status);
    answered_.push_back(completion.token);
  }

  const Ticks& clock_;
  FakeRequestQueue inner_;
  std::vector<RequestView> views_;  // By token.
  std::vector<std::uint32_t> taken_;
  std::vector<std::uint32_t> answered_;
};

// Remembers the last grace period that was opened, so that one can ask who holds it open.
class WatchedQuiescence final : public Quiescence {
 public:
  Result<ReaderId> add_reader(std::string name) override {
    return inner_.add_reader(std::move(name));
  }
  std::size_t reader_count() const override { return inner_.reader_count(); }
  const std::string& reader_name(ReaderId reader) const override {
    return inner_.reader_name(reader);
  }
  Token start() override { return last_ = inner_.start(); }
  bool passed(Token token) override { return inner_.passed(token); }
  std::optional<ReaderId> laggard(Token token) override { return inner_.laggard(token); }
  void online(ReaderId reader) override { inner_.online(reader); }
  void quiescent(ReaderId reader) override { inner_.quiescent(reader); }
  void offline(ReaderId reader) override { inner_.offline(reader); }

  // The reader that the newest grace period still waits for.
  std::optional<std::string> waits_for() {
    const auto reader = inner_.laggard(last_);
    return reader ? std::optional(inner_.reader_name(*reader)) : std::nullopt;
  }

 private:
  EpochQuiescence inner_;
  Token last_ = 0;
};

}  // namespace violet::lessons
