// Huge pages back large memories with fewer TLB entries: whether the user allows them, how many the host has left,
// and memory on them that is known to be there.
//
// Threading: pure functions over the environment and the file system.
// Invariants: what map_huge_pages() returns can be touched: a limit of a cgroup (hugetlb.*.max) or a NUMA policy
// would otherwise show as SIGBUS at the first touch, long after mmap() has said yes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "engine/base/mapped_memory.hpp"
#include "engine/base/result.hpp"

namespace violet {

inline constexpr std::uint64_t kHugePageBytes = std::uint64_t{2} << 20;

// False when VIOLET_NO_HUGEPAGES is set to anything but the empty text or 0.
bool huge_pages_allowed();

// Bytes in free hugepages of all sizes that no process has reserved.
std::uint64_t available_huge_page_bytes(
    const std::filesystem::path& pools = "/sys/kernel/mm/hugepages");

// Zeroed memory on hugepages of 2 MiB, every page of it touched; `bytes` is a multiple of kHugePageBytes. The
// error's message is the kernel's reason alone.
Result<MappedMemory> map_huge_pages(std::uint64_t bytes);

// Why there are none for `whose` ("EAL"), who needs `bytes` of the `available`: fewer are left, or the kernel `refused`.
std::string no_huge_pages_because(std::string_view whose, std::uint64_t bytes,
                                  std::uint64_t available, std::string_view refused);

}  // namespace violet
