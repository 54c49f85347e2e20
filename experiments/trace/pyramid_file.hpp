// A pyramid file stores the pyramids of a run (trace.pyramid), one section for each cell and
// repetition.
//
//   section  64 bytes  magic "VIOPYRA1", version, cell (position in the plan), repetition, CRC-32
//                      and bytes of the payload, layout, CRC-32 of this header; then the payload: a
//                      directory of arrays and the arrays of experiments/trace/pyramid.hpp, each at a multiple of 64
// Little-endian, as the machine that wrote it. Sections follow one another; of two for the same cell
// and repetition the later one counts.
//
// Threading: a writer is owner-only, one at a time; a PyramidFile and what was read from it are immutable and
// may be shared.
// Invariants: a section is appended whole or, when the writer is killed, is cut short and ignored.
// Whatever the bytes, reading ends in an error that names the file and the offset or in a pyramid whose
// positions are all in range and whose arrays are sorted. A section is copied and then checked: whoever changes or
// cuts the file afterwards changes nothing of what was read.
// Limits: a gibibyte a section. Sections of another version or layout are not read; what they say is in the events as well, as
// far as the trace keeps them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "engine/base/file_descriptor.hpp"
#include "engine/base/mapped_memory.hpp"
#include "engine/base/result.hpp"
#include "experiments/trace/pyramid.hpp"

namespace violet {

inline constexpr std::uint32_t kPyramidVersion = 4;

class PyramidWriter {
 public:
  // Goes on behind the last whole section.
  static Result<PyramidWriter> open(const std::filesystem::path& path);
  // What does not fit on the disk is not left there in part.
  Status append(std::uint32_t cell, std::uint32_t repetition, const Pyramid& pyramid);
  // Where the last section ends.
  std::uint64_t end() const { return end_; }
  // Gives up what lies behind an earlier end().
  Status cut_back(std::uint64_t end);

 private:
  PyramidWriter(FileDescriptor file, std::filesystem::path path)
      : file_(std::move(file)), path_(std::move(path)) {}
  FileDescriptor file_;
  std::filesystem::path path_;
  std::uint64_t end_ = 0;
};

// What it takes in a file, its section's header included.
std::uint64_t stored_bytes(const PyramidView& pyramid);
// One section, for who has no more.
Status append_pyramid(const std::filesystem::path& path, std::uint32_t cell,
                      std::uint32_t repetition, const Pyramid& pyramid);

// A pyramid that was read. Copies look at the same memory.
struct StoredPyramid : PyramidView {
  std::shared_ptr<const MappedMemory> memory;
};

class PyramidFile {
 public:
  struct Section {
    std::uint32_t cell = 0;
    std::uint32_t repetition = 0;
    std::uint64_t offset = 0;  // Of its header.
    std::uint64_t bytes = 0;   // Of its payload.
    std::uint32_t crc = 0;
    std::uint32_t version = 0;
    std::uint32_t layout = 0;  // Of the arrays.
  };

  // Reads the headers only.
  static Result<PyramidFile> open(const std::filesystem::path& path);

  const std::vector<Section>& sections() const { return sections_; }
  bool cut_short() const { return cut_short_; }
  // The newest.
  std::optional<std::size_t> find(std::uint32_t cell, std::uint32_t repetition) const;
  Result<StoredPyramid> read(std::size_t section) const;

 private:
  std::filesystem::path path_;
  FileDescriptor file_;
  std::vector<Section> sections_;
  bool cut_short_ = false;
};

}  // namespace violet
