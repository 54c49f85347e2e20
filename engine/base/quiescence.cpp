#include "engine/base/quiescence.hpp"

#include <utility>

namespace violet {

EpochQuiescence::EpochQuiescence(std::size_t max_readers)
    : max_readers_(max_readers), slots_(std::make_unique<Slot[]>(max_readers)) {
  names_.reserve(max_readers);
}

Result<ReaderId> EpochQuiescence::add_reader(std::string name) {
  if (names_.size() == max_readers_) {
    return fail("cannot add reader '{}': the limit of {} readers is reached", name, max_readers_);
  }
  names_.push_back(std::move(name));
  return ReaderId{static_cast<std::uint32_t>(names_.size() - 1)};
}

Quiescence::Token EpochQuiescence::start() {
  // seq_cst, paired with online(): either the reader's section sees what was unpublished before this
  // increment, or first_behind() below sees the reader online with an older token.
  return current_.fetch_add(1, std::memory_order_seq_cst) + 1;
}

std::optional<ReaderId> EpochQuiescence::first_behind(Token token) const {
  for (std::size_t i = 0; i < names_.size(); ++i) {
    // seq_cst, paired with the stores in online(), quiescent() and offline(): the engine's later
    // frees happen after everything the reader did before it stored.
    const Token seen = slots_[i].seen.load(std::memory_order_seq_cst);
    if (seen != kOffline && seen < token) return ReaderId{static_cast<std::uint32_t>(i)};
  }
  return std::nullopt;
}

bool EpochQuiescence::passed(Token token) {
  if (token <= passed_) return true;
  if (first_behind(token)) return false;
  passed_ = token;
  return true;
}

std::optional<ReaderId> EpochQuiescence::laggard(Token token) {
  return token <= passed_ ? std::nullopt : first_behind(token);
}

void EpochQuiescence::online(ReaderId reader) {
  auto& seen = slots_[reader.value].seen;
  seen.store(current_.load(std::memory_order_relaxed), std::memory_order_seq_cst);
  // seq_cst, paired with start(): if the engine's scan missed the store above, this load comes after
  // start()'s increment in the single order, reads it, and so sees all that was unpublished before.
  // That `seen` may then be one token old only makes the engine wait once more.
  static_cast<void>(current_.load(std::memory_order_seq_cst));
}

void EpochQuiescence::quiescent(ReaderId reader) {
  // release: the accesses of the burst happen before the engine sees the new token; seq_cst load so
  // that the next burst's reads come after it.
  slots_[reader.value].seen.store(current_.load(std::memory_order_seq_cst),
                                  std::memory_order_seq_cst);
}

void EpochQuiescence::offline(ReaderId reader) {
  slots_[reader.value].seen.store(kOffline, std::memory_order_release);
}

}  // namespace violet
