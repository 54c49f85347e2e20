// The trace writer writes a .vtrace as a stream of records; the file appears under its name only when complete.
//
// Threading: owner-only.
// Invariants: until finish() succeeds there is only PATH.partial, which a destroyed writer removes.
// Limits: the caller keeps the rules of validate_trace(); memory grows with the different buffers.
#pragma once

#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/trace_format.hpp"
#include "datasets/trace_tally.hpp"
#include "engine/base/result.hpp"

namespace violet::datasets {

struct TraceTables {
  std::vector<TraceEndpoint> endpoints;
  std::string metadata_json;
  TraceMode mode = TraceMode::kUnknown;
  std::uint32_t time_resolution_ns = 0;
};

class TraceWriter {
 public:
  static Result<TraceWriter> create(const std::string& path);
  TraceWriter(TraceWriter&&) = default;
  TraceWriter& operator=(TraceWriter&&) = delete;
  ~TraceWriter();

  Status append(const TraceRecord& record);
  // Writes the tables and the header and gives the file its name.
  Result<TraceHeader> finish(const TraceTables& tables);

 private:
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  TraceWriter() = default;
  Status flush_block();
  Status write(const void* data, std::size_t bytes);
  TraceHeader make_header(const TraceTables& tables) const;

  std::string path_;
  std::unique_ptr<std::FILE, Closer> file_;
  std::vector<TraceRecord> block_;
  std::vector<std::uint64_t> block_sums_;
  TraceTally tally_;
};

TraceEndpoint make_endpoint(std::uint32_t id, std::uint32_t domain, std::string_view name);

}  // namespace violet::datasets
