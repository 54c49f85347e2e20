#include "engine/store/radix_store.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "engine/base/check.hpp"

namespace violet {

using radix::child_of;
using radix::is_child;
using radix::is_leaf;
using radix::kEmpty;
using radix::kFirst;
using radix::kLast;
using radix::kSlots;
using radix::node_span;
using radix::slot_index;
using radix::slot_span;

namespace {

unsigned level_holding(radix::Granule last) {
  unsigned level = 0;
  while (level < radix::kMaxLevel && (last >> (radix::kBits * (level + 1))) != 0) ++level;
  return level;
}

}  // namespace

RadixStore::RadixStore(const StoreConfig& config, Quiescence& quiescence, MemoryBudget& budget)
    : shift_(config.granule_shift),
      highest_top_(level_holding(config.input_range.last.value >> config.granule_shift)),
      max_mappings_(config.max_mappings),
      pool_(quiescence, budget) {
  VIOLET_CHECK(config.granule_shift >= kGranuleShift4K && config.granule_shift < 64);
}

RadixStore::~RadixStore() {
  if (Node* const root = own_root(); root != nullptr) destroy_below(root);
}

// Recursion: at most kMaxLevel deep.
void RadixStore::destroy_below(Node* node) {
  if (node->level > 0) {
    for (unsigned i = 0; i < kSlots; ++i) {
      if (is_child(node->own(i))) destroy_below(child_of(node->own(i)));
    }
  }
  pool_.destroy(node);
}

// --- Search ------------------------------------------------------------------------------------

unsigned RadixStore::top_for(Granule last) const {
  return std::max(level_holding(last), std::min(kLowestTop, highest_top_));
}

RadixStore::Place RadixStore::find(Granule granule) const {
  Node* node = own_root();
  if (node == nullptr || granule > node->last()) return {};
  while (true) {
    const unsigned index = slot_index(granule, node->level);
    const Entry entry = node->own(index);
    if (!is_child(entry)) return {node, index, entry};
    node = child_of(entry);
  }
}

// Bounded by the slots of the two paths to the ends of the span and of the lingering nodes (Radix.2).
bool RadixStore::any_entry(const Node* node, Span span) const {
  if (node == nullptr || node->live == 0 || span.first > node->last()) return false;
  const unsigned from = span.first <= node->base ? 0 : slot_index(span.first, node->level);
  const unsigned to = span.last >= node->last() ? kSlots - 1 : slot_index(span.last, node->level);
  for (unsigned i = from; i <= to; ++i) {
    const Entry entry = node->own(i);
    if (is_leaf(entry)) return true;
    if (entry != kEmpty && any_entry(child_of(entry), span)) return true;
  }
  return false;
}

// D33. A mapping reaches over an end of the span when the entry there starts or ends elsewhere, or
// is not the mapping's first or last.
bool RadixStore::would_split(const Place& first, Span span) const {
  const auto is_end = [](const Place& place, Granule edge, Entry mark) {
    return !is_leaf(place.entry) ||
           ((place.entry & mark) != 0 && edge % slot_span(place.node->level) == 0);
  };
  if (!is_end(first, span.first, kFirst)) return true;
  return !is_end(span.first == span.last ? first : find(span.last), span.last + 1, kLast);
}

// --- Map ---------------------------------------------------------------------------------------

MapStatus RadixStore::map(const Mapping& mapping) {
  VIOLET_DCHECK((mapping.phys.value & ~radix::kPhysMask) == 0);
  const Span span = span_of(mapping.range);
  const Place place = find(span.first);
  if (is_leaf(place.entry)) return MapStatus::kOverlap;
  const bool in_leaf = fits_in_leaf(place, span);
  if (in_leaf ? any_in_leaf(place, span) : any_entry(own_root(), span)) return MapStatus::kOverlap;
  if (mapping_count_ >= max_mappings_) return MapStatus::kNoMemory;
  if (!in_leaf && !reserve_nodes(span)) return MapStatus::kNoMemory;

  const Entry leaf = radix::make_leaf(mapping.phys.value, mapping.permissions);
  if (in_leaf) {
    write_run(place.node, span.first, static_cast<unsigned>(span.last - span.first + 1), span,
              leaf);
  } else {
    write_entries(span, leaf);
  }
  ++mapping_count_;
  return MapStatus::kOk;
}

// The common case: one lowest-level node that is there already and is not covered as a whole.
bool RadixStore::fits_in_leaf(const Place& place, Span span) {
  return place.node != nullptr && place.node->level == 0 && span.last <= place.node->last() &&
         !span.contains(place.node->base, place.node->last());
}

bool RadixStore::any_in_leaf(const Place& place, Span span) {
  const auto count = static_cast<unsigned>(span.last - span.first + 1);
  for (unsigned i = 1; i < count; ++i) {
    if (place.node->own(place.index + i) != kEmpty) return true;
  }
  return false;
}

// Nodes that write_entries(span) will take: those on the paths to both ends that do not exist and
// that the span covers only in part, and the roots that grow() puts on top.
std::size_t RadixStore::missing_nodes(Span span) const {
  const Node* const root = own_root();
  unsigned top = top_for(span.last);
  if (root != nullptr) top = std::max<unsigned>(top, root->level);
  std::size_t missing = root == nullptr ? 1 : top - root->level;
  const unsigned lowest_first = lowest_node_on_path(span.first, top);
  const unsigned lowest_last = lowest_node_on_path(span.last, top);
  for (unsigned level = 0; level < top; ++level) {
    const Granule size = node_span(level);
    const auto in_part = [&](Granule at) {
      const Granule base = at - at % size;
      return !span.contains(base, base + (size - 1));
    };
    const bool same_node = span.first / size == span.last / size;
    if (level < lowest_first && in_part(span.first)) ++missing;
    if (!same_node && level < lowest_last && in_part(span.last)) ++missing;
  }
  return missing;
}

// The level of the lowest node that holds `granule` once the table has grown to `top`.
unsigned RadixStore::lowest_node_on_path(Granule granule, unsigned top) const {
  const Node* const root = own_root();
  if (root == nullptr) return top;
  return granule <= root->last() ? find(granule).node->level : level_holding(granule);
}

// Also unlinks the empty nodes in the way of large entries. When memory is short, all empty nodes
// go.
bool RadixStore::reserve_nodes(Span span) {
  evict_lingering(span);
  if (pool_.reserve(missing_nodes(span))) return true;
  evict_lingering({0, ~Granule{0}});
  return pool_.reserve(missing_nodes(span));
}

void RadixStore::grow(unsigned top) {
  Node* root = own_root();
  while (root == nullptr || root->level < top) {
    Node* const above = pool_.take(root == nullptr ? top : root->level + 1u, 0);
    if (root != nullptr) link(above, 0, root);
    root_.store(make_top(above), std::memory_order_release);  // partner: translate()
    root = above;
  }
}

void RadixStore::link(Node* parent, unsigned index, Node* child) {
  child->parent = parent;
  child->index = static_cast<std::uint16_t>(index);
  parent->publish(index, radix::make_child(child));
  ++parent->live;
}

RadixStore::Node* RadixStore::ensure_node(Granule granule, unsigned level) {
  Node* node = own_root();
  while (node->level > level) {
    const unsigned index = slot_index(granule, node->level);
    const Entry entry = node->own(index);
    VIOLET_DCHECK(!is_leaf(entry));
    Node* child = child_of(entry);
    if (child == nullptr) {
      const Granule span = slot_span(node->level);
      child = pool_.take(node->level - 1u, granule - granule % span);
      link(node, index, child);
    }
    node = child;
  }
  return node;
}

// Covers the span with the largest entries that fit: at most two runs a level.
void RadixStore::write_entries(Span span, Entry leaf) {
  grow(top_for(span.last));
  const unsigned top = own_root()->level;
  for (Granule at = span.first; at <= span.last;) {
    const Granule left = span.last - at + 1;
    unsigned level = 0;
    while (level < top && at % node_span(level) == 0 && left >= node_span(level)) ++level;
    const auto to_node_end = kSlots - slot_index(at, level);
    const auto count =
        static_cast<unsigned>(std::min<Granule>(to_node_end, left >> (radix::kBits * level)));
    write_run(ensure_node(at, level), at, count, span, leaf);
    at += count * slot_span(level);
  }
}

void RadixStore::write_run(Node* node, Granule from, unsigned count, Span mapping, Entry leaf) {
  const Granule step = slot_span(node->level);
  const unsigned index = slot_index(from, node->level);
  for (unsigned i = 0; i < count; ++i, from += step) {
    VIOLET_DCHECK(node->own(index + i) == kEmpty);
    Entry entry = leaf + ((from - mapping.first) << shift_);
    if (from == mapping.first) entry |= kFirst;
    if (from + step - 1 == mapping.last) entry |= kLast;
    node->publish(index + i, entry);
  }
  node->live = static_cast<std::uint16_t>(node->live + count);
}

// --- Unmap -------------------------------------------------------------------------------------

// What one call of unmap() has done. `cost` counts 64 slots looked at like one mapping removed
// (Store.7).
struct RadixStore::Sweep {
  Granule at;
  Granule last;
  std::uint64_t limit;
  std::uint64_t removed = 0;
  std::uint64_t slots = 0;
  bool inside = false;  // Of a mapping: not a place to stop at.

