// A Linux guest runs in stock QEMU, from start to end; its IOMMU is the engine, its disk and its
// network card are endpoints behind it.
//
// Threading: run() on the main thread, once in a process (it starts EAL). It sleeps there; the functions
// are polled on an lcore of their own.
// Invariants: QEMU ends before run() returns. What the guest says in lines "VIOLET key=value" is in the
// report. Limits: one IOMMU, one disk, one network card.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/base/result.hpp"
#include "experiments/linux_guest/qemu.hpp"
#include "experiments/runner/interruption.hpp"

namespace violet::linux_guest {

// What a guest can do (init.sh).
//   verify   writes its disk and reads it back, sends to itself over the network card, compares
//   rebind   the same around taking the disk from its driver and giving it back, twice
//   reboot   the same before and after a reboot
//   boot     nothing
//   fio      random reads and writes of 4 KiB on the disk
//   iperf3   TCP to itself over the network card
//   mapbench the kernel's own dma_map_benchmark, on the network card's function
//   soak     random writes of 4 KiB, read back and verified, `rounds` times over the disk; then as verify for the card
//   isolate  what an endpoint must not reach, and what the kernel says of a fault
std::vector<std::string> job_names();

struct GuestSetup {
  std::string kernel;   // A bzImage with CONFIG_VIRTIO_IOMMU.
  std::string busybox;  // A static one.
  std::string init;     // The script.
  std::string tools;    // What scripts/guest-kernel.sh made beside the kernel.
  std::string folder;   // For the initramfs, the table and the console's log; exists.
  std::function<void()> abandon = {};  // Removes it, where it is a temporary one.
  std::string mode = "strict";         // strict, lazy or passthrough
  // On QEMU's own virtio-iommu (qemu_guest.hpp), and its log of that.
  bool qemus_own = false;
  bool log_iommu = false;
  // Where the engine runs: sidecore (it polls) or samecore (within the driver's kicks).
  std::string placement = "sidecore";
  std::string store = "radix";
  std::string iotlb = "generation-domain";
  // The other end of the card's wire: a mirror (net_peer.hpp), or the host's tap of this name.
  std::string tap;
  // Disk and card are polled on an lcore of their own: auto is own where there are three CPUs.
  std::string endpoints = "auto";  // auto, own or engine
  bool topology = false;           // Said in the configuration space too (topology.hpp).
  Accelerator accelerator = Accelerator::kTcg;
  // Interrupts by messages through qtest; by KVM's irqfd otherwise.
  bool qtest = true;
  std::string job = "verify";  // One of job_names().
  bool packed = false;
  bool console = false;  // The guest's shell on our terminal, instead of the job.
  unsigned memory_mib = 512;
  unsigned vcpus = 1;
  std::string disk_file;  // Empty: disk_mib in memory.
  unsigned disk_mib = 64;
  unsigned rounds = 2;       // Of the job: write, read back, compare
  unsigned verify_mib = 16;  // this much.
  unsigned seconds = 3;      // Of each measurement of fio and iperf3.
  unsigned timeout_s = 600;  // 0: none.
  // Called with what the guest says while it runs; from another thread.
  std::function<void(const std::string& key, const std::string& value)> told;
  // Called once when the guest's console has said nothing at all for some seconds; from another thread.
  std::function<void()> silent;
};

struct GuestReport {
  std::map<std::string, std::string> told;  // By the guest.
  std::string ending;                       // finished, timeout, interrupted, qemu-failed
  std::string accelerator;
  std::string interrupts;
  std::string endpoints;  // Where they were polled.
  std::map<std::string, std::uint64_t> counts;
  // Of a guest that was recorded, and its results there.
  std::string run_directory;
  std::map<std::string, double> metrics;
  std::vector<std::string> warnings;
};

struct RecordingSetup;

// With `record` into a run directory, also when the guest fails.
Result<GuestReport> run(const GuestSetup& setup, const Interruption& interruption,
                        const RecordingSetup* record = nullptr);

}  // namespace violet::linux_guest
