// An event ring carries events from an lcore to the recorder; an observer reads along without
// either of them noticing.
//
//     lcore --Probe::record()--> EventRing --drain()--> recorder
//                                    \--RingObserver::read()--> a viewer, in this process or another
//
// Threading: EventRing::record() by one producer (the lcore), drain() by one consumer (the recorder); a
// RingObserver belongs to its thread, and there may be any number of them.
// Invariants: nobody waits: a full ring drops the event and counts it. An observer writes nothing, so
// it can neither slow the producer nor make room for it; what was overwritten before or while it copied
// is counted as lost and never returned. Events come out in the order in which they were recorded.
// Limits: capacity is rounded up to a power of two. An observer sees the last capacity - 1 events.
//
// Why an observer never returns a torn event. The producer writes event t into slot t % capacity
// after its store of tail = t, and stores the slot's words with release. If the observer's acquire load
// of a word of event i's slot yields a word of a later event t >= i + capacity, then the producer's store
// of tail = t happened before; the observer's load of the tail after the copy yields t or more, and it
// drops every event up to and with t - capacity. On x86-64 all of these are plain moves.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "engine/base/check.hpp"
#include "engine/base/types.hpp"
#include "engine/telemetry/event_bodies.hpp"

namespace violet {

// --- Words that several threads or processes read while one of them writes ---
// Every access is an atomic of 64 bits, so that nothing is torn and nothing is a data race in memory that was not
// made as atomics (a mapped segment). The orders are the caller's. Loads are right on a read-only mapping, too.

using Word = std::uint64_t;
static_assert(std::atomic_ref<Word>::is_always_lock_free);

inline Word load_word(const Word& word, std::memory_order order) noexcept {
  // Before C++26 atomic_ref takes no const; a lock-free load writes nothing.
  return std::atomic_ref<Word>(const_cast<Word&>(word)).load(order);
}
inline void store_word(Word& word, Word value, std::memory_order order) noexcept {
  std::atomic_ref<Word>(word).store(value, order);
}

// A trivially copyable thing as words.
template <class T>
using WordsOf = std::array<Word, sizeof(T) / sizeof(Word)>;

template <class T>
T load_words(const Word* from, std::memory_order order) noexcept {
  static_assert(sizeof(T) % sizeof(Word) == 0);
  WordsOf<T> words;
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = load_word(from[i], order);
  return std::bit_cast<T>(words);
}
template <class T>
void store_words(Word* to, const T& value, std::memory_order order) noexcept {
  static_assert(sizeof(T) % sizeof(Word) == 0);
  const auto words = std::bit_cast<WordsOf<T>>(value);
  for (std::size_t i = 0; i < words.size(); ++i) store_word(to[i], words[i], order);
}

// --- The ring ---

// What a ring's storage begins with; the events follow. All zero is an empty ring.
struct RingState {
  alignas(kCacheLine) Word tail;  // The producer's line: events ever recorded.
  Word dropped;
  alignas(kCacheLine) Word head;  // The consumer's: events ever taken.
};
inline constexpr std::size_t kEventWords = sizeof(Event) / sizeof(Word);

class EventRing {
 public:
  explicit EventRing(std::size_t capacity, std::uint16_t lcore = 0)
      : mask_(std::bit_ceil(capacity) - 1), lcore_(lcore), owned_(allocate(bytes(capacity))) {
    state_ = reinterpret_cast<RingState*>(owned_.get());
    words_ = reinterpret_cast<Word*>(state_ + 1);
  }
  // In the caller's storage, which is zeroed, aligned to a cache line and outlives the ring.
  EventRing(std::span<std::byte> storage, std::size_t capacity, std::uint16_t lcore)
      : mask_(std::bit_ceil(capacity) - 1),
        lcore_(lcore),
        state_(reinterpret_cast<RingState*>(storage.data())),
        words_(reinterpret_cast<Word*>(state_ + 1)) {
    VIOLET_CHECK(storage.size() >= bytes(capacity));
    VIOLET_CHECK(reinterpret_cast<std::uintptr_t>(storage.data()) % kCacheLine == 0);
  }
  EventRing(const EventRing&) = delete;
  EventRing& operator=(const EventRing&) = delete;

  static constexpr std::size_t bytes(std::size_t capacity) {
    return sizeof(RingState) + std::bit_ceil(capacity) * sizeof(Event);
  }

  void record(const Event& event) noexcept {
    // relaxed: only this thread writes it.
    const Word tail = load_word(state_->tail, std::memory_order_relaxed);
    if (tail - cached_head_ > mask_) [[unlikely]] {
      cached_head_ =
          load_word(state_->head, std::memory_order_acquire);  // partner: drain's release
      if (tail - cached_head_ > mask_) {
        const Word dropped = load_word(state_->dropped, std::memory_order_relaxed);
        store_word(state_->dropped, dropped + 1, std::memory_order_relaxed);
        return;
      }
    }
    // release: partner is the observer's acquire of the same words (see above).
    store_words(words_ + (tail & mask_) * kEventWords, event, std::memory_order_release);
    // release: partners are drain's and the observer's acquire.
    store_word(state_->tail, tail + 1, std::memory_order_release);
  }

