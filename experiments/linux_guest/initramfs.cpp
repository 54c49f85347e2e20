#include "experiments/linux_guest/initramfs.hpp"

#include <fmt/format.h>

namespace violet::linux_guest {

void Initramfs::add(std::string_view path, unsigned mode, std::string_view bytes) {
  const auto pad = [this] { archive_.resize((archive_.size() + 3) & ~std::size_t{3}); };
  ++inode_;
  // magic ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  archive_ += fmt::format(
      "070701{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}"
      "{:08x}{:08x}",
      inode_, mode, 0, 0, 1, 0, bytes.size(), 0, 0, 0, 0, path.size() + 1, 0);
  archive_ += path;
  archive_ += '\0';
  pad();
  archive_ += bytes;
  pad();
}

std::string Initramfs::finish() {
  add("TRAILER!!!", 0, {});
  return std::move(archive_);
}

}  // namespace violet::linux_guest
