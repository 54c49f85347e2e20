// Any bytes as a file of pyramids, with version, layout and checksums put right so that what is behind them
// is reached:
// an error that names the file, or a pyramid that can be stored and read again and replayed from.
#include <unistd.h>
#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "engine/base/check.hpp"
#include "engine/base/files.hpp"
#include "experiments/trace/aggregation.hpp"
#include "experiments/trace/lifetime_table.hpp"
#include "experiments/trace/pyramid_file.hpp"

using namespace violet;
using namespace violet;

namespace {

constexpr std::size_t kHeader = 64, kVersionAt = 8, kCrcAt = 20, kBytesAt = 24, kLayoutAt = 32,
                      kHeaderCrcAt = 60;

template <class T>
T get(const std::string& bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}
template <class T>
void put(std::string& bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}
std::uint32_t checksum(const char* bytes, std::size_t size) {
  return static_cast<std::uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(bytes), size));
}

std::filesystem::path scratch() {
  return std::filesystem::temp_directory_path() /
         ("violet-pyramid-fuzz-" + std::to_string(::getpid()));
}

// Of a section that is written today.
std::string header_of_today() {
  Aggregation aggregation({});
  aggregation.finish();
  VIOLET_CHECK(append_pyramid(scratch(), 0, 0, aggregation.pyramid()));
  const auto bytes = read_whole_file(scratch());
  std::filesystem::remove(scratch());
  VIOLET_CHECK(bytes.has_value());
  return bytes->substr(0, kHeader);
}

void mend(std::string& bytes) {
  static const std::string today = header_of_today();
  for (std::size_t at = 0; bytes.size() - at >= kHeader;) {
    const auto size = get<std::uint64_t>(bytes, at + kBytesAt);
    if (size > bytes.size() - at - kHeader) return;
    put(bytes, at + kVersionAt, get<std::uint32_t>(today, kVersionAt));
    put(bytes, at + kLayoutAt, get<std::uint32_t>(today, kLayoutAt));
    put(bytes, at + kCrcAt, checksum(bytes.data() + at + kHeader, size));
    put(bytes, at + kHeaderCrcAt, checksum(bytes.data() + at, kHeaderCrcAt));
    at += kHeader + size;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::filesystem::path path = scratch();
  std::string bytes(reinterpret_cast<const char*>(data), size);
  if (size % 4 != 0) mend(bytes);
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  const auto file = PyramidFile::open(path);
  std::filesystem::remove(path);
  if (!file) {
    VIOLET_CHECK(file.error().message.starts_with(path.string()));
    return 0;
  }
  for (std::size_t i = 0; i < file->sections().size(); ++i) {
    const auto view = file->read(i);
    if (!view) {
      VIOLET_CHECK(view.error().message.find(": offset ") != std::string::npos);
      continue;
    }
    VIOLET_CHECK(!view->buckets.empty());
    for (const Checkpoint& checkpoint : view->checkpoints) {
      LifetimeTable table;
      table.load(*view, checkpoint);
      VIOLET_CHECK(table.lifetimes.size() == checkpoint.lifetimes.count);
    }
  }
  return 0;
}
