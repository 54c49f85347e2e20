#include "experiments/linux_guest/qemu.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/kvm.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>

namespace violet::linux_guest {

namespace {

// In QEMU's lists of options a comma ends a value, two are one of it.
std::string option_value(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == ',' ? std::string(",,") : std::string(1, c);
  return out;
}

using Add = std::function<void(std::string option, std::string value)>;

// At the places where Violet's are, with the features that put them behind the IOMMU.
void add_own_devices(const QemuSetup& setup, const Add& add) {
  add("-device", "virtio-iommu-pci,addr=3");
  add("-drive", "if=none,id=disk,format=raw,cache=unsafe,file=" + option_value(setup.own_disk));
  add("-device",
      "virtio-blk-pci,drive=disk,addr=5,disable-legacy=on,iommu_platform=on,serial=violet-disk-0");
  // Without what a card of ours does not do: offloads.
  add("-netdev", setup.own_tap.empty()
                     ? fmt::format("dgram,id=net,local.type=fd,local.str={}", setup.own_wire)
                     : fmt::format("tap,id=net,ifname={},script=no,downscript=no,vnet_hdr=off",
                                   option_value(setup.own_tap)));
  add("-device",
      "virtio-net-pci,netdev=net,addr=6,disable-legacy=on,iommu_platform=on,romfile=,"
      "mac=52:56:00:00:00:01");
  if (setup.own_log.empty()) return;
  add("-trace", "virtio_iommu_*");
  add("-D", setup.own_log);
  add("-msg", "timestamp=on");
}

}  // namespace

std::vector<std::string> qemu_arguments(const QemuSetup& setup) {
  const bool kvm = setup.accelerator == Accelerator::kKvm;
  std::vector<std::string> arguments = {"qemu-system-x86_64"};
  const auto add = [&](std::string option, std::string value) {
    arguments.push_back(std::move(option));
    arguments.push_back(std::move(value));
  };
  add("-machine", "q35,memory-backend=ram");
  add("-accel", kvm ? "kvm" : "tcg");
  // A host whose hypervisor shows it ARCH_CAPABILITIES need not let it pass them on.
  add("-cpu", kvm ? "host,-arch-capabilities" : "max");
  add("-smp", fmt::format("{}", setup.vcpus));
  add("-m", fmt::format("{}", setup.memory_mib));
  add("-object", fmt::format("memory-backend-memfd,id=ram,size={}M,share=on", setup.memory_mib));
  arguments.insert(arguments.end(), {"-nodefaults", "-display", "none"});
  if (!setup.reboots) arguments.push_back("-no-reboot");
  add("-serial", "stdio");
  add("-kernel", setup.kernel);
  add("-initrd", setup.initramfs);
  add("-append", setup.append);
  if (setup.own_disk.empty()) {
    add("-acpitable", "file=" + option_value(setup.viot));
  } else {
    add_own_devices(setup, add);
  }
  for (const ProxyDevice& device : setup.devices) {
    add("-device", fmt::format("x-pci-proxy-dev,id={},fd={},addr={:#x}.{:#x}", device.id, device.fd,
                               device.at.device, device.at.function));
  }
  if (setup.qtest_fd >= 0) {
    add("-chardev", fmt::format("socket,id=qtest,fd={}", setup.qtest_fd));
    add("-qtest", "chardev:qtest");
    add("-qtest-log", "/dev/null");
  }
  return arguments;
}

bool kvm_usable() {
  const FileDescriptor kvm(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (!kvm.valid()) return false;
  return FileDescriptor(::ioctl(kvm.get(), KVM_CREATE_VM, 0)).valid();
}

namespace {

// What is not given to QEMU is none of its business: EAL's memory, which is not closed on exec, least of all.
void close_on_exec_from(unsigned first) {
  if (::syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
  const long most = ::sysconf(_SC_OPEN_MAX);  // A kernel before 5.11.
  for (int fd = static_cast<int>(first); fd < most; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

// In the child, which has one thread and another's memory: system calls only.
[[noreturn]] void become(char* const* arguments, ChildProcess::Streams streams,
                         const std::vector<int>& keep, const cpu_set_t* cpus, int parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  if (::dup2(streams.in, STDIN_FILENO) < 0 || ::dup2(streams.out, STDOUT_FILENO) < 0) ::_exit(127);
  close_on_exec_from(STDERR_FILENO + 1);
  for (const int fd : keep) ::fcntl(fd, F_SETFD, 0);
  ::sched_setaffinity(0, sizeof(*cpus), cpus);
  ::execvp(arguments[0], arguments);
  ::_exit(127);
}

}  // namespace

Result<ChildProcess> ChildProcess::start(const std::vector<std::string>& arguments, Streams streams,
                                         const std::vector<int>& keep,
                                         const std::vector<unsigned>& cpus) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments)
    pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  cpu_set_t set;
  CPU_ZERO(&set);
  if (cpus.empty()) ::sched_getaffinity(0, sizeof(set), &set);
  for (const unsigned cpu : cpus) CPU_SET(cpu, &set);
  const int parent = ::getpid();
  const int pid = ::fork();
  if (pid == 0) become(pointers.data(), streams, keep, &set, parent);
  if (pid < 0) return fail(ErrorKind::kEnvironment, "fork: {}", std::strerror(errno));
  FileDescriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  ChildProcess child(pid, std::move(pidfd));
  if (!child.pidfd_.valid()) {
    return fail(ErrorKind::kEnvironment, "pidfd_open: {}", std::strerror(errno));
  }
  return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      ended_with_(other.ended_with_) {}

void ChildProcess::ask_to_end() const {
  if (pid_ > 0) ::kill(pid_, SIGTERM);
}

int ChildProcess::stop() {
  if (pid_ < 0) return ended_with_;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == pid_) return note(status);
  ::kill(pid_, SIGKILL);
  return wait();
}

int ChildProcess::wait() {
  if (pid_ < 0) return ended_with_;
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) continue;
  return note(status);
}

int ChildProcess::note(int status) {
  pid_ = -1;
  ended_with_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ended_with_;
}

}  // namespace violet::linux_guest
