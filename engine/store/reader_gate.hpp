// A reader gate locks a store: readers share it, the engine tries and never waits.
//
// Threading: enter() and leave() by any reader; try_close() and open() by the engine thread.
// Invariants:
//   Gate.1 while the gate is closed no reader is inside.
//   Gate.2 the engine never waits (C5): try_close() fails while readers are inside, leaving word that
//      the engine wants in. Readers that arrive after that wait at the gate, so readers that keep
//      coming cannot starve an engine that tries again within their patience.
//   Gate.3 a reader waits for that word only for kPatience pauses. An engine that left word and never
//      came back (its request died in a device reset) therefore cannot hang the readers.
// Limits: a reader waits as long as the engine keeps the gate closed. Only lookups that missed the
// IOTLB come here; the hit path (C4) never does.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/base/check.hpp"
#include "engine/base/clock.hpp"
#include "engine/base/types.hpp"

namespace violet {

class alignas(kCacheLine) ReaderGate {
 public:
  static constexpr unsigned kPatience =
      4096;  // About 100 us of pauses: several polls of an engine.

  void enter() noexcept {
    unsigned patience = kPatience;
    while (true) {
      // relaxed: only chooses between waiting and trying; the fetch_add below decides.
      const std::uint32_t seen = state_.load(std::memory_order_relaxed);
      const bool wait = (seen & kClosed) != 0 || ((seen & kWanted) != 0 && patience > 0);
      if (wait) {
        if (patience > 0) --patience;
        cpu_pause();
        continue;
      }
      // acquire: partner of the release in open(); what the engine changed is visible inside.
      if ((state_.fetch_add(1, std::memory_order_acquire) & kClosed) == 0) return;
      state_.fetch_sub(1, std::memory_order_relaxed);  // Closed in between: was never inside.
    }
  }
  // release: partner of the acquire in try_close(); the reader's loads come before the engine's
  // stores.
  void leave() noexcept { state_.fetch_sub(1, std::memory_order_release); }

  bool try_close() noexcept {
    VIOLET_DCHECK((state_.load(std::memory_order_relaxed) & kClosed) == 0);
    std::uint32_t idle = state_.load(std::memory_order_relaxed) & kWanted;
    // acquire: partner of leave(). One attempt; strong, so that it fails only for a reader.
    if (state_.compare_exchange_strong(idle, kClosed, std::memory_order_acquire,
                                       std::memory_order_relaxed)) {
      return true;
    }
    state_.fetch_or(kWanted, std::memory_order_relaxed);
    return false;
  }
  // release: partner of enter(). Also clears the word left by try_close().
  void open() noexcept { state_.fetch_and(~(kClosed | kWanted), std::memory_order_release); }

  bool closed() const noexcept { return (state_.load(std::memory_order_relaxed) & kClosed) != 0; }

 private:
  static constexpr std::uint32_t kClosed = 1u << 31;
  static constexpr std::uint32_t kWanted = 1u << 30;

  std::atomic<std::uint32_t> state_{0};  // kClosed, kWanted, and how many readers are inside.
};

}  // namespace violet
