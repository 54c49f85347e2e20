// An HdrHistogram log holds one interval histogram a line, with a tag (.hlog, format 1.3).
//
// Threading: a writer is owner-only; reading is a pure function.
// Invariants: every line is with the kernel when append() returns, so a killed process loses none. A
// last line cut short by a kill is reported apart and is no error.
// Limits: tags without commas, spaces and line breaks; times in seconds with a millisecond's precision.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/hdr/hdr_histogram.hpp"

namespace violet::results {

class HdrLogWriter {
 public:
  // Appends to an existing log. `start_epoch_s` is the wall clock that interval times count from.
  static Result<HdrLogWriter> open(const std::filesystem::path& path, double start_epoch_s,
                                   std::string_view comment);
  HdrLogWriter(HdrLogWriter&& other) noexcept;
  HdrLogWriter& operator=(HdrLogWriter&& other) noexcept;
  ~HdrLogWriter();

  // `start_s` counts from start_epoch_s. Interval_Max is written in millions of the value's unit, as
  // is customary: milliseconds for nanoseconds.
  Status append(std::string_view tag, double start_s, double length_s,
                const HdrHistogram& histogram);
  Status comment(std::string_view text);

 private:
  HdrLogWriter(int fd, std::filesystem::path path) : fd_(fd), path_(std::move(path)) {}
  Status write(std::string_view line);
  int fd_ = -1;
  std::filesystem::path path_;
};

struct HdrLogInterval {
  std::string tag;  // Empty: none.
  double start_s = 0;
  double length_s = 0;
  HdrHistogram histogram;
};

struct HdrLog {
  double start_epoch_s = 0;
  std::vector<HdrLogInterval> intervals;
  bool cut_short = false;  // The last line ended in the middle.
};

// `name` stands for the file in messages: "cell.hlog:12: ...".
Result<HdrLog> parse_hdr_log(std::string_view text, std::string_view name,
                             std::size_t most_counts = HdrLayout::kMostCounts);
Result<HdrLog> read_hdr_log(const std::filesystem::path& path);

}  // namespace violet::results
