#include "experiments/runner/trace_files.hpp"

#include <filesystem>
#include <utility>

#include "engine/base/clock.hpp"

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

Result<TraceFiles> TraceFiles::open(const results::RunWriter& writer,
                                    const std::function<void(const std::string&)>& warn) {
  const auto events_path = writer.trace_path(), pyramid_path = writer.pyramid_path();
  const EventTraceInfo info{ns_per_tick(), now_ticks(), results::epoch_now_s()};
  VIOLET_TRY(auto pyramids,
             open_or_begin(pyramid_path, warn, [&] { return PyramidWriter::open(pyramid_path); }));
  VIOLET_TRY(auto events, open_or_begin(events_path, warn,
                                        [&] { return EventTraceWriter::open(events_path, info); }));
  return TraceFiles(std::move(events), std::move(pyramids));
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
