// Mapped memory belongs to its owner from mmap(2) to munmap(2): the pages of a file, or anonymous ones.
//
// Threading: owner-only, but for bytes(): any thread that may read the memory.
// Invariants: what is mapped is unmapped once; a moved mapping stays at its address.
// Limits: no bytes is an empty mapping and no error.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "engine/base/result.hpp"

namespace violet {

class MappedMemory {
 public:
  MappedMemory() = default;
  MappedMemory(MappedMemory&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedMemory& operator=(MappedMemory&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MappedMemory();

  // `protection`, `flags` and `fd` are those of mmap(2). The error's message is the kernel's reason alone.
  static Result<MappedMemory> map(std::size_t bytes, int protection, int flags, int fd = -1);

  std::span<std::byte> bytes() const { return bytes_; }
  // As mremap(2), which may move it. The error's message is the kernel's reason alone.
  Status resize(std::size_t bytes);

 private:
  explicit MappedMemory(std::span<std::byte> bytes) : bytes_(bytes) {}
  std::span<std::byte> bytes_;
};

}  // namespace violet
