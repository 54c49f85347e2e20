// A replay endpoint performs the accesses that a trace says a real device made.
//
// Threading: as endpoint_model.hpp says; submit(), completed(), behave() and behaves() from the guest lcore.
// Invariants: accesses run in order; bytes are really copied, to or from a scratch buffer of the
// model's. Limits: an access longer than kMaxAccess is cut into pieces of that size by submit().
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "dataplane/dma/dma_port.hpp"
#include "dataplane/dma/endpoint_model.hpp"
#include "engine/base/spsc_ring.hpp"

namespace violet {

class ReplayEndpoint final : public EndpointModel {
 public:
  static constexpr std::uint32_t kMaxAccess = 65536;

  explicit ReplayEndpoint(DmaPort& port, std::size_t queue = 1024);

  // False when the queue is full: poll and try again.
  bool submit(Iova iova, std::uint32_t bytes, Access access);
  // What the device does with what was submitted: performs it; holds it back, as a rogue one may for as long as it likes;
  // or completes it without an access, as one that is being reset.
  enum class Conduct : std::uint8_t { kPerforms, kHoldsBack, kForgets };
  // Takes effect with the next poll(); behaves() says when it has.
  void behave(Conduct conduct) { wanted_.store(conduct, std::memory_order_release); }
  bool behaves(Conduct conduct) const { return shown_.load(std::memory_order_acquire) == conduct; }
  std::uint32_t submitted() const { return submitted_; }
  std::uint32_t completed() const { return completed_.read(); }

  unsigned poll(unsigned budget) override;
  std::uint64_t dma_errors() const override { return dma_errors_.value(); }

 private:
  static constexpr unsigned kBurst = 16;
  struct Item {
    Iova iova;
    std::uint32_t bytes;
    Access access;
  };

  DmaPort& port_;
  SpscRing<Item> items_;
  std::uint32_t submitted_ = 0;
  Register completed_;
  // Beside what the device alone writes.
  alignas(kCacheLine) std::atomic<Conduct> wanted_{
      Conduct::kPerforms};                          // partners: behave(), poll()
  std::atomic<Conduct> shown_{Conduct::kPerforms};  // partners: poll(), behaves()
  std::array<DmaOp, kBurst> ops_{};
  std::array<Item, kBurst> burst_{};
  std::vector<std::byte> scratch_;
  Counter dma_errors_;
};

}  // namespace violet
