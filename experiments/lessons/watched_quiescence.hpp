// Watched quiescence remembers the last grace period that was opened, so that one can ask who holds it open.
//
// Threading: owner-only.
// Invariants: everything is handed through to EpochQuiescence unchanged.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "engine/base/quiescence.hpp"

namespace violet::lessons {

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
