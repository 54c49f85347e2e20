// QEMU's log back end: `virtio_iommu_map domain=1 virt_start=0x.. virt_end=0x.. phys_start=0x.. flags=3`, as
// `-trace events=...,file=...` writes it. What stands in front of the event depends on the version and on
// `-msg timestamp=on`:
//   7@1795326820.264797:                     up to 10.0, with time stamps
//   2025-08-19T20:14:16.791420Z              since 10.1, with time stamps; no fraction where it is zero
//   [guest] qemu-system-x86_64: (7:main):    later, with or without a time stamp before it
//                                            nothing, without time stamps
#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

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

// A name as trace events of QEMU have it: `virtqueue_pop`, but not the first word of a sentence.
bool is_event_name(std::string_view text) {
  return is_name(text) && text.find('_') != std::string_view::npos;
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

bool is_iso_date(std::string_view line) {
  return line.size() > 4 && line[4] == '-' &&
         std::all_of(line.begin(), line.begin() + 4, [](char c) { return is_digit(c); });
}

// Two digits of a date or time, at most `most`.
bool two_digits(TextCursor& at, std::uint64_t most, std::uint64_t& value) {
  const auto from = at.column();
  if (!at.decimal(value)) return false;
  return (at.column() - from == 2 && value <= most) || at.fail("not a date and time of ISO 8601");
}

// `2025-08-19T20:14:16.791420Z `, as GLib writes UTC: the fraction has six digits or is missing.
bool parse_iso(TextCursor& at, std::uint64_t& ns) {
  constexpr const char* kWrong = "not a date and time of ISO 8601";
  std::uint64_t year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, micros = 0;
  if (!at.decimal(year) || !at.expect("-", kWrong) || !two_digits(at, 12, month) ||
      !at.expect("-", kWrong) || !two_digits(at, 31, day) || !at.expect("T", kWrong) ||
      !two_digits(at, 23, hour) || !at.expect(":", kWrong) || !two_digits(at, 59, minute) ||
      !at.expect(":", kWrong) || !two_digits(at, 60, second)) {
    return false;
  }
  if (at.take(".")) {
    const auto from = at.column();
    if (!at.decimal(micros)) return false;
    if (at.column() - from != 6) return at.fail("the time has not six digits of microseconds");
  }
  if (!at.expect("Z ", "the time is not in UTC (`Z`)")) return false;
  using namespace std::chrono;
  const year_month_day date{std::chrono::year(static_cast<int>(year)),
                            std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || year < 1970 || year > 2200) return at.fail("the time is out of range");
  const auto days = static_cast<std::uint64_t>(sys_days(date).time_since_epoch().count());
  const auto seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
  ns = seconds * 1'000'000'000 + micros * 1'000;
  return true;
}

// Skips `[guest] program: (thread id:thread name): `, each part of which may be missing; a thread's name may
// have blanks. False where nothing of the kind stands there.
bool skip_context(TextCursor& at) {
  const auto text = at.rest();
  for (auto open = text.find('('); open != std::string_view::npos;
       open = text.find('(', open + 1)) {
    TextCursor thread(text.substr(open + 1));
    std::uint64_t id = 0;
    if (!thread.decimal(id) || !thread.take(":")) continue;
    const auto close = text.find("): ", open);
    if (close == std::string_view::npos) return false;
    return at.take(text.substr(0, close + 3));
  }
  const auto program = text.find("qemu");
  const auto colon = text.find(": ");
  if (program > colon || colon == std::string_view::npos) return false;
  return at.take(text.substr(0, colon + 2));
}

// What stands before the event's name.
struct Lead {
  std::optional<std::uint64_t> ns;  // Empty: the line has no time.
  bool context = false;  // The program is named: what follows may be a message of QEMU's.
};

// Moves the cursor to the event's name; false with a reason where the time is wrong.
bool parse_lead(std::string_view line, TextCursor& at, Lead& lead) {
  if (!line.empty() && is_digit(line.front())) {
    std::uint64_t ns = 0;
    const bool iso = is_iso_date(line);
    if (!(iso ? parse_iso(at, ns) : parse_stamp(at, ns))) return false;
    lead.ns = ns;
    if (!iso) return true;
  }
  TextCursor ahead = at;
  if (!is_name(ahead.word())) lead.context = skip_context(at);
  return true;
}

class QemuParser final : public LogParser {
 public:
  LineVerdict parse(std::string_view line, DmaRebuilder& stream, ImportReport& report) override {
    TextCursor at(line);
    Lead lead;
    if (!parse_lead(line, at, lead)) return {at.reason(), at.column()};
    const auto name = at.word();
    if (lead.context && !is_event_name(name)) {
      count_ignored(report, "message of QEMU");
      return {};
    }
    if (!name.starts_with(kPrefix) && (lead.ns ? !is_name(name) : !is_event_name(name))) {
      return {"not `pid@sec.usec:event`", 1};
    }
    if (lead.ns) advance_clock(stream, report, *lead.ns);
    const char* wrong = dispatch(name, at, stream, report);
    if (wrong == nullptr && !at.ok()) wrong = at.reason();
    if (wrong != nullptr) return {wrong, at.column()};
    timed_ = timed_ || lead.ns.has_value();
    if (!lead.ns) ++report.anomalies.times_missing;
    return {};
  }
  DmaRebuilder::UnmapIs unmap_is() const override { return DmaRebuilder::UnmapIs::kRequest; }
  std::uint32_t time_resolution_ns() const override { return timed_ ? 1000 : 0; }
  std::vector<std::string> known() const override {
    std::vector<std::string> known{
        "order, addresses, page-granular sizes, permissions and reuse of all mappings",
        "start address, direction and endpoint of each translation"};
    if (timed_) {
      known.insert(known.begin() + 1,
                   "time of each request's execution by the device, in microseconds");
    }
    return known;
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
  static const char* reset(TextCursor& at, DmaRebuilder& stream, ImportReport&) {
    at.take(" system");
    if (at.expect(" reset!", "no `reset!`") && at.expect_end()) stream.reset();
    return nullptr;
  }

  // Behind the name of a reset: QEMU 9 and before, since then, and the machine's.
  static constexpr std::array<Event, 11> kEvents = {{{"translate", translate},
                                                     {"translate_out", translate_out},
                                                     {"map", RequestFields::map},
                                                     {"unmap", RequestFields::unmap},
                                                     {"unmap_done", RequestFields::unmap_done},
                                                     {"attach", RequestFields::attach},
                                                     {"detach", RequestFields::detach},
                                                     {"report_fault", fault},
                                                     {"device_reset", reset},
                                                     {"device_reset_exit", reset},
                                                     {"system_reset", reset}}};
  bool timed_ = false;  // Some line had a time.
};

// Some line near the beginning is an event, of the IOMMU or not.
bool detect_qemu(const FileSample& sample) {
  for (const auto& line : sample.lines) {
    TextCursor at(line);
    Lead lead;
    if (!parse_lead(line, at, lead)) continue;
    const auto name = at.word();
    if (name.starts_with(kPrefix) || (lead.ns && !is_iso_date(line) && is_name(name))) return true;
    if ((lead.ns || lead.context) && is_event_name(name)) return true;
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
