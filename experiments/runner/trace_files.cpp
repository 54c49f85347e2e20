#include "experiments/runner/trace_files.hpp"

#include <filesystem>

#include "engine/base/clock.hpp"
#include "experiments/trace/pyramid_file.hpp"

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

}  // namespace

Result<EventTraceWriter> open_trace_files(const results::RunWriter& writer,
                                          const std::function<void(const std::string&)>& warn) {
  std::error_code error;
  if (const auto path = writer.pyramid_path(); std::filesystem::exists(path, error)) {
    const auto pyramids = PyramidFile::open(path);
    // One that cannot even be moved is found by the first append, which warns then.
    if (!pyramids) static_cast<void>(set_aside(path, pyramids.error(), warn));
  }
  const auto path = writer.trace_path();
  const EventTraceInfo info{ns_per_tick(), now_ticks(), results::epoch_now_s()};
  const bool there = std::filesystem::exists(path, error);
  auto trace = EventTraceWriter::open(path, info);
  if (trace || !there || !set_aside(path, trace.error(), warn)) return trace;
  return EventTraceWriter::open(path, info);
}

}  // namespace violet
