#include "experiments/guest/iova_allocator.hpp"

#include "experiments/guest/iova_rcache.hpp"
#include "experiments/guest/iova_tree.hpp"

namespace violet {
namespace {

template <class Allocator>
std::unique_ptr<IovaAllocator> make(const IovaConfig& config) {
  return std::make_unique<Allocator>(config);
}

}  // namespace

Registry<IovaAllocatorInfo> iova_allocators() {
  static const IovaAllocatorInfo kAll[] = {
      {{"rcache", "per-CPU magazines over the tree, as Linux since 4.7"}, make<IovaRcache>},
      {{"rbtree", "the top-down tree alone, as Linux before 4.7"}, make<IovaTree>},
  };
  return {"IOVA allocator", kAll};
}

Result<std::unique_ptr<IovaAllocator>> make_iova_allocator(std::string_view name,
                                                           const IovaConfig& config) {
  VIOLET_TRY(const IovaAllocatorInfo* info, iova_allocators().require(name));
  return info->make(config);
}

}  // namespace violet
