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
#include <utility>

#include "engine/base/file_descriptor.hpp"
#include "engine/base/mapped_memory.hpp"
#include "engine/base/result.hpp"

namespace violet::virtio {

class Disk {
 public:
  static constexpr std::uint64_t kSector = 512;

  // Zeroed, and gone when the object ends.
  static Result<std::unique_ptr<Disk>> in_memory(std::uint64_t bytes);
  static Result<std::unique_ptr<Disk>> of_file(const std::string& path);

  std::span<std::byte> bytes() const { return memory_.bytes(); }
  std::uint64_t sectors() const { return bytes().size() / kSector; }
  // Blocks until the file is written. False: it could not be.
  bool flush();

 private:
  Disk(MappedMemory memory, FileDescriptor file)
      : memory_(std::move(memory)), file_(std::move(file)) {}

  MappedMemory memory_;
  FileDescriptor file_;
};

}  // namespace violet::virtio
