#include "experiments/linux_guest/linux_guest.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include <fstream>
#include <sstream>

#include "dataplane/eal/eal.hpp"
#include "dataplane/eal/rcu_quiescence.hpp"
#include "dataplane/remote/block_device.hpp"
#include "dataplane/remote/net_device.hpp"
#include "dataplane/serve/iommu_device.hpp"
#include "dataplane/serve/server.hpp"
#include "engine/protocol/viot.hpp"
#include "experiments/linux_guest/initramfs.hpp"

namespace violet::linux_guest {
namespace {

constexpr PciAddress kIommuAt{3};
constexpr PciAddress kDiskAt{5};
constexpr PciAddress kNicAt{6};
constexpr EndpointId kDisk{0x28};
constexpr EndpointId kNic{0x30};
constexpr remote::MacAddress kMac = {0x52, 0x56, 0x00, 0x00, 0x00, 0x01};
constexpr unsigned kEngineLcore = 1;
constexpr std::uint32_t kReaders = 8;
constexpr std::uint32_t kIotlbEntries = 4096;
constexpr int kLastWaitMs = 2000;
constexpr int kNoProgram = 127;
constexpr const char* kLogName = "/console.log";
constexpr std::string_view kTold = "VIOLET ";
// Where x86 guests send interrupt messages.
constexpr IovaRange kMsiWindow{{0xfee00000}, {0xfeefffff}};

Status write_file(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) return fail(ErrorKind::kEnvironment, "cannot write {}", path);
  return {};
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf()))
    return fail(ErrorKind::kEnvironment, "cannot read {}", path);
  return text.str();
}

// Which functions are behind the IOMMU, and as which endpoints.
protocol::ViotTable viot() {
  const auto bdf = [](PciAddress at, unsigned function) {
    return protocol::PciBdf::of(0, at.device, function);
  };
  protocol::ViotTable table;
  table.nodes.push_back({protocol::ViotPciIommu{0, bdf(kIommuAt, 0)}});
  for (const auto& [at, endpoint] : {std::pair(kDiskAt, kDisk), std::pair(kNicAt, kNic)}) {
    protocol::ViotPciRange range;
    range.endpoint_start = endpoint.value;
    range.bdf_start = bdf(at, 0);
    range.bdf_end = bdf(at, 7);
    table.nodes.push_back({range});
  }
  return table;
}

Status write_boot_files(const GuestSetup& setup) {
  const auto busybox = read_file(setup.busybox);
  if (!busybox) return tl::unexpected(busybox.error());
  const auto init = read_file(setup.init);
  if (!init) return tl::unexpected(init.error());
  Initramfs root;
  for (const char* folder : {"bin", "dev", "proc", "sys", "tmp"}) root.add_folder(folder);
  root.add_program("bin/busybox", *busybox);
  root.add_program("init", *init);
  if (auto written = write_file(setup.folder + "/initramfs.cpio", root.finish()); !written) {
    return written;
  }
  const std::vector<std::byte> table = build_viot(viot());
  return write_file(setup.folder + "/viot.bin",
                    {reinterpret_cast<const char*>(table.data()), table.size()});
}

std::string kernel_line(const GuestSetup& setup) {
  const char* mode = setup.mode == "lazy"          ? "iommu.strict=0"
                     : setup.mode == "passthrough" ? "iommu.passthrough=1"
                                                   : "iommu.strict=1";
  return fmt::format("console=ttyS0 panic=-1 {} violet.job={} violet.rounds={} violet.mib={}", mode,
                     setup.console ? "shell" : setup.job, setup.rounds, setup.verify_mib);
}

// A function with what belongs to it.
struct Function {
  remote::RemoteMemory memory;
  std::unique_ptr<remote::VirtioDevice> device;
  std::unique_ptr<remote::VirtioPci> pci;
};

