#include "experiments/linux_guest/capture_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <unordered_map>

namespace violet::linux_guest {
namespace {

constexpr std::size_t kFlushBytes = std::size_t{1} << 20;

struct Closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

class Log {
 public:
  Log(std::FILE* file, const CapturedEvents& events) : file_(file), events_(events) {}

  // The last MAP whose target comes next.
  void line(const Event& event) {
    switch (event.kind) {
      case EventKind::kAttach:
        return attachment("attach", event);
      case EventKind::kDetach:
        return attachment("detach", event);
      case EventKind::kMapDone:
        ends_[MappingEvent::of(event).domain.value] = MappingEvent::of(event).range.last.value;
        return;
      case EventKind::kMapTarget:
        return target(event);
      case EventKind::kUnmapExecuted:
        return unmapping("unmap", event);
      case EventKind::kUnmapCompleted:
        return unmapping("unmap_done", event);
      case EventKind::kAccess:
        return access(event);
      case EventKind::kFault:
        return fault(event);
      case EventKind::kKick:
        return put(event, "kick");
      default:
        return;
    }
  }
  bool flush() {
    const bool good = std::fwrite(text_.data(), 1, text_.size(), file_) == text_.size();
    text_.clear();
    return good && good_ && std::fflush(file_) == 0;
  }

 private:
  void attachment(const char* what, const Event& event) {
    const AttachEvent body = AttachEvent::of(event);
    put(event, "{} domain={} endpoint={}", what, body.domain.value, body.endpoint.value);
  }
  void target(const Event& event) {
    const TargetEvent body = TargetEvent::of(event);
    put(event, "map domain={} virt_start={:#x} virt_end={:#x} phys_start={:#x} flags={}",
        body.domain.value, body.iova.value, ends_[body.domain.value], body.phys.value, body.flags);
  }
  void unmapping(const char* what, const Event& event) {
    const MappingEvent body = MappingEvent::of(event);
    put(event, "{} domain={} virt_start={:#x} virt_end={:#x}", what, body.domain.value,
        body.range.first.value, body.range.last.value);
  }
  void access(const Event& event) {
    const AccessEvent body = AccessEvent::of(event);
    if (body.bytes == 0) return;
    put(event, "access endpoint={} addr={:#x} bytes={} flag={} result={}", body.endpoint.value,
        body.iova.value, body.bytes, static_cast<unsigned>(body.access), body.result);
  }
  void fault(const Event& event) {
    const FaultEvent body = FaultEvent::of(event);
    put(event, "fault endpoint={} addr={:#x}", body.endpoint.value, body.iova.value);
  }
  template <class... T>
  void put(const Event& event, fmt::format_string<T...> format, T&&... values) {
    if (origin_ == 0) {
      origin_ = event.at;
      text_ += "# violet guest log 1\n";
    }
    const Ticks since = event.at > origin_ ? event.at - origin_ : 0;
    const auto ns = static_cast<std::uint64_t>(static_cast<double>(since) * events_.ns_per_tick);
    fmt::format_to(std::back_inserter(text_), "{} ", ns);
    fmt::format_to(std::back_inserter(text_), format, std::forward<T>(values)...);
    text_ += '\n';
    if (text_.size() >= kFlushBytes) good_ = flush() && good_;
  }

  std::FILE* file_;
  const CapturedEvents& events_;
  std::string text_;
  std::unordered_map<std::uint32_t, std::uint64_t> ends_;
  Ticks origin_ = 0;
  bool good_ = true;
};

// A MAP is in the table a moment after its time and an access is stamped when it is over, so at the same time the
// engine's events come first.
void write_in_order(Log& log, const CapturedEvents& events) {
  const std::span<const Event> sources[] = {events.engine, events.endpoints, events.guest};
  std::array<std::size_t, 3> at{};
  for (;;) {
    std::size_t next = 3;
    for (std::size_t i = 0; i < 3; ++i) {
      if (at[i] == sources[i].size()) continue;
      if (next == 3 || sources[i][at[i]].at < sources[next][at[next]].at) next = i;
    }
    if (next == 3) return;
    log.line(sources[next][at[next]++]);
  }
}

}  // namespace

Status write_capture_log(const std::filesystem::path& path, const CapturedEvents& events) {
  const std::unique_ptr<std::FILE, Closer> file(std::fopen(path.c_str(), "we"));
  if (!file) return fail(ErrorKind::kEnvironment, "{}: {}", path.string(), std::strerror(errno));
  Log log(file.get(), events);
  write_in_order(log, events);
  if (!log.flush())
    return fail(ErrorKind::kEnvironment, "{}: {}", path.string(), std::strerror(errno));
  return {};
}

}  // namespace violet::linux_guest
