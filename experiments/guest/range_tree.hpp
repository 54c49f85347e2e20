// A range tree orders disjoint ranges of page frame numbers, as the kernel's IOVA tree does: nodes know their
// neighbours in address order, so a walk up or down is one load a step.
//
// Threading: owner-only.
// Invariants: ranges do not overlap. The anchor, above every range, always exists. A node keeps its
// index until it is erased.
// Limits: 2^32 - 1 nodes; node memory grows by doubling and is reused.
//
// Structure: a treap whose priorities are a hash of the range, threaded by a list. Inserting beside a
// known neighbour and erasing take expected constant time, finding takes logarithmic time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace violet {

class RangeTree {
 public:
  using Index = std::uint32_t;
  static constexpr Index kNone = ~Index{0};
  static constexpr Index kAnchor = 0;
  static constexpr std::uint64_t kAnchorPfn = ~std::uint64_t{0};

  RangeTree();

  std::uint64_t low(Index node) const { return nodes_[node].low; }
  std::uint64_t high(Index node) const { return nodes_[node].high; }  // Inclusive.
  // The neighbour below or above; kNone below the lowest. Above the highest range is the anchor.
  Index below(Index node) const { return nodes_[node].below; }
  Index above(Index node) const { return nodes_[node].above; }

  // Inserts [low, high] directly below `above`, which must be right for the order to hold.
  Index insert_below(Index above, std::uint64_t low, std::uint64_t high);
  void erase(Index node);
  // The node whose range contains `pfn`, or kNone.
  Index find(std::uint64_t pfn) const;
  // The lowest node with low >= pfn; the anchor at the latest.
  Index first_at_or_above(std::uint64_t pfn) const;
  std::size_t size() const { return size_; }  // Without the anchor.

 private:
  struct Node {
    std::uint64_t low;
    std::uint64_t high;
    Index below;
    Index above;
    Index parent;
    Index left;
    Index right;
    std::uint32_t priority;
  };

  Index take_node();
  void attach(Index node, Index below, Index above);
  void rotate_up(Index node);
  void replace_child(Index parent, Index child, Index with);

  std::vector<Node> nodes_;
  Index free_ = kNone;  // Linked through `above`.
  Index root_ = kAnchor;
  std::size_t size_ = 0;
};

}  // namespace violet
