// Violet's own format: a .vtrace or .vtrace.zst is checked to the last record and written anew.
#include <cstring>

#include "datasets/importers.hpp"
#include "datasets/trace_reader.hpp"
#include "datasets/trace_writer.hpp"

namespace violet::datasets {
namespace {

bool detect_vtrace(const FileSample& sample) {
  return sample.bytes.starts_with(std::string_view(kTraceMagic.data(), kTraceMagic.size()));
}

Status import_vtrace(ImportJob& job) {
  VIOLET_TRY(auto trace, open_trace(job.path));
  VIOLET_TRY(validate_trace(trace));
  VIOLET_TRY(auto writer, TraceWriter::create(job.out_path));
  RecordStatistics statistics(job.report);
  for (const auto& record : trace.records()) {
    statistics.add(record);
    VIOLET_TRY(writer.append(record));
  }
  const auto endpoints = trace.endpoints();
  VIOLET_TRY(auto header, writer.finish({{endpoints.begin(), endpoints.end()},
                                         std::string(trace.metadata_json()),
                                         trace.header().mode,
                                         trace.header().time_resolution_ns}));
  job.report.header = header;
  job.report.mode = trace.header().mode;
  return {};
}

}  // namespace

Importer vtrace_importer() {
  return {{"vtrace", "Violet's own traces, .vtrace and .vtrace.zst"}, detect_vtrace, import_vtrace};
}

}  // namespace violet::datasets
