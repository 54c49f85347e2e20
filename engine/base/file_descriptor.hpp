// A file descriptor is closed when its owner ends.
//
// Threading: owner-only.
// Invariants: what is owned is closed once. Limits: errors of close() are not reported.
#pragma once

#include <unistd.h>

#include <utility>

namespace violet {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int owned) : fd_(owned) {}
  ~FileDescriptor() { reset(); }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int owned = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = owned;
  }

 private:
  int fd_ = -1;
};

}  // namespace violet
