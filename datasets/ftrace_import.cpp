// Linux' own trace of its IOMMU core, as text of ftrace, trace-cmd or `perf script`:
//   fio-812  [000] d..1. 35.012345: map: IOMMU: iova=0xfffe0000 - 0xfffe1000 paddr=0x1000 size=4096
//   fio 812 [000] 35.012399: iommu:unmap: IOMMU: iova=0xfffe0000 size=4096 unmapped_size=4096
// Older kernels have no `- 0x..`, kernels of some vendors have `dev=1d84000.ufshc` before the address. One map
// event is one physically contiguous run of one call. Lines that begin with a blank and tell no time belong to
// the event above: call chains of perf, stacks of ftrace.
#include <algorithm>
#include <map>
#include <string>

#include "datasets/log_import.hpp"
#include "datasets/text_cursor.hpp"

namespace violet::datasets {
namespace {

// A device's name takes a domain of its own behind that of the events that name none.
constexpr std::uint32_t kUnnamedDomain = 0;

// When a line's event was: in seconds, or by a clock that counts something else (x86-tsc, counter).
struct EventTime {
  bool in_seconds = false;
  std::uint64_t ns = 0;  // Where it is in seconds.
};

// `sec.fraction:` with six or nine digits of fraction, or the `count:` of a clock without a fraction.
bool parse_time(std::string_view word, EventTime& time) {
  if (word.empty() || !is_digit(word.front())) return false;
  TextCursor at(word);
  std::uint64_t seconds = 0, fraction = 0;
  if (!at.decimal(seconds)) return false;
  if (at.rest() == ":") {
    time = {};
    return true;
  }
  if (!at.take(".")) return false;
  const auto from = at.column();
  if (!at.decimal(fraction)) return false;
  const auto digits = at.column() - from;
  if ((digits != 6 && digits != 9) || at.rest() != ":" || seconds > kMaxSeconds) return false;
  time = {true, seconds * 1'000'000'000 + fraction * (digits == 6 ? 1000 : 1)};
  return true;
}

bool is_number(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), is_digit);
}

// Skips task, CPU and flags, whose number of words differs, up to the time; what follows it is next.
bool find_time(TextCursor& at, EventTime& time) {
  for (;;) {
    at.skip_spaces();
    if (at.at_end()) return false;
    if (parse_time(at.word(), time)) return true;
  }
}

// The event's name behind the time, and behind perf's count of a sample's period. Without the `:` it is an event
// that has no name there: a function, a stack.
std::string_view event_name(TextCursor& at) {
  at.skip_spaces();
  auto name = at.word();
  if (is_number(name)) {
    at.skip_spaces();
    name = at.word();
  }
  at.skip_spaces();
  return name;
}

// `[LOST 12 EVENTS]` of the kernel, `[12 EVENTS DROPPED]` of trace-cmd, both also without the number; `lost 12`
// of perf. False where the line is none of these.
bool parse_loss(std::string_view line, LostEvents& lost) {
  const auto number_after = [&](std::string_view before, std::string_view behind) {
    const auto found = line.find(before);
    if (found == std::string_view::npos) return false;
    TextCursor at(line.substr(found + before.size()));
    std::uint64_t number = 0;
    if (!at.decimal(number) || !at.rest().starts_with(behind)) return false;
    lost.counted += number;
    return true;
  };
  if (line.starts_with("CPU:")) {
    if (number_after("[LOST ", " EVENTS]") || number_after("[", " EVENTS DROPPED]")) return true;
    const bool told = line.find("[LOST EVENTS]") != std::string_view::npos ||
                      line.find("[EVENTS DROPPED]") != std::string_view::npos;
    lost.uncounted += told ? 1 : 0;
    return told;
  }
  return line.find("PERF_RECORD_LOST") != std::string_view::npos && number_after(" lost ", "");
}

// What the programs that print such a trace say for themselves.
bool is_message(std::string_view line) {
  constexpr std::string_view kBeginnings[] = {
      "[ perf ",   "Warning:",    "Processed ", "Check IO/CPU",   "perf: ",   "addr2line: ",
      "BFD: ",     "cpus=",       "version = ", "trace-cmd: ",    "Failed ",  "failed ",
      "Couldn't ", "No kallsyms", "CPU ",       "cmd__addr2line", "Samples ", "incomplete "};
  return line.find("PERF_RECORD_") != std::string_view::npos ||
         std::any_of(std::begin(kBeginnings), std::end(kBeginnings),
                     [line](std::string_view beginning) { return line.starts_with(beginning); });
}

class FtraceParser final : public LogParser {
 public:
  LineVerdict parse(std::string_view line, DmaRebuilder& stream, ImportReport& report) override {
    if (line.starts_with('#')) {
      header(line, report);
      count_ignored(report, "# comment");
      return {};
    }
    if (LostEvents more; parse_loss(line, more)) {
      lose(more, stream, report);
      return {};
    }
    TextCursor at(line);
    EventTime time;
    if (!find_time(at, time)) return without_time(line, report);
    auto name = event_name(at);
    if (name.empty()) return {"the line ends early", at.column()};
    if (time.in_seconds) {
      seconds_ = true;
      advance_clock(stream, report, time.ns);
    } else {
      counts_ = true;
    }
    in_event_ = true;
    const bool named = name.ends_with(':');
    if (named) name.remove_suffix(1);
    const char* wrong = nullptr;
    if (named && (name == "map" || name == "iommu:map")) {
      wrong = map(at, stream);
    } else if (named && (name == "unmap" || name == "iommu:unmap")) {
      wrong = unmap(at, stream);
    } else {
      count_ignored(report, name);
      return {};
    }
    if (wrong == nullptr && !at.ok()) wrong = at.reason();
    if (wrong != nullptr) return {wrong, at.column()};
    ++report.events;
    return {};
  }
  DmaRebuilder::UnmapIs unmap_is() const override { return DmaRebuilder::UnmapIs::kCall; }
  // Counts do not become seconds because some other line has them.
  std::uint32_t time_resolution_ns() const override { return seconds_ && !counts_ ? 1000 : 0; }
  std::vector<std::string> known() const override {
    std::vector<std::string> known{
        "order, addresses, sizes in whole pages and reuse of all mappings"};
    if (time_resolution_ns() > 0) known.push_back("time at which Linux' IOMMU core was called");
    if (!domains_.empty()) known.push_back("the device of each mapping, by name");
    return known;
  }
  std::vector<std::string> assumed() const override {
    return {domains_.empty() ? "one domain and one endpoint: the events name neither"
                             : "each device has a domain of its own: the events do not name it",
            "every mapping is bidirectional: the events do not tell the permissions",
            "maps that follow each other in address and are unmapped together are one scatter list",
            "a buffer fills the pages that were mapped for it"};
  }
  std::vector<std::string> notes() const override {
    if (!counts_) return {};
    return {
        "the trace's clock counts something else than seconds, as the clocks x86-tsc and counter "
        "do"};
  }

