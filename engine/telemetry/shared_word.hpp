// A shared word is read by several threads or processes while one of them writes it: every access
// is an atomic of 64 bits, so that nothing is torn and nothing is a data race, in memory that was
// not made as atomics (a mapped segment).
//
// Threading: anywhere; the orders are the caller's, with their partners named there.
// Limits: 8-byte aligned words. Loads are also right on a mapping that is read-only.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace violet {

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

}  // namespace violet
