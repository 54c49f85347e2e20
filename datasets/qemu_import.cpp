// QEMU's log back end: `pid@sec.usec:virtio_iommu_map domain=1 virt_start=0x.. virt_end=0x..
// phys_start=0x.. flags=3`, as `-trace events=...,file=...` writes it; without the time if QEMU's
// message timestamps are off.
#include <algorithm>
#include <array>

#include "datasets/log_import.hpp"
#include "datasets/request_fields.hpp"
#include "datasets/text_cursor.hpp"

namespace violet::datasets {
namespace {

constexpr std::string_view kPrefix = "virtio_iommu_";

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  });
}

// `pid@sec.usec:`
bool parse_stamp(TextCursor& at, std::uint64_t& ns) {
  std::uint64_t pid = 0, seconds = 0, micros = 0;
  if (!at.decimal(pid) || !at.expect("@", "not `pid@sec.usec:event`") || !at.decimal(seconds) ||
      !at.expect(".", "the time is not sec.usec")) {
    return false;
  }
  if (seconds > kMaxSeconds) return at.fail("the time is out of range");
  const auto digits_from = at.column();
  if (!at.decimal(micros)) return false;
  if (at.column() - digits_from != 6) return at.fail("the time has not six digits of microseconds");
  if (!at.expect(":", "no `:` after the time")) return false;
  ns = seconds * 1'000'000'000 + micros * 1'000;
  return true;
}

class QemuParser final : public LogParser {
 public:
  LineVerdict parse(std::string_view line, DmaRebuilder& stream, ImportReport& report) override {
    TextCursor at(line);
    std::uint64_t ns = 0;
    const bool timed = !line.empty() && is_digit(line.front());
    if (timed && !parse_stamp(at, ns)) return {at.reason(), at.column()};
    const auto name = at.word();
    if (!name.starts_with(kPrefix) && (!timed || !is_name(name))) {
      return {"not `pid@sec.usec:event`", 1};
    }
    if (timed) advance_clock(stream, report, ns);
    const char* wrong = dispatch(name, at, stream, report);
    if (wrong == nullptr && !at.ok()) wrong = at.reason();
    if (wrong != nullptr) return {wrong, at.column()};
    if (!timed) ++report.anomalies.times_missing;
    return {};
  }
  DmaRebuilder::UnmapIs unmap_is() const override { return DmaRebuilder::UnmapIs::kRequest; }
  std::uint32_t time_resolution_ns() const override { return 1000; }
  std::vector<std::string> known() const override {
    return {"order, addresses, page-granular sizes, permissions and reuse of all mappings",
            "time of each request's execution by the device, in microseconds",
            "start address, direction and endpoint of each translation"};
  }
  std::vector<std::string> assumed() const override {
    return {
        "a buffer fills the pages that were mapped for it: the log does not say where in its "
        "first page it begins, nor its length in bytes",
        "an access reaches to the next address at which any access to the same page of its "
        "mapping began, else to the end of the page (flag kAssumedLength)",
        "MAPs, and UNMAPs, that Linux would have cut out of one call are one call"};
  }

 private:
  using Handler = const char* (*)(TextCursor&, DmaRebuilder&, ImportReport&);
  struct Event {
    std::string_view name;
    Handler handler;
  };

  static const char* dispatch(std::string_view name, TextCursor& at, DmaRebuilder& stream,
                              ImportReport& report) {
    if (name.starts_with(kPrefix)) {
      const auto kind = name.substr(kPrefix.size());
      for (const auto& event : kEvents) {
        if (event.name != kind) continue;
        const char* wrong = event.handler(at, stream, report);
        if (wrong == nullptr && at.ok()) ++report.events;
        return wrong;
      }
    }
    if (at.at_end() && is_cut_name(name)) return "the line ends early";
    if (!is_name(name)) return "not the name of an event";
    count_ignored(report, name);
    return nullptr;
  }
  // The beginning of an event's name with nothing behind it is a line that was cut.
  static bool is_cut_name(std::string_view name) {
    if (kPrefix.starts_with(name)) return true;
    if (!name.starts_with(kPrefix)) return false;
    for (const auto& event : kEvents) {
      if (event.name.starts_with(name.substr(kPrefix.size()))) return true;
    }
    return false;
  }

  static const char* translate(TextCursor& at, DmaRebuilder& stream, ImportReport&) {
    std::uint32_t rid = 0, flag = 0;
    std::uint64_t address = 0;
    if (!at.expect(" mr=", "no mr=")) return nullptr;
    const auto region = at.word();
    if (!at.expect(" rid=", "no rid=") || !at.id(rid) || !at.expect(" addr=0x", "no addr=0x") ||
        !at.hex(address) || !at.expect(" flag=", "no flag=") || !at.id(flag) || !at.expect_end()) {
      return nullptr;
    }
    if (flag > (kDeviceReads | kDeviceWrites)) return "unknown access flag";
    return stream.translate(rid, address, flag, region);
  }
  static const char* translate_out(TextCursor& at, DmaRebuilder& stream, ImportReport&) {
    std::uint32_t sid = 0;
    std::uint64_t iova = 0, phys = 0;
    if (!at.expect(" 0x", "no address") || !at.hex(iova) || !at.expect(" -> 0x", "no `-> 0x`") ||
        !at.hex(phys) || !at.expect(" for sid=", "no `for sid=`") || !at.id(sid) ||
        !at.expect_end()) {
      return nullptr;
    }
    return stream.translated(sid, iova, phys);
  }
  static const char* fault(TextCursor& at, DmaRebuilder&, ImportReport& report) {
    if (at.at_end()) return "the line ends early";
    ++report.anomalies.faults;
    return nullptr;
  }

  static constexpr std::array<Event, 8> kEvents = {{{"translate", translate},
                                                    {"translate_out", translate_out},
                                                    {"map", RequestFields::map},
                                                    {"unmap", RequestFields::unmap},
                                                    {"unmap_done", RequestFields::unmap_done},
                                                    {"attach", RequestFields::attach},
                                                    {"detach", RequestFields::detach},
                                                    {"report_fault", fault}}};
};

// Some line near the beginning is an event, of the IOMMU or not.
bool detect_qemu(const FileSample& sample) {
  for (const auto& line : sample.lines) {
    TextCursor at(line);
    std::uint64_t ns = 0;
    if (line.starts_with(kPrefix)) return true;
    if (!line.empty() && is_digit(line.front()) && parse_stamp(at, ns) && is_name(at.word())) {
      return true;
    }
  }
  return false;
}

Status import_qemu(ImportJob& job) {
  QemuParser parser;
  return import_log(job, parser);
}

}  // namespace

Importer qemu_importer() {
  return {
      {"qemu-log", "QEMU's log trace back end, virtio_iommu_* events"}, detect_qemu, import_qemu};
}

}  // namespace violet::datasets
