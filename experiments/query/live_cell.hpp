// A live cell grows while it is asked: its newest events are in a bounded buffer, all of them in a
// pyramid.
//
// Threading: advance() and end() by one thread (the live run's worker); questions from any.
// Invariants: at most kMostKept events and one block are kept. A question sees all of an advance() or
// nothing of it; version() grows after each advance(). A call of info() waits for nobody who aggregates or asks.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <vector>

#include "experiments/query/cell_data.hpp"
#include "experiments/query/recorded_clock.hpp"
#include "experiments/trace/aggregation.hpp"

namespace violet::query {

class LiveCell : public CellAnswers {
 public:
  static constexpr std::size_t kMostKept = std::size_t{1} << 22;

  LiveCell(const CellInfo& info, Ticks start, double ns_per_tick, bool from_the_start,
           std::size_t most_kept = kMostKept);

  CellInfo info() const override;
  std::uint64_t version() const override { return version_.load(std::memory_order_acquire); }

  struct Batch {
    std::uint16_t lcore = 0;
    std::span<const Event> events;
    std::uint64_t lost_before = 0;
    bool lost_unknown = false;  // Others before it as well, and nobody knows how many.
  };
  // Takes the batches and shows all before `until`.
  void advance(std::span<const Batch> batches, Ticks until);
  // Nothing comes any more. The notice says what is wrong with how it ended; empty: nothing.
  void end(const std::string& notice);

 protected:
  std::shared_ptr<void> hold() const override;
  const CellData& data() const override { return data_; }

 private:
  struct Kept {
    std::unique_ptr<Event[]> events;
    std::size_t count;
    Ticks last;
  };
  std::unique_lock<std::shared_mutex> alone();
  void take(const Batch& batch);
  void forget_oldest();
  void show();

  std::size_t most_kept_;
  bool from_the_start_;
  // Who waits to write holds the gate, so that a stream of questions cannot keep it out.
  mutable std::mutex gate_;
  mutable std::shared_mutex mutex_;
  std::atomic<std::uint64_t> version_{1};
  Aggregation aggregation_;
  KeptEvents events_;
  std::deque<Kept> kept_;
  std::size_t kept_count_ = 0;
  std::uint64_t unknown_losses_ = 0;  // Each counts as one event in the summary.
  RecordedClock clock_;
  CellData data_;
  mutable std::mutex info_mutex_;  // Held for a copy only.
  CellInfo info_;                  // As of the last show().
};

}  // namespace violet::query
