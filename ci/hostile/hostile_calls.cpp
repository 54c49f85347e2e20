// Hostile calls: preloaded into a program, it counts the calls that change files below a folder and lets one of them
// fail, or the process die there.
//
//   HOSTILE_FOLDER   absolute; other files are left alone
//   HOSTILE_CALL     the number of the call, from 1; 0: none
//   HOSTILE_FAULT    kill: the process is gone before the call; tear: half of what it writes is written, then it is
//                    gone; ENOSPC, EIO: this one fails; FULL: it and all later ones that need room fail with ENOSPC
//   HOSTILE_COUNT    a file that gets the number of calls when the process ends by itself
//
// Threading: any; calls are counted in the order in which they come.
// Limits: what libc's wrappers are called for: a program's own, the standard library's and SQLite's.
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

std::atomic<unsigned> calls{0};

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

const char* setting(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool is_fault(const char* fault) { return std::strcmp(setting("HOSTILE_FAULT"), fault) == 0; }

bool inside(const char* path) {
  const char* folder = setting("HOSTILE_FOLDER");
  return *folder != '\0' && std::strncmp(path, folder, std::strlen(folder)) == 0;
}

bool inside(int fd) {
  char link[64], path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = ::readlink(link, path, sizeof path - 1);
  if (length <= 0) return false;
  path[length] = '\0';
  return inside(path);
}

[[noreturn]] void die() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

// What happens to a call that changes a file of ours: nothing (0), or the error that it ends in. `tear` does half of it.
template <class Tear>
int fate(bool ours, bool needs_room, Tear&& tear) {
  if (!ours) return 0;
  const unsigned number = calls.fetch_add(1) + 1;
  const auto wanted = static_cast<unsigned>(std::atoi(setting("HOSTILE_CALL")));
  if (wanted == 0 || number < wanted) return 0;
  if (is_fault("FULL")) return needs_room ? ENOSPC : 0;
  if (number != wanted) return 0;
  if (is_fault("ENOSPC")) return ENOSPC;
  if (is_fault("EIO")) return EIO;
  if (is_fault("tear")) tear();
  die();
}

int fate(bool ours, bool needs_room) {
  return fate(ours, needs_room, [] {});
}

template <class Result>
Result failed(int error) {
  errno = error;
  return static_cast<Result>(-1);
}

struct AtTheEnd {
  ~AtTheEnd() {
    const char* path = setting("HOSTILE_COUNT");
    if (*path == '\0') return;
    if (std::FILE* file = std::fopen(path, "w"); file != nullptr) {
      std::fprintf(file, "%u\n", calls.load());
      std::fclose(file);
    }
  }
} at_the_end;

int open_by(const char* call, const char* path, int flags, va_list arguments) {
  const bool has_mode = (flags & (O_CREAT | O_TMPFILE)) != 0;
  const auto mode = has_mode ? static_cast<mode_t>(va_arg(arguments, unsigned)) : mode_t{0};
  const bool changes = (flags & (O_CREAT | O_TRUNC)) != 0;
  if (const int error = changes ? fate(inside(path), true) : 0) return failed<int>(error);
  return next<int(const char*, int, ...)>(call)(path, flags, mode);
}

}  // namespace

// NOLINTBEGIN(cert-dcl50-cpp,readability-inconsistent-declaration-parameter-name): libc's own signatures.
extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const int file = open_by("open", path, flags, arguments);
  va_end(arguments);
  return file;
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const int file = open_by("open64", path, flags, arguments);
  va_end(arguments);
  return file;
}

ssize_t write(int fd, const void* bytes, size_t size) {
  static auto* const real = next<ssize_t(int, const void*, size_t)>("write");
  const auto tear = [&] { real(fd, bytes, size / 2); };
  if (const int error = fate(inside(fd), true, tear)) return failed<ssize_t>(error);
  return real(fd, bytes, size);
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  static auto* const real = next<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  const auto tear = [&] { real(fd, bytes, size / 2, at); };
  if (const int error = fate(inside(fd), true, tear)) return failed<ssize_t>(error);
  return real(fd, bytes, size, at);
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t at) {
  static auto* const real = next<ssize_t(int, const void*, size_t, off64_t)>("pwrite64");
  const auto tear = [&] { real(fd, bytes, size / 2, at); };
  if (const int error = fate(inside(fd), true, tear)) return failed<ssize_t>(error);
  return real(fd, bytes, size, at);
}

int ftruncate(int fd, off_t size) noexcept {
  if (const int error = fate(inside(fd), false)) return failed<int>(error);
  return next<int(int, off_t)>("ftruncate")(fd, size);
}

int ftruncate64(int fd, off64_t size) noexcept {
  if (const int error = fate(inside(fd), false)) return failed<int>(error);
  return next<int(int, off64_t)>("ftruncate64")(fd, size);
}

int fsync(int fd) {
  if (const int error = fate(inside(fd), true)) return failed<int>(error);
  return next<int(int)>("fsync")(fd);
}

int fdatasync(int fd) {
  if (const int error = fate(inside(fd), true)) return failed<int>(error);
  return next<int(int)>("fdatasync")(fd);
}

int rename(const char* from, const char* to) noexcept {
  if (const int error = fate(inside(to), true)) return failed<int>(error);
  return next<int(const char*, const char*)>("rename")(from, to);
}

int unlink(const char* path) noexcept {
  if (const int error = fate(inside(path), false)) return failed<int>(error);
  return next<int(const char*)>("unlink")(path);
}

int mkdir(const char* path, mode_t mode) noexcept {
  if (const int error = fate(inside(path), true)) return failed<int>(error);
  return next<int(const char*, mode_t)>("mkdir")(path, mode);
}

int symlink(const char* target, const char* path) noexcept {
  if (const int error = fate(inside(path), true)) return failed<int>(error);
  return next<int(const char*, const char*)>("symlink")(target, path);
}

}  // extern "C"
// NOLINTEND(cert-dcl50-cpp,readability-inconsistent-declaration-parameter-name)
