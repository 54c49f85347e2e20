#include "datasets/log_import.hpp"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "datasets/line_source.hpp"
#include "datasets/record_spool.hpp"
#include "datasets/trace_reader.hpp"

namespace violet::datasets {
namespace {

constexpr std::size_t kMaxNames = 200;
constexpr std::size_t kMaxNameBytes = 80;
constexpr std::size_t kExcerptBytes = 100;
constexpr std::uint64_t kLinesPerProgress = 64 * 1024;

bool is_blank(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c == ' ' || c == '\t'; });
}

class LogImport {
 public:
  LogImport(ImportJob& job, LogParser& parser, LineSource& lines, RecordSpool& spool)
      : job_(job),
        report_(job.report),
        parser_(parser),
        lines_(lines),
        spool_(spool),
        stream_(spool, job.report, parser.unmap_is()) {}

  Status read() {
    LineSource::Line line;
    while (!enough() && lines_.next(line)) {
      take(line);
      if (!spool_.status()) return spool_.status();
      if (lines_.line_number() % kLinesPerProgress == 0 && !go_on()) {
        return fail("{}: stopped after line {}", job_.path, lines_.line_number());
      }
    }
    report_.lines = lines_.line_number();
    report_.text_bytes = lines_.text_bytes();
    report_.damage = lines_.damage();
    go_on();
    return judge();
  }

  Status write() {
    set_mode();
    add_notes();
    VIOLET_TRY(auto writer, TraceWriter::create(job_.out_path));
    VIOLET_TRY(stream_.finish(writer));
    TraceTables tables{stream_.endpoints(), metadata(), report_.mode, parser_.time_resolution_ns()};
    VIOLET_TRY(report_.header, writer.finish(tables));
    return {};
  }

 private:
  bool enough() const {
    return job_.options.max_lines > 0 && lines_.line_number() >= job_.options.max_lines;
  }
  bool go_on() const {
    if (!job_.progress) return true;
    return job_.progress({lines_.bytes_read(), lines_.file_bytes(), lines_.line_number()});
  }

  void take(const LineSource::Line& line) {
    if (is_blank(line.text)) {
      ++report_.blank_lines;
      return;
    }
    LineVerdict verdict{"a line of more than 64 KiB", LineSource::kMaxLine};
    const auto before = stream_.clock();
    if (!line.cut) verdict = parser_.parse(line.text, stream_, report_);
    if (verdict.reason == nullptr) return;
    stream_.clock() = before;
    if (const auto zero = line.text.find('\0'); zero != std::string_view::npos) {
      verdict = {"a NUL byte in the line", zero + 1};
    }
    note_broken(line, verdict);
  }

  void note_broken(const LineSource::Line& line, const LineVerdict& verdict) {
    ++report_.broken;
    if (report_.broken_lines.size() >= job_.options.show_broken) return;
    report_.broken_lines.push_back({lines_.line_number(), verdict.column, verdict.reason,
                                    printable(line.text, kExcerptBytes)});
  }

  // Is what was read worth a trace?
  Status judge() const {
    if (report_.lines == 0) {
      return fail("{}: {}", job_.path,
                  report_.damage.empty() ? "the file is empty" : report_.damage);
    }
    if (!report_.damage.empty() && !job_.options.accept_damage) {
      return fail("{}; what came before, {} lines, is imported with --max-broken", report_.damage,
                  report_.lines);
    }
    const auto filled = report_.lines - report_.blank_lines;
    if (job_.options.max_broken.exceeded(report_.broken, filled)) {
      std::string shown;
      for (const auto& line : report_.broken_lines) {
        shown += fmt::format("\n  line {}, column {}: {}: {}", line.number, line.column,
                             line.reason, line.excerpt);
      }
      return fail("{}: {} of {} lines are broken, more than --max-broken allows; the first:{}",
                  job_.path, report_.broken, filled, shown);
    }
    if (spool_.records().empty()) {
      return fail("{}: no mapping in {} lines ({} events understood, {} broken){}{}", job_.path,
                  report_.lines, report_.events, report_.broken, report_.damage.empty() ? "" : "; ",
                  report_.damage);
    }
    return {};
  }

