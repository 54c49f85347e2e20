// The log import drives the parser of a text log: the loop over lines, broken lines and their threshold,
// progress, and writing the trace with its metadata. All importers of text share it.
//
// Threading: owner-only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/dma_rebuilder.hpp"
#include "datasets/importers.hpp"

namespace violet::datasets {

struct LineVerdict {
  const char* reason = nullptr;  // nullptr: understood
  std::uint64_t column = 0;
};

// Reads the lines of one kind of log. One object serves one import.
class LogParser {
 public:
  virtual ~LogParser() = default;
  // A broken line must have had no effect but on the stream's clock, which the caller restores.
  virtual LineVerdict parse(std::string_view line, DmaRebuilder& stream, ImportReport& report) = 0;
  virtual DmaRebuilder::UnmapIs unmap_is() const = 0;
  virtual std::uint32_t time_resolution_ns() const = 0;  // 0: no line told a time
  // What the log says and what the trace therefore assumes, for the metadata; asked when all is read.
  virtual std::vector<std::string> known() const = 0;
  virtual std::vector<std::string> assumed() const = 0;
  virtual std::vector<std::string> notes() const { return {}; }
};

// Counts an event that means nothing here; of very many names only the first are kept apart.
void count_ignored(ImportReport& report, std::string_view name);

// Moves the stream's clock and counts what is odd about the step.
void advance_clock(DmaRebuilder& stream, ImportReport& report, std::uint64_t ns);

Status import_log(ImportJob& job, LogParser& parser);

}  // namespace violet::datasets
