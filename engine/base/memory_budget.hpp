// A memory budget limits what one guest can make the engine hold; a request that does not fit is
// answered with NOMEM.
//
// Threading: owner-only (the engine thread of the device that the budget belongs to).
#pragma once

#include <cstddef>

#include "engine/base/check.hpp"

namespace violet {

class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t limit_bytes) : limit_(limit_bytes) {}

  bool charge(std::size_t bytes) {
    if (bytes > limit_ - used_) return false;
    used_ += bytes;
    return true;
  }
  void release(std::size_t bytes) {
    VIOLET_DCHECK(bytes <= used_);
    used_ -= bytes;
  }
  std::size_t used() const { return used_; }
  std::size_t limit() const { return limit_; }

 private:
  std::size_t limit_;
  std::size_t used_ = 0;
};

}  // namespace violet