  void set_mode() {
    const auto& reuse = stream_.reuse();
    report_.mode = job_.options.mode.value_or(reuse.mode());
    report_.mode_evidence = reuse.evidence();
    if (job_.options.mode) report_.mode_evidence += "; overruled by the caller";
    if (report_.mode == TraceMode::kLazy) {
      report_.notes.push_back(
          "lazy: an UNMAP is queued and reaches the device with the next map's kick or flush, so "
          "the "
          "times of unmaps are later than the calls by up to that, and accesses that follow a call "
          "may stand before its unmap");
    }
    if (report_.mode == TraceMode::kUnknown) {
      report_.notes.push_back("strict or lazy is not known: the times of unmaps may be late");
    }
    if (report_.joins_assumed > 0) {
      report_.notes.push_back(
          "bidirectional mappings that are never unmapped were joined when Linux could have "
          "cut them out of one call");
    }
  }

  void add_notes() {
    for (auto& note : parser_.notes()) report_.notes.push_back(std::move(note));
    if (parser_.time_resolution_ns() == 0) {
      report_.notes.push_back("the order of events is known, their times are not");
    }
    if (!report_.lost.any()) return;
    report_.notes.push_back(to_text(report_.lost) +
                            ": a mapping made before that and not named since may have ended (it "
                            "has no unmap), and of what "
                            "was mapped, accessed and unmapped among them nothing is known");
  }

  std::string metadata() const {
    nlohmann::ordered_json json;
    json["source"] = std::filesystem::path(job_.path).filename().string();
    json["importer"] = report_.importer;
    json["lines"] = report_.lines;
    json["broken_lines"] = report_.broken;
    if (!report_.damage.empty()) json["source_damaged"] = true;
    if (report_.lost.any()) {
      json["lost_events"] = report_.lost.uncounted > 0
                                ? nlohmann::ordered_json()
                                : nlohmann::ordered_json(report_.lost.counted);
      json["lost_events_at_least"] = report_.lost.counted;
    }
    json["mode"] = to_string(report_.mode);
    json["mode_evidence"] = report_.mode_evidence;
    json["known"] = parser_.known();
    json["assumed"] = parser_.assumed();
    json["notes"] = report_.notes;
    // A file name need not be UTF-8, and a name is no reason to lose an import.
    return json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }

  ImportJob& job_;
  ImportReport& report_;
  LogParser& parser_;
  LineSource& lines_;
  RecordSpool& spool_;
  DmaRebuilder stream_;
};

}  // namespace

void count_ignored(ImportReport& report, std::string_view name) {
  name = name.substr(0, kMaxNameBytes);
  const auto found = report.ignored.find(name);
  if (found != report.ignored.end()) {
    ++found->second;
  } else if (report.ignored.size() < kMaxNames) {
    report.ignored.emplace(printable(name, kMaxNameBytes), 1);
  } else {
    ++report.ignored["(others)"];
  }
}

void advance_clock(DmaRebuilder& stream, ImportReport& report, std::uint64_t ns) {
  const auto step = stream.clock().advance(ns);
  if (step == TraceClock::Step::kBack) ++report.anomalies.times_back;
  if (step == TraceClock::Step::kJump) ++report.anomalies.times_jumped;
}

Status import_log(ImportJob& job, LogParser& parser) {
  VIOLET_TRY(auto lines, LineSource::open(job.path));
  VIOLET_TRY(auto spool,
             RecordSpool::create(std::filesystem::path(job.out_path).parent_path().string()));
  LogImport import(job, parser, lines, spool);
  VIOLET_TRY(import.read());
  return import.write();
}

}  // namespace violet::datasets
