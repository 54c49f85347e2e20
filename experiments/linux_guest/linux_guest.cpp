#include "experiments/linux_guest/linux_guest.hpp"

#include <fcntl.h>
#include <poll.h>
#include <termios.h>

#include "dataplane/eal/eal.hpp"
#include "dataplane/qemu/server.hpp"
#include "experiments/linux_guest/boot_files.hpp"
#include "experiments/linux_guest/console.hpp"
#include "experiments/linux_guest/endings.hpp"
#include "experiments/linux_guest/machine.hpp"
#include "experiments/linux_guest/qemu_guest.hpp"
#include "experiments/linux_guest/recording.hpp"

namespace violet::linux_guest {
namespace {

constexpr unsigned kEngineLcore = 1;
constexpr unsigned kEndpointLcore = 2;  // Where they have one of their own.
constexpr int kLastWaitMs = 2000;
constexpr int kNoProgram = 127;

// QEMU makes the terminal raw for a shell and, when it is killed, leaves it so.
class TerminalState {
 public:
  explicit TerminalState(bool used) : used_(used && ::tcgetattr(STDIN_FILENO, &state_) == 0) {}
  ~TerminalState() {
    if (used_) ::tcsetattr(STDIN_FILENO, TCSANOW, &state_);
  }
  TerminalState(const TerminalState&) = delete;
  TerminalState& operator=(const TerminalState&) = delete;

 private:
  termios state_{};
  bool used_;
};

// Who has which CPU.
struct Cpus {
  unsigned main, engine;
  std::optional<unsigned> endpoints;  // Nothing: polled beside the engine.
  std::vector<unsigned> qemu;

  // One each, as far as they go; main and recorder sleep most of the time and share with QEMU.
  static Cpus of(const GuestSetup& setup, const std::vector<unsigned>& allowed) {
    Cpus cpus{allowed[0], allowed[1], {}, allowed};
    std::erase(cpus.qemu, cpus.engine);
    if (setup.endpoints == "engine") return cpus;
    if (allowed.size() > 2) {
      cpus.endpoints = allowed[2];
      std::erase(cpus.qemu, allowed[2]);
    } else if (setup.endpoints == "own") {
      cpus.endpoints = allowed[0];
    }
    return cpus;
  }
  std::vector<unsigned> lcores() const {
    return endpoints ? std::vector{main, engine, *endpoints} : std::vector{main, engine};
  }
  std::string endpoints_text() const {
    if (!endpoints) return "with the engine";
    return *endpoints == main ? "own lcore, on QEMU's CPU" : "own lcore";
  }
};

// A guest that runs: QEMU, and the server of its functions.
class Session {
 public:
  Session(const GuestSetup& setup, Machine& machine, const Cpus& cpus, Console::Told told)
      : setup_(setup),
        machine_(machine),
        cpus_(cpus),
        told_(std::move(told)),
        server_(machine.messages()) {
    for (const Function* function : machine.functions()) loop_of(*function).add(*function->pci);
  }

  // How it ended; what it said is in told() then.
  Result<std::string> run(Eal& eal, const Endings& endings) {
    VIOLET_TRY(auto qemu, start_qemu());
    Lcores lcores(eal);
    VIOLET_TRY(lcores.launch(kEngineLcore, loop_));
    if (cpus_.endpoints) VIOLET_TRY(lcores.launch(kEndpointLcore, endpoint_loop_));
    const Status served = server_.serve({qemu.fd(), endings.signals, endings.timer.get()});
    // With all its functions gone QEMU ends; it may take a moment.
    pollfd ended{qemu.fd(), POLLIN, 0};
    if (served && !endings.interrupted() && !endings.timed_out()) {
      ::poll(&ended, 1, kLastWaitMs);
    }
    const int code = qemu.stop();
    lcores.end();
    if (console_) console_->close();
    VIOLET_TRY(served);
    if (endings.interrupted()) return "interrupted";
    if (endings.timed_out()) return "timeout";
    if (code == kNoProgram) {
      return fail(ErrorKind::kEnvironment,
                  "qemu-system-x86_64 does not start: apt install qemu-system-x86");
    }
    return code == 0 ? "finished" : "qemu-failed";
  }
  // On the lcore of the endpoints, while that of the IOMMU stands still.
  void control(const std::function<void()>& body) {
    loop_.control([&] { cpus_.endpoints ? void(endpoint_loop_.control(body)) : body(); });
  }
  std::map<std::string, std::string> told() const {
    return console_ ? console_->told() : std::map<std::string, std::string>();
  }

 private:
  // Loops that run on lcores, and end with this.
  class Lcores {
   public:
    explicit Lcores(Eal& eal) : eal_(eal) {}
    ~Lcores() { end(); }
    Lcores(const Lcores&) = delete;
    Lcores& operator=(const Lcores&) = delete;

    Status launch(unsigned lcore, virtio::DeviceLoop& loop) {
      auto launched = eal_.launch(lcore, [&loop] { loop.run(); });
      if (launched) running_.emplace_back(lcore, &loop);
      return launched;
    }
    void end() {
      for (const auto& [lcore, loop] : running_) loop->stop();
      for (const auto& [lcore, loop] : running_) eal_.join(lcore);
      running_.clear();
    }

