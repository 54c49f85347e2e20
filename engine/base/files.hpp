// A file is read or written as a whole; every error names it.
//
// Threading: pure functions over the file system.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/file_descriptor.hpp"
#include "engine/base/result.hpp"

namespace violet {

// Whether the last part of a path may be a link.
enum class Links { kFollowed, kRefused };
// To read; anything but a regular file is refused, without waiting for a pipe's other end.
Result<FileDescriptor> open_regular_file(const std::filesystem::path& path,
                                         Links links = Links::kFollowed);
// How many of the bytes at `offset` there were: fewer where the file ends before or cannot be read.
std::size_t read_at(int fd, std::uint64_t offset, std::span<std::byte> into);
// To write, with open(2)'s `flags`: never through a link, and only a regular file of one name that is ours. In a folder
// from elsewhere such names may lead to files that its maker could not write.
Result<FileDescriptor> open_own_file(const std::filesystem::path& path, int flags);
// Of a regular file; errors when it has more than `most_bytes`.
inline constexpr std::uint64_t kMostFileBytes = std::uint64_t{1} << 30;
Result<std::string> read_whole_file(const std::filesystem::path& path,
                                    std::uint64_t most_bytes = kMostFileBytes,
                                    Links links = Links::kFollowed);
// Takes a piece of a file's content.
using WritePiece = std::function<Status(std::string_view)>;
// The old content or the new one, never a mixture, whenever the process is killed. Written as `path`.next, which is
// nobody else's: what has that name is removed first, a link as well.
Status replace_file(const std::filesystem::path& path, std::string_view content);
Status replace_file(const std::filesystem::path& path,
                    const std::function<Status(const WritePiece&)>& fill);
// Retries short and interrupted writes; `path` is for the message.
Status write_all(int fd, std::string_view bytes, const std::filesystem::path& path);

}  // namespace violet
