#include "dataplane/virtqueue/guest_memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "engine/base/check.hpp"
#include "engine/base/huge_pages.hpp"

namespace violet {
namespace {

constexpr std::uint64_t kHugePage = kHugePageBytes;
constexpr std::uint64_t kPage = 4096;

constexpr std::uint64_t round_up(std::uint64_t bytes, std::uint64_t unit) {
  return (bytes + (unit - 1)) / unit * unit;
}

Result<MappedMemory> map_anonymous(std::uint64_t bytes) {
  return MappedMemory::map(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
}

// Where in `memory` the first `bytes` on a 2 MiB boundary are, which transparent hugepages need.
std::span<std::byte> huge_aligned(const MappedMemory& memory, std::uint64_t bytes) {
  const auto start = reinterpret_cast<std::uintptr_t>(memory.bytes().data());
  return memory.bytes().subspan(round_up(start, kHugePage) - start, bytes);
}

// Why hugepages are not even asked for; empty: they are.
std::string why_not_tried(std::uint64_t bytes, GuestMemory::Backing backing) {
  if (backing != GuestMemory::Backing::kHugePages) return "the caller wants none";
  if (!huge_pages_allowed()) return "VIOLET_NO_HUGEPAGES is set";
  if (bytes < kHugePage) return fmt::format("{} bytes fill no hugepage", bytes);
  return {};
}

bool wraps(GuestPhys start, std::uint64_t bytes) {
  return bytes - 1 > ~std::uint64_t{0} - start.value;
}

bool overlap(const GuestMemory::Region& a, const GuestMemory::Region& b) {
  return a.start.value <= b.start.value + (b.bytes - 1) &&
         b.start.value <= a.start.value + (a.bytes - 1);
}

}  // namespace

GuestMemory::GuestMemory(GuestMemory&& other) noexcept
    : regions_(std::exchange(other.regions_, {})),
      owned_(std::exchange(other.owned_, {})),
      all_huge_(std::exchange(other.all_huge_, true)),
      against_huge_(std::exchange(other.against_huge_, {})),
      advised_(std::exchange(other.advised_, false)) {}

GuestMemory& GuestMemory::operator=(GuestMemory&& other) noexcept {
  GuestMemory taken(std::move(other));
  std::swap(regions_, taken.regions_);
  std::swap(owned_, taken.owned_);
  std::swap(all_huge_, taken.all_huge_);
  std::swap(against_huge_, taken.against_huge_);
  std::swap(advised_, taken.advised_);
  return *this;
}

Status GuestMemory::allocate(GuestPhys start, std::uint64_t bytes, Backing backing) {
  if (bytes == 0 || bytes > std::uint64_t{1} << 46) {
    return fail(ErrorKind::kUsage, "guest memory of {} bytes is not possible", bytes);
  }
  std::string against = why_not_tried(bytes, backing);
  const bool wants_huge = against.empty();
  if (wants_huge) {
    const std::uint64_t whole = round_up(bytes, kHugePage);
    const std::uint64_t available = available_huge_page_bytes();
    if (auto memory = map_huge_pages(whole)) {
      const auto host = memory->bytes();
      return own(start, bytes, std::move(*memory), host);
    } else if (available < whole) {
      // Without how many there are, which changes from one repetition to the next: it is one warning of all of them.
      against = fmt::format("fewer hugepages than {} MiB are free and not reserved", whole >> 20);
    } else {
      against = no_huge_pages_because("the guest", whole, available, memory.error().message);
    }
  }
  // 4 KiB pages: room for the boundary costs addresses and no memory.
  auto memory = map_anonymous(round_up(bytes, kPage) + (wants_huge ? kHugePage : 0));
  if (!memory) {
    return fail(ErrorKind::kEnvironment, "no memory for {} bytes of guest memory: {}", bytes,
                memory.error().message);
  }
  const auto host = wants_huge ? huge_aligned(*memory, round_up(bytes, kPage)) : memory->bytes();
  VIOLET_TRY(own(start, bytes, std::move(*memory), host));
  all_huge_ = false;
  against_huge_ = std::move(against);
  if (wants_huge) {
    advised_ = ::madvise(host.data(), host.size(), MADV_HUGEPAGE) == 0 || advised_;
  }
  return {};
}

Status GuestMemory::own(GuestPhys start, std::uint64_t bytes, MappedMemory memory,
                        std::span<std::byte> host) {
  VIOLET_TRY(add_region({start, bytes, host.data()}));
  owned_.push_back(std::move(memory));
  return {};
}

Status GuestMemory::add_region(const Region& region) {
  if (region.bytes == 0 || region.host == nullptr || wraps(region.start, region.bytes)) {
    return fail(ErrorKind::kUsage, "a region of {} bytes at {:#x} is not possible", region.bytes,
                region.start.value);
  }
  if (regions_.size() == kMaxRegions) {
    return fail(ErrorKind::kUsage, "guest memory has at most {} regions", kMaxRegions);
  }
  for (const Region& other : regions_) {
    if (!overlap(region, other)) continue;
    return fail(ErrorKind::kUsage, "the region at {:#x} overlaps the one at {:#x}",
                region.start.value, other.start.value);
  }
  const auto after = [](const Region& a, const Region& b) { return a.start < b.start; };
  regions_.insert(std::upper_bound(regions_.begin(), regions_.end(), region, after), region);
  return {};
}

Status GuestMemory::replace_regions(std::span<const Region> regions) {
  VIOLET_CHECK(owned_.empty());
  GuestMemory fresh;
  for (const Region& region : regions) {
    VIOLET_TRY(fresh.add_region(region));
  }
  regions_.swap(fresh.regions_);
  return {};
}

std::byte* GuestMemory::host(GuestPhys at, std::uint64_t bytes) const noexcept {
  const auto after = [](GuestPhys a, const Region& region) { return a < region.start; };
  const auto next = std::upper_bound(regions_.begin(), regions_.end(), at, after);
  if (next == regions_.begin()) return nullptr;
  const Region& region = *std::prev(next);
  const std::uint64_t offset = at.value - region.start.value;
  if (offset >= region.bytes || bytes > region.bytes - offset) return nullptr;
  return region.host + offset;
}

std::uint64_t GuestMemory::total_bytes() const {
  std::uint64_t total = 0;
  for (const Region& region : regions_) total += region.bytes;
  return total;
}

const char* GuestMemory::backing_name() const {
  if (owned_.empty()) return "external";
  if (all_huge_) return "hugepages";
  return advised_ ? "4 KiB pages, transparent hugepages advised" : "4 KiB pages";
}

}  // namespace violet
