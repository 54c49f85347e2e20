// A real Linux in stock QEMU whose IOMMU is the engine and whose disk and network card are endpoints of ours,
// from start to end.
//
// Threading: run() on the main thread, once in a process (it starts EAL). It sleeps there; the functions
// are polled on an lcore of their own.
// Invariants: QEMU ends before run() returns. What the guest says in lines "VIOLET key=value" is in the
// report. Limits: one IOMMU, one disk, one network card, whose wire ends in a mirror (net_peer.hpp).
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "engine/base/result.hpp"
#include "experiments/linux_guest/qemu.hpp"

namespace violet::linux_guest {

struct GuestSetup {
  std::string kernel;           // A bzImage with CONFIG_VIRTIO_IOMMU.
  std::string busybox;          // A static one.
  std::string init;             // The script.
  std::string folder;           // For the initramfs, the table and the console's log; exists.
  std::string mode = "strict";  // strict, lazy or passthrough
  std::string store = "radix";
  std::string iotlb = "generation-domain";
  Accelerator accelerator = Accelerator::kTcg;
  // Interrupts by messages through qtest; by KVM's irqfd otherwise.
  bool qtest = true;
  std::string job = "verify";  // What the guest does: verify, rebind or reboot (init.sh).
  bool packed = false;
  bool console = false;  // The guest's shell on our terminal, instead of the job.
  unsigned memory_mib = 512;
  unsigned vcpus = 1;
  std::string disk_file;  // Empty: disk_mib in memory.
  unsigned disk_mib = 64;
  unsigned rounds = 2;       // Of the job: write, read back, compare
  unsigned verify_mib = 16;  // this much.
  unsigned timeout_s = 600;
};

struct GuestReport {
  std::map<std::string, std::string> told;  // By the guest.
  std::string ending;                       // finished, timeout, interrupted, qemu-failed
  std::string accelerator;
  std::string interrupts;
  std::map<std::string, std::uint64_t> counts;
};

Result<GuestReport> run(const GuestSetup& setup);

}  // namespace violet::linux_guest
