// Any text as a log: an import fails with a message that names the file, or makes a trace that is valid
// (which import_trace() itself checks and would report as a bug).
#include <cstdint>
#include <string>

#include "datasets/importers.hpp"
#include "datasets/trace_samples.hpp"
#include "engine/base/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace violet::datasets;
  static const ScratchDir dir("/dev/shm");  // a disk would be most of the time
  static const std::string path = dir.path("in.log");
  write_file(path, {reinterpret_cast<const char*>(data), size});
  ImportOptions options;
  options.max_broken = {100, 0};
  // By content, or against it: the length decides, so that an input always does the same.
  constexpr const char* kImporters[] = {"", "qemu-log", "violet-log", "linux-events"};
  options.importer = kImporters[size % 4];
  const auto report = import_trace(path, dir.path("out"), options);
  if (report) {
    VIOLET_CHECK(report->events + report->blank_lines + report->broken <= report->lines ||
                 report->importer == "vtrace");
    VIOLET_CHECK(!report_text(*report).empty());
  } else {
    VIOLET_CHECK(report.error().message.starts_with(path));
  }
  return 0;
}
