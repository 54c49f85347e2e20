// Violet's own log of a captured guest: `# violet guest log 1`, then `<ns> map domain=1 virt_start=0x..
// virt_end=0x.. phys_start=0x.. flags=3` and so on, as `./violet guest capture` writes it.
#include <array>

#include "datasets/log_import.hpp"
#include "datasets/request_fields.hpp"
#include "datasets/text_cursor.hpp"

namespace violet::datasets {
namespace {

constexpr std::string_view kHeader = "# violet guest log 1";
constexpr std::uint32_t kDone = 0;  // DmaResult::kOk

class VioletParser final : public LogParser {
 public:
  LineVerdict parse(std::string_view line, DmaRebuilder& stream, ImportReport& report) override {
    if (line == kHeader) return {};
    TextCursor at(line);
    std::uint64_t ns = 0;
    if (!at.decimal(ns) || !at.expect(" ", "no blank after the time")) {
      return {at.reason(), at.column()};
    }
    advance_clock(stream, report, ns);
    const auto kind = at.word();
    for (const auto& event : kEvents) {
      if (event.name != kind) continue;
      const char* wrong = event.handler(at, stream, report);
      if (wrong == nullptr && !at.ok()) wrong = at.reason();
      if (wrong != nullptr) return {wrong, at.column()};
      ++report.events;
      return {};
    }
    return {"not an event of this log", at.column()};
  }
  DmaRebuilder::UnmapIs unmap_is() const override { return DmaRebuilder::UnmapIs::kRequest; }
  std::uint32_t time_resolution_ns() const override { return 1; }
  std::vector<std::string> known() const override {
    return {"order, addresses, page-granular sizes, permissions and reuse of all mappings",
            "time of each request's execution by the device, in nanoseconds",
            "address, length, direction and endpoint of each access of a device"};
  }
  std::vector<std::string> assumed() const override {
    return {
        "a buffer fills the pages that were mapped for it: the guest does not say where in its "
        "first page it begins, nor its length in bytes",
        "MAPs, and UNMAPs, that Linux would have cut out of one call are one call"};
  }

 private:
  using Handler = const char* (*)(TextCursor&, DmaRebuilder&, ImportReport&);
  struct Event {
    std::string_view name;
    Handler handler;
  };

  static bool endpoint_and_address(TextCursor& at, std::uint32_t& endpoint, std::uint64_t& iova) {
    return at.expect(" endpoint=", "no endpoint=") && at.id(endpoint) &&
           at.expect(" addr=0x", "no addr=0x") && at.hex(iova);
  }

  static const char* access(TextCursor& at, DmaRebuilder& stream, ImportReport&) {
    std::uint32_t endpoint = 0, bytes = 0, flag = 0, result = 0;
    std::uint64_t iova = 0;
    if (!endpoint_and_address(at, endpoint, iova) || !at.expect(" bytes=", "no bytes=") ||
        !at.id(bytes) || !at.expect(" flag=", "no flag=") || !at.id(flag) ||
        !at.expect(" result=", "no result=") || !at.id(result) || !at.expect_end()) {
      return nullptr;
    }
    if (bytes == 0) return "an access of no bytes";
    if (bytes - 1 > ~iova) return "an access beyond the last address";
    if (flag != kDeviceReads && flag != kDeviceWrites) return "neither a read nor a write";
    return result == kDone ? stream.access(endpoint, iova, bytes, flag) : nullptr;
  }
  static const char* fault(TextCursor& at, DmaRebuilder&, ImportReport& report) {
    std::uint32_t endpoint = 0;
    std::uint64_t iova = 0;
    if (endpoint_and_address(at, endpoint, iova) && at.expect_end()) ++report.anomalies.faults;
    return nullptr;
  }
  static const char* kick(TextCursor& at, DmaRebuilder&, ImportReport& report) {
    if (at.expect_end()) count_ignored(report, "kick");
    return nullptr;
  }

  static constexpr std::array<Event, 8> kEvents = {{{"attach", RequestFields::attach},
                                                    {"detach", RequestFields::detach},
                                                    {"map", RequestFields::map},
                                                    {"unmap", RequestFields::unmap},
                                                    {"unmap_done", RequestFields::unmap_done},
                                                    {"access", access},
                                                    {"fault", fault},
                                                    {"kick", kick}}};
};

bool detect_violet(const FileSample& sample) {
  return !sample.lines.empty() && sample.lines.front() == kHeader;
}

Status import_violet(ImportJob& job) {
  VioletParser parser;
  return import_log(job, parser);
}

}  // namespace

Importer violet_importer() {
  return {{"violet-log", "what ./violet guest capture records"}, detect_violet, import_violet};
}

}  // namespace violet::datasets
