// A reader table holds the readers of one IOTLB, stable in memory; the engine finds them by index.
//
// Threading: add() during set-up, before the engine or any reader runs; at() then from the engine.
// Limits: max_readers of the configuration.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "engine/base/quiescence.hpp"
#include "engine/base/result.hpp"

namespace violet {

template <class Reader>
class ReaderTable {
 public:
  explicit ReaderTable(std::size_t max_readers) : max_readers_(max_readers) {}

  template <class... Args>
  Result<Reader*> add(Args&&... args) {
    if (readers_.size() == max_readers_) {
      return fail("cannot add a reader to the IOTLB: the limit of {} readers is reached",
                  max_readers_);
    }
    return readers_.emplace_back(std::make_unique<Reader>(std::forward<Args>(args)...)).get();
  }

  auto begin() const { return readers_.begin(); }
  auto end() const { return readers_.end(); }
  std::size_t size() const { return readers_.size(); }

 private:
  std::size_t max_readers_;
  std::vector<std::unique_ptr<Reader>> readers_;
};

}  // namespace violet
