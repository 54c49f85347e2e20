#include "engine/base/mapped_memory.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

namespace violet {

MappedMemory::~MappedMemory() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

Result<MappedMemory> MappedMemory::map(std::size_t bytes, int protection, int flags, int fd) {
  if (bytes == 0) return MappedMemory();
  void* data = ::mmap(nullptr, bytes, protection, flags, fd, 0);
  if (data == MAP_FAILED) return fail("{}", std::strerror(errno));
  return MappedMemory({static_cast<std::byte*>(data), bytes});
}

Status MappedMemory::resize(std::size_t bytes) {
  void* data = ::mremap(bytes_.data(), bytes_.size(), bytes, MREMAP_MAYMOVE);
  if (data == MAP_FAILED) return fail("{}", std::strerror(errno));
  bytes_ = {static_cast<std::byte*>(data), bytes};
  return {};
}

}  // namespace violet