// The guest's devices, in the order in which they need each other.
struct Machine {
  std::vector<unsigned> cpus;  // That we may run on.
  std::unique_ptr<RcuQuiescence> quiescence;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<remote::Disk> disk;
  remote::MirrorPeer peer;
  std::unique_ptr<DmaPort> disk_port;
  std::unique_ptr<DmaPort> nic_port;
  std::unique_ptr<remote::QtestMessages> messages;
  FileDescriptor messages_peer;
  Function iommu;
  Function block;
  Function net;
};

Status add_engine(Machine& machine, const GuestSetup& setup) {
  auto quiescence = RcuQuiescence::create(kReaders);
  if (!quiescence) return tl::unexpected(quiescence.error());
  machine.quiescence = std::move(*quiescence);
  DeviceConfig config;
  config.boot_bypass = true;  // Firmware reads the disk before there is a driver of the IOMMU.
  config.endpoints.push_back({kDisk, "disk", {{kMsiWindow, protocol::RegionKind::kMsi}}});
  config.endpoints.push_back({kNic, "nic", {{kMsiWindow, protocol::RegionKind::kMsi}}});
  config.iotlb.entries = kIotlbEntries;
  auto engine = make_engine(setup.store, setup.iotlb,
                            {config, *machine.quiescence, machine.iommu.memory.table(), {}});
  if (!engine) return tl::unexpected(engine.error());
  machine.engine = std::move(*engine);
  return {};
}

Status add_functions(Machine& machine, const GuestSetup& setup) {
  auto disk = setup.disk_file.empty() ? remote::Disk::in_memory(std::uint64_t{setup.disk_mib} << 20)
                                      : remote::Disk::of_file(setup.disk_file);
  if (!disk) return tl::unexpected(disk.error());
  machine.disk = std::move(*disk);
  auto disk_port = machine.engine->open_port(kDisk, "disk", Probe(), machine.block.memory.table());
  if (!disk_port) return tl::unexpected(disk_port.error());
  machine.disk_port = std::move(*disk_port);
  auto nic_port = machine.engine->open_port(kNic, "nic", Probe(), machine.net.memory.table());
  if (!nic_port) return tl::unexpected(nic_port.error());
  machine.nic_port = std::move(*nic_port);
  machine.iommu.device = std::make_unique<remote::IommuDevice>(*machine.engine, setup.packed);
  machine.block.device =
      std::make_unique<remote::BlockDevice>(*machine.disk_port, *machine.disk, "violet-disk-0");
  machine.net.device = std::make_unique<remote::NetDevice>(*machine.nic_port, machine.peer, kMac);
  for (Function* function : {&machine.iommu, &machine.block, &machine.net}) {
    function->pci = std::make_unique<remote::VirtioPci>(*function->device, machine.messages.get(),
                                                        function->memory);
  }
  return {};
}

Status add_messages(Machine& machine) {
  auto pair = remote::QtestMessages::open();
  if (!pair) return tl::unexpected(pair.error());
  machine.messages = std::move(pair->ours);
  machine.messages_peer = std::move(pair->peers);
  return {};
}

// What ends the guest besides itself.
struct Endings {
  FileDescriptor signals;
  FileDescriptor timer;

  static bool due(const FileDescriptor& fd) {
    pollfd slot{fd.get(), POLLIN, 0};
    return ::poll(&slot, 1, 0) == 1;
  }
};

// Signals are blocked for good, and before any thread starts: they come through the descriptor.
Endings prepare_endings(unsigned timeout_s) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  Endings endings{FileDescriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)),
                  FileDescriptor(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC))};
  const itimerspec after{{0, 0}, {static_cast<time_t>(timeout_s), 0}};
  ::timerfd_settime(endings.timer.get(), 0, &after, nullptr);
  return endings;
}

void read_told(const std::string& log, GuestReport& report) {
  std::ifstream file(log);
  for (std::string line; std::getline(file, line);) {
    while (!line.empty() && line.back() == '\r') line.pop_back();
    const auto equals = line.find('=');
    if (!line.starts_with(kTold) || equals == std::string::npos) continue;
    report.told[line.substr(kTold.size(), equals - kTold.size())] = line.substr(equals + 1);
  }
}

