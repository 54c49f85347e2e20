// A record spool keeps a growing array of records in a temporary file that is mapped: an import can patch any
// record that it wrote before, and a long log costs disk and page cache instead of memory.
//
// Threading: owner-only.
// Invariants: the file has no name, so that nothing is left behind however the process ends.
// Limits: 2^32 - 2 records; a full disk is an error of push(), not a signal (posix_fallocate).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "datasets/trace_format.hpp"
#include "engine/base/file_descriptor.hpp"
#include "engine/base/mapped_memory.hpp"
#include "engine/base/result.hpp"

namespace violet::datasets {

class RecordSpool {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  // `dir` must be on the disk that has the room.
  static Result<RecordSpool> create(const std::string& dir);

  // The record's index, or kNone when there is no room: see status().
  std::uint32_t push(const TraceRecord& record) {
    if (size_ == capacity_ && !grow()) return kNone;
    records_[size_] = record;
    return static_cast<std::uint32_t>(size_++);
  }
  TraceRecord& operator[](std::uint32_t index) { return records_[index]; }
  std::span<const TraceRecord> records() const { return {records_, size_}; }
  const Status& status() const { return status_; }

 private:
  RecordSpool() = default;
  bool grow();
  Status map(std::size_t bytes);

  FileDescriptor file_;
  MappedMemory memory_;
  TraceRecord* records_ = nullptr;  // In it.
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  Status status_;
};

}  // namespace violet::datasets
