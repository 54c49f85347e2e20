// A file is read or written as a whole; every error names it.
//
// Threading: pure functions over the file system.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "engine/base/file_descriptor.hpp"
#include "engine/base/result.hpp"

namespace violet {

// For reading; errors unless it is a regular file. Never waits: a pipe or a device in its place is not opened for long.
Result<FileDescriptor> open_regular_file(const std::filesystem::path& path);

// Of a regular file; errors when it has more than `most_bytes`.
inline constexpr std::uint64_t kMostFileBytes = std::uint64_t{1} << 30;
Result<std::string> read_whole_file(const std::filesystem::path& path,
                                    std::uint64_t most_bytes = kMostFileBytes);
// The old content or the new one, never a mixture, whenever the process is killed.
Status replace_file(const std::filesystem::path& path, std::string_view content);
// Retries short and interrupted writes; `path` is for the message.
Status write_all(int fd, std::string_view bytes, const std::filesystem::path& path);

}  // namespace violet
