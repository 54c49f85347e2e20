#include "datasets/trace_reader.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace violet::datasets {
namespace {

constexpr std::size_t kHeaderBytes = sizeof(TraceHeader);

Status check_identity(const TraceHeader& header, const std::string& name) {
  if (header.magic != kTraceMagic) {
    return fail("{}: offset 0: not a .vtrace (the magic number is missing)", name);
  }
  const auto sum = XXH64(&header, offsetof(TraceHeader, header_checksum), kHeaderSeed);
  if (header.version != kTraceVersion) {
    return fail("{}: offset 8: version {}, this program reads version {}; import the source again",
                name, header.version, kTraceVersion);
  }
  if (sum != header.header_checksum) {
    return fail("{}: header (offset 0, 256 bytes) damaged: checksum {:016x}, expected {:016x}",
                name, sum, header.header_checksum);
  }
  return {};
}

// The layout is canonical: it follows from the counts, so a header that says otherwise is refused.
Status check_layout(const TraceHeader& header, std::uint64_t size, const std::string& name) {
  if (header.file_bytes != size) {
    return fail("{}: {} at offset {}: the header promises {} bytes", name,
                size < header.file_bytes ? "truncated" : "unexpected bytes",
                std::min(size, header.file_bytes), header.file_bytes);
  }
  if (header.header_bytes != kHeaderBytes || header.record_bytes != sizeof(TraceRecord) ||
      header.block_records != kRecordsPerBlock || header.time_unit_ns != 1) {
    return fail("{}: offset 12: record layout {}/{}/{}/{}, expected {}/{}/{}/1", name,
                header.header_bytes, header.record_bytes, header.block_records, header.time_unit_ns,
                kHeaderBytes, sizeof(TraceRecord), kRecordsPerBlock);
  }
  const auto fits = [size](std::uint64_t count, std::uint64_t each) {
    return count <= size / each;
  };
  if (!fits(header.record_count, sizeof(TraceRecord)) || !fits(header.metadata_bytes, 1)) {
    return fail("{}: offset 32: {} records and {} bytes of metadata do not fit into {} bytes", name,
                header.record_count, header.metadata_bytes, size);
  }
  const auto blocks = (header.record_count + kRecordsPerBlock - 1) / kRecordsPerBlock;
  const auto blocks_at = kHeaderBytes + header.record_count * sizeof(TraceRecord);
  const auto endpoints_at = blocks_at + blocks * sizeof(std::uint64_t);
  const auto metadata_at = endpoints_at + header.endpoint_count * sizeof(TraceEndpoint);
  if (header.block_count != blocks || header.blocks_offset != blocks_at ||
      header.endpoints_offset != endpoints_at || header.metadata_offset != metadata_at ||
      metadata_at + header.metadata_bytes != size) {
    return fail(
        "{}: offset 40: the tables are not where {} records, {} endpoints and {} bytes of "
        "metadata put them",
        name, header.record_count, header.endpoint_count, header.metadata_bytes);
  }
  return {};
}

template <class T>
std::span<const T> view(std::span<const std::byte> bytes, std::uint64_t offset,
                        std::uint64_t count) {
  return {reinterpret_cast<const T*>(bytes.data() + offset), count};
}

}  // namespace

Status Trace::verify_blocks() const {
  const auto sums =
      view<std::uint64_t>(bytes_.bytes(), header_->blocks_offset, header_->block_count);
  for (std::size_t block = 0; block < sums.size(); ++block) {
    const auto first = block * kRecordsPerBlock;
    const auto part =
        records_.subspan(first, std::min<std::size_t>(kRecordsPerBlock, records_.size() - first));
    const auto sum = XXH64(part.data(), part.size_bytes(), block);
    if (sum == sums[block]) continue;
    return fail(
        "{}: block {} of {} (records {} to {}, offset {}) damaged: checksum {:016x}, "
        "expected {:016x}",
        path_, block, sums.size(), first, first + part.size() - 1,
        kHeaderBytes + first * sizeof(TraceRecord), sum, sums[block]);
  }
  return {};
}

Result<Trace> trace_of_bytes(ByteMap bytes, std::string name, const OpenOptions& options) {
  if (has_zstd_magic(bytes.bytes())) {
    VIOLET_TRY(bytes, unzstd(bytes.bytes(), name, options.max_unpacked_bytes));
  }
  const auto all = bytes.bytes();
  if (all.size() < kHeaderBytes) {
    return fail("{}: truncated at offset {}: a .vtrace has a header of {} bytes", name, all.size(),
                kHeaderBytes);
  }
  Trace trace;
  trace.path_ = std::move(name);
  trace.header_ = view<TraceHeader>(all, 0, 1).data();
  const auto& header = *trace.header_;
  VIOLET_TRY(check_identity(header, trace.path_));
  VIOLET_TRY(check_layout(header, all.size(), trace.path_));
  const auto tables = all.subspan(header.blocks_offset);
  const auto sum = XXH64(tables.data(), tables.size(), kTablesSeed);
  if (sum != header.tables_checksum) {
    return fail("{}: tables (offset {}, {} bytes) damaged: checksum {:016x}, expected {:016x}",
                trace.path_, header.blocks_offset, tables.size(), sum, header.tables_checksum);
  }
  trace.records_ = view<TraceRecord>(all, kHeaderBytes, header.record_count);
  trace.endpoints_ = view<TraceEndpoint>(all, header.endpoints_offset, header.endpoint_count);
  const auto text = view<char>(all, header.metadata_offset, header.metadata_bytes);
  trace.metadata_ = {text.data(), text.size()};
  trace.bytes_ = std::move(bytes);
  if (options.verify_records) {
    VIOLET_TRY(trace.verify_blocks());
  }
  return trace;
}

Result<Trace> open_trace(const std::string& path, const OpenOptions& options) {
  VIOLET_TRY(auto bytes, ByteMap::of_file(path));
  return trace_of_bytes(std::move(bytes), path, options);
}

std::string_view endpoint_name(const TraceEndpoint& endpoint) {
  const auto end = std::find(endpoint.name.begin(), endpoint.name.end(), '\0');
  return {endpoint.name.data(), static_cast<std::size_t>(end - endpoint.name.begin())};
}

std::string_view to_string(TraceMode mode) {
  switch (mode) {
    case TraceMode::kStrict:
      return "strict";
    case TraceMode::kLazy:
      return "lazy";
    case TraceMode::kUnknown:
      break;
  }
  return "unknown";
}

}  // namespace violet::datasets
