// A recorded cell answers from its stored or aggregated pyramid and from the blocks of a trace.
//
// Threading: keep() and finish() by whoever opens it; then as CellQueries.
// Invariants: an answer was made of events that were written so, or of none: when a block cannot be had any more, the
// cell asks again without events, says so in its notice and is of another version.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "experiments/query/block_cache.hpp"
#include "experiments/query/cell_data.hpp"
#include "experiments/trace/aggregation.hpp"
#include "experiments/trace/pyramid_file.hpp"

namespace violet::query {

// What of a recording was found damaged since it was opened, by whichever cell.
//
// Threading: any.
class FoundDamage {
 public:
  void add(const std::string& what);
  std::string text() const;  // A line each; empty: nothing.

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> found_;
};

class RecordedCell : public CellAnswers, private EventSource {
 public:
  // `blocks` are sound and of the cell; what follows `kept_until` is not in them.
  RecordedCell(std::shared_ptr<const BlockCache> cache, std::shared_ptr<FoundDamage> found,
               std::span<const std::size_t> blocks, Ticks kept_until);
  std::uint64_t version() const override { return &data() == &data_ ? 1 : 2; }

  void keep(std::unique_ptr<Aggregation> aggregation);
  void keep(const StoredPyramid& stored);
  void finish(const CellInfo& info);

 protected:
  std::shared_ptr<void> hold() const override { return nullptr; }
  const CellData& data() const override {
    // partner: went_bad()'s release
    return went_bad_.load(std::memory_order_acquire) ? without_events_ : data_;
  }

 private:
  HeldEvents hold(std::size_t block) const override;
  void went_bad(const std::string& message) const;

  std::shared_ptr<const BlockCache> cache_;
  std::shared_ptr<FoundDamage> found_;
  StoredPyramid stored_;
  std::unique_ptr<Aggregation> aggregation_;
  KeptEvents events_;
  const KeptEvents no_events_;
  CellData data_;
  mutable std::mutex mutex_;         // Of went_bad().
  mutable CellData without_events_;  // Written before went_bad_ is set, and not afterwards.
  mutable std::atomic<bool> went_bad_{false};
};

}  // namespace violet::query
