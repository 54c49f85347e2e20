#include "datasets/trace_writer.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "engine/base/file_descriptor.hpp"

namespace violet::datasets {
namespace {

std::string partial(const std::string& path) { return path + ".partial"; }

template <class T>
void append_bytes(std::string& to, const T* data, std::size_t count) {
  if (count > 0) to.append(reinterpret_cast<const char*>(data), count * sizeof(T));
}

}  // namespace

Result<TraceWriter> TraceWriter::create(const std::string& path) {
  TraceWriter writer;
  writer.path_ = path;
  ::unlink(partial(path).c_str());  // What a killed import left, or a trap.
  FileDescriptor file(
      ::open(partial(path).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (file.valid()) writer.file_.reset(::fdopen(file.get(), "wb"));
  if (!writer.file_) return fail("{}: cannot write: {}", partial(path), std::strerror(errno));
  static_cast<void>(file.release());
  writer.block_.reserve(kRecordsPerBlock);
  const TraceHeader placeholder{};
  VIOLET_TRY(writer.write(&placeholder, sizeof placeholder));
  return writer;
}

TraceWriter::~TraceWriter() {
  if (file_) std::remove(partial(path_).c_str());
}

Status TraceWriter::write(const void* data, std::size_t bytes) {
  if (bytes == 0 || std::fwrite(data, 1, bytes, file_.get()) == bytes) return {};
  return fail("{}: cannot write: {}", partial(path_), std::strerror(errno));
}

Status TraceWriter::flush_block() {
  const auto bytes = block_.size() * sizeof(TraceRecord);
  block_sums_.push_back(XXH64(block_.data(), bytes, block_sums_.size()));
  auto written = write(block_.data(), bytes);
  block_.clear();
  return written;
}

Status TraceWriter::append(const TraceRecord& record) {
  tally_.add(record);
  block_.push_back(record);
  return block_.size() < kRecordsPerBlock ? Status{} : flush_block();
}

TraceHeader TraceWriter::make_header(const TraceTables& tables) const {
  TraceHeader header{};
  header.magic = kTraceMagic;
  header.version = kTraceVersion;
  header.header_bytes = sizeof(TraceHeader);
  header.record_bytes = sizeof(TraceRecord);
  header.block_records = kRecordsPerBlock;
  tally_.fill(header);
  header.block_count = block_sums_.size();
  header.blocks_offset = sizeof(TraceHeader) + header.record_count * sizeof(TraceRecord);
  header.endpoints_offset = header.blocks_offset + header.block_count * sizeof(std::uint64_t);
  header.endpoint_count = static_cast<std::uint32_t>(tables.endpoints.size());
  header.metadata_offset = header.endpoints_offset + header.endpoint_count * sizeof(TraceEndpoint);
  header.metadata_bytes = tables.metadata_json.size();
  header.file_bytes = header.metadata_offset + header.metadata_bytes;
  header.mode = tables.mode;
  header.time_unit_ns = 1;
  header.time_resolution_ns = tables.time_resolution_ns;
  return header;
}

Result<TraceHeader> TraceWriter::finish(const TraceTables& tables) {
  if (!block_.empty()) {
    VIOLET_TRY(flush_block());
  }
  auto header = make_header(tables);
  std::string tail;
  append_bytes(tail, block_sums_.data(), block_sums_.size());
  append_bytes(tail, tables.endpoints.data(), tables.endpoints.size());
  tail += tables.metadata_json;
  header.tables_checksum = XXH64(tail.data(), tail.size(), kTablesSeed);
  header.header_checksum = XXH64(&header, offsetof(TraceHeader, header_checksum), kHeaderSeed);
  VIOLET_TRY(write(tail.data(), tail.size()));
  if (std::fseek(file_.get(), 0, SEEK_SET) != 0) return fail("{}: cannot seek", partial(path_));
  VIOLET_TRY(write(&header, sizeof header));
  if (std::fflush(file_.get()) != 0 || std::rename(partial(path_).c_str(), path_.c_str()) != 0) {
    return fail("{}: cannot write: {}", path_, std::strerror(errno));
  }
  file_.reset();
  return header;
}

TraceEndpoint make_endpoint(std::uint32_t id, std::uint32_t domain, std::string_view name) {
  TraceEndpoint endpoint{id, domain, {}};
  const auto bytes = std::min(name.size(), endpoint.name.size() - 1);
  std::copy_n(name.begin(), bytes, endpoint.name.begin());
  return endpoint;
}

}  // namespace violet::datasets
