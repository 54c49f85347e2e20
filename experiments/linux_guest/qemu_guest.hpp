// A QEMU guest runs the same kernel and work on QEMU's own virtio-iommu, virtio-blk and virtio-net: what Violet's are
// compared with, and whose log of the IOMMU can be imported.
//
// Threading: the main thread, once in a process.
// Invariants: QEMU may run on every CPU that we may; it ends before run_on_qemus_own() returns.
// Limits: QEMU counts neither requests nor kicks, so counts is empty. The disk is a file in the guest's folder.
#pragma once

#include "experiments/linux_guest/linux_guest.hpp"

namespace violet::linux_guest {

// Where its log of the virtio-iommu is, of a guest with `log_iommu`.
inline constexpr const char* kQemuLog = "/qemu.log";

Result<GuestReport> run_on_qemus_own(const GuestSetup& setup, const Interruption& interruption);

}  // namespace violet::linux_guest
