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
      case EventKind::kDetach:
        return put(event, "{} domain={} endpoint={}",
                   event.kind == EventKind::kAttach ? "attach" : "detach", event.a, event.id);
      case EventKind::kMapDone:
        ends_[event.id] = event.b;
        return;
      case EventKind::kMapTarget:
        return put(event, "map domain={} virt_start={:#x} virt_end={:#x} phys_start={:#x} flags={}",
                   event.id, event.a, ends_[event.id], event.b, event.status);
      case EventKind::kUnmapExecuted:
      case EventKind::kUnmapCompleted:
        return put(event, "{} domain={} virt_start={:#x} virt_end={:#x}",
                   event.kind == EventKind::kUnmapExecuted ? "unmap" : "unmap_done", event.id,
                   event.a, event.b);
      case EventKind::kAccess:
        if (event.b == 0) return;
        return put(event, "access endpoint={} addr={:#x} bytes={} flag={} result={}", event.id,
                   event.a, event.b, event.status & 3, event.status >> 2);
      case EventKind::kFault:
        return put(event, "fault endpoint={} addr={:#x}", event.id, event.a);
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
