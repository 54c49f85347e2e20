// Baselines do the same work without an IOMMU's rules: a checked array, QEMU's tree of intervals, DPDK's hash.
//
// Threading: owner-only.
#pragma once

#include <glib.h>
#include <rte_hash.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/result.hpp"
#include "engine/base/types.hpp"

namespace violet::scorecard {

// The mappings and the order in which they are asked for: every page once, at a random offset.
struct Lookups {
  explicit Lookups(std::size_t mappings);

  std::uint64_t base;               // A 32-bit window, filled downwards from its top as Linux does.
  std::vector<std::uint64_t> phys;  // Of page i.
  std::vector<std::uint64_t> sequence;  // Addresses, shuffled.
};

// As QEMU's virtio-iommu has it: a balanced tree whose comparison calls overlapping intervals equal.
class IntervalTree {
 public:
  explicit IntervalTree(const Lookups& lookups);
  ~IntervalTree() { g_tree_destroy(tree_); }
  IntervalTree(const IntervalTree&) = delete;
  IntervalTree& operator=(const IntervalTree&) = delete;

  // The sum of all translations of one pass, 0 when one is missing.
  std::uint64_t pass(const Lookups& lookups) const;

 private:
  struct Value {
    std::uint64_t phys;
    std::uint32_t flags;
  };
  static int compare(gconstpointer a, gconstpointer b, gpointer data);
  GTree* tree_;
};

// rte_hash with lock-free reads: page number to page frame, sized so that every key finds a place.
class DpdkHash {
 public:
  static Result<std::unique_ptr<DpdkHash>> make(const Lookups& lookups);
  ~DpdkHash() { rte_hash_free(hash_); }
  DpdkHash(const DpdkHash&) = delete;
  DpdkHash& operator=(const DpdkHash&) = delete;
  std::uint64_t pass(const Lookups& lookups) const;

 private:
  explicit DpdkHash(rte_hash* hash) : hash_(hash) {}
  rte_hash* hash_;
};

// A bounds-checked load from an array of page frames.
std::uint64_t pass_array(const Lookups& lookups);

}  // namespace violet::scorecard
