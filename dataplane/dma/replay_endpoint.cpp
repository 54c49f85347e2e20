#include "dataplane/dma/replay_endpoint.hpp"

#include <algorithm>

#include "engine/base/check.hpp"

namespace violet {

ReplayEndpoint::ReplayEndpoint(DmaPort& port, std::size_t queue)
    : port_(port), items_(queue), scratch_(kMaxAccess) {}

bool ReplayEndpoint::submit(Iova iova, std::uint32_t bytes, Access access) {
  VIOLET_DCHECK(bytes >= 1 && bytes <= kMaxAccess);
  if (!items_.push({iova, bytes, access})) return false;
  ++submitted_;
  return true;
}

unsigned ReplayEndpoint::poll(unsigned budget) {
  const Conduct conduct = wanted_.load(std::memory_order_acquire);
  if (shown_.load(std::memory_order_relaxed) != conduct) {
    shown_.store(conduct, std::memory_order_release);
  }
  if (conduct == Conduct::kHoldsBack) return 0;
  const std::size_t count =
      items_.pop(std::span(burst_.data(), std::min<std::size_t>(budget, kBurst)));
  if (count == 0) return 0;
  if (conduct == Conduct::kForgets) {
    completed_.write(completed_.read() + static_cast<std::uint32_t>(count));
    return static_cast<unsigned>(count);
  }
  for (std::size_t i = 0; i < count; ++i) {
    ops_[i] = {burst_[i].iova, burst_[i].bytes, burst_[i].access, scratch_.data(), DmaResult::kOk};
  }
  const std::size_t good = port_.run(std::span(ops_.data(), count));
  dma_errors_.add(count - good);
  completed_.write(completed_.read() + static_cast<std::uint32_t>(count));
  return static_cast<unsigned>(count);
}

}  // namespace violet