void count(const Machine& machine, GuestReport& report) {
  const DeviceCounters& device = machine.engine->counters();
  const auto& block = static_cast<const remote::BlockDevice&>(*machine.block.device).counters();
  const auto& net = static_cast<const remote::NetDevice&>(*machine.net.device).counters();
  const IotlbReaderStats disk_iotlb = machine.disk_port->stats();
  const IotlbReaderStats nic_iotlb = machine.nic_port->stats();
  report.counts = {
      {"attach", device.requests_of(protocol::Type::kAttach).value()},
      {"map", device.requests_of(protocol::Type::kMap).value()},
      {"unmap", device.requests_of(protocol::Type::kUnmap).value()},
      {"probe", device.requests_of(protocol::Type::kProbe).value()},
      {"faults", device.faults_posted.value() + device.faults_no_buffer.value()},
      {"iommu_kicks", machine.iommu.pci->kicks()},
      {"disk_kicks", machine.block.pci->kicks()},
      {"nic_kicks", machine.net.pci->kicks()},
      {"interrupts", machine.iommu.pci->interrupts() + machine.block.pci->interrupts() +
                         machine.net.pci->interrupts()},
      {"disk_iotlb_hits", disk_iotlb.hits},
      {"disk_iotlb_misses", disk_iotlb.misses},
      {"nic_iotlb_hits", nic_iotlb.hits},
      {"nic_iotlb_misses", nic_iotlb.misses},
      {"disk_reads", block.reads.value()},
      {"disk_writes", block.writes.value()},
      {"disk_flushes", block.flushes.value()},
      {"disk_bytes", block.bytes.value()},
      {"disk_errors", block.errors.value()},
      {"nic_sent", net.sent.value()},
      {"nic_received", net.received.value()},
      {"nic_bytes", net.bytes.value()},
      {"nic_errors", net.errors.value()},
  };
}

// A guest that runs: QEMU, and the server of its functions.
class Session {
 public:
  Session(const GuestSetup& setup, Machine& machine)
      : setup_(setup), machine_(machine), server_(loop_, machine.messages.get()) {
    loop_.add(*machine.iommu.pci);
    loop_.add(*machine.block.pci);
    loop_.add(*machine.net.pci);
  }

  Result<std::string> run(Eal& eal, const Endings& endings) {
    auto qemu = start_qemu(eal.cpus().at(kEngineLcore));
    if (!qemu) return tl::unexpected(qemu.error());
    if (auto launched = eal.launch(kEngineLcore, [&] { loop_.run(); }); !launched) {
      return tl::unexpected(launched.error());
    }
    const Status served = server_.serve({qemu->fd(), endings.signals.get(), endings.timer.get()});
    // With all its functions gone QEMU ends; it may take a moment.
    pollfd ended{qemu->fd(), POLLIN, 0};
    if (served && !Endings::due(endings.signals) && !Endings::due(endings.timer)) {
      ::poll(&ended, 1, kLastWaitMs);
    }
    const int code = qemu->stop();
    loop_.stop();
    eal.join(kEngineLcore);
    if (!served) return tl::unexpected(served.error());
    if (Endings::due(endings.signals)) return "interrupted";
    if (Endings::due(endings.timer)) return "timeout";
    if (code == kNoProgram) {
      return fail(ErrorKind::kEnvironment,
                  "qemu-system-x86_64 does not start: apt install qemu-system-x86");
    }
    return code == 0 ? "finished" : "qemu-failed";
  }

