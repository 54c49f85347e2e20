// A byte map holds a file's bytes, read-only, in pages of its own: read, or unpacked into memory.
//
// Threading: immutable once filled.
// Limits: a file of more than kMostReadBytes, which may have no room in memory, is mapped: the process ends by SIGBUS
// when others shorten it meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "engine/base/mapped_memory.hpp"
#include "engine/base/result.hpp"

namespace violet::datasets {

class ByteMap {
 public:
  ByteMap() = default;

  static constexpr std::size_t kMostReadBytes = std::size_t{1} << 30;
  static Result<ByteMap> of_file(const std::string& path);
  static Result<ByteMap> of_size(std::size_t bytes);  // zeroed, writable through writable()

  std::span<const std::byte> bytes() const { return memory_.bytes(); }
  std::span<std::byte> writable() { return memory_.bytes(); }  // only for of_size()

 private:
  explicit ByteMap(MappedMemory memory) : memory_(std::move(memory)) {}
  MappedMemory memory_;
};

// Unpacks one zstd file of at most `max_bytes`; errors name `name` and the place.
Result<ByteMap> unzstd(std::span<const std::byte> packed, const std::string& name,
                       std::uint64_t max_bytes);
bool has_zstd_magic(std::span<const std::byte> bytes);
// Packs `from` into `to` at zstd's `level`.
Status zstd_file(const std::string& from, const std::string& to, int level);

}  // namespace violet::datasets
