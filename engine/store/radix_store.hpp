// A radix store keeps a domain's mappings in a radix table with large entries whose readers take no
// lock: nine bits a level, the lowest level one granule a slot, and a slot of a higher level either
// a child or one large entry.
//
// A mapping is the run of entries from the one marked first to the one marked last, so whether an
// UNMAP would split a mapping (D33) is decided at its two ends, however much lies between.
//
// Threading: as domain_store.hpp. translate() is wait-free: at most six loads. Slots are written by the engine and read
// by any online reader; everything else of a node, and the pool of nodes, belong to the engine thread.
// Invariants:
//   Radix.1 one entry answers one lookup, and an entry is one word (Store.1).
//   Radix.2 a linked child leads to at least one entry, or to an empty lowest-level node that lingers,
//      so a search for the next entry is bounded by the slots of a few paths.
//   Radix.3 at most kLingering empty lowest-level nodes stay linked (with their ancestors), so that a
//      mapping that comes and goes does not link and unlink its node each time; they are charged
//      like all others and are given up first when memory is short.
//   Radix.4 the table is as high as its highest mapping needs, at least kLowestTop: walks of 32-bit and
//      39-bit IOVAs take three loads. It sinks again when the high mappings are gone.
//   Node.1 a slot is zero, a child pointer, or a leaf {physical address, R/W/MMIO, first of its mapping, last
//      of its mapping}.
//   Node.2 a retired node goes back to the pool only after a grace period (Store.5, C6).
//   Node.3 a node in the pool has empty slots only: nothing has to be cleared on the path of a MAP.
// Limits: granules of 4 KiB and more; the 12 bits that this frees in a physical address hold the flags. 8.3 bytes a
// mapping when dense, and at worst, for lone granules scattered over the whole space, five nodes of 4 KiB each: the
// budget decides what a guest may do. What stays after the last unmap and reclaim() is at most kIdleBytes.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/base/memory_budget.hpp"
#include "engine/base/quiescence.hpp"
#include "engine/base/types.hpp"
#include "engine/store/domain_store.hpp"

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

namespace violet {

class RadixStore final : public DomainStore {
 public:
  static constexpr std::size_t kLingering = 4;
  static constexpr std::size_t kIdleBytes =
      (kLingering * (radix::kMaxLevel + 1) + radix::NodePool::kMaxSpare) * radix::kNodeCharge;

  RadixStore(const StoreConfig& config, Quiescence& quiescence, MemoryBudget& budget);
  // Precondition: no reader can hold anything of the store. Takes time in proportion to the nodes;
  // unmap() everything in slices first where that matters.
  ~RadixStore() override;
  RadixStore(const RadixStore&) = delete;
  RadixStore& operator=(const RadixStore&) = delete;

  bool try_begin_update() override { return true; }
  void end_update() override {}

  MapStatus map(const Mapping& mapping) override;
  // Stops early (kMore) when holes and large mappings have cost as much as max_mappings removals.
  UnmapStatus unmap(IovaRange range, UnmapCursor& cursor, std::uint32_t max_mappings) override;
  bool reclaim(std::uint32_t max_nodes) override { return pool_.reclaim(max_nodes); }
  bool has_garbage() const override { return pool_.has_retired(); }
  bool any_mapped(IovaRange range) const override { return any_entry(own_root(), span_of(range)); }

  // The extent is one entry: a granule, or a large entry.
  std::optional<Translation> translate(Iova iova) const override;

  void prefetch(Iova iova) const override;

  std::uint64_t mapping_count() const override { return mapping_count_; }
  std::size_t resident_bytes() const override { return pool_.resident_bytes(); }

 private:
  using Granule = radix::Granule;
  using Entry = radix::Entry;
  using Node = radix::Node;

  static constexpr unsigned kLowestTop = 2;

  struct Span {
    Granule first;
    Granule last;
    bool contains(Granule from, Granule to) const { return first <= from && to <= last; }
  };
  // Where a walk ends: the slot that is no child.
  struct Place {
    Node* node = nullptr;  // Null: outside the table.
    unsigned index = 0;
    Entry entry = radix::kEmpty;
  };
  struct Sweep;

