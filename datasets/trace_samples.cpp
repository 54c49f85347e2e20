#include "datasets/trace_samples.hpp"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "datasets/trace_writer.hpp"
#include "engine/base/check.hpp"
#include "engine/base/rng.hpp"

namespace violet::datasets {

ScratchDir::ScratchDir() : ScratchDir(std::filesystem::temp_directory_path()) {}

ScratchDir::ScratchDir(const std::filesystem::path& parent) {
  for (const auto& place : {parent, std::filesystem::temp_directory_path()}) {
    auto name = (place / "violet-datasets-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) continue;
    dir_ = name;
    return;
  }
  VIOLET_CHECK(!dir_.empty());
}

ScratchDir::~ScratchDir() {
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
}

void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  VIOLET_CHECK(file.good());
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

ByteMap bytes_of(std::string_view bytes) {
  auto map = ByteMap::of_size(bytes.size());
  VIOLET_CHECK(map.has_value());
  std::copy_n(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(),
              map->writable().begin());
  return std::move(*map);
}

std::vector<TraceRecord> sample_records(std::uint64_t seed, std::size_t count) {
  Rng rng(seed);
  std::vector<TraceRecord> records;
  std::vector<TraceRecord> live;
  std::uint64_t time_ns = 0;
  std::uint32_t handles = 0;
  while (records.size() < count) {
    time_ns += rng.below(5000);
    if (live.empty() || rng.chance(0.3)) {
      TraceRecord map{time_ns,
                      rng.below(1 << 18) << 12,
                      handles++,
                      static_cast<std::uint32_t>(1 + rng.below(65536)),
                      0,
                      static_cast<std::uint16_t>(rng.below(2)),
                      TraceOp::kMap,
                      static_cast<std::uint8_t>(1 + rng.below(3))};
      live.push_back(map);
      records.push_back(map);
      continue;
    }
    const auto chosen = rng.below(live.size());
    auto record = live[chosen];
    record.time_ns = time_ns;
    if (rng.chance(0.5)) {
      record.op = TraceOp::kUnmap;
      std::swap(live[chosen], live.back());
      live.pop_back();
    } else {
      record.op = TraceOp::kAccess;
      record.offset = static_cast<std::uint32_t>(rng.below(record.bytes));
      record.bytes = static_cast<std::uint32_t>(1 + rng.below(record.bytes - record.offset));
    }
    records.push_back(record);
  }
  return records;
}

std::string sample_trace(const std::vector<TraceRecord>& records) {
  const ScratchDir dir;
  const auto path = dir.path("sample.vtrace");
  auto writer = TraceWriter::create(path);
  VIOLET_CHECK(writer.has_value());
  for (const auto& record : records) VIOLET_CHECK(writer->append(record).has_value());
  const TraceTables tables{{make_endpoint(32, 1, "block"), make_endpoint(40, 2, "net")},
                           "{\"source\":\"sample\"}\n",
                           TraceMode::kStrict,
                           1000};
  VIOLET_CHECK(writer->finish(tables).has_value());
  return read_file(path);
}

std::string sample_log(std::size_t lines) {
  std::string log = "7@100.000000:virtio_iommu_attach domain=1 endpoint=32\n";
  std::size_t written = 1;
  std::uint64_t micros = 0;
  // A ring of buffers, each unmapped 32 maps after its map.
  const auto iova = [](std::uint64_t i) { return 0xfffe0000 - (i % 32) * 4096; };
  const auto phys = [](std::uint64_t i) { return 0x1000000 + (i * 7 % 97) * 4096; };
  auto out = std::back_inserter(log);
  for (std::uint64_t i = 0; written < lines; ++i) {
    const auto stamp = [&micros] {
      micros += 2;
      return fmt::format("7@{}.{:06}:virtio_iommu_", 100 + micros / 1000000, micros % 1000000);
    };
    if (i >= 32) {
      fmt::format_to(out, "{}unmap domain=1 virt_start=0x{:x} virt_end=0x{:x}\n", stamp(), iova(i),
                     iova(i) + 4095);
      fmt::format_to(out, "{}unmap_done domain=1 virt_start=0x{:x} virt_end=0x{:x}\n", stamp(),
                     iova(i), iova(i) + 4095);
      written += 2;
    }
    fmt::format_to(out,
                   "{}map domain=1 virt_start=0x{:x} virt_end=0x{:x} phys_start=0x{:x} flags={}\n",
                   stamp(), iova(i), iova(i) + 4095, phys(i), 1 + i % 2);
    fmt::format_to(out,
                   "{}translate mr=virtio-iommu-memory-region-2-32 rid=32 addr=0x{:x} flag={}\n",
                   stamp(), iova(i), 1 + i % 2);
    fmt::format_to(out, "{}translate_out 0x{:x} -> 0x{:x} for sid=32\n", stamp(), iova(i), phys(i));
    written += 3;
  }
  return log;
}

}  // namespace violet::datasets
