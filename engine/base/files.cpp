#include "engine/base/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace violet {

Result<FileDescriptor> open_regular_file(const std::filesystem::path& path, Links links) {
  const int follow = links == Links::kRefused ? O_NOFOLLOW : 0;
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | follow));
  struct stat status {};
  if (!file.valid() || ::fstat(file.get(), &status) != 0) {
    const bool link = links == Links::kRefused && errno == ELOOP;
    return fail("{}: cannot be read: {}", path.string(),
                link ? "it is a link, which may lead anywhere" : std::strerror(errno));
  }
  if (!S_ISREG(status.st_mode)) return fail("{}: is no regular file", path.string());
  return file;
}

Result<FileDescriptor> open_own_file(const std::filesystem::path& path, int flags) {
  constexpr int kAlways = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  FileDescriptor file(::open(path.c_str(), flags | kAlways, 0644));
  struct stat status {};
  if (!file.valid() || ::fstat(file.get(), &status) != 0) {
    const bool link = errno == ELOOP;
    return fail("{}: cannot be written: {}", path.string(),
                link ? "it is a link, which may lead anywhere" : std::strerror(errno));
  }
  if (!S_ISREG(status.st_mode) || status.st_nlink != 1 || status.st_uid != ::geteuid()) {
    return fail("{}: cannot be written: it is not a file of this run alone and of this user",
                path.string());
  }
  return file;
}

std::size_t read_at(int fd, std::uint64_t offset, std::span<std::byte> into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t got =
        ::pread(fd, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

// As far as there is something: files of /proc tell no size.
Result<std::string> read_whole_file(const std::filesystem::path& path, std::uint64_t most_bytes,
                                    Links links) {
  VIOLET_TRY(const auto file, open_regular_file(path, links));
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
  return replace_file(path, [content](const WritePiece& write) { return write(content); });
}

Status replace_file(const std::filesystem::path& path,
                    const std::function<Status(const WritePiece&)>& fill) {
  const std::filesystem::path next = path.string() + ".next";
  ::unlink(next.c_str());  // What a killed writer left, or a trap.
  FileDescriptor file(
      ::open(next.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file.valid()) return fail("{}: cannot be written: {}", next.string(), std::strerror(errno));
  Status written = fill([&](std::string_view piece) { return write_all(file.get(), piece, next); });
  const bool closed = ::close(file.release()) == 0;
  if (!written) {
    ::unlink(next.c_str());  // On a full disk it takes what others need.
    return written;
  }
  if (!closed || ::rename(next.c_str(), path.c_str()) != 0) {
    return fail("{}: cannot be replaced: {}", path.string(), std::strerror(errno));
  }
  return {};
}

}  // namespace violet