 private:
  Result<ChildProcess> start_qemu(unsigned engine_cpu) {
    QemuSetup qemu;
    qemu.accelerator = setup_.accelerator;
    qemu.memory_mib = setup_.memory_mib;
    qemu.vcpus = setup_.vcpus;
    qemu.kernel = setup_.kernel;
    qemu.initramfs = setup_.folder + "/initramfs.cpio";
    qemu.viot = setup_.folder + "/viot.bin";
    qemu.append = kernel_line(setup_);
    qemu.reboots = setup_.job == "reboot";
    std::vector<FileDescriptor> peers;
    const auto add = [&](const char* name, PciAddress at, remote::VirtioPci& function) -> Status {
      auto pair = remote::Channel::open();
      if (!pair) return tl::unexpected(pair.error());
      server_.add(name, function, std::move(pair->ours));
      qemu.devices.push_back({name, at, pair->peers.get()});
      peers.push_back(std::move(pair->peers));
      return {};
    };
    const struct {
      const char* name;
      PciAddress at;
      Function& function;
    } functions[] = {{"iommu0", kIommuAt, machine_.iommu},
                     {"disk0", kDiskAt, machine_.block},
                     {"nic0", kNicAt, machine_.net}};
    for (const auto& one : functions) {
      if (auto added = add(one.name, one.at, *one.function.pci); !added) {
        return tl::unexpected(added.error());
      }
    }
    std::vector<int> keep;
    for (const FileDescriptor& peer : peers) keep.push_back(peer.get());
    const FileDescriptor qtest_peer = std::move(machine_.messages_peer);
    if (qtest_peer.valid()) keep.push_back(qtest_peer.get());
    qemu.qtest_fd = qtest_peer.get();
    return start(qemu, keep, engine_cpu);
  }

  Result<ChildProcess> start(const QemuSetup& qemu, const std::vector<int>& keep,
                             unsigned engine_cpu) {
    std::vector<unsigned> cpus = allowed_;
    std::erase(cpus, engine_cpu);
    if (setup_.console) {
      return ChildProcess::start(qemu_arguments(qemu), {STDIN_FILENO, STDOUT_FILENO}, keep, cpus);
    }
    const FileDescriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const FileDescriptor log(
        ::open((setup_.folder + kLogName).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    return ChildProcess::start(qemu_arguments(qemu), {null.get(), log.get()}, keep, cpus);
  }

  const GuestSetup& setup_;
  Machine& machine_;
  // As it was before EAL bound the calling thread to one of them.
  std::vector<unsigned> allowed_ = machine_.cpus;
  remote::DeviceLoop loop_;
  remote::Server server_;
};

}  // namespace

Result<GuestReport> run(const GuestSetup& setup) {
  if (auto written = write_boot_files(setup); !written) return tl::unexpected(written.error());
  Machine machine;
  machine.cpus = allowed_cpus();
  if (machine.cpus.size() < 2) {
    return fail(ErrorKind::kEnvironment, "a guest needs two CPUs: the engine polls on one");
  }
  const Endings endings = prepare_endings(setup.timeout_s);
  auto eal = Eal::start({.cpus = {machine.cpus[0], machine.cpus[1]}});
  if (!eal) return tl::unexpected(eal.error());
  if (setup.accelerator == Accelerator::kKvm && !kvm_usable()) {
    return fail(ErrorKind::kEnvironment, "KVM cannot be had here (/dev/kvm)");
  }
  if (setup.qtest) {
    if (auto added = add_messages(machine); !added) return tl::unexpected(added.error());
  }
  for (const auto step : {&add_engine, &add_functions}) {
    if (auto added = step(machine, setup); !added) return tl::unexpected(added.error());
  }
  const auto ending = Session(setup, machine).run(**eal, endings);
  if (!ending) return tl::unexpected(ending.error());
  GuestReport report;
  report.ending = *ending;
  report.accelerator = setup.accelerator == Accelerator::kKvm ? "kvm" : "tcg";
  report.interrupts = setup.qtest ? "qtest" : "irqfd";
  read_told(setup.folder + kLogName, report);
  count(machine, report);
  return report;
}

}  // namespace violet::linux_guest
