// An initramfs is a cpio archive in the format "newc", which the kernel unpacks into its first root.
//
// Threading: owner-only.
// Limits: uncompressed; everything belongs to root.
#pragma once

#include <string>
#include <string_view>

namespace violet::linux_guest {

class Initramfs {
 public:
  void add_folder(std::string_view path) { add(path, 0040755, {}); }
  void add_program(std::string_view path, std::string_view bytes) { add(path, 0100755, bytes); }
  // The archive; nothing is added afterwards.
  std::string finish();

 private:
  void add(std::string_view path, unsigned mode, std::string_view bytes);

  std::string archive_;
  unsigned inode_ = 0;
};

}  // namespace violet::linux_guest
