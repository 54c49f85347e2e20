// Violet's own log of a captured guest: `# violet guest log 1`, then `<ns> map domain=1 virt_start=0x..
// virt_end=0x.. phys_start=0x.. flags=3` and so on, as `./violet guest capture` writes it.
#include <array>

#include "datasets/log_import.hpp"
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

  static bool domain_and_endpoint(TextCursor& at, std::uint32_t& domain, std::uint32_t& endpoint) {
    return at.expect(" domain=", "no domain=") && at.id(domain) &&
           at.expect(" endpoint=", "no endpoint=") && at.id(endpoint) && at.expect_end();
  }
  static bool range(TextCursor& at, std::uint32_t& domain, DmaRebuilder::Range& iova) {
    return at.expect(" domain=", "no domain=") && at.id(domain) &&
           at.expect(" virt_start=0x", "no virt_start=0x") && at.hex(iova.first) &&
           at.expect(" virt_end=0x", "no virt_end=0x") && at.hex(iova.last);
  }
  static bool endpoint_and_address(TextCursor& at, std::uint32_t& endpoint, std::uint64_t& iova) {
    return at.expect(" endpoint=", "no endpoint=") && at.id(endpoint) &&
           at.expect(" addr=0x", "no addr=0x") && at.hex(iova);
  }

  static const char* attach(TextCursor& at, DmaRebuilder& stream, ImportReport&) {
    std::uint32_t domain = 0, endpoint = 0;
    return domain_and_endpoint(at, domain, endpoint) ? stream.attach(domain, endpoint) : nullptr;
  }
  static const char* detach(TextCursor& at, DmaRebuilder& stream, ImportReport&) {
    std::uint32_t domain = 0, endpoint = 0;
    return domain_and_endpoint(at, domain, endpoint) ? stream.detach(domain, endpoint) : nullptr;
  }
  static const char* map(TextCursor& at, DmaRebuilder& stream, ImportReport&) {
    DmaRebuilder::MapRequest request{};
    std::uint32_t flags = 0;
    if (!range(at, request.domain, request.iova) ||
        !at.expect(" phys_start=0x", "no phys_start=0x") || !at.hex(request.phys) ||
        !at.expect(" flags=", "no flags=") || !at.id(flags) || !at.expect_end()) {
      return nullptr;
    }
    if (flags > (kDeviceReads | kDeviceWrites | kMmioMapping)) return "unknown map flags";
    request.flags = static_cast<std::uint8_t>(flags);
    return stream.map(request);
  }
  static const char* unmap(TextCursor& at, DmaRebuilder& stream, ImportReport&) {
    std::uint32_t domain = 0;
    DmaRebuilder::Range iova{};
    return range(at, domain, iova) && at.expect_end() ? stream.unmap(domain, iova) : nullptr;
  }
  static const char* unmap_done(TextCursor& at, DmaRebuilder& stream, ImportReport&) {
    std::uint32_t domain = 0;
    DmaRebuilder::Range iova{};
    return range(at, domain, iova) && at.expect_end() ? stream.unmap_done(domain, iova) : nullptr;
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

  static constexpr std::array<Event, 8> kEvents = {{{"attach", attach},
                                                    {"detach", detach},
                                                    {"map", map},
                                                    {"unmap", unmap},
                                                    {"unmap_done", unmap_done},
                                                    {"access", access},
                                                    {"fault", fault},
                                                    {"kick", kick}}};
};

bool detect(const FileSample& sample) {
  return !sample.lines.empty() && sample.lines.front() == kHeader;
}

Status import(ImportJob& job) {
  VioletParser parser;
  return import_log(job, parser);
}

}  // namespace

extern const Importer kVioletImporter;
const Importer kVioletImporter = {"violet-log", "what ./violet guest capture records", detect,
                                  import};

}  // namespace violet::datasets