   private:
    Eal& eal_;
    std::vector<std::pair<unsigned, virtio::DeviceLoop*>> running_;
  };

  virtio::DeviceLoop& loop_of(const Function& function) {
    const bool is_iommu = function.pci.get() == machine_.functions().front()->pci.get();
    return cpus_.endpoints && !is_iommu ? endpoint_loop_ : loop_;
  }

  Result<ChildProcess> start_qemu() {
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
    for (const Function* function : machine_.functions()) {
      VIOLET_TRY(auto pair, qemu::Channel::open());
      server_.add(function->name, loop_of(*function), *function->remote, std::move(pair.ours));
      qemu.devices.push_back({function->name, function->at, pair.peers.get()});
      peers.push_back(std::move(pair.peers));
    }
    std::vector<int> keep;
    for (const FileDescriptor& peer : peers) keep.push_back(peer.get());
    const FileDescriptor qtest_peer = machine_.take_messages_peer();
    if (qtest_peer.valid()) keep.push_back(qtest_peer.get());
    qemu.qtest_fd = qtest_peer.get();
    return start(qemu, keep);
  }

  Result<ChildProcess> start(const QemuSetup& qemu, const std::vector<int>& keep) {
    if (setup_.console) {
      return ChildProcess::start(qemu_arguments(qemu), {STDIN_FILENO, STDOUT_FILENO}, keep,
                                 cpus_.qemu);
    }
    VIOLET_TRY(auto console,
               Console::open(setup_.folder + kConsoleLog, told_, {.noticed = setup_.silent}));
    console_ = std::move(console);
    const FileDescriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    auto qemu_process = ChildProcess::start(qemu_arguments(qemu), {null.get(), console_->input()},
                                            keep, cpus_.qemu);
    console_->close_input();
    return qemu_process;
  }

  const GuestSetup& setup_;
  Machine& machine_;
  const Cpus& cpus_;
  Console::Told told_;
  virtio::DeviceLoop loop_, endpoint_loop_;
  qemu::Server server_;
  std::unique_ptr<Console> console_;
};

Status check(const GuestSetup& setup, const std::vector<unsigned>& cpus) {
  if (cpus.size() < 2) {
    return fail(ErrorKind::kEnvironment, "a guest needs two CPUs: the engine polls on one");
  }
  if (setup.accelerator == Accelerator::kKvm && !kvm_usable()) {
    return fail(ErrorKind::kEnvironment, "KVM cannot be had here (/dev/kvm)");
  }
  return {};
}

}  // namespace

std::vector<std::string> job_names() {
  return {"verify", "rebind", "reboot", "boot", "fio", "iperf3", "mapbench", "soak", "isolate"};
}

Result<GuestReport> run(const GuestSetup& setup, const Interruption& interruption,
                        const RecordingSetup* record) {
  if (setup.qemus_own) return run_on_qemus_own(setup, interruption);
  VIOLET_TRY(write_boot_files(setup));
  VIOLET_TRY(write_viot(setup.folder, guest_viot()));
  const std::vector<unsigned> allowed = allowed_cpus();  // EAL binds this thread to one of them.
  VIOLET_TRY(check(setup, allowed));
  const Cpus cpus = Cpus::of(setup, allowed);
  VIOLET_TRY(const auto endings, prepare_endings(setup.timeout_s, interruption));
  const TerminalState terminal(setup.console);
  VIOLET_TRY(auto eal,
             Eal::start({.cpus = cpus.lcores(), .before_anew = setup.abandon, .stop = [&] {
                           return interruption.asked();
                         }}));
  std::unique_ptr<GuestRecording> recording;
  if (record != nullptr) {
    VIOLET_TRY(auto created, GuestRecording::create(setup, *record));
    recording = std::move(created);
  }
  VIOLET_TRY(auto machine, Machine::create(setup, recording != nullptr || setup.job == "isolate",
                                           recording ? recording->rings() : LcoreRings{}));
  if (recording) {
    VIOLET_TRY(recording->start(*machine, cpus.main));
  }
  Session session(setup, *machine, cpus, [&](const std::string& key, const std::string& value) {
    if (recording && key == "work") {
      recording->mark(value == "begins" ? Phase::kMeasure : Phase::kTakeDown);
    }
    const bool intrude = setup.job == "isolate" && key == "want" && value == "intrusion";
    if (intrude) session.control([&] { machine->intrude(); });
    if (setup.told) setup.told(key, value);
  });
  GuestReport report;
  const auto ending = session.run(*eal, endings);
  report.ending = ending ? *ending : "failed";
  report.accelerator = setup.accelerator == Accelerator::kKvm ? "kvm" : "tcg";
  report.endpoints = cpus.endpoints_text();
  report.interrupts = setup.qtest ? "qtest" : "irqfd";
  report.told = session.told();
  report.counts = machine->counts();
  if (recording) {
    report.run_directory = recording->directory().string();
    VIOLET_TRY(auto finished, recording->finish(report));
    report.metrics = std::move(finished.metrics);
    report.warnings = std::move(finished.warnings);
  }
  VIOLET_TRY(ending);
  return report;
}

}  // namespace violet::linux_guest
