#include "datasets/importers.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "datasets/line_source.hpp"
#include "datasets/trace_reader.hpp"

namespace violet::datasets {

// One line for each importer; the first that recognizes a file reads it.
#define VIOLET_IMPORTERS(X) \
  X(kVtraceImporter)        \
  X(kVioletImporter)        \
  X(kQemuImporter)          \
  X(kFtraceImporter)

#define X(name) extern const Importer name;
VIOLET_IMPORTERS(X)
#undef X

std::span<const Importer* const> importers() {
#define X(name) &name,
  static constexpr auto kAll = std::to_array<const Importer*>({VIOLET_IMPORTERS(X)});
#undef X
  return kAll;
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
  for (const auto* importer : importers()) {
    names += fmt::format("{}{} ({})", names.empty() ? "" : ", ", importer->name, importer->reads);
  }
  return names;
}

Result<const Importer*> importer_by_name(const std::string& name) {
  for (const auto* importer : importers()) {
    if (importer->name == name) return importer;
  }
  return fail(ErrorKind::kUsage, "no importer `{}`; there are: {}", name, known_importers());
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
  auto source = LineSource::open(path);
  if (!source) return tl::unexpected(source.error());
  std::vector<std::string> lines;
  LineSource::Line line;
  while (lines.size() < kSampleLines && source->next(line)) lines.emplace_back(line.text);
  // The magic number of a .vtrace ends in a newline, which next() has cut off.
  const auto first = lines.empty() ? std::string() : lines.front() + "\n";
  if (lines.empty()) {
    return fail("{}: {}", path, source->damage().empty() ? "the file is empty" : source->damage());
  }
  for (const auto* importer : importers()) {
    if (importer->detect({first, lines})) return importer;
  }
  return fail("{}: not recognized by its first {} lines, which begin `{}`; known are: {}", path,
              lines.size(), printable(lines.front(), 60), known_importers());
}

Status write_text(const std::string& path, const std::string& text) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return fail("{}: cannot write", path);
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (std::fclose(file) != 0 || !written) return fail("{}: cannot write", path);
  return {};
}

// The reader's own checks on what was just written: an importer's mistake must not pass for a trace.
Status check_result(const std::string& path) {
  auto trace = open_trace(path);
  if (!trace) return tl::unexpected(trace.error());
  return validate_trace(*trace);
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
  auto importer =
      options.importer.empty() ? importer_by_content(path) : importer_by_name(options.importer);
  if (!importer) return tl::unexpected(importer.error());
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
  report.importer = (*importer)->name;
  report.trace = stem + ".vtrace";
  ImportJob job{path, report.trace, options, progress, report};
  if (auto ok = (*importer)->import(job); !ok) return tl::unexpected(ok.error());
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  if (auto ok = check_result(report.trace); !ok) {
    std::remove(report.trace.c_str());
    return fail("importer {} made a wrong trace, which is a bug: {}", report.importer,
                ok.error().message);
  }
  if (auto ok = write_text(stem + ".import.json", report_json(report)); !ok) {
    return tl::unexpected(ok.error());
  }
  return report;
}

}  // namespace violet::datasets
