#include "experiments/linux_guest/qemu_guest.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "dataplane/virtio/tap_peer.hpp"
#include "experiments/linux_guest/boot_files.hpp"
#include "experiments/linux_guest/console.hpp"
#include "experiments/linux_guest/endings.hpp"
#include "experiments/linux_guest/mirror_wire.hpp"

namespace violet::linux_guest {
namespace {

constexpr int kNoQemu = 127;

Status make_disk(const std::string& file, unsigned mib) {
  const FileDescriptor disk(::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!disk.valid() || ::ftruncate(disk.get(), off_t{mib} << 20) != 0) {
    return fail(ErrorKind::kEnvironment, "{}: {}", file, std::strerror(errno));
  }
  return {};
}

QemuSetup qemu_setup(const GuestSetup& setup) {
  QemuSetup qemu;
  qemu.accelerator = setup.accelerator;
  qemu.memory_mib = setup.memory_mib;
  qemu.vcpus = setup.vcpus;
  qemu.kernel = setup.kernel;
  qemu.initramfs = setup.folder + kInitramfs;
  qemu.append = kernel_line(setup);
  qemu.reboots = setup.job == "reboot";
  qemu.own_disk = setup.disk_file.empty() ? setup.folder + "/disk.img" : setup.disk_file;
  qemu.own_tap = setup.tap;
  if (setup.log_iommu) qemu.own_log = setup.folder + kQemuLog;
  return qemu;
}

}  // namespace

Result<GuestReport> run_on_qemus_own(const GuestSetup& setup, const Interruption& interruption) {
  VIOLET_TRY(write_boot_files(setup));
  if (!setup.tap.empty()) VIOLET_TRY(virtio::TapPeer::check(setup.tap));  // QEMU would make one.
  QemuSetup qemu = qemu_setup(setup);
  if (setup.disk_file.empty()) {
    VIOLET_TRY(make_disk(qemu.own_disk, setup.disk_mib));
  }
  VIOLET_TRY(const auto endings, prepare_endings(setup.timeout_s, interruption));
  VIOLET_TRY(auto console,
             Console::open(setup.folder + kConsoleLog, setup.told, {.noticed = setup.silent}));
  VIOLET_TRY(const auto wire, MirrorWire::open());
  qemu.own_wire = wire->qemus_end();
  const FileDescriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  VIOLET_TRY(auto child, ChildProcess::start(qemu_arguments(qemu), {null.get(), console->input()},
                                             {qemu.own_wire}, {}));
  console->close_input();
  pollfd slots[] = {
      {child.fd(), POLLIN, 0}, {endings.signals, POLLIN, 0}, {endings.timer.get(), POLLIN, 0}};
  while (::poll(slots, 3, -1) < 0 && errno == EINTR) continue;
  const int code = child.stop();
  console->close();
  if (code == kNoQemu) {
    return fail(ErrorKind::kEnvironment,
                "qemu-system-x86_64 does not start: apt install qemu-system-x86");
  }
  GuestReport report;
  report.accelerator = setup.accelerator == Accelerator::kKvm ? "kvm" : "tcg";
  report.interrupts = "qemu";
  report.told = console->told();
  report.ending = slots[1].revents != 0   ? "interrupted"
                  : slots[2].revents != 0 ? "timeout"
                  : code == 0             ? "finished"
                                          : "qemu-failed";
  return report;
}

}  // namespace violet::linux_guest
