// A range list keeps translations of any length in order and finds one by walking from the front;
// locked_iotlb.hpp caches in it.
//
// Threading: none of its own; the owner holds a lock.
// Invariants: ordered by (domain tag, first address); at most `capacity` nodes, allocated once; when full,
// a random node gives place.
// Limits: a lookup costs a walk of half the list. That is the point of it: DPDK 22.11's vhost IOTLB,
// which the baseline imitates, does this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "engine/base/rng.hpp"
#include "engine/iotlb/iotlb.hpp"

namespace violet {

class RangeList {
 public:
  explicit RangeList(std::size_t capacity) : nodes_(capacity + 1) { clear(); }

  std::optional<IotlbHit> find(DomainTag tag, Iova iova) const noexcept {
    for (Index at = nodes_[kEnd].next; at != kEnd; at = nodes_[at].next) {
      const Node& node = nodes_[at];
      if (place(node) > std::pair{tag, iova}) return std::nullopt;
      if (node.tag == tag && node.range.contains(iova)) return hit(node, iova);
    }
    return std::nullopt;
  }

  void insert(DomainTag tag, const Translation& translation, Rng& rng) noexcept {
    if (free_ == kEnd) unlink(static_cast<Index>(1 + rng.below(nodes_.size() - 1)));
    Index before = kEnd;
    for (Index at = nodes_[kEnd].next; at != kEnd; at = nodes_[at].next) {
      const auto here = std::pair{tag, translation.extent.first};
      if (place(nodes_[at]) > here) break;
      if (place(nodes_[at]) == here) return overwrite(nodes_[at], translation);
      before = at;
    }
    link_after(before, tag, translation);
  }

  void erase(DomainTag tag, IovaRange range) noexcept {
    for (Index at = nodes_[kEnd].next; at != kEnd;) {
      const Index next = nodes_[at].next;
      if (nodes_[at].tag == tag && nodes_[at].range.overlaps(range)) unlink(at);
      at = next;
    }
  }

  void clear() noexcept {
    nodes_[kEnd].next = nodes_[kEnd].previous = kEnd;
    free_ = kEnd;
    for (std::size_t i = nodes_.size() - 1; i > 0; --i) release(static_cast<Index>(i));
  }

  std::size_t bytes() const { return nodes_.size() * sizeof(Node); }

 private:
  using Index = std::uint32_t;
  static constexpr Index kEnd = 0;  // The head node: before the first and after the last.

  struct Node {
    Index next = kEnd;
    Index previous = kEnd;
    DomainTag tag{};
    Permissions permissions{};
    IovaRange range{};
    GuestPhys phys{};
  };

  static std::pair<DomainTag, Iova> place(const Node& node) { return {node.tag, node.range.first}; }

  static IotlbHit hit(const Node& node, Iova iova) {
    const std::uint64_t left = node.range.last.value - iova.value;
    return {{node.phys.value + (iova.value - node.range.first.value)},
            node.permissions,
            left == ~std::uint64_t{0} ? left : left + 1};
  }

  static void overwrite(Node& node, const Translation& translation) {
    node.range = translation.extent;
    node.phys = translation.phys;
    node.permissions = translation.permissions;
  }

  void link_after(Index before, DomainTag tag, const Translation& translation) {
    const Index at = free_;
    free_ = nodes_[at].next;
    const Index after = nodes_[before].next;
    nodes_[at].tag = tag;
    overwrite(nodes_[at], translation);
    nodes_[at].previous = before;
    nodes_[at].next = after;
    nodes_[before].next = at;
    nodes_[after].previous = at;
  }
  void unlink(Index at) {
    nodes_[nodes_[at].previous].next = nodes_[at].next;
    nodes_[nodes_[at].next].previous = nodes_[at].previous;
    release(at);
  }
  void release(Index at) {
    nodes_[at].next = free_;
    free_ = at;
  }

  std::vector<Node> nodes_;
  Index free_ = kEnd;
};

}  // namespace violet
