// Any bytes as a trace: refused with a message, or a trace whose records can all be read.
#include <cstdint>
#include <cstring>

#include "datasets/trace_reader.hpp"
#include "datasets/trace_samples.hpp"
#include "engine/base/check.hpp"

#include <xxhash.h>

namespace {

using namespace violet::datasets;

// The input with its checksums made right, so that the checks behind them are reached too.
std::string with_checksums(std::string bytes) {
  TraceHeader header;
  if (bytes.size() < sizeof header) return bytes;
  std::memcpy(&header, bytes.data(), sizeof header);
  const auto blocks = header.blocks_offset;
  if (blocks <= bytes.size() && header.block_count <= (bytes.size() - blocks) / 8) {
    const auto block_bytes = kRecordsPerBlock * sizeof(TraceRecord);
    for (std::uint64_t block = 0; block < header.block_count; ++block) {
      const auto from = sizeof header + block * block_bytes;
      if (from >= blocks) break;
      const auto sum =
          XXH64(bytes.data() + from, std::min<std::uint64_t>(block_bytes, blocks - from), block);
      std::memcpy(bytes.data() + blocks + block * 8, &sum, sizeof sum);
    }
    header.tables_checksum = XXH64(bytes.data() + blocks, bytes.size() - blocks, kTablesSeed);
  }
  header.header_checksum = XXH64(&header, offsetof(TraceHeader, header_checksum), kHeaderSeed);
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

void open_and_walk(const std::string& bytes) {
  OpenOptions options;
  options.max_unpacked_bytes = 1 << 20;
  const auto trace = trace_of_bytes(bytes_of(bytes), "fuzz", options);
  if (!trace) {
    VIOLET_CHECK(trace.error().message.starts_with("fuzz: "));
    return;
  }
  std::uint64_t sum = trace->metadata_json().size();
  for (const auto& record : trace->records()) sum += record.bytes;
  for (const auto& endpoint : trace->endpoints()) sum += endpoint_name(endpoint).size();
  VIOLET_CHECK(trace->records().size() == trace->header().record_count && sum + 1 != 0);
  const auto valid = validate_trace(*trace);
  VIOLET_CHECK(valid.has_value() || valid.error().message.starts_with("fuzz: "));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  open_and_walk(bytes);
  open_and_walk(with_checksums(bytes));
  return 0;
}
