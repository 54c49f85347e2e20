// A bounce pool keeps mapped buffers of one domain (D. Stevens, "Dynamic IOMMU-backed bounce buffers", 2021):
// slots of eight sizes whose mappings outlive their use, so that a copy replaces MAP and UNMAP.
//
// Threading: owner-only; in the kernel one spinlock for each size class.
// Invariants:
//   A slot's address is arithmetic: one reservation of 255 * slots granules, the largest class first, so that
//   every slot is aligned to its size.
//   A slot belongs to one user at a time; the device can reach a slot's page and no other memory through it.
//   What is beside the user's bytes is what the pool's pages held before.
//   Slots are reused last in first out, only with exactly the permissions they were mapped with.
// Limits: classes of 1, 2, ... 128 granules; arrays are allocated at a class's first use. A slot's
// memory is contiguous, so that one MAP covers it (the original takes single pages when it must).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "experiments/guest/dma_domain.hpp"
#include "experiments/guest/guest_pages.hpp"

namespace violet {

class BouncePool {
 public:
  static constexpr unsigned kClasses = 8;

  struct Slot {
    Iova iova;  // Of its first byte.
    GuestPhys phys;
    std::byte* host;
    unsigned size_class;
    std::uint32_t index;
    bool fresh;  // Not mapped yet: fill it, then map_fresh().
  };

  // Error when not even one slot a class fits into half of the address space.
  static Result<std::unique_ptr<BouncePool>> create(DmaDomain& domain, GuestPages& pages,
                                                    std::uint32_t slots, unsigned cpu);

  // The class whose slots hold `bytes`; kClasses when none does.
  unsigned class_for(std::uint64_t bytes) const;
  // A slot for one user. Nothing when the class is used up or the guest has no memory.
  std::optional<Slot> acquire(unsigned size_class, Permissions permissions);
  // Maps a fresh slot; false (the driver gave up): the slot is lost.
  bool map_fresh(const Slot& slot);
  // Gives a slot back to the cache of its permissions.
  void release(const Slot& slot);
  // The slot that holds an address, by arithmetic alone; nothing outside the pool.
  std::optional<Slot> find(Iova iova) const;

  // One round of eviction: what was not used since the last round is unmapped and freed. Returns how
  // many slots.
  std::uint32_t evict();

  std::uint64_t slot_bytes(unsigned size_class) const { return bytes(size_class); }
  std::uint64_t mapped_bytes() const { return mapped_bytes_; }
  std::uint32_t slots() const { return slots_; }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  struct Entry {
    GuestPhys phys;
    std::byte* host = nullptr;  // Null: empty.
    std::uint32_t next = kNone;
    Permissions permissions = Permissions::kNone;
    bool idle = false;  // Cached when the last round of eviction passed.
  };
  struct Class {
    std::unique_ptr<Entry[]> entries;
    std::array<std::uint32_t, 4> cached = {kNone, kNone, kNone, kNone};  // By permissions.
    std::uint32_t empty = kNone;
    std::uint32_t high_water = 0;  // Entries from here on were never used.
  };

  BouncePool(DmaDomain& domain, GuestPages& pages, std::uint32_t slots, Iova start);
  std::uint64_t granules(unsigned size_class) const { return std::uint64_t{1} << size_class; }
  std::uint64_t bytes(unsigned size_class) const { return domain_.granule() << size_class; }
  unsigned page_order(unsigned size_class) const;
  Iova address(unsigned size_class, std::uint32_t index) const;
  Slot describe(unsigned size_class, std::uint32_t index, bool fresh) const;
  std::uint32_t take_empty(Class& pool);
  std::uint32_t evict_cache(unsigned size_class, std::uint32_t& head, std::uint32_t& doomed);
  void free_doomed(unsigned size_class, std::uint32_t doomed);

  DmaDomain& domain_;
  GuestPages& pages_;
  std::uint32_t slots_;
  std::uint64_t end_;  // In granules.
  std::uint64_t start_;
  std::array<Class, kClasses> classes_;
  std::uint64_t mapped_bytes_ = 0;
};

}  // namespace violet
