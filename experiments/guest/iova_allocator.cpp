#include "experiments/guest/iova_allocator.hpp"

#include "experiments/guest/iova_chunk.hpp"
#include "experiments/guest/iova_free_list.hpp"
#include "experiments/guest/iova_in_order.hpp"
#include "experiments/guest/iova_rcache.hpp"
#include "experiments/guest/iova_tree.hpp"

namespace violet {
namespace {

template <class Allocator>
std::unique_ptr<IovaAllocator> make(const IovaConfig& config) {
  return std::make_unique<Allocator>(config);
}

std::unique_ptr<IovaAllocator> make_bounded_rcache(const IovaConfig& config) {
  IovaConfig bounded = config;
  if (bounded.depot_magazines == 0) bounded.depot_magazines = 32;  // MAX_GLOBAL_MAGS
  return std::make_unique<IovaRcache>(bounded);
}

}  // namespace

Registry<IovaAllocatorInfo> iova_allocators() {
  static const IovaAllocatorInfo kAll[] = {
      {{"rcache", "per-CPU magazines over the tree, as Linux since 4.7"}, make<IovaRcache>},
      {{"rbtree", "the top-down tree alone, as Linux before 4.7"}, make<IovaTree>},
      {{"rcache-bounded", "rcache whose depot is bounded, as in Linux before 2023"},
       make_bounded_rcache},
      {{"free-list", "a list of free addresses a size over the tree (EiovaR, FAST 2015)"},
       make<IovaFreeList>},
      {{"identity", "the page's own address where it is free (Peleg et al., ATC 2015)"},
       make<IovaIdentity>},
      {{"chunk", "cut from chunks of 64 granules of the tree (F&S, SOSP 2024)"}, make<IovaChunk>},
      {{"ring", "in order, around the aperture (rIOMMU's flat tables, ASPLOS 2015)"},
       make<IovaRing>},
  };
  return {"IOVA allocator", kAll};
}

Result<std::unique_ptr<IovaAllocator>> make_iova_allocator(std::string_view name,
                                                           const IovaConfig& config) {
  VIOLET_TRY(const IovaAllocatorInfo* info, iova_allocators().require(name));
  return info->make(config);
}

}  // namespace violet
