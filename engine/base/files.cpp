#include "engine/base/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace violet {

Result<FileDescriptor> open_regular_file(const std::filesystem::path& path) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat about {};
  if (!file.valid() || ::fstat(file.get(), &about) != 0) {
    return fail("{}: cannot be read: {}", path.string(), std::strerror(errno));
  }
  if (!S_ISREG(about.st_mode)) return fail("{}: is no regular file", path.string());
  return file;
}

// As far as there is something: files of /proc tell no size.
Result<std::string> read_whole_file(const std::filesystem::path& path, std::uint64_t most_bytes) {
  VIOLET_TRY(const auto file, open_regular_file(path));
  struct stat about {};
  const bool too_long =
      ::fstat(file.get(), &about) == 0 && static_cast<std::uint64_t>(about.st_size) > most_bytes;
  std::string text;
  for (std::size_t have = 0;;) {
    text.resize(std::max<std::size_t>(have * 2, 64 << 10));
    const ssize_t got = ::read(file.get(), text.data() + have, text.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail("{}: cannot be read: {}", path.string(), std::strerror(errno));
    have += static_cast<std::size_t>(got);
    if (too_long || have > most_bytes) {
      return fail("{}: has more than the {} bytes that it may have", path.string(), most_bytes);
    }
    if (got == 0) {
      text.resize(have);
      return text;
    }
  }
}

Status write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail("{}: cannot be written: {}", path.string(), std::strerror(errno));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Status replace_file(const std::filesystem::path& path, std::string_view content) {
  const std::filesystem::path next = path.string() + ".next";
  const int fd = ::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return fail("{}: cannot be written: {}", next.string(), std::strerror(errno));
  Status written = write_all(fd, content, next);
  const bool closed = ::close(fd) == 0;
  if (!written) return written;
  if (!closed || ::rename(next.c_str(), path.c_str()) != 0) {
    return fail("{}: cannot be replaced: {}", path.string(), std::strerror(errno));
  }
  return {};
}

}  // namespace violet
