#include "experiments/runner/trace_files.hpp"

#include <fcntl.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "engine/base/clock.hpp"
#include "engine/base/file_descriptor.hpp"

namespace violet {
namespace {

bool set_aside(const std::filesystem::path& path, const Error& why,
               const std::function<void(const std::string&)>& warn) {
  std::error_code error;
  std::filesystem::rename(path, path.string() + ".damaged", error);
  if (error) return false;
  warn(fmt::format("{}; set aside as {}.damaged, a new one begins", why.message,
                   path.filename().string()));
  return true;
}

// `open` again, without the damaged file, where there is one.
template <class Open>
auto open_or_begin(const std::filesystem::path& path,
                   const std::function<void(const std::string&)>& warn, Open&& open) {
  std::error_code error;
  const bool there = std::filesystem::exists(path, error);
  auto file = open();
  return file || !there || !set_aside(path, file.error(), warn) ? std::move(file) : open();
}

}  // namespace

// Room that a quota or a limit of the process forbids is no room, and the file system does not count it.
static bool may_take(const std::filesystem::path& directory, std::uintmax_t bytes) {
  const FileDescriptor file(::open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  if (!file.valid() || ::fallocate(file.get(), 0, 0, static_cast<off_t>(bytes)) == 0) return true;
  return errno != EDQUOT && errno != EFBIG && errno != ENOSPC;
}

bool lacks_room(const std::filesystem::path& directory) {
  constexpr std::uintmax_t kAlways = std::uintmax_t{4} << 20;
  // results.json says in text what the database has in four to five times less.
  constexpr std::uintmax_t kTimes = 8;
  std::error_code error;
  const auto space = std::filesystem::space(directory, error);
  if (error) return false;
  std::uintmax_t results = 0;
  for (const char* name : {"results.sqlite", "results.sqlite-wal"}) {
    const auto bytes = std::filesystem::file_size(directory / name, error);
    if (!error) results += bytes;
  }
  return space.available < kAlways + kTimes * results || !may_take(directory, kAlways);
}

Result<TraceFiles> TraceFiles::open(const results::RunWriter& writer,
                                    const std::function<void(const std::string&)>& warn) {
  const auto events_path = writer.trace_path(), pyramid_path = writer.pyramid_path();
  const EventTraceInfo info{ns_per_tick(), now_ticks(), results::epoch_now_s(),
                            run_check(writer.manifest().run_id)};
  VIOLET_TRY(auto pyramids,
             open_or_begin(pyramid_path, warn, [&] { return PyramidWriter::open(pyramid_path); }));
  VIOLET_TRY(auto events, open_or_begin(events_path, warn,
                                        [&] { return EventTraceWriter::open(events_path, info); }));
  TraceFiles files(std::move(events), std::move(pyramids));
  constexpr Ends kEmpty{EventTraceWriter::kHeaderBytes, 0};
  const Ends found = files.ends();
  if (found.events > kEmpty.events || found.pyramids > kEmpty.pyramids) {
    files.begun_.push_back(kEmpty);
  }
  return files;
}

void TraceFiles::begin_repetition() { begun_.push_back(ends()); }

bool TraceFiles::give_up_newest() {
  if (begun_.empty()) return false;
  const Ends to = begun_.back();
  begun_.pop_back();
  // One that cannot be cut is left as it is: there is nobody to tell but the next try.
  static_cast<void>(events_.cut_back(to.events));
  static_cast<void>(pyramids_.cut_back(to.pyramids));
  return true;
}

}  // namespace violet
