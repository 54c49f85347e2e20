// Fake queues keep requests and events in plain vectors, with a driver's side to write requests and
// read answers: for tests, fuzzing and the simulation.
//
// Threading: owner-only.
// Invariants: checks the device's side of Queue.2 (a token comes back once) and that nothing is written
// outside a request's writable part; a violation aborts.
#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/check.hpp"
#include "engine/device/queues.hpp"
#include "engine/protocol/wire.hpp"

namespace violet {

struct Answer {
  std::uint32_t used;
  std::vector<std::byte>
      written;  // The writable part; untouched bytes are FakeRequestQueue::kFill.

  protocol::Status status_at(std::size_t offset) const {
    VIOLET_CHECK(offset < written.size());
    return static_cast<protocol::Status>(written[offset]);
  }
};

class FakeRequestQueue final : public RequestQueue {
 public:
  static constexpr std::byte kFill{0xaa};

  // --- The driver's side ---
  std::uint32_t push(std::span<const std::byte> readable, std::uint32_t writable = 4) {
    const auto token = static_cast<std::uint32_t>(chains_.size());
    Chain chain{std::vector(readable.begin(), readable.end()),
                {0, std::vector<std::byte>(writable, kFill)}};
    chains_.push_back(std::move(chain));
    available_.push_back(token);
    return token;
  }
  template <class Wire>
  std::uint32_t push_wire(const Wire& wire, std::uint32_t writable = 4) {
    return push(std::as_bytes(std::span(&wire, 1)), writable);
  }
  bool done(std::uint32_t token) const { return chains_[token].state == State::kDone; }
  const Answer& answer(std::uint32_t token) const {
    VIOLET_CHECK(done(token));
    return chains_[token].answer;
  }
  // The status of a request other than PROBE; nothing when it came back unwritten.
  std::optional<protocol::Status> status(std::uint32_t token) const {
    const Answer& given = answer(token);
    if (given.used == 0) return std::nullopt;
    return given.status_at(0);
  }
  std::size_t pushed() const { return chains_.size(); }
  std::size_t completed() const { return completed_; }
  std::size_t completion_calls() const { return completion_calls_; }
  // Tokens in the order they came back.
  const std::vector<std::uint32_t>& order() const { return order_; }
  void break_ring() { broken_ = true; }
  // What a device reset does to a ring: everything not given back is forgotten.
  void forget() {
    for (auto& chain : chains_) {
      if (chain.state != State::kDone) chain.state = State::kForgotten;
    }
    available_.clear();
    broken_ = false;
  }

  // --- The device's side ---
  std::size_t pop(std::span<Request> out) override {
    std::size_t count = 0;
    for (; count < out.size() && !available_.empty(); ++count) {
      const std::uint32_t token = available_.front();
      available_.pop_front();
      Chain& chain = chains_[token];
      chain.state = State::kTaken;
      Request& request = out[count];
      request.token = token;
      request.readable = static_cast<std::uint32_t>(chain.readable.size());
      request.writable = static_cast<std::uint32_t>(chain.answer.written.size());
      const auto bytes = std::min(chain.readable.size(), kMaxRequestBytes);
      std::copy_n(chain.readable.begin(), bytes, request.bytes.begin());
    }
    return count;
  }
  bool write(std::uint32_t token, std::uint32_t offset, std::span<const std::byte> bytes) override {
    Chain& chain = taken(token);
    auto& written = chain.answer.written;
    if (offset > written.size() || bytes.size() > written.size() - offset) return false;
    std::copy(bytes.begin(), bytes.end(), written.begin() + offset);
    chain.cover(offset, bytes.size());
    return true;
  }
  void complete(std::span<const Completion> completions) override {
    ++completion_calls_;
    for (const auto& completion : completions) {
      Chain& chain = taken(completion.token);  // Queue.2
      chain.state = State::kDone;
      chain.answer.used = completion.used;
      order_.push_back(completion.token);
      ++completed_;
      if (completion.used == 0) continue;
      const protocol::Tail tail{completion.status, {0, 0, 0}};
      VIOLET_CHECK(completion.used <= chain.answer.written.size());
      VIOLET_CHECK(completion.tail_offset + sizeof(tail) <= completion.used);
      std::memcpy(chain.answer.written.data() + completion.tail_offset, &tail, sizeof(tail));
      chain.cover(completion.tail_offset, sizeof(tail));
      VIOLET_CHECK(completion.used <=
                   chain.covered);  // VIRTIO 2.7.8.2: no byte is claimed unwritten.
    }
  }
  bool broken() const override { return broken_; }

 private:
  enum class State { kAvailable, kTaken, kDone, kForgotten };
  struct Chain {
    std::vector<std::byte> readable;
    Answer answer;
    State state = State::kAvailable;
    std::size_t covered = 0;  // Bytes from the first writable one that the device has written.

    // Devices write in order; a gap would leave what follows uncovered.
    void cover(std::size_t offset, std::size_t bytes) {
      if (offset <= covered) covered = std::max(covered, offset + bytes);
    }
  };

  Chain& taken(std::uint32_t token) {
    VIOLET_CHECK(token < chains_.size());
    VIOLET_CHECK(chains_[token].state == State::kTaken);
    return chains_[token];
  }

  std::vector<Chain> chains_;
  std::deque<std::uint32_t> available_;
  std::vector<std::uint32_t> order_;
  std::size_t completed_ = 0;
  std::size_t completion_calls_ = 0;
  bool broken_ = false;
};

class FakeEventQueue final : public EventQueue {
 public:
  // Makes a buffer available.
  void add_buffer(std::size_t bytes) { buffers_.push_back(bytes); }
  void break_ring() { broken_ = true; }
  const std::vector<std::vector<std::byte>>& records() const { return records_; }

  PostResult post(std::span<const std::byte> record) override {
    if (buffers_.empty()) return PostResult::kNoBuffer;
    while (!buffers_.empty() && buffers_.front() < record.size()) buffers_.pop_front();
    if (buffers_.empty()) return PostResult::kBufferTooSmall;
    buffers_.pop_front();
    records_.emplace_back(record.begin(), record.end());
    return PostResult::kPosted;
  }
  bool broken() const override { return broken_; }

 private:
  std::deque<std::size_t> buffers_;
  std::vector<std::vector<std::byte>> records_;
  bool broken_ = false;
};

}  // namespace violet