 private:
  // `# entries-in-buffer/entries-written: 205/3000`: what was overwritten is lost as well, and is counted
  // again where the reader met the gap.
  static void header(std::string_view line, ImportReport& report) {
    TextCursor at(line);
    std::uint64_t kept = 0, written = 0;
    at.take("#");
    at.skip_spaces();
    if (!at.take("entries-in-buffer/entries-written:")) return;
    at.skip_spaces();
    if (at.decimal(kept) && at.take("/") && at.decimal(written) && written > kept) {
      report.lost.counted = std::max(report.lost.counted, written - kept);
    }
  }
  void lose(const LostEvents& more, DmaRebuilder& stream, ImportReport& report) {
    met_.counted += more.counted;
    report.lost.counted = std::max(report.lost.counted, met_.counted);
    report.lost.uncounted += more.uncounted;
    stream.events_lost();
  }
  LineVerdict without_time(std::string_view line, ImportReport& report) const {
    const bool indented = line.starts_with(' ') || line.starts_with('\t');
    if (indented && in_event_) {
      count_ignored(report, "line of the event above");
    } else if (is_message(line)) {
      count_ignored(report, "message of the tracer");
    } else {
      return {"no `sec.usec: event:`", 1};
    }
    return {};
  }

  // The half-open end after the dash repeats what size says.
  static bool address(TextCursor& at, std::string_view& device, std::uint64_t& iova) {
    at.take("IOMMU: ");
    if (at.take("dev=")) {
      device = at.word();
      if (device.empty()) return at.fail("no name behind dev=");
      at.skip_spaces();
    }
    if (!at.expect("iova=0x", "no iova=0x") || !at.hex(iova)) return false;
    std::uint64_t end = 0;
    return !at.take(" - 0x") || at.hex(end);
  }
  static const char* range(std::uint64_t iova, std::uint64_t bytes, DmaRebuilder::Range& range) {
    if (bytes == 0) return "size=0";
    range = {iova, iova + (bytes - 1)};
    return range.last < iova ? "the range wraps" : nullptr;
  }
  // The number of a device's domain.
  const char* domain_of(std::string_view device, DmaRebuilder& stream, std::uint32_t& domain) {
    domain = kUnnamedDomain;
    if (device.empty()) return nullptr;
    const auto known = domains_.find(device);
    if (known != domains_.end()) {
      domain = known->second;
      return nullptr;
    }
    domain = static_cast<std::uint32_t>(domains_.size()) + 1;
    if (const char* wrong = stream.name_endpoint(domain, device)) return wrong;
    domains_.emplace(device, domain);
    return nullptr;
  }
  const char* map(TextCursor& at, DmaRebuilder& stream) {
    DmaRebuilder::MapRequest request{};
    std::string_view device;
    std::uint64_t iova = 0, bytes = 0;
    if (!address(at, device, iova) || !at.expect(" paddr=0x", "no paddr=0x") ||
        !at.hex(request.phys) || !at.expect(" size=", "no size=") || !at.decimal(bytes) ||
        !at.expect_end()) {
      return nullptr;
    }
    if (const char* wrong = range(iova, bytes, request.iova)) return wrong;
    if (const char* wrong = domain_of(device, stream, request.domain)) return wrong;
    request.flags = kDeviceReads | kDeviceWrites;
    return stream.map(request);
  }
  const char* unmap(TextCursor& at, DmaRebuilder& stream) {
    DmaRebuilder::Range iova{};
    std::string_view device;
    std::uint64_t first = 0, bytes = 0, unmapped = 0;
    if (!address(at, device, first) || !at.expect(" size=", "no size=") || !at.decimal(bytes) ||
        !at.expect(" unmapped_size=", "no unmapped_size=") || !at.decimal(unmapped) ||
        !at.expect_end()) {
      return nullptr;
    }
    if (unmapped == 0) return nullptr;
    if (const char* wrong = range(first, unmapped, iova)) return wrong;
    std::uint32_t domain = 0;
    if (const char* wrong = domain_of(device, stream, domain)) return wrong;
    return stream.unmap(domain, iova);
  }

  std::map<std::string, std::uint32_t, std::less<>> domains_;  // By the device's name.
  LostEvents met_;                                             // Where the reader met a gap.
  bool seconds_ = false;                                       // Some line had a time in seconds,
  bool counts_ = false;                                        // some line another count.
  bool in_event_ = false;                                      // There is an event above.
};

// Some line has a time and an event's name behind it.
bool detect_ftrace(const FileSample& sample) {
  for (const auto& line : sample.lines) {
    TextCursor at(line);
    EventTime time;
    if (line.starts_with('#') || !find_time(at, time)) continue;
    const auto name = event_name(at);
    if (name.size() > 1 && name.ends_with(':')) return true;
  }
  return false;
}

Status import_ftrace(ImportJob& job) {
  FtraceParser parser;
  return import_log(job, parser);
}

}  // namespace

Importer ftrace_importer() {
  return {{"linux-events", "ftrace, trace-cmd or perf script text of iommu:map and :unmap"},
          detect_ftrace,
          import_ftrace};
}

}  // namespace violet::datasets
