// A remote memory maps the guest's RAM as SYNC_SYSMEM describes it: files that QEMU shares, mapped here once, and
// the table of regions over them.
//
// Threading: owner-only.
// Invariants: a file is mapped once, as a whole, and stays mapped until the object ends, so an address that
// was handed out stays good across every sync(). A file that could shrink is refused, because an access
// beyond its end would end this process.
// Limits: kMaxFiles files.
#pragma once

#include <sys/types.h>

#include <span>
#include <vector>

#include "dataplane/qemu/message.hpp"
#include "dataplane/virtqueue/guest_memory.hpp"
#include "engine/base/mapped_memory.hpp"

namespace violet::qemu {

class RemoteMemory {
 public:
  static constexpr std::size_t kMaxFiles = 16;

  // True when the table of regions is another than before: whoever remembers regions refreshes them.
  // Error when the memory cannot be shared; the table is then the old one.
  Result<bool> sync(const SyncMemory& message, std::span<const FileDescriptor> fds);
  const GuestMemory& table() const { return table_; }

 private:
  struct File {
    dev_t device;
    ino_t inode;
    MappedMemory memory;
  };

  Result<std::span<std::byte>> map(const FileDescriptor& fd);

  std::vector<File> files_;
  GuestMemory table_;
};

}  // namespace violet::qemu
