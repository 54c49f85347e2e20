// The guest's page allocator hands out physical pages as its kernel does: a buddy allocator over guest memory
// with a LIFO stack of single pages in front, so that freed pages come back hot.
//
// Threading: owner-only: the guest lcore.
// Invariants: a block is aligned to its size and lies inside one region. Nothing is handed out twice;
// freeing what is not allocated is a bug and stops the program.
// Limits: pages of 4 KiB, blocks up to 2^kMaxOrder pages; all memory is allocated at construction.
//
// With Options::poison every freed page is filled with kPoison and checked when it is handed out
// again: a byte that changed in between was written by somebody who no longer owned it (the canary
// of C1).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/virtqueue/guest_memory.hpp"
#include "engine/base/types.hpp"

namespace violet {

class GuestPages {
 public:
  static constexpr unsigned kPageShift = 12;
  static constexpr std::uint64_t kPageBytes = std::uint64_t{1} << kPageShift;
  static constexpr unsigned kMaxOrder = 18;  // 1 GiB.
  static constexpr std::byte kPoison{0x6b};  // POISON_FREE of include/linux/poison.h.

  struct Options {
    bool poison = false;
  };

  // `memory` outlives the allocator; its regions become free pages, cut to whole pages.
  GuestPages(const GuestMemory& memory, Options options);
  explicit GuestPages(const GuestMemory& memory) : GuestPages(memory, Options{}) {}

  // 2^order contiguous pages; nothing when memory is short or too fragmented.
  std::optional<GuestPhys> allocate(unsigned order = 0);
  void free(GuestPhys block, unsigned order = 0);

  // `pages` contiguous pages, any number >= 1 up to 2^kMaxOrder; what rounding up took beyond them is
  // given back at once (alloc_pages_exact()).
  std::optional<GuestPhys> allocate_run(std::uint64_t pages);
  void free_run(GuestPhys first, std::uint64_t pages);

  std::byte* host(GuestPhys at, std::uint64_t bytes) const { return memory_.host(at, bytes); }
  std::uint64_t free_pages() const { return free_pages_; }
  std::uint64_t total_pages() const { return states_.size(); }
  // Pages whose poison had changed when they were handed out again.
  std::uint64_t poison_violations() const { return poison_violations_; }

 private:
  using Page = std::uint32_t;  // Index of a page over all regions.
  static constexpr Page kNone = ~Page{0};
  static constexpr std::size_t kStackHigh = 512;
  static constexpr std::size_t kStackBatch = 63;  // Linux' default pcp batch.

  enum class State : std::uint8_t { kAllocated, kFreeHead, kFreeTail, kStacked };
  struct Node {
    Page previous;
    Page next;
  };
  struct Region {
    std::uint64_t first_pfn;
    std::uint64_t pages;
    Page first_page;
  };

  std::uint64_t pfn_of(Page page) const;
  Page page_of(GuestPhys at) const;
  const Region& region_of(Page page) const;
  // The block that a block of `order` merges with; kNone when it would leave the region.
  Page buddy_of(Page page, unsigned order) const;
  void push_block(Page page, unsigned order);
  void remove_block(Page page, unsigned order);
  Page pop_block(unsigned order);
  void add_free(Page page, unsigned order);
  void add_region(Region region);
  void refill_stack();
  std::optional<GuestPhys> allocate_page();
  void free_page(Page page);
  GuestPhys hand_out(Page page, unsigned order);
  void poison(Page page);
  void check_poison(Page page);

  const GuestMemory& memory_;
  Options options_;
  std::vector<Region> regions_;
  std::vector<State> states_;
  std::vector<std::uint8_t> orders_;  // Of free heads.
  std::vector<Node> links_;
  std::array<Page, kMaxOrder + 1> lists_;
  std::vector<Page> stack_;
  std::uint64_t free_pages_ = 0;
  std::uint64_t poison_violations_ = 0;
};

}  // namespace violet
