#include "engine/base/huge_pages.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>

namespace violet {
namespace {

std::uint64_t count_of(const std::filesystem::path& path) {
  std::uint64_t count = 0;
  std::ifstream(path) >> count;
  return count;
}

}  // namespace

bool huge_pages_allowed() {
  const char* const forbidden = std::getenv("VIOLET_NO_HUGEPAGES");
  return forbidden == nullptr || std::string_view(forbidden).empty() ||
         std::string_view(forbidden) == "0";
}

std::uint64_t available_huge_page_bytes(const std::filesystem::path& pools) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (const auto& pool : std::filesystem::directory_iterator(pools, error)) {
    const std::string name = pool.path().filename();  // hugepages-2048kB
    const auto digits = name.find_first_of("0123456789");
    if (digits == std::string::npos) continue;
    // A reserved page is free until its owner touches it, and then it is his.
    const auto free = count_of(pool.path() / "free_hugepages");
    const auto reserved = count_of(pool.path() / "resv_hugepages");
    if (free <= reserved) continue;
    bytes += (free - reserved) * std::strtoull(name.c_str() + digits, nullptr, 10) * 1024;
  }
  return bytes;
}

Result<MappedMemory> map_huge_pages(std::uint64_t bytes) {
  constexpr int kTwoMiB = 21 << MAP_HUGE_SHIFT;
  VIOLET_TRY(auto memory, MappedMemory::map(bytes, PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | kTwoMiB));
  // EINVAL: a kernel before 5.14, which cannot be asked.
  if (::madvise(memory.bytes().data(), bytes, MADV_POPULATE_WRITE) != 0 && errno != EINVAL) {
    return fail("{}", std::strerror(errno));
  }
  return memory;
}

std::string no_huge_pages_because(std::string_view whose, std::uint64_t bytes,
                                  std::uint64_t available, std::string_view refused) {
  if (available < bytes) {
    return fmt::format("{} MiB of hugepages are free and not reserved, {} needs {}",
                       available >> 20, whose, bytes >> 20);
  }
  return fmt::format(
      "{} MiB of hugepages are free, but taking {} fails ({}): see hugetlb limits of the cgroup "
      "and numactl",
      available >> 20, bytes >> 20, refused);
}

}  // namespace violet