  // The root with its level in the low bits.
  static Entry make_top(const Node* node) { return radix::make_child(node) | node->level; }
  Node* own_root() const {
    return radix::child_of(root_.load(std::memory_order_relaxed) & ~Entry{kCacheLine - 1});
  }

  Span span_of(IovaRange range) const {
    return {range.first.value >> shift_, range.last.value >> shift_};
  }
  unsigned top_for(Granule last) const;
  Place find(Granule granule) const;
  bool any_entry(const Node* node, Span span) const;
  bool would_split(const Place& first, Span span) const;

  static bool fits_in_leaf(const Place& place, Span span);
  static bool any_in_leaf(const Place& place, Span span);
  std::size_t missing_nodes(Span span) const;
  unsigned lowest_node_on_path(Granule granule, unsigned top) const;
  bool reserve_nodes(Span span);
  void grow(unsigned top);
  static void link(Node* parent, unsigned index, Node* child);
  Node* ensure_node(Granule granule, unsigned level);
  void write_entries(Span span, Entry leaf);
  void write_run(Node* node, Granule from, unsigned count, Span mapping, Entry leaf);

  void sweep_node(const Place& place, Sweep& sweep);
  void linger(Node* node);
  void evict_lingering(Span inside);
  void unlink(Node* node);
  void sink_root();
  void destroy_below(Node* node);

  // Read by readers. root_: acquire in walk, release in the engine's stores.
  std::atomic<Entry> root_{radix::kEmpty};
  unsigned shift_;

  // The engine's own.
  alignas(kCacheLine) unsigned highest_top_;
  std::uint64_t max_mappings_;
  std::uint64_t mapping_count_ = 0;
  std::array<Node*, kLingering> lingering_{};
  std::size_t next_lingering_ = 0;
  radix::NodePool pool_;
};

// In the header for callers that know the type (device/domain.hpp).
inline std::optional<Translation> RadixStore::translate(Iova iova) const {
  // acquire: partner of the release stores of root_ in grow(), unlink() and sink_root().
  const Entry top = root_.load(std::memory_order_acquire);
  unsigned bits = static_cast<unsigned>(top & (kCacheLine - 1)) * radix::kBits;
  const Granule granule = iova.value >> shift_;
  if (top == radix::kEmpty || (granule >> bits) >= radix::kSlots) return std::nullopt;
  Entry entry = top & ~Entry{kCacheLine - 1};
  while (true) {
    const auto& slot = radix::child_of(entry)->entries[(granule >> bits) & (radix::kSlots - 1)];
    entry = slot.load(std::memory_order_acquire);  // partner: Node::publish()
    if (radix::is_leaf(entry)) break;
    if (entry == radix::kEmpty) return std::nullopt;
    bits -= radix::kBits;
  }
  const std::uint64_t offset_mask = (std::uint64_t{1} << (bits + shift_)) - 1;
  return Translation{{{iova.value & ~offset_mask}, {iova.value | offset_mask}},
                     {radix::phys_of(entry)},
                     radix::permissions_of(entry)};
}

inline void RadixStore::prefetch(Iova iova) const {
  const Entry top = root_.load(std::memory_order_acquire);  // partners: as in translate()
  unsigned bits = static_cast<unsigned>(top & (kCacheLine - 1)) * radix::kBits;
  const Granule granule = iova.value >> shift_;
  if (top == radix::kEmpty || (granule >> bits) >= radix::kSlots) return;
  const Node* node = radix::child_of(top & ~Entry{kCacheLine - 1});
  for (; bits > 0; bits -= radix::kBits) {
    const auto& slot = node->entries[(granule >> bits) & (radix::kSlots - 1)];
    const Entry entry = slot.load(std::memory_order_acquire);
    if (!radix::is_child(entry)) return;
    node = radix::child_of(entry);
  }
  __builtin_prefetch(&node->entries[granule & (radix::kSlots - 1)], 1);
  __builtin_prefetch(node, 1);
}

}  // namespace violet
