#include "experiments/trace/pyramid_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#include "engine/base/file_descriptor.hpp"
#include "engine/base/files.hpp"
#include "experiments/trace/lifetime_table.hpp"

namespace violet {
namespace {

constexpr unsigned kMostCheckedShift = 63;

// `key(item)` must not fall and stay below `end`.
template <class Items, class Key>
bool ordered(const Items& items, std::uint64_t end, Key&& key) {
  std::uint64_t last = 0;
  for (const auto& item : items) {
    const std::uint64_t here = key(item);
    if (here < last || here >= end) return false;
    last = here;
  }
  return true;
}

bool good_bins(std::span<const BinCell> cells, std::size_t buckets) {
  return ordered(cells, buckets, [](const BinCell& cell) { return cell.bucket; }) &&
         std::all_of(cells.begin(), cells.end(), [](const BinCell& cell) {
           return cell.bin < LogBins::kCount && cell.endpoint <= kOtherEndpoint;
         });
}

bool good_level(const LevelStats& level) {
  return std::isfinite(level.integral) && level.integral >= 0;
}

bool good_bucket(const PyramidBucket& bucket) {
  return good_level(bucket.stale) && good_level(bucket.live) &&
         std::all_of(bucket.timed.begin(), bucket.timed.end(),
                     [](const TimedStats& stats) { return std::isfinite(stats.sum); });
}

bool good_facts(const PyramidFacts& facts) {
  const bool shifts =
      std::all_of(std::begin(facts.grids), std::end(facts.grids), [](const ChurnGridShape& grid) {
        return grid.time_shift <= kMostCheckedShift && grid.page_shift <= 52;
      });
  return shifts && facts.shift <= kMostCheckedShift && std::isfinite(facts.ns_per_tick) &&
         facts.ns_per_tick > 0 && facts.faults_thinned > 0;
}

bool inside(const Checkpoint::Slice& slice, std::size_t size) {
  return slice.first <= size && slice.count <= size - slice.first;
}

bool good_lifetimes(std::span<const LifetimeRecord> lifetimes) {
  std::uint64_t pages = 0;
  for (const LifetimeRecord& lifetime : lifetimes) {
    if (lifetime.pages == 0 || lifetime.pages > LifetimeLimits().call_pages ||
        lifetime.first > kLastGranule - (lifetime.pages - 1)) {
      return false;
    }
    pages += lifetime.pages;
  }
  // Persistent ones count as well, and may overlap.
  return pages <= 4 * LifetimeLimits().pages;
}

bool good_checkpoint(const PyramidView& pyramid, const Checkpoint& at) {
  if (!inside(at.lifetimes, pyramid.lifetimes.size()) || !inside(at.pages, pyramid.pages.size()) ||
      !inside(at.flights, pyramid.flights.size()) ||
      !inside(at.mappings, pyramid.mappings.size()) ||
      !inside(at.attached, pyramid.attached.size()) ||
      !good_lifetimes(pyramid.lifetimes.subspan(at.lifetimes.first, at.lifetimes.count))) {
    return false;
  }
  const auto pages = pyramid.pages.subspan(at.pages.first, at.pages.count);
  const auto mappings = pyramid.mappings.subspan(at.mappings.first, at.mappings.count);
  const auto flights = pyramid.flights.subspan(at.flights.first, at.flights.count);
  return std::all_of(pages.begin(), pages.end(),
                     [&](const PageRecord& page) {
                       return page.lifetime < at.lifetimes.count && page.state >= 1 &&
                              page.state <= 3;
                     }) &&
         std::all_of(mappings.begin(), mappings.end(),
                     [](const MappingRecord& one) { return one.first <= one.last; }) &&
         std::all_of(flights.begin(), flights.end(), [](const FlightRecord& one) {
           return one.first <= one.last && one.last <= kLastGranule;
         });
}

bool good_churn(const PyramidView& pyramid) {
  for (std::size_t i = 0; i < kChurnGrids; ++i) {
    const auto in_order = ordered(pyramid.churn[i], std::uint64_t{1} << 32,
                                  [](const ChurnCell& cell) { return std::uint64_t{cell.column}; });
    const auto numbers =
        std::all_of(pyramid.churn[i].begin(), pyramid.churn[i].end(), [](const ChurnCell& cell) {
          return std::isfinite(cell.live) && std::isfinite(cell.stale);
        });
    const auto spans = std::all_of(pyramid.spans[i].begin(), pyramid.spans[i].end(),
                                   [](const ChurnSpan& span) { return span.from <= span.to; });
    if (!in_order || !numbers || !spans) return false;
  }
  return true;
}

// What is wrong with it; empty: nothing.
std::string flaw_of(const PyramidView& pyramid) {
  if (!good_facts(pyramid.facts)) return "numbers that cannot be";
  const std::size_t buckets = pyramid.buckets.size();
  if (buckets == 0 || buckets > kMostBuckets) return fmt::format("{} buckets", buckets);
  if (pyramid.endpoints.size() > kOtherEndpoint) return "too many endpoints";
  if (!std::all_of(pyramid.buckets.begin(), pyramid.buckets.end(), good_bucket)) {
    return "a bucket with numbers that cannot be";
  }
  for (const auto& cells : pyramid.latencies) {
    if (!good_bins(cells, buckets)) return "latencies out of order";
  }
  if (!good_bins(pyramid.windows, buckets)) return "windows out of order";
  if (!ordered(pyramid.gauges, buckets, [](const GaugeCell& cell) { return cell.bucket; })) {
    return "gauges out of order";
  }
  if (!good_churn(pyramid)) return "churn out of order";
  const auto end = ~std::uint64_t{0};
  if (!ordered(pyramid.checkpoints, end, [](const Checkpoint& one) { return one.at; }) ||
      !ordered(pyramid.probes, end, [](const ProbeRecord& one) { return one.at; }) ||
      !ordered(pyramid.faults, end, [](const FaultRecord& one) { return one.at; }) ||
      !ordered(pyramid.used, end, [](const UsedRange& one) { return one.first; }) ||
      !ordered(pyramid.first_maps, end, [](const FirstMap& one) { return one.granule; })) {
    return "moments out of order";
  }
  const bool used = std::all_of(pyramid.used.begin(), pyramid.used.end(), [](const UsedRange& one) {
    return one.first <= one.last && one.last <= kLastGranule;
  });
  if (!used) return "ranges that end before they begin";
  for (const Checkpoint& checkpoint : pyramid.checkpoints) {
    if (!good_checkpoint(pyramid, checkpoint)) return "a state that cannot be";
  }
  return {};
}

}  // namespace

namespace {

struct SectionHeader {
  char magic[8] = {'V', 'I', 'O', 'P', 'Y', 'R', 'A', '1'};
  std::uint32_t version = kPyramidVersion;
  std::uint32_t cell = 0;
  std::uint32_t repetition = 0;
  std::uint32_t crc = 0;
  std::uint64_t bytes = 0;
  std::uint32_t layout = 0;
  std::uint32_t reserved[6] = {};
  std::uint32_t header_crc = 0;  // Of all before it.
};
static_assert(sizeof(SectionHeader) == 64);

struct ArrayEntry {
  std::uint64_t offset = 0;  // In the payload.
  std::uint64_t count = 0;
  std::uint64_t item_bytes = 0;
};

constexpr std::size_t kAlign = 64;
constexpr std::uint64_t kMostSectionBytes = std::uint64_t{1} << 30;
constexpr std::size_t aligned(std::size_t bytes) { return (bytes + kAlign - 1) & ~(kAlign - 1); }

// The arrays in the order of the directory.
template <class View, class Visit>
constexpr void for_arrays(View& view, Visit&& visit) {
  visit(view.buckets);
  for (auto& cells : view.latencies) visit(cells);
  visit(view.windows);
  visit(view.gauges);
  for (auto& cells : view.churn) visit(cells);
  for (auto& spans : view.spans) visit(spans);
  visit(view.endpoints);
  visit(view.checkpoints);
  visit(view.lifetimes);
  visit(view.pages);
  visit(view.flights);
  visit(view.mappings);
  visit(view.attached);
  visit(view.ever_attached);
  visit(view.probes);
  visit(view.faults);
  visit(view.regions);
  visit(view.used);
  visit(view.first_maps);
}

constexpr std::size_t kArrays = 1 + kTimedOperations + 2 + 2 * kChurnGrids + 13;
using Directory = std::array<ArrayEntry, kArrays + 1>;  // The first: the facts.

// Of the number of arrays and the sizes of their items: a change of those that forgot the version is
// another layout all the same, and no damage.
constexpr std::uint32_t layout_now() {
  std::uint32_t hash = 2166136261u;  // FNV-1a
  const auto mix = [&hash](std::size_t size) {
    hash = (hash ^ static_cast<std::uint32_t>(size)) * 16777619u;
  };
  mix(sizeof(PyramidFacts));
  PyramidView view;
  for_arrays(view, [&mix](const auto& items) {
    mix(sizeof(typename std::remove_cvref_t<decltype(items)>::value_type));
  });
  return hash;
}
constexpr std::uint32_t kLayout = layout_now();

std::uint32_t checksum(const void* bytes, std::size_t size) {
  return static_cast<std::uint32_t>(::crc32_z(0, static_cast<const Bytef*>(bytes), size));
}
std::uint32_t checksum(const SectionHeader& header) {
  return checksum(&header, offsetof(SectionHeader, header_crc));
}

// Where everything lies, and how many bytes it is.
std::pair<Directory, std::size_t> places_of(const PyramidView& view) {
  Directory directory;
  std::size_t offset = aligned(sizeof directory);
  const auto place = [&](ArrayEntry& entry, std::size_t count, std::size_t item_bytes) {
    entry = {offset, count, item_bytes};
    offset = aligned(offset + count * item_bytes);
  };
  place(directory[0], 1, sizeof(PyramidFacts));
  std::size_t next = 1;
  for_arrays(view,
             [&](const auto& items) { place(directory[next++], items.size(), sizeof(items[0])); });
  return {directory, offset};
}

std::string payload_of(const PyramidView& view) {
  const auto places = places_of(view);
  const Directory& directory = places.first;
  std::string payload(places.second, '\0');
  std::memcpy(payload.data(), &directory, sizeof directory);
  std::memcpy(payload.data() + directory[0].offset, &view.facts, sizeof view.facts);
  std::size_t next = 1;
  for_arrays(view, [&](const auto& items) {
    if (!items.empty()) {
      std::memcpy(payload.data() + directory[next].offset, items.data(), items.size_bytes());
    }
    ++next;
  });
  return payload;
}

bool read_bytes(int fd, std::uint64_t offset, void* into, std::size_t size) {
  return read_at(fd, offset, {static_cast<std::byte*>(into), size}) == size;
}

// The state of a file that a killed writer may have left in the middle of a section: where to go on.
Result<std::uint64_t> end_of_sections(const std::filesystem::path& path) {
  VIOLET_TRY(const PyramidFile file, PyramidFile::open(path));
  if (file.sections().empty()) return 0;
  const auto& last = file.sections().back();
  return last.offset + sizeof(SectionHeader) + last.bytes;
}

}  // namespace

Result<PyramidWriter> PyramidWriter::open(const std::filesystem::path& path) {
  VIOLET_TRY(FileDescriptor file, open_own_file(path, O_RDWR | O_CREAT | O_APPEND));
  PyramidWriter writer(std::move(file), path);
  VIOLET_TRY(const std::uint64_t end, end_of_sections(path));
  VIOLET_TRY(writer.cut_back(end));
  return writer;
}

Status PyramidWriter::append(std::uint32_t cell, std::uint32_t repetition, const Pyramid& pyramid) {
  const std::string payload = payload_of(pyramid.view());
  SectionHeader header;
  header.cell = cell;
  header.repetition = repetition;
  header.bytes = payload.size();
  header.layout = kLayout;
  header.crc = checksum(payload.data(), payload.size());
  header.header_crc = checksum(header);
  Status written =
      write_all(file_.get(), {reinterpret_cast<const char*>(&header), sizeof header}, path_);
  if (written) written = write_all(file_.get(), payload, path_);
  if (written) {
    end_ += sizeof header + payload.size();
  } else {
    static_cast<void>(cut_back(end_));
  }
  return written;
}

Status PyramidWriter::cut_back(std::uint64_t end) {
  if (::ftruncate(file_.get(), static_cast<off_t>(end)) != 0) {
    return fail("{}: cannot be cut: {}", path_.string(), std::strerror(errno));
  }
  end_ = end;
  return {};
}

std::uint64_t stored_bytes(const PyramidView& pyramid) {
  return sizeof(SectionHeader) + places_of(pyramid).second;
}

Status append_pyramid(const std::filesystem::path& path, std::uint32_t cell,
                      std::uint32_t repetition, const Pyramid& pyramid) {
  VIOLET_TRY(PyramidWriter writer, PyramidWriter::open(path));
  return writer.append(cell, repetition, pyramid);
}

Result<PyramidFile> PyramidFile::open(const std::filesystem::path& path) {
  PyramidFile file;
  file.path_ = path;
  VIOLET_TRY(file.file_, open_regular_file(path));
  struct stat status {};
  if (::fstat(file.file_.get(), &status) != 0) {
    return fail("{}: {}", path.string(), std::strerror(errno));
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  for (std::uint64_t at = 0; at < size;) {
    SectionHeader header;
    file.cut_short_ = !read_bytes(file.file_.get(), at, &header, sizeof header);
    if (file.cut_short_) break;
    const SectionHeader ours;
    if (std::memcmp(header.magic, ours.magic, sizeof ours.magic) != 0) {
      return fail("{}: offset {}: no pyramid begins here", path.string(), at);
    }
    if (header.header_crc != checksum(header) || header.bytes % kAlign != 0) {
      return fail("{}: offset {}: the header of the pyramid is damaged", path.string(), at);
    }
    file.cut_short_ = size - at - sizeof header < header.bytes;
    if (file.cut_short_) break;
    file.sections_.push_back({header.cell, header.repetition, at, header.bytes, header.crc,
                              header.version, header.layout});
    at += sizeof header + header.bytes;
  }
  return file;
}

std::optional<std::size_t> PyramidFile::find(std::uint32_t cell, std::uint32_t repetition) const {
  for (std::size_t i = sections_.size(); i > 0; --i) {
    const Section& section = sections_[i - 1];
    if (section.cell == cell && section.repetition == repetition) return i - 1;
  }
  return std::nullopt;
}

Result<StoredPyramid> PyramidFile::read(std::size_t index) const {
  const Section& section = sections_[index];
  if (section.version != kPyramidVersion) {
    return fail("{}: offset {}: a pyramid of version {}, this program reads version {}",
                path_.string(), section.offset, section.version, kPyramidVersion);
  }
  if (section.layout != kLayout) {
    return fail("{}: offset {}: a pyramid whose arrays are laid out as in another build",
                path_.string(), section.offset);
  }
  if (section.bytes > kMostSectionBytes) {
    return fail("{}: offset {}: a pyramid of {} bytes", path_.string(), section.offset,
                section.bytes);
  }
  auto memory = MappedMemory::map(section.bytes, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE);
  if (!memory) return fail("{}: {}", path_.string(), memory.error().message);
  const std::byte* payload = memory->bytes().data();
  if (!read_bytes(file_.get(), section.offset + sizeof(SectionHeader), memory->bytes().data(),
                  section.bytes)) {
    return fail("{}: offset {}: a pyramid that was there has been cut off", path_.string(),
                section.offset);
  }
  if (checksum(payload, section.bytes) != section.crc) {
    return fail("{}: offset {}: the checksum of the pyramid does not fit", path_.string(),
                section.offset);
  }
  Directory directory;
  if (section.bytes < sizeof directory) {
    return fail("{}: offset {}: a pyramid of {} bytes", path_.string(), section.offset,
                section.bytes);
  }
  std::memcpy(&directory, payload, sizeof directory);
  bool sound = true;
  const auto fits = [&](const ArrayEntry& entry, std::size_t item_bytes) {
    return entry.item_bytes == item_bytes && entry.offset % kAlign == 0 &&
           entry.offset <= section.bytes &&
           entry.count <= (section.bytes - entry.offset) / item_bytes;
  };
  StoredPyramid view;
  sound = fits(directory[0], sizeof view.facts) && directory[0].count == 1;
  if (sound) std::memcpy(&view.facts, payload + directory[0].offset, sizeof view.facts);
  std::size_t next = 1;
  for_arrays(view, [&](auto& items) {
    using Items = std::remove_reference_t<decltype(items)>;
    using Item = typename Items::value_type;
    const ArrayEntry& entry = directory[next++];
    sound = sound && fits(entry, sizeof(Item));
    if (sound) {
      items = {reinterpret_cast<const Item*>(payload + entry.offset),
               static_cast<std::size_t>(entry.count)};
    }
  });
  if (!sound) {
    return fail("{}: offset {}: the directory of the pyramid points outside of it", path_.string(),
                section.offset);
  }
  const std::string flaw = flaw_of(view);
  view.memory = std::make_shared<const MappedMemory>(*std::move(memory));
  if (flaw.empty()) return view;
  return fail("{}: offset {}: {}", path_.string(), section.offset, flaw);
}

}  // namespace violet