  bool at_limit() const { return !inside && removed + slots / 64 >= limit; }
};

UnmapStatus RadixStore::unmap(IovaRange range, UnmapCursor& cursor, std::uint32_t max_mappings) {
  const Span span = span_of(range);
  if (!cursor.started) cursor.next = range.first;
  Sweep sweep{cursor.next.value >> shift_, span.last, std::max<std::uint32_t>(max_mappings, 1)};
  Place place = find(sweep.at);
  if (!cursor.started && would_split(place, span)) return UnmapStatus::kWouldSplit;
  cursor.started = true;
  while (place.node != nullptr) {
    sweep_node(place, sweep);
    if (sweep.at > span.last || sweep.at_limit()) break;
    place = find(sweep.at);
  }
  mapping_count_ -= sweep.removed;
  cursor.removed += sweep.removed;
  if (place.node == nullptr || sweep.at > span.last) return UnmapStatus::kDone;
  cursor.next = {sweep.at << shift_};
  return UnmapStatus::kMore;
}

// Clears the entries from `place` to the end of its node, or to a child or the sweep's end or
// limit.
void RadixStore::sweep_node(const Place& place, Sweep& sweep) {
  Node* const node = place.node;
  const Granule step = slot_span(node->level);
  for (unsigned i = place.index; i < kSlots && sweep.at <= sweep.last && node->live > 0; ++i) {
    const Entry entry = node->own(i);
    if (is_child(entry)) return;
    ++sweep.slots;
    sweep.at = node->base + (i + 1) * step;
    if (entry == kEmpty) continue;
    node->publish(i, kEmpty);
    --node->live;
    sweep.inside = (entry & kLast) == 0;
    if (!sweep.inside) ++sweep.removed;
    if (sweep.at_limit()) break;
  }
  if (node->live > 0) return;
  sweep.at = node->last() + 1;
  ++sweep.slots;
  if (node->level > 0) {
    unlink(node);
  } else {
    linger(node);
  }
}

// --- Empty nodes -------------------------------------------------------------------------------

void RadixStore::linger(Node* node) {
  if (node->lingering) return;
  Node* const longest = std::exchange(lingering_[next_lingering_], node);
  node->lingering = true;
  next_lingering_ = (next_lingering_ + 1) % kLingering;
  if (longest == nullptr) return;
  longest->lingering = false;
  if (longest->live == 0) unlink(longest);
}

void RadixStore::evict_lingering(Span inside) {
  for (Node*& node : lingering_) {
    if (node == nullptr || node->live > 0 || !inside.contains(node->base, node->last())) continue;
    unlink(std::exchange(node, nullptr));
  }
}

// Takes an empty node out of the table, and with it the ancestors that this leaves empty (Radix.2).
void RadixStore::unlink(Node* node) {
  while (Node* const parent = node->parent) {
    parent->publish(node->index, kEmpty);
    pool_.retire(node);
    if (--parent->live > 0) return sink_root();
    node = parent;
  }
  root_.store(kEmpty, std::memory_order_release);  // partner: translate()
  pool_.retire(node);
}

// Radix.4: a root whose only child is its first gives way to it. Readers may still be on their way
// through.
void RadixStore::sink_root() {
  Node* root = own_root();
  while (root->level > std::min(kLowestTop, highest_top_) && root->live == 1 &&
         is_child(root->own(0))) {
    Node* const child = child_of(root->own(0));
    child->parent = nullptr;
    root_.store(make_top(child), std::memory_order_release);  // partner: translate()
    pool_.retire(root);
    root = child;
  }
}

}  // namespace violet

