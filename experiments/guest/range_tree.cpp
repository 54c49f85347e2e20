#include "experiments/guest/range_tree.hpp"

#include "engine/base/check.hpp"

namespace violet {
namespace {

std::uint32_t priority_of(std::uint64_t pfn) {
  std::uint64_t z = pfn + 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return static_cast<std::uint32_t>(z >> 32);
}

}  // namespace

RangeTree::RangeTree() {
  nodes_.reserve(4096);
  nodes_.push_back({kAnchorPfn, kAnchorPfn, kNone, kNone, kNone, kNone, kNone, 0xffffffff});
}

RangeTree::Index RangeTree::take_node() {
  if (free_ == kNone) {
    nodes_.emplace_back();
    return static_cast<Index>(nodes_.size() - 1);
  }
  const Index node = free_;
  free_ = nodes_[node].above;
  return node;
}

// Of two neighbours in order, either the lower has no right child or the upper no left child: that
// is where the new leaf goes.
void RangeTree::attach(Index node, Index below, Index above) {
  if (nodes_[above].left == kNone) {
    nodes_[above].left = node;
    nodes_[node].parent = above;
  } else {
    VIOLET_DCHECK(nodes_[below].right == kNone);
    nodes_[below].right = node;
    nodes_[node].parent = below;
  }
}

RangeTree::Index RangeTree::insert_below(Index above, std::uint64_t low, std::uint64_t high) {
  const Index node = take_node();
  const Index below = nodes_[above].below;
  VIOLET_DCHECK(low <= high && high < nodes_[above].low);
  VIOLET_DCHECK(below == kNone || nodes_[below].high < low);
  nodes_[node] = {low, high, below, above, kNone, kNone, kNone, priority_of(low)};
  nodes_[above].below = node;
  if (below != kNone) nodes_[below].above = node;
  attach(node, below, above);
  while (nodes_[node].parent != kNone &&
         nodes_[nodes_[node].parent].priority < nodes_[node].priority) {
    rotate_up(node);
  }
  ++size_;
  return node;
}

void RangeTree::replace_child(Index parent, Index child, Index with) {
  if (parent == kNone) {
    root_ = with;
  } else if (nodes_[parent].left == child) {
    nodes_[parent].left = with;
  } else {
    nodes_[parent].right = with;
  }
  if (with != kNone) nodes_[with].parent = parent;
}

void RangeTree::rotate_up(Index node) {
  const Index parent = nodes_[node].parent;
  const Index grandparent = nodes_[parent].parent;
  Index inner;
  if (nodes_[parent].left == node) {
    inner = nodes_[node].right;
    nodes_[parent].left = inner;
    nodes_[node].right = parent;
  } else {
    inner = nodes_[node].left;
    nodes_[parent].right = inner;
    nodes_[node].left = parent;
  }
  if (inner != kNone) nodes_[inner].parent = parent;
  replace_child(grandparent, parent, node);
  nodes_[parent].parent = node;
}

void RangeTree::erase(Index node) {
  VIOLET_DCHECK(node != kAnchor);
  const Index below = nodes_[node].below;
  const Index above = nodes_[node].above;
  nodes_[above].below = below;
  if (below != kNone) nodes_[below].above = above;
  while (nodes_[node].left != kNone && nodes_[node].right != kNone) {
    const Index left = nodes_[node].left;
    const Index right = nodes_[node].right;
    rotate_up(nodes_[left].priority > nodes_[right].priority ? left : right);
  }
  const Index child = nodes_[node].left != kNone ? nodes_[node].left : nodes_[node].right;
  replace_child(nodes_[node].parent, node, child);
  nodes_[node].above = free_;
  free_ = node;
  --size_;
}

RangeTree::Index RangeTree::find(std::uint64_t pfn) const {
  Index at = root_;
  while (at != kNone) {
    const Node& node = nodes_[at];
    if (pfn < node.low) {
      at = node.left;
    } else if (pfn > node.high) {
      at = node.right;
    } else {
      return at;
    }
  }
  return kNone;
}

RangeTree::Index RangeTree::first_at_or_above(std::uint64_t pfn) const {
  Index at = root_;
  Index best = kAnchor;
  while (at != kNone) {
    if (nodes_[at].low >= pfn) {
      best = at;
      at = nodes_[at].left;
    } else {
      at = nodes_[at].right;
    }
  }
  return best;
}

}  // namespace violet