  // Takes up to out.size() events in order.
  std::size_t drain(std::span<Event> out) noexcept {
    const Word head = load_word(state_->head, std::memory_order_relaxed);
    // acquire: partner is record's release of the tail.
    const Word available = load_word(state_->tail, std::memory_order_acquire) - head;
    const auto count = static_cast<std::size_t>(std::min<Word>(available, out.size()));
    for (std::size_t i = 0; i < count; ++i) {
      const Word* slot = words_ + ((head + i) & mask_) * kEventWords;
      out[i] = load_words<Event>(slot, std::memory_order_relaxed);  // Ordered by the tail.
    }
    store_word(state_->head, head + count, std::memory_order_release);  // partner: record's acquire
    return count;
  }

  std::uint64_t dropped() const noexcept {
    return load_word(state_->dropped, std::memory_order_relaxed);
  }
  std::size_t capacity() const noexcept { return mask_ + 1; }
  std::uint16_t lcore() const noexcept { return lcore_; }

 private:
  friend class RingObserver;
  struct Release {
    void operator()(std::byte* storage) const {
      ::operator delete (storage, std::align_val_t{kCacheLine});
    }
  };
  static std::byte* allocate(std::size_t size) {
    auto* storage = static_cast<std::byte*>(::operator new (size, std::align_val_t{kCacheLine}));
    std::fill_n(storage, size, std::byte{0});  // Also makes the pages present.
    return storage;
  }

  Word mask_;
  Word cached_head_ = 0;  // The producer's copy.
  std::uint16_t lcore_;
  RingState* state_ = nullptr;
  Word* words_ = nullptr;
  std::unique_ptr<std::byte, Release> owned_;
};

// Watches a ring from its own position, without a trace in it.
class RingObserver {
 public:
  // Begins with the oldest event that is still there.
  explicit RingObserver(const EventRing& ring)
      : RingObserver(ring.state_, ring.words_, ring.capacity()) {}
  // `capacity` is a power of two; `words` has room for so many events.
  RingObserver(const RingState* state, const Word* words, std::size_t capacity)
      : state_(state), words_(words), mask_(capacity - 1) {
    position_ = oldest(load_word(state->tail, std::memory_order_acquire));  // partner: record
    missed_ = position_;
  }

  // Copies up to out.size() events in order; what it returns comes after what lost() grew by.
  std::size_t read(std::span<Event> out) noexcept {
    const Word tail = load_word(state_->tail, std::memory_order_acquire);  // partner: record
    skip_to(oldest(tail));
    // A tail behind us is not a ring's: the position follows and nothing is returned.
    const Word ahead = tail - position_;
    if (ahead > mask_) {
      position_ = tail;
      return 0;
    }
    const auto count = static_cast<std::size_t>(std::min<Word>(ahead, out.size()));
    for (std::size_t i = 0; i < count; ++i) {
      const Word* slot = words_ + ((position_ + i) & mask_) * kEventWords;
      out[i] = load_words<Event>(slot, std::memory_order_acquire);  // partner: record's words
    }
    return keep_valid(out.first(count));
  }

  // Overwritten before they could be copied.
  std::uint64_t lost() const noexcept { return lost_; }
  // Overwritten before this observer began.
  std::uint64_t missed() const noexcept { return missed_; }
  // Dropped by the producer, because the recorder was late.
  std::uint64_t dropped() const noexcept {
    return load_word(state_->dropped, std::memory_order_relaxed);
  }
  // How many events are waiting.
  std::uint64_t waiting() const noexcept {
    return load_word(state_->tail, std::memory_order_relaxed) - position_;
  }

 private:
  // The slot of event `tail` may be in the producer's hands, and with it event tail - capacity.
  Word oldest(Word tail) const noexcept { return tail > mask_ ? tail - mask_ : 0; }
  void skip_to(Word position) noexcept {
    if (position <= position_) return;
    lost_ += position - position_;
    position_ = position;
  }
  std::size_t keep_valid(std::span<Event> copied) noexcept {
    // relaxed: the acquire loads of the words come before it.
    const Word valid_from = oldest(load_word(state_->tail, std::memory_order_relaxed));
    const Word end = position_ + copied.size();
    const Word before = position_;
    skip_to(std::min(valid_from, end));
    const auto overwritten = static_cast<std::size_t>(position_ - before);
    std::copy(copied.begin() + static_cast<std::ptrdiff_t>(overwritten), copied.end(),
              copied.begin());
    position_ = end;
    return copied.size() - overwritten;
  }

  const RingState* state_;
  const Word* words_;
  Word mask_;
  Word position_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t missed_ = 0;
};

// The producer's handle: off is one predictable branch.
class Probe {
 public:
  Probe() = default;
  explicit Probe(EventRing* ring) : ring_(ring) {}

  bool on() const noexcept { return ring_ != nullptr; }
  void record(const Event& event) const noexcept {
    if (ring_ != nullptr) ring_->record(event);
  }

 private:
  EventRing* ring_ = nullptr;
};

}  // namespace violet
