// An interval store keeps a domain's mappings in an ordered map (absl::btree_map) whose readers
// take a short lock: the baseline that the lock-free stores are measured against.
//
// The key is a mapping's last address, so the mapping that holds an address, if any, is simply the
// first whose key is not below it.
//
// Threading: as domain_store.hpp. translate() waits while the engine updates (reader_gate.hpp), so
// the miss path of this store is not wait-free; the IOTLB's hit path is not concerned (C4). The
// engine never waits: try_begin_update() fails while a reader is inside, and its next try follows
// soon (C5).
// Invariants: Interval.1 what unmap() removes is freed at once: no reader is inside (C6).
// Limits: any granule from 4 KiB; about 35 bytes a mapping, 24 of them its own.
#pragma once

#include <absl/container/btree_map.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <new>
#include <optional>

#include "engine/store/domain_store.hpp"
#include "engine/store/reader_gate.hpp"

namespace violet {

// Counts what a container holds.
template <class T>
class CountingAllocator {
 public:
  using value_type = T;

  explicit CountingAllocator(std::size_t* bytes) : bytes_(bytes) {}
  template <class U>
  explicit CountingAllocator(const CountingAllocator<U>& other) : bytes_(other.bytes()) {}

  T* allocate(std::size_t count) {
    *bytes_ += count * sizeof(T) + kHeader;
    return static_cast<T*>(::operator new(count * sizeof(T)));
  }
  void deallocate(T* memory, std::size_t count) {
    *bytes_ -= count * sizeof(T) + kHeader;
    ::operator delete(memory);
  }
  std::size_t* bytes() const { return bytes_; }
  bool operator==(const CountingAllocator& other) const { return bytes_ == other.bytes_; }

 private:
  static constexpr std::size_t kHeader = 16;  // The system allocator's own, per block.
  std::size_t* bytes_;
};

class IntervalStore final : public DomainStore {
 public:
  IntervalStore(const StoreConfig& config, Quiescence& quiescence, MemoryBudget& budget);
  ~IntervalStore() override;
  IntervalStore(const IntervalStore&) = delete;
  IntervalStore& operator=(const IntervalStore&) = delete;

  bool try_begin_update() override { return gate_.try_close(); }
  void end_update() override { gate_.open(); }

  MapStatus map(const Mapping& mapping) override;
  UnmapStatus unmap(IovaRange range, UnmapCursor& cursor, std::uint32_t max_mappings) override;
  bool reclaim(std::uint32_t /*max_pieces*/) override { return true; }
  bool has_garbage() const override { return false; }  // Interval.1
  // Beside readers: nobody but the engine writes.
  bool any_mapped(IovaRange range) const override {
    const auto found = mappings_.lower_bound(range.first.value);
    return found != mappings_.end() && found->second.first <= range.last.value;
  }

  // The extent is the whole mapping.
  std::optional<Translation> translate(Iova iova) const override;

  std::uint64_t mapping_count() const override { return mappings_.size(); }
  std::size_t resident_bytes() const override { return bytes_; }

 private:
  // Without the last address, which is the key.
  struct Rest {
    std::uint64_t first;
    std::uint64_t
        phys_and_permissions;  // The permissions are in the low bits that 4 KiB leaves free.
  };
  using Map = absl::btree_map<std::uint64_t, Rest, std::less<>,
                              CountingAllocator<std::pair<const std::uint64_t, Rest>>>;

  // More than one insertion can allocate: a split on every level of a tree of 2^64 mappings. It has
  // to fit into the budget for the moment of the insertion.
  static constexpr std::size_t kInsertReserve = 24 * 320;

  bool would_split(IovaRange range) const;
  void settle_budget();

  mutable ReaderGate gate_;
  std::uint64_t max_mappings_;
  MemoryBudget& budget_;
  std::size_t bytes_ = 0;    // What mappings_ holds now.
  std::size_t charged_ = 0;  // What of it budget_ knows.
  Map mappings_;
};

}  // namespace violet
