// QEMU runs as a child process: its command line for a guest whose IOMMU and devices are served by Violet, its start and end.
//
// Threading: the main thread.
// Invariants: the child dies with the thread that started it (PR_SET_PDEATHSIG); stop() leaves no process
// behind. Limits: Debian 12's QEMU 7.2, machine q35.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/file_descriptor.hpp"
#include "engine/base/result.hpp"

namespace violet::linux_guest {

enum class Accelerator { kKvm, kTcg };

// A function of bus 0.
struct PciAddress {
  std::uint8_t device;
  std::uint8_t function = 0;
};

// An x-pci-proxy-dev.
struct ProxyDevice {
  std::string id;
  PciAddress at;
  int fd;
};

struct QemuSetup {
  Accelerator accelerator = Accelerator::kTcg;
  unsigned memory_mib = 512;
  unsigned vcpus = 1;
  bool reboots = false;  // Otherwise a reboot, and a panic with it, ends QEMU.
  std::string kernel;
  std::string initramfs;
  std::string append;
  std::string viot;
  std::vector<ProxyDevice> devices;
  int qtest_fd = -1;  // None: interrupts come by irqfd.
  // QEMU's own virtio-iommu, disk and network card instead of `devices`: the disk's file; empty: not. The socket of
  // the card's frames, or a tap. And the file into which QEMU writes what its virtio-iommu does.
  std::string own_disk;
  int own_wire = -1;
  std::string own_tap;
  std::string own_log;
};

std::vector<std::string> qemu_arguments(const QemuSetup& setup);
// Whether a virtual machine can be made here.
bool kvm_usable();

class ChildProcess {
 public:
  struct Streams {
    int in;
    int out;
  };
  // Runs `arguments[0]` on these CPUs (empty: on all) with stdin and stdout as given; it inherits the
  // descriptors in `keep`.
  static Result<ChildProcess> start(const std::vector<std::string>& arguments, Streams streams,
                                    const std::vector<int>& keep,
                                    const std::vector<unsigned>& cpus);
  ~ChildProcess() { stop(); }
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;

  // Readable once the child has ended.
  int fd() const { return pidfd_.get(); }
  // Sends it a SIGTERM, for a child that has something to tidy up.
  void ask_to_end() const;
  // Ends it if it runs. The exit code, or 128 and the signal.
  int stop();
  // The same when it has ended by itself.
  int wait();

 private:
  ChildProcess(int pid, FileDescriptor pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

  int note(int status);

  int pid_;
  FileDescriptor pidfd_;
  int ended_with_ = 0;
};

}  // namespace violet::linux_guest
