#include "experiments/results/run_store.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/base/file_descriptor.hpp"
#include "engine/base/foreign_json.hpp"
#include "experiments/results/live_mark.hpp"
#include "experiments/results/manifest.hpp"
#include "experiments/results/run_directory.hpp"

namespace violet::results {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kBlockBytes = 512;  // Of st_blocks, whatever the disk's are.
constexpr const char* kManifest = "manifest.json";
constexpr const char* kLock = "lock";
constexpr int kMostLevels = 16;  // A run has two.

std::string because_of(int error) { return std::strerror(error); }

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

// A folder below another, and no link to one.
Result<FileDescriptor> open_folder(int above, const std::string& name, const std::string& path) {
  FileDescriptor fd(::openat(above, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd.get() >= 0) return fd;
  const int error = errno;
  struct stat what {};
  const bool link =
      ::fstatat(above, name.c_str(), &what, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(what.st_mode);
  if (link) {
    return fail(ErrorKind::kUsage, "{}: is a link: name the run that it leads to by its own name",
                path);
  }
  return fail(ErrorKind::kUsage, "{}: no run directory: {}", path, because_of(error));
}

// The names in a folder, without the two that every folder has.
Result<std::vector<std::string>> names_in(int folder, const std::string& path) {
  const int copy = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  Folder open(copy >= 0 ? ::fdopendir(copy) : nullptr);
  if (open == nullptr) {
    const int error = errno;
    if (copy >= 0) ::close(copy);
    return fail("{}: cannot be listed: {}", path, because_of(error));
  }
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(open.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  return names;
}

// What the files of a folder take; what goes away meanwhile takes nothing.
std::uint64_t bytes_below(int folder, const std::string& path, int levels) {
  const auto names = names_in(folder, path);
  std::uint64_t bytes = 0;
  if (!names || levels == 0) return bytes;
  for (const std::string& name : *names) {
    struct stat what {};
    if (::fstatat(folder, name.c_str(), &what, AT_SYMLINK_NOFOLLOW) != 0) continue;
    bytes += static_cast<std::uint64_t>(what.st_blocks) * kBlockBytes;
    if (!S_ISDIR(what.st_mode)) continue;
    const auto inner = open_folder(folder, name, path + "/" + name);
    if (inner) bytes += bytes_below(inner->get(), path + "/" + name, levels - 1);
  }
  return bytes;
}

// The files of a run that are for looking at.
std::optional<std::uint64_t> bytes_of_trace(int folder) {
  std::optional<std::uint64_t> bytes;
  for (const char* name : {"trace.events", "trace.pyramid"}) {
    struct stat what {};
    if (::fstatat(folder, name, &what, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(what.st_mode))
      continue;
    bytes = bytes.value_or(0) + static_cast<std::uint64_t>(what.st_blocks) * kBlockBytes;
  }
  return bytes;
}

Status empty_folder(int folder, const std::string& path, bool is_run, int levels);

Status remove_entry(int folder, const std::string& name, const std::string& path, int levels) {
  struct stat what {};
  if (::fstatat(folder, name.c_str(), &what, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT ? Status() : fail("{}: {}", path, because_of(errno));
  }
  const bool is_folder = S_ISDIR(what.st_mode);
  if (is_folder) {
    if (levels == 0) return fail("{}: lies deeper than any file of a run, and stays", path);
    VIOLET_TRY(const FileDescriptor inner, open_folder(folder, name, path));
    VIOLET_TRY(empty_folder(inner.get(), path, false, levels - 1));
  }
  if (::unlinkat(folder, name.c_str(), is_folder ? AT_REMOVEDIR : 0) == 0 || errno == ENOENT)
    return {};
  return fail("{}: cannot be removed: {}", path, because_of(errno));
}

// Of a run the lock goes before the manifest and both after all else.
Status empty_folder(int folder, const std::string& path, bool is_run, int levels) {
  VIOLET_TRY(const auto names, names_in(folder, path));
  for (const std::string& name : names) {
    if (is_run && (name == kManifest || name == kLock)) continue;
    VIOLET_TRY(remove_entry(folder, name, path + "/" + name, levels));
  }
  if (!is_run) return {};
  VIOLET_TRY(remove_entry(folder, kLock, path + "/lock", 0));
  return remove_entry(folder, kManifest, path + "/manifest.json", 0);
}

bool is_regular(int folder, const char* name) {
  struct stat what {};
  return ::fstatat(folder, name, &what, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(what.st_mode);
}

// Whether manifest.json is of a run of ours, of whatever version. Web pages and data sets have files of that name, too.
bool is_of_a_run(int folder) {
  const FileDescriptor file(::openat(folder, kManifest, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat what {};
  if (file.get() < 0 || ::fstat(file.get(), &what) != 0) return false;
  if (!S_ISREG(what.st_mode) || static_cast<std::uint64_t>(what.st_size) > kMostManifestBytes) {
    return false;
  }
  std::string text(static_cast<std::size_t>(what.st_size), '\0');
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t got = ::read(file.get(), text.data() + at, text.size() - at);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += static_cast<std::size_t>(got);
  }
  nlohmann::json json;
  return parse_json(text, kManifest, json) && json.is_object() && json.contains("schema") &&
         json["schema"] == "violet.manifest";
}

// Error unless the folder is a run's.
Status check_run(int folder, const std::string& path) {
  if (!is_regular(folder, kManifest)) {
    return fail(ErrorKind::kUsage, "{}: is no run: it has no manifest.json", path);
  }
  if (is_of_a_run(folder)) return {};
  return fail(
      ErrorKind::kUsage,
      "{}: is no run of Violet: its manifest.json is another program's, or damaged; nothing "
      "of it is touched",
      path);
}

// The lock of a run, which nobody else has now. Nothing: it has none, as older runs. Error: somebody has it.
Result<std::optional<FileDescriptor>> take_lock(int folder, const std::string& path, int how) {
  // NFS locks alone what may be written to.
  const int access = how == LOCK_EX ? O_RDWR : O_RDONLY;
  FileDescriptor fd(::openat(folder, kLock, access | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (fd.get() < 0) {
    if (errno == ENOENT) return std::optional<FileDescriptor>();
    return fail("{}: its lock cannot be opened: {}", path, because_of(errno));
  }
  if (::flock(fd.get(), how | LOCK_NB) == 0) return std::optional(std::move(fd));
  if (errno != EWOULDBLOCK) return fail("{}: cannot be locked: {}", path, because_of(errno));
  return fail(ErrorKind::kUsage, "{}: the run goes on; it is not touched", path);
}

// Where a run lies: the folder above it, and its name there.
struct Location {
  fs::path above;
  std::string name;
};
Result<Location> location_of(const fs::path& directory) {
  fs::path plain = fs::absolute(directory);
  while (plain.has_relative_path() && (plain.filename().empty() || plain.filename() == ".")) {
    plain = plain.parent_path();  // "runs/a/"
  }
  if (!plain.has_relative_path() || plain.filename() == "..") {
    return fail(ErrorKind::kUsage, "{}: is no run: name it by its own name", directory.string());
  }
  // As the kernel goes there: behind a link ".." leads elsewhere than to the name before it.
  return Location{plain.parent_path(), plain.filename().string()};
}

Result<FileDescriptor> open_above(const Location& place) {
  FileDescriptor above(::open(place.above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (above.get() >= 0) return above;
  return fail(ErrorKind::kUsage, "{}: {}", place.above.string(), because_of(errno));
}

// "died" is said by nobody: it began, and no process here is at it.
std::string outcome_of(const Manifest& manifest, bool goes_on) {
  if (goes_on) return "running";
  return manifest.outcome == "running" ? "died" : manifest.outcome;
}

}  // namespace

Result<StoredRun> stored_run(const fs::path& directory) {
  VIOLET_TRY(const Location place, location_of(directory));
  const std::string path = directory.string();
  VIOLET_TRY(const FileDescriptor above, open_above(place));
  VIOLET_TRY(const FileDescriptor folder, open_folder(above.get(), place.name, path));
  VIOLET_TRY(check_run(folder.get(), path));
  StoredRun run;
  run.directory = directory;
  run.above = place.above;
  bool hidden = false;
  run.bytes = bytes_below(folder.get(), path, kMostLevels);
  run.trace_bytes = bytes_of_trace(folder.get());
  {
    const auto held = take_lock(folder.get(), path, LOCK_SH);  // No longer than it takes to see.
    const bool without_lock = held && !held->has_value();
    const bool is_held = !held && held.error().kind == ErrorKind::kUsage;
    run.goes_on = is_held || (without_lock && find_live(directory).has_value());
    hidden = !held && !is_held;  // Another user's: as its manifest says.
  }
  const auto manifest = read_manifest(directory);
  if (!manifest) {
    run.outcome = "its manifest cannot be read";
    return run;
  }
  run.plan = manifest->plan_name;
  run.started_s = manifest->started_epoch_s;
  if (hidden) run.goes_on = manifest->outcome == "running";
  run.outcome = outcome_of(*manifest, run.goes_on);
  return run;
}

std::vector<StoredRun> stored_runs(const fs::path& root) {
  std::vector<StoredRun> runs;
  for (const fs::path& directory : list_runs(root)) {
    if (auto run = stored_run(directory)) runs.push_back(std::move(*run));
  }
  // Names are the users' to change.
  std::stable_sort(runs.begin(), runs.end(), [](const StoredRun& a, const StoredRun& b) {
    return a.started_s > b.started_s;
  });
  return runs;
}

std::vector<StoredRun> beyond_newest(const std::vector<StoredRun>& newest_first, std::size_t keep) {
  std::vector<StoredRun> beyond;
  for (const StoredRun& run : newest_first) {
    if (run.goes_on) continue;
    if (keep > 0) {
      --keep;
    } else {
      beyond.push_back(run);
    }
  }
  return beyond;
}

Status remove_run(const fs::path& directory) {
  VIOLET_TRY(const Location place, location_of(directory));
  const std::string path = directory.string();
  VIOLET_TRY(const FileDescriptor above, open_above(place));
  VIOLET_TRY(const FileDescriptor folder, open_folder(above.get(), place.name, path));
  VIOLET_TRY(check_run(folder.get(), path));
  VIOLET_TRY(const auto held, take_lock(folder.get(), path, LOCK_EX));
  if (!held && find_live(directory)) {
    return fail(ErrorKind::kUsage, "{}: the run goes on; it is not touched", path);
  }
  VIOLET_TRY(empty_folder(folder.get(), path, true, kMostLevels));
  if (::unlinkat(above.get(), place.name.c_str(), AT_REMOVEDIR) == 0) return {};
  return fail("{}: cannot be removed: {}", path, because_of(errno));
}

Status mend_latest(const fs::path& root) {
  const fs::path link = root / "latest";
  std::error_code error;
  if (!fs::is_symlink(link, error) || fs::exists(link, error)) return {};
  const auto runs = list_runs(root);
  if (!runs.empty()) return point_latest(root, runs.front());
  fs::remove(link, error);
  if (!error) return {};
  return fail("{}: leads nowhere, and cannot be removed: {}", link.string(), error.message());
}

}  // namespace violet::results
