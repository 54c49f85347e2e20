// The trace reader opens a .vtrace or a .vtrace.zst (unpacked into memory) and checks that it
// is whole: sizes, offsets and every checksum. What the records mean is checked by validate_trace().
//
// Threading: a Trace is immutable; any thread may read it.
// Invariants: an open Trace has valid checksums, tables inside the file and record_count records.
// Limits: see ByteMap for a file that shrinks while it is mapped.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "datasets/byte_map.hpp"
#include "datasets/trace_format.hpp"
#include "engine/base/result.hpp"

namespace violet::datasets {

struct OpenOptions {
  // Refuses a packed file that claims more than this when unpacked.
  std::uint64_t max_unpacked_bytes = std::uint64_t{8} << 30;
  // Off: the records' checksums are left to verify_blocks(), so that opening touches only the ends.
  bool verify_records = true;
};

class Trace {
 public:
  const std::string& path() const { return path_; }
  const TraceHeader& header() const { return *header_; }
  std::span<const TraceRecord> records() const { return records_; }
  std::span<const TraceEndpoint> endpoints() const { return endpoints_; }
  std::string_view metadata_json() const { return metadata_; }

  // Checks every block's checksum; the error names the block and its offset.
  Status verify_blocks() const;

 private:
  friend Result<Trace> trace_of_bytes(ByteMap bytes, std::string name, const OpenOptions& options);

  std::string path_;
  ByteMap bytes_;
  const TraceHeader* header_ = nullptr;
  std::span<const TraceRecord> records_;
  std::span<const TraceEndpoint> endpoints_;
  std::string_view metadata_;
};

Result<Trace> open_trace(const std::string& path, const OpenOptions& options = {});
// `bytes` is a plain or a packed trace; `name` stands for the path in errors.
Result<Trace> trace_of_bytes(ByteMap bytes, std::string name, const OpenOptions& options = {});

// Every unmap has its map, accesses lie inside live maps, handles are dense, times never decrease,
// counts agree with the header. The error names the file and the record.
Status validate_trace(const Trace& trace);

std::string_view endpoint_name(const TraceEndpoint& endpoint);
std::string_view to_string(TraceMode mode);  // "strict", "lazy", "unknown"

}  // namespace violet::datasets
