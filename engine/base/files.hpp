// A file is read or written as a whole; every error names it.
//
// Threading: pure functions over the file system.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "engine/base/result.hpp"

namespace violet {

Result<std::string> read_whole_file(const std::filesystem::path& path);
// The old content or the new one, never a mixture, whenever the process is killed.
Status replace_file(const std::filesystem::path& path, std::string_view content);
// Retries short and interrupted writes; `path` is for the message.
Status write_all(int fd, std::string_view bytes, const std::filesystem::path& path);

}  // namespace violet
