#include "engine/base/mapped_memory.hpp"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "engine/base/files.hpp"

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

Result<MappedMemory> MappedMemory::of_file(const std::filesystem::path& path) {
  VIOLET_TRY(const auto file, open_regular_file(path));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) {
    return fail("{}: cannot be read: {}", path.string(), std::strerror(errno));
  }
  auto mapped = map(static_cast<std::size_t>(status.st_size), PROT_READ, MAP_PRIVATE, file.get());
  if (!mapped) return fail("{}: cannot be mapped: {}", path.string(), mapped.error().message);
  return mapped;
}

Status MappedMemory::resize(std::size_t bytes) {
  void* data = ::mremap(bytes_.data(), bytes_.size(), bytes, MREMAP_MAYMOVE);
  if (data == MAP_FAILED) return fail("{}", std::strerror(errno));
  bytes_ = {static_cast<std::byte*>(data), bytes};
  return {};
}

void MappedMemory::give_back_pages() const {
  if (bytes_.empty()) return;
  static_cast<void>(::madvise(bytes_.data(), bytes_.size(), MADV_DONTNEED));
}

}  // namespace violet
