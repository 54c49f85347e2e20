// A scratch folder holds what a process needs on the disk only as long as it lives, below the temporary folder.
//
// Threading: owner-only; remove() from any one thread.
// Invariants: its name is random and only its user may enter it. It goes with its owner. What a killed process left is
// removed by the next one of the same user that makes one of the same kind: it has lain there for a minute, and nobody
// holds its lock.
#pragma once

#include <filesystem>
#include <string_view>
#include <utility>

#include "engine/base/file_descriptor.hpp"
#include "engine/base/result.hpp"

namespace violet {

class ScratchFolder {
 public:
  // `kind`: "guest" makes violet-guest-XXXXXX.
  static Result<ScratchFolder> make(std::string_view kind);
  ~ScratchFolder() { remove(); }
  ScratchFolder(ScratchFolder&& other) noexcept
      : path_(std::exchange(other.path_, {})), lock_(std::move(other.lock_)) {}
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // Before its owner goes, who must not open anything in it any more.
  void remove() const;

 private:
  ScratchFolder(std::filesystem::path path, FileDescriptor lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}

  std::filesystem::path path_;  // Empty: moved from.
  FileDescriptor lock_;         // The folder itself, locked.
};

}  // namespace violet
