#include "datasets/importers.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "datasets/line_source.hpp"
#include "datasets/trace_reader.hpp"
#include "engine/base/files.hpp"

namespace violet::datasets {

// One line an importer: NAME stands for a function `Importer NAME_importer()` in NAME_import.cpp. The first
// that recognizes a file reads it.
#define VIOLET_IMPORTERS(IMPORTER) \
  IMPORTER(vtrace)                 \
  IMPORTER(violet)                 \
  IMPORTER(qemu)                   \
  IMPORTER(ftrace)

#define VIOLET_DECLARE(name) Importer name##_importer();
VIOLET_IMPORTERS(VIOLET_DECLARE)
#undef VIOLET_DECLARE

Registry<Importer> importers() {
#define VIOLET_ENTRY(name) name##_importer(),
  static const std::vector<Importer> kImporters = {VIOLET_IMPORTERS(VIOLET_ENTRY)};
#undef VIOLET_ENTRY
  return {"importer", kImporters};
}

namespace {

constexpr std::size_t kSampleLines = 1000;
// What is cut from a file name to make the trace's name.
constexpr std::string_view kSuffixes[] = {".zst",   ".vtrace", ".qemu-trace",
                                          ".trace", ".log",    ".txt"};

std::string trace_name(const std::string& path, const ImportOptions& options) {
  if (!options.name.empty()) return options.name;
  auto name = std::filesystem::path(path).filename().string();
  for (bool cut = true; cut;) {
    cut = false;
    for (const auto suffix : kSuffixes) {
      if (name.size() <= suffix.size() || !name.ends_with(suffix)) continue;
      name.resize(name.size() - suffix.size());
      cut = true;
    }
  }
  return name;
}

std::string known_importers() {
  std::string names;
  for (const Importer& importer : importers()) {
    names += fmt::format("{}{} ({})", names.empty() ? "" : ", ", importer.name, importer.summary);
  }
  return names;
}

Result<const Importer*> importer_by_content(const std::string& path) {
  // Read twice: here to find out what it is, then by the importer.
  std::error_code wrong;
  if (std::filesystem::exists(path, wrong) && !std::filesystem::is_regular_file(path, wrong) &&
      !std::filesystem::is_directory(path, wrong)) {
    return fail(ErrorKind::kUsage,
                "{}: is a pipe or a device, and can be read only once; say with --from what it "
                "holds ({}), or import a file",
                path, known_importers());
  }
  VIOLET_TRY(auto source, LineSource::open(path));
  std::vector<std::string> lines;
  LineSource::Line line;
  while (lines.size() < kSampleLines && source.next(line)) lines.emplace_back(line.text);
  // The magic number of a .vtrace ends in a newline, which next() has cut off.
  const auto first = lines.empty() ? std::string() : lines.front() + "\n";
  if (lines.empty()) {
    return fail("{}: {}", path, source.damage().empty() ? "the file is empty" : source.damage());
  }
  for (const Importer& importer : importers()) {
    if (importer.detect({first, lines})) return &importer;
  }
  return fail("{}: not recognized by its first {} lines, which begin `{}`; known are: {}", path,
              lines.size(), printable(lines.front(), 60), known_importers());
}

// The reader's own checks on what was just written: an importer's mistake must not pass for a trace.
Status check_result(const std::string& path) {
  VIOLET_TRY(const auto trace, open_trace(path));
  return validate_trace(trace);
}

}  // namespace

Result<Tolerance> parse_tolerance(std::string_view text) {
  Tolerance tolerance{0, 0};
  const bool percent = text.ends_with('%');
  const auto number = text.substr(0, text.size() - (percent ? 1 : 0));
  const char* end = number.data() + number.size();
  const auto parsed = percent ? std::from_chars(number.data(), end, tolerance.percent)
                              : std::from_chars(number.data(), end, tolerance.count);
  if (number.empty() || parsed.ec != std::errc() || parsed.ptr != end ||
      !(tolerance.percent >= 0 && tolerance.percent <= 100)) {
    return fail(ErrorKind::kUsage, "`{}`: give a number of lines or a percentage such as 5%", text);
  }
  return tolerance;
}

Result<ImportReport> import_trace(const std::string& path, const std::string& out_dir,
                                  const ImportOptions& options, const ProgressCallback& progress) {
  const auto began = std::chrono::steady_clock::now();
  VIOLET_TRY(const Importer* importer, options.importer.empty()
                                           ? importer_by_content(path)
                                           : importers().require(options.importer));
  const auto name = trace_name(path, options);
  if (name.find('/') != std::string::npos || name == "." || name == "..") {
    return fail(ErrorKind::kUsage, "`{}` cannot be a trace's name; it is a file name", name);
  }
  std::error_code wrong;
  std::filesystem::create_directories(out_dir, wrong);
  if (wrong) return fail("{}: {}", out_dir, wrong.message());
  const auto stem = (std::filesystem::path(out_dir) / name).string();
  ImportReport report;
  report.source = path;
  report.importer = importer->name;
  report.trace = stem + ".vtrace";
  ImportJob job{path, report.trace, options, progress, report};
  VIOLET_TRY(importer->import(job));
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  if (auto ok = check_result(report.trace); !ok) {
    std::remove(report.trace.c_str());
    return fail("importer {} made a wrong trace, which is a bug: {}", report.importer,
                ok.error().message);
  }
  VIOLET_TRY(replace_file(stem + ".import.json", report_json(report)));
  return report;
}

}  // namespace violet::datasets
