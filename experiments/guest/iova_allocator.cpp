#include "experiments/guest/iova_allocator.hpp"

#include <array>
#include <string>

#include "experiments/guest/iova_rcache.hpp"
#include "experiments/guest/iova_tree.hpp"

namespace violet {
namespace {

template <class Allocator>
std::unique_ptr<IovaAllocator> make(const IovaConfig& config) {
  return std::make_unique<Allocator>(config);
}

// One line an allocator.
constexpr std::array kAllocators = {
    IovaAllocatorInfo{"rcache", "per-CPU magazines over the tree, as Linux since 4.7",
                      make<IovaRcache>},
    IovaAllocatorInfo{"rbtree", "the top-down tree alone, as Linux before 4.7", make<IovaTree>},
};

}  // namespace

std::span<const IovaAllocatorInfo> iova_allocators() { return kAllocators; }

Result<std::unique_ptr<IovaAllocator>> make_iova_allocator(std::string_view name,
                                                           const IovaConfig& config) {
  std::string names;
  for (const auto& info : kAllocators) {
    if (info.name == name) return info.make(config);
    names += (names.empty() ? "" : ", ") + std::string(info.name);
  }
  return fail(ErrorKind::kUsage, "there is no IOVA allocator '{}'; there are {}", name, names);
}

}  // namespace violet
