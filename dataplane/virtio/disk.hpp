// A disk keeps the sectors of a block device: bytes in memory, or a file's.
//
// Threading: owner-only.
// Invariants: bytes() stays where it is. After flush() returned true, what was written before survives a
// crash of this machine, if the disk has a file. Limits: the file's size is a multiple of kSector, does not
// change, and its blocks are reserved when it is opened, so that writing cannot run out of space.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "engine/base/file_descriptor.hpp"
#include "engine/base/result.hpp"

namespace violet::virtio {

class Disk {
 public:
  static constexpr std::uint64_t kSector = 512;

  // Zeroed, and gone when the object ends.
  static Result<std::unique_ptr<Disk>> in_memory(std::uint64_t bytes);
  static Result<std::unique_ptr<Disk>> of_file(const std::string& path);
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  std::span<std::byte> bytes() const { return bytes_; }
  std::uint64_t sectors() const { return bytes_.size() / kSector; }
  // Blocks until the file is written. False: it could not be.
  bool flush();

 private:
  Disk(std::span<std::byte> bytes, FileDescriptor file) : bytes_(bytes), file_(std::move(file)) {}

  std::span<std::byte> bytes_;
  FileDescriptor file_;
};

}  // namespace violet::virtio
