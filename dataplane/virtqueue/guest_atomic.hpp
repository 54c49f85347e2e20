// Guest memory is read and written by these accesses: words of the rings with atomics that name their order,
// bytes of a buffer with accesses that the compiler can neither repeat nor split.
//
// Threading: any; the other side of every access is the guest (or the modelled driver).
// Invariants: one call of load_*() is one load, one call of copy_once() loads every byte once.
// Limits: T is 2, 4 or 8 bytes and the address has its alignment, which the queues check at set-up. The
// rings are little-endian, and so must the host be.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace violet {

static_assert(std::endian::native == std::endian::little, "ring words are used as they are stored");

namespace guest_detail {
template <class T>
struct [[gnu::may_alias]] Word {
  T value;
};
template <class T>
struct [[gnu::packed, gnu::may_alias]] Unaligned {
  T value;
};
}  // namespace guest_detail

template <class T>
T load_relaxed(const std::byte* at) noexcept {
  return __atomic_load_n(&reinterpret_cast<const guest_detail::Word<T>*>(at)->value,
                         __ATOMIC_RELAXED);
}
template <class T>
T load_acquire(const std::byte* at) noexcept {
  return __atomic_load_n(&reinterpret_cast<const guest_detail::Word<T>*>(at)->value,
                         __ATOMIC_ACQUIRE);
}
template <class T>
void store_relaxed(std::byte* at, T value) noexcept {
  __atomic_store_n(&reinterpret_cast<guest_detail::Word<T>*>(at)->value, value, __ATOMIC_RELAXED);
}
template <class T>
void store_release(std::byte* at, T value) noexcept {
  __atomic_store_n(&reinterpret_cast<guest_detail::Word<T>*>(at)->value, value, __ATOMIC_RELEASE);
}

// A store before it is visible to the other side before a load after it reads: the two sides of every
// "publish, then look whether the other one sleeps" have one each.
inline void full_barrier() noexcept { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

// One load of an unaligned word.
template <class T>
T load_unaligned(const std::byte* at) noexcept {
  return static_cast<const volatile guest_detail::Unaligned<T>*>(
             reinterpret_cast<const guest_detail::Unaligned<T>*>(at))
      ->value;
}

// Copies out of guest memory; volatile, so that no later use goes back to the source.
inline void copy_once(std::byte* to, const std::byte* from, std::size_t bytes) noexcept {
  const auto copy = [&]<class T>(T) {
    const T word = load_unaligned<T>(from);
    std::memcpy(to, &word, sizeof(T));
    to += sizeof(T);
    from += sizeof(T);
    bytes -= sizeof(T);
  };
  while (bytes >= 8) copy(std::uint64_t{});
  if (bytes >= 4) copy(std::uint32_t{});
  while (bytes > 0) copy(std::uint8_t{});
}

namespace guest_detail {
inline bool aligned(const std::byte* at, std::size_t bytes) noexcept {
  return reinterpret_cast<std::uintptr_t>(at) % bytes == 0;
}
}  // namespace guest_detail

// A device's read of guest memory as PCI Express promises it: an aligned word of 2, 4 or 8 bytes is read at
// once. (A ring's index that is read in two halves, 0x49ff becoming 0x4a00, is 0x4aff: memcpy does that.)
inline void dma_read(std::byte* to, const std::byte* from, std::size_t bytes) noexcept {
  const auto whole = [&]<class T>(T) {
    const T word = load_relaxed<T>(from);
    std::memcpy(to, &word, sizeof(T));
  };
  if (bytes == 2 && guest_detail::aligned(from, 2)) return whole(std::uint16_t{});
  if (bytes == 4 && guest_detail::aligned(from, 4)) return whole(std::uint32_t{});
  if (bytes == 8 && guest_detail::aligned(from, 8)) return whole(std::uint64_t{});
  std::memcpy(to, from, bytes);
}

// The same for a write.
inline void dma_write(std::byte* to, const std::byte* from, std::size_t bytes) noexcept {
  const auto whole = [&]<class T>(T word) {
    std::memcpy(&word, from, sizeof(T));
    store_relaxed(to, word);
  };
  if (bytes == 2 && guest_detail::aligned(to, 2)) return whole(std::uint16_t{});
  if (bytes == 4 && guest_detail::aligned(to, 4)) return whole(std::uint32_t{});
  if (bytes == 8 && guest_detail::aligned(to, 8)) return whole(std::uint64_t{});
  std::memcpy(to, from, bytes);
}

// Asks for a line that will be written, so that a read first and a write later cost one transfer.
inline void prefetch_for_write(const std::byte* at) noexcept {
#if defined(__x86_64__)
  asm volatile("prefetchw %0" : : "m"(*at));
#else
  __builtin_prefetch(at, 1);
#endif
}

// Asks for the descriptors that a burst over a packed ring comes to next. The other core has written
// them, and a trip for each line in turn would be most of the burst's cost. Nothing is asked for at the
// first of a burst: a single request must not take lines away from a driver that is about to write them.
class StridePrefetch {
 public:
  void restart() noexcept { seen_ = 0; }
  void step(const std::byte* ring, std::uint32_t index, std::uint32_t size) noexcept {
    ++seen_;
    if (seen_ < 2 || size <= kAhead) return;
    for (std::uint32_t i = seen_ == 2 ? kLine : kAhead; i <= kAhead; i += kLine) {
      const std::uint32_t at = index + i < size ? index + i : index + i - size;
      prefetch_for_write(ring + std::size_t{at} * 16);
    }
  }

 private:
  static constexpr std::uint32_t kLine = 4;  // Descriptors.
  static constexpr std::uint32_t kAhead = 8 * kLine;
  std::uint32_t seen_ = 0;
};

}  // namespace violet
