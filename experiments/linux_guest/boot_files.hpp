// Boot files are written into a guest's folder: the initramfs with busybox, the script and the tools of its job, the table
// that says what is behind the IOMMU, and the kernel's command line.
//
// Threading: pure functions over the file system.
#pragma once

#include <string>

#include "engine/base/result.hpp"
#include "engine/protocol/viot.hpp"
#include "experiments/linux_guest/linux_guest.hpp"

namespace violet::linux_guest {

inline constexpr const char* kInitramfs = "/initramfs.cpio";
inline constexpr const char* kViot = "/viot.bin";
inline constexpr const char* kConsoleLog = "/console.log";

// Error (kEnvironment) when a part is missing, with what provides it.
Status write_boot_files(const GuestSetup& setup);
Status write_viot(const std::string& folder, const protocol::ViotTable& viot);
std::string kernel_line(const GuestSetup& setup);

}  // namespace violet::linux_guest
