// Trace samples serve tests and benches: temporary folders, small valid traces, and logs like those of QEMU.
//
// Threading: owner-only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/byte_map.hpp"
#include "datasets/trace_format.hpp"

namespace violet::datasets {

// A new folder that goes with the object.
class ScratchDir {
 public:
  ScratchDir();
  // Below `parent` if that can be written, else where temporary files go.
  explicit ScratchDir(const std::filesystem::path& parent);
  ~ScratchDir();
  ScratchDir(const ScratchDir&) = delete;
  ScratchDir& operator=(const ScratchDir&) = delete;
  std::string path(std::string_view name) const { return (dir_ / name).string(); }
  std::string path() const { return dir_.string(); }

 private:
  std::filesystem::path dir_;
};

void write_file(const std::string& path, std::string_view bytes);
std::string read_file(const std::string& path);
ByteMap bytes_of(std::string_view bytes);

// A valid stream of `count` records or a few more: maps, accesses and unmaps of random buffers.
std::vector<TraceRecord> sample_records(std::uint64_t seed, std::size_t count);
// The bytes of a whole trace file of them.
std::string sample_trace(const std::vector<TraceRecord>& records);
// A log of at least `lines` lines of a strict guest: map, a few translations, unmap.
std::string sample_log(std::size_t lines);

}  // namespace violet::datasets
