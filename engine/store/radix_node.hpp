// A radix node is an array of encoded slots, one level of the radix table; a pool hands nodes out
// and takes them back.
//
// Threading: slots are written by the engine and read by any online reader; everything else of a
// node and the whole pool belong to the engine thread.
// Invariants:
//   Node.1 a slot is one word, so a reader sees all of an entry or nothing of it (Store.1): zero, a child
//      pointer, or a leaf {physical address, R/W/MMIO, first of its mapping, last of its mapping}.
//   Node.2 a retired node goes back to the pool only after a grace period (Store.5, C6).
//   Node.3 a node in the pool has empty slots only: nothing has to be cleared on the path of a MAP.
// Limits: physical addresses are aligned to 4 KiB; the 12 bits that this frees hold the flags.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "engine/base/memory_budget.hpp"
#include "engine/base/quiescence.hpp"
#include "engine/base/types.hpp"

namespace violet::radix {

inline constexpr unsigned kBits = 9;
inline constexpr unsigned kSlots = 1u << kBits;
inline constexpr unsigned kMaxLevel = 5;  // Six levels hold the 52 bits of a 4 KiB granule.

// A granule number: an address without its offset in the granule.
using Granule = std::uint64_t;

constexpr unsigned slot_index(Granule granule, unsigned level) {
  return static_cast<unsigned>(granule >> (kBits * level)) & (kSlots - 1);
}
// Granules that one slot of a node of `level` stands for.
constexpr Granule slot_span(unsigned level) { return Granule{1} << (kBits * level); }
constexpr Granule node_span(unsigned level) { return slot_span(level + 1); }

// --- Slots -------------------------------------------------------------------------------------
using Entry = std::uint64_t;

inline constexpr Entry kEmpty = 0;
inline constexpr Entry kLeaf = 1u << 0;
inline constexpr unsigned kPermissionShift = 1;  // R, W, MMIO: bits 1 to 3.
inline constexpr Entry kFirst = 1u << 4;
inline constexpr Entry kLast = 1u << 5;
inline constexpr Entry kPhysMask = ~Entry{0xfff};

constexpr bool is_leaf(Entry entry) { return (entry & kLeaf) != 0; }
constexpr bool is_child(Entry entry) { return entry != kEmpty && !is_leaf(entry); }
constexpr Entry make_leaf(std::uint64_t phys, Permissions permissions) {
  return phys | (static_cast<Entry>(permissions) << kPermissionShift) | kLeaf;
}
constexpr std::uint64_t phys_of(Entry entry) { return entry & kPhysMask; }
constexpr Permissions permissions_of(Entry entry) {
  return static_cast<Permissions>((entry >> kPermissionShift) & 7);
}

// --- Nodes -------------------------------------------------------------------------------------
struct alignas(kCacheLine) Node {
  // The engine's own line: readers never touch it.
  Node* parent = nullptr;   // Null in the root.
  Node* next = nullptr;     // In a list of the pool.
  Granule base = 0;         // First granule.
  std::uint16_t live = 0;   // Slots that are not empty.
  std::uint16_t index = 0;  // In the parent.
  std::uint8_t level = 0;
  bool lingering = false;  // Remembered by RadixStore::linger().

  alignas(kCacheLine) std::array<std::atomic<Entry>, kSlots> entries{};

  Granule last() const { return base + (node_span(level) - 1); }
  // The engine reads its own stores.
  Entry own(unsigned i) const { return entries[i].load(std::memory_order_relaxed); }
  // release: partner of the acquire loads in RadixStore::walk(), so that a reader that follows a
  // child pointer finds the child's slots as they were linked.
  void publish(unsigned i, Entry entry) { entries[i].store(entry, std::memory_order_release); }
};

inline Node* child_of(Entry entry) { return reinterpret_cast<Node*>(entry); }
inline Entry make_child(const Node* node) { return reinterpret_cast<Entry>(node); }

// What a node costs the budget: alignment and the allocator's own header included.
inline constexpr std::size_t kNodeCharge = sizeof(Node) + kCacheLine;

// --- Pool --------------------------------------------------------------------------------------
class NodePool {
 public:
  // Nodes kept for the next reserve() instead of being given back to the system.
  static constexpr std::size_t kMaxSpare = 8;

  NodePool(Quiescence& quiescence, MemoryBudget& budget)
      : quiescence_(quiescence), budget_(budget) {}
  ~NodePool();
  NodePool(const NodePool&) = delete;
  NodePool& operator=(const NodePool&) = delete;

  // Makes sure that the next `count` calls of take() succeed; false, with nothing changed, when the
  // budget or the system refuses. Nodes whose grace period has passed are used first.
  bool reserve(std::size_t count);
  Node* take(unsigned level, Granule base);
  // Takes back a node that no new reader can reach. All its slots are zero, slot 0 perhaps
  // excepted.
  void retire(Node* node);
  // Recycles at most `max_nodes` nodes whose grace period has passed; true when none is left.
  bool reclaim(std::uint32_t max_nodes);
  // Gives back, at once, a node that no reader can hold any more.
  void destroy(Node* node);

  bool has_retired() const { return !(fresh_.empty() && waiting_.empty() && ripe_.empty()); }
  std::size_t resident_bytes() const { return nodes_ * kNodeCharge; }

 private:
  class List {
   public:
    bool empty() const { return head_ == nullptr; }
    std::size_t size() const { return size_; }
    void push(Node* node);
    Node* pop();
    void append(List& other);

   private:
    Node* head_ = nullptr;
    Node* tail_ = nullptr;
    std::size_t size_ = 0;
  };

  bool allocate_spare();
  void advance_grace_period();
  void recycle_ripe();

  Quiescence& quiescence_;
  MemoryBudget& budget_;
  std::size_t nodes_ = 0;  // Linked, spare or retired.
  List spare_;
  // A retired node is fresh until a grace period is opened for it, then waits, then is ripe.
  List fresh_;
  List waiting_;
  List ripe_;
  Quiescence::Token waiting_for_ = 0;
};

}  // namespace violet::radix
