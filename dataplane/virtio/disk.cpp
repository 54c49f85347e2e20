#include "dataplane/virtio/disk.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace violet::virtio {
namespace {

Result<MappedMemory> map(std::uint64_t bytes, int flags, int fd) {
  auto mapped = MappedMemory::map(bytes, PROT_READ | PROT_WRITE, flags, fd);
  if (!mapped) {
    return fail(ErrorKind::kEnvironment, "cannot map a disk of {} bytes: {}", bytes,
                mapped.error().message);
  }
  return mapped;
}

}  // namespace

Result<std::unique_ptr<Disk>> Disk::in_memory(std::uint64_t bytes) {
  if (bytes == 0 || bytes % kSector != 0) {
    return fail(ErrorKind::kUsage, "a disk of {} bytes is not a number of sectors", bytes);
  }
  VIOLET_TRY(auto mapped, map(bytes, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1));
  return std::unique_ptr<Disk>(new Disk(std::move(mapped), FileDescriptor()));
}

Result<std::unique_ptr<Disk>> Disk::of_file(const std::string& path) {
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  struct stat status {};
  if (!file.valid() || ::fstat(file.get(), &status) != 0) {
    return fail(ErrorKind::kUsage, "{}: {}", path, std::strerror(errno));
  }
  if (!S_ISREG(status.st_mode) || status.st_size <= 0 ||
      static_cast<std::uint64_t>(status.st_size) % kSector != 0) {
    return fail(ErrorKind::kUsage, "{} is no file of a number of sectors", path);
  }
  if (const int error = ::posix_fallocate(file.get(), 0, status.st_size); error != 0) {
    return fail(ErrorKind::kEnvironment, "{}: no room for its {} bytes: {}", path, status.st_size,
                std::strerror(error));
  }
  VIOLET_TRY(auto mapped, map(static_cast<std::uint64_t>(status.st_size), MAP_SHARED, file.get()));
  return std::unique_ptr<Disk>(new Disk(std::move(mapped), std::move(file)));
}

bool Disk::flush() {
  return !file_.valid() || ::msync(bytes().data(), bytes().size(), MS_SYNC) == 0;
}

}  // namespace violet::virtio
