// Linux' own trace of its IOMMU core, as text of ftrace or `perf script`:
//   fio-812  [000] d..1. 35.012345: map: IOMMU: iova=0xfffe0000 - 0xfffe1000 paddr=0x1000 size=4096
//   fio 812 [000] 35.012399: iommu:unmap: IOMMU: iova=0xfffe0000 size=4096 unmapped_size=4096
// Older kernels have no `- 0x..`. One map event is one physically contiguous run of one call.
#include "datasets/log_import.hpp"
#include "datasets/text_cursor.hpp"

namespace violet::datasets {
namespace {

// `sec.fraction:` with six or nine digits of fraction.
bool parse_time(std::string_view word, std::uint64_t& ns) {
  if (word.empty() || !is_digit(word.front())) return false;
  TextCursor at(word);
  std::uint64_t seconds = 0, fraction = 0;
  if (!at.decimal(seconds) || !at.take(".")) return false;
  const auto from = at.column();
  if (!at.decimal(fraction)) return false;
  const auto digits = at.column() - from;
  if ((digits != 6 && digits != 9) || at.rest() != ":" || seconds > kMaxSeconds) return false;
  ns = seconds * 1'000'000'000 + fraction * (digits == 6 ? 1000 : 1);
  return true;
}

// Skips task, CPU and flags, whose number of words differs, up to the time; the event's name is next.
bool find_event(TextCursor& at, std::uint64_t& ns, std::string_view& name) {
  for (;;) {
    at.skip_spaces();
    if (at.at_end()) return false;
    if (parse_time(at.word(), ns)) break;
  }
  at.skip_spaces();
  name = at.word();
  if (!name.ends_with(':')) return false;
  name.remove_suffix(1);
  at.skip_spaces();
  return !name.empty();
}

class FtraceParser final : public LogParser {
 public:
  LineVerdict parse(std::string_view line, DmaRebuilder& stream, ImportReport& report) override {
    if (line.starts_with('#')) {
      count_ignored(report, "# comment");
      return {};
    }
    TextCursor at(line);
    std::uint64_t ns = 0;
    std::string_view name;
    if (!find_event(at, ns, name)) return {"no `sec.usec: event:`", 1};
    advance_clock(stream, report, ns);
    const char* wrong = nullptr;
    if (name == "map" || name == "iommu:map") {
      wrong = map(at, stream);
    } else if (name == "unmap" || name == "iommu:unmap") {
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
  std::uint32_t time_resolution_ns() const override { return 1000; }
  std::vector<std::string> known() const override {
    return {"order, addresses, sizes in whole pages and reuse of all mappings",
            "time at which Linux' IOMMU core was called"};
  }
  std::vector<std::string> assumed() const override {
    return {"one domain and one endpoint: the events name neither",
            "every mapping is bidirectional: the events do not tell the permissions",
            "maps that follow each other in address and are unmapped together are one scatter list",
            "a buffer fills the pages that were mapped for it"};
  }

 private:
  // The half-open end after the dash repeats what size says.
  static bool address(TextCursor& at, std::uint64_t& iova) {
    at.take("IOMMU: ");
    if (!at.expect("iova=0x", "no iova=0x") || !at.hex(iova)) return false;
    std::uint64_t end = 0;
    return !at.take(" - 0x") || at.hex(end);
  }
  static const char* range(std::uint64_t iova, std::uint64_t bytes, DmaRebuilder::Range& range) {
    if (bytes == 0) return "size=0";
    range = {iova, iova + (bytes - 1)};
    return range.last < iova ? "the range wraps" : nullptr;
  }
  static const char* map(TextCursor& at, DmaRebuilder& stream) {
    DmaRebuilder::MapRequest request{};
    std::uint64_t iova = 0, bytes = 0;
    if (!address(at, iova) || !at.expect(" paddr=0x", "no paddr=0x") || !at.hex(request.phys) ||
        !at.expect(" size=", "no size=") || !at.decimal(bytes) || !at.expect_end()) {
      return nullptr;
    }
    if (const char* wrong = range(iova, bytes, request.iova)) return wrong;
    request.flags = kDeviceReads | kDeviceWrites;
    return stream.map(request);
  }
  static const char* unmap(TextCursor& at, DmaRebuilder& stream) {
    DmaRebuilder::Range iova{};
    std::uint64_t first = 0, bytes = 0, unmapped = 0;
    if (!address(at, first) || !at.expect(" size=", "no size=") || !at.decimal(bytes) ||
        !at.expect(" unmapped_size=", "no unmapped_size=") || !at.decimal(unmapped) ||
        !at.expect_end()) {
      return nullptr;
    }
    if (unmapped == 0) return nullptr;
    const char* wrong = range(first, unmapped, iova);
    return wrong != nullptr ? wrong : stream.unmap(0, iova);
  }
};

bool detect_ftrace(const FileSample& sample) {
  for (const auto& line : sample.lines) {
    TextCursor at(line);
    std::uint64_t ns = 0;
    std::string_view name;
    if (!line.starts_with('#') && find_event(at, ns, name)) return true;
  }
  return false;
}

Status import_ftrace(ImportJob& job) {
  FtraceParser parser;
  return import_log(job, parser);
}

}  // namespace

Importer ftrace_importer() {
  return {{"linux-events", "ftrace or perf script text of iommu:map and :unmap"},
          detect_ftrace,
          import_ftrace};
}

}  // namespace violet::datasets
