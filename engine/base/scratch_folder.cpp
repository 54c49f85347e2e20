#include "engine/base/scratch_folder.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <string>

namespace violet {
namespace {

namespace fs = std::filesystem;

// Between a folder and its lock there is a moment.
constexpr time_t kYoungestLeftS = 60;
constexpr std::size_t kRandomLetters = 6;

FileDescriptor locked(const fs::path& folder) {
  FileDescriptor file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (file.valid() && ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) file.reset();
  return file;
}

// Of this user, old enough, and nobody's.
bool is_left(const fs::path& folder) {
  struct stat about {};
  if (::lstat(folder.c_str(), &about) != 0 || !S_ISDIR(about.st_mode)) return false;
  if (about.st_uid != ::geteuid() || ::time(nullptr) - about.st_mtime < kYoungestLeftS)
    return false;
  return locked(folder).valid();
}

void remove_what_was_left(const fs::path& parent, const std::string& beginning) {
  std::error_code error, ignored;
  for (fs::directory_iterator at(parent, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    const bool ours =
        name.starts_with(beginning) && name.size() == beginning.size() + kRandomLetters;
    if (ours && is_left(at->path())) fs::remove_all(at->path(), ignored);
  }
}

}  // namespace

Result<ScratchFolder> ScratchFolder::make(std::string_view kind) {
  std::error_code error;
  const fs::path parent = fs::temp_directory_path(error);
  if (error) return fail(ErrorKind::kEnvironment, "no temporary folder: {}", error.message());
  const std::string beginning = fmt::format("violet-{}-", kind);
  remove_what_was_left(parent, beginning);
  std::string name = (parent / (beginning + std::string(kRandomLetters, 'X'))).string();
  if (::mkdtemp(name.data()) == nullptr) {
    return fail(ErrorKind::kEnvironment, "{}: cannot be made: {}", name, std::strerror(errno));
  }
  return ScratchFolder(name, locked(name));
}

void ScratchFolder::remove() const {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

}  // namespace violet