// --- Pool --------------------------------------------------------------------------------------

namespace violet::radix {

namespace {

[[maybe_unused]] bool all_empty(const Node& node) {
  return std::all_of(node.entries.begin(), node.entries.end(), [](const auto& slot) {
    return slot.load(std::memory_order_relaxed) == kEmpty;
  });
}

}  // namespace

void NodePool::List::push(Node* node) {
  node->next = head_;
  if (head_ == nullptr) tail_ = node;
  head_ = node;
  ++size_;
}

Node* NodePool::List::pop() {
  Node* const node = head_;
  head_ = node->next;
  if (head_ == nullptr) tail_ = nullptr;
  --size_;
  return node;
}

void NodePool::List::append(List& other) {
  if (other.empty()) return;
  other.tail_->next = head_;
  if (head_ == nullptr) tail_ = other.tail_;
  head_ = other.head_;
  size_ += other.size_;
  other = List{};
}

NodePool::~NodePool() {
  for (List* list : {&spare_, &fresh_, &waiting_, &ripe_}) {
    while (!list->empty()) destroy(list->pop());
  }
  VIOLET_CHECK(nodes_ == 0);
}

bool NodePool::allocate_spare() {
  if (!budget_.charge(kNodeCharge)) return false;
  Node* const node = new (std::nothrow) Node;
  if (node == nullptr) {
    budget_.release(kNodeCharge);
    return false;
  }
  ++nodes_;
  spare_.push(node);
  return true;
}

void NodePool::destroy(Node* node) {
  delete node;
  --nodes_;
  budget_.release(kNodeCharge);
}

bool NodePool::reserve(std::size_t count) {
  if (spare_.size() >= count) return true;
  advance_grace_period();
  while (spare_.size() < count && !ripe_.empty()) recycle_ripe();
  std::size_t allocated = 0;
  while (spare_.size() < count && allocate_spare()) ++allocated;
  if (spare_.size() >= count) return true;
  for (; allocated > 0; --allocated) destroy(spare_.pop());
  return false;
}

Node* NodePool::take(unsigned level, Granule base) {
  VIOLET_DCHECK(!spare_.empty());
  Node* const node = spare_.pop();
  VIOLET_DCHECK(all_empty(*node));  // Node.3
  node->parent = nullptr;
  node->base = base;
  node->live = 0;
  node->index = 0;
  node->level = static_cast<std::uint8_t>(level);
  node->lingering = false;
  return node;
}

void NodePool::retire(Node* node) { fresh_.push(node); }

// Opens one grace period for everything retired so far and, when it has passed, makes that ripe.
void NodePool::advance_grace_period() {
  if (!waiting_.empty() && quiescence_.passed(waiting_for_)) ripe_.append(waiting_);
  if (!waiting_.empty() || fresh_.empty()) return;
  waiting_for_ = quiescence_.start();
  waiting_.append(fresh_);
  if (quiescence_.passed(waiting_for_)) ripe_.append(waiting_);
}

// A root that was replaced by its child keeps pointing at it for the readers on their way (Node.3).
void NodePool::recycle_ripe() {
  Node* const node = ripe_.pop();
  node->entries[0].store(kEmpty, std::memory_order_relaxed);
  spare_.push(node);
}

bool NodePool::reclaim(std::uint32_t max_nodes) {
  if (fresh_.empty() && waiting_.empty() && ripe_.empty()) return true;
  advance_grace_period();
  for (; max_nodes > 0 && !ripe_.empty(); --max_nodes) {
    if (spare_.size() < kMaxSpare) {
      recycle_ripe();
    } else {
      destroy(ripe_.pop());
    }
  }
  return fresh_.empty() && waiting_.empty() && ripe_.empty();
}

}  // namespace violet::radix
