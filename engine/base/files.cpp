#include "engine/base/files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace violet {

Result<std::string> read_whole_file(const std::filesystem::path& path) {
  std::error_code ignored;
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path, ignored)) {
    return fail("{}: cannot be read: {}", path.string(),
                std::strerror(errno != 0 ? errno : EISDIR));
  }
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
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
