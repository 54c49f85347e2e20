#include "dataplane/qemu/remote_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/base/check.hpp"

namespace violet::qemu {
namespace {

bool same(const GuestMemory::Region& a, const GuestMemory::Region& b) {
  return a.start == b.start && a.bytes == b.bytes && a.host == b.host;
}

}  // namespace

Result<bool> RemoteMemory::sync(const SyncMemory& message, std::span<const FileDescriptor> fds) {
  VIOLET_CHECK(message.count == fds.size());
  std::vector<GuestMemory::Region> regions;
  for (std::size_t i = 0; i < message.count; ++i) {
    const RamRegion& part = message.regions[i];
    VIOLET_TRY(const auto file, map(fds[i]));
    if (part.offset > file.size() || part.bytes > file.size() - part.offset) {
      return fail("the guest's memory at {:#x} lies beyond the end of its file", part.start);
    }
    regions.push_back({{part.start}, part.bytes, file.data() + part.offset});
  }
  std::sort(regions.begin(), regions.end(),
            [](const auto& a, const auto& b) { return a.start < b.start; });
  const auto now = table_.regions();
  if (std::equal(regions.begin(), regions.end(), now.begin(), now.end(), same)) return false;
  VIOLET_TRY(table_.replace_regions(regions));
  return true;
}

Result<std::span<std::byte>> RemoteMemory::map(const FileDescriptor& fd) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    return fail("the guest's memory has no file: {}", std::strerror(errno));
  }
  for (const File& file : files_) {
    if (file.device == status.st_dev && file.inode == status.st_ino) {
      return file.memory.bytes();
    }
  }
  if (files_.size() == kMaxFiles) return fail("the guest's memory has over {} files", kMaxFiles);
  const int seals = ::fcntl(fd.get(), F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || status.st_size <= 0) {
    return fail(
        ErrorKind::kUsage,
        "the guest's memory is not shared: give QEMU "
        "-object memory-backend-memfd,id=ram,size=...,share=on -machine memory-backend=ram");
  }
  const auto bytes = static_cast<std::size_t>(status.st_size);
  auto memory = MappedMemory::map(bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get());
  if (!memory) {
    return fail(ErrorKind::kEnvironment, "cannot map {} bytes of the guest's memory: {}", bytes,
                memory.error().message);
  }
  files_.push_back({status.st_dev, status.st_ino, std::move(*memory)});
  return files_.back().memory.bytes();
}

}  // namespace violet::qemu
