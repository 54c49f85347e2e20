#include "dataplane/eal/eal.hpp"

#include <linux/close_range.h>
#include <rte_debug.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <set>

#include "engine/base/check.hpp"
#include "engine/base/files.hpp"
#include "engine/base/huge_pages.hpp"
#include "engine/base/scratch_folder.hpp"

namespace violet {
namespace {

// --lcores=0@2,1@3: lcore i on CPU cpus[i].
std::string lcore_map(const std::vector<unsigned>& cpus) {
  std::string map;
  for (std::size_t i = 0; i < cpus.size(); ++i) {
    map += fmt::format("{}{}@{}", i == 0 ? "" : ",", i, cpus[i]);
  }
  return map;
}

std::vector<std::string> eal_arguments(const std::vector<unsigned>& cpus, bool huge_pages,
                                       unsigned memory_mib) {
  std::vector<std::string> arguments = {"violet",
                                        "--lcores=" + lcore_map(cpus),
                                        "--main-lcore=0",
                                        "--no-pci",
                                        "--no-telemetry",
                                        "--log-level=lib.*:error",
                                        "--log-level=lib.eal:error",
                                        fmt::format("-m{}", memory_mib)};
  if (huge_pages) {
    arguments.emplace_back("--in-memory");
  } else {
    arguments.emplace_back("--no-huge");
    arguments.emplace_back("--no-shconf");
  }
  return arguments;
}

// Why the process that this one was before did not get hugepages.
constexpr const char* kRefused = "VIOLET_EAL_REFUSED";

sigset_t ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

// The file of this program by its name, which its process is called by.
std::string own_program() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return !error && std::filesystem::exists(path, error) ? path.string() : "/proc/self/exe";
}

// EAL that failed cannot be asked again in the same process. The program begins anew with the same arguments, and runs
// without hugepages. Comes back only where that is impossible. A signal that came, or comes on the way, waits for the
// program that begins; what EAL has opened (its hugepages too) is closed.
void begin_anew_without_huge_pages(const EalOptions& options, const std::string& because) {
  const auto text = read_whole_file("/proc/self/cmdline");
  if (!text || text->empty()) return;
  std::vector<std::string> arguments;
  for (std::size_t at = 0; at < text->size(); at += arguments.back().size() + 1) {
    arguments.emplace_back(text->c_str() + at);
  }
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  if (::setenv(kRefused, because.c_str(), 1) != 0) return;
  if (options.before_anew) options.before_anew();
  std::fflush(nullptr);
  const sigset_t signals = ending_signals();
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  if (options.stop && options.stop()) ::raise(SIGTERM);
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  ::execv(own_program().c_str(), argv.data());
  ::sigprocmask(SIG_UNBLOCK, &signals, nullptr);
  ::unsetenv(kRefused);
}

// Why EAL gets 4 KiB pages; empty: it gets hugepages.
std::string reason_against_huge_pages(const EalOptions& options) {
  if (!options.huge_pages) return "the caller wants none";
  if (const char* refused = std::getenv(kRefused)) {
    // The caller's handlers stand now: what came while the program began anew is heard.
    const sigset_t signals = ending_signals();
    ::sigprocmask(SIG_UNBLOCK, &signals, nullptr);
    return fmt::format("EAL did not start with hugepages ({})", refused);
  }
  if (!huge_pages_allowed()) return "VIOLET_NO_HUGEPAGES is set";
  const std::uint64_t wanted = std::uint64_t{options.memory_mib} << 20;
  const std::uint64_t available = available_huge_page_bytes();
  if (available < wanted) return no_huge_pages_because("EAL", wanted, available, {});
  // EAL cannot be asked twice: once it has failed, it does not start again in this process.
  const auto tried = map_huge_pages(wanted);
  if (!tried) return no_huge_pages_because("EAL", wanted, available, tried.error().message);
  return {};
}

// A folder for what EAL would leave in DPDK's own; in memory it makes the folder and nothing in it. Where none can
// be made EAL runs without.
class RuntimeFolder {
 public:
  RuntimeFolder() {
    if (const char* before = std::getenv(kVariable)) before_ = before;
    auto made = ScratchFolder::make("eal");
    if (!made) return;
    folder_.emplace(*std::move(made));
    ::setenv(kVariable, folder_->path().c_str(), 1);
  }
  ~RuntimeFolder() {
    if (!folder_) return;
    if (before_) {
      ::setenv(kVariable, before_->c_str(), 1);
    } else {
      ::unsetenv(kVariable);
    }
  }
  RuntimeFolder(const RuntimeFolder&) = delete;
  RuntimeFolder& operator=(const RuntimeFolder&) = delete;

 private:
  static constexpr const char* kVariable = "RUNTIME_DIRECTORY";  // Read by EAL before its default.

  std::optional<std::string> before_;
  std::optional<ScratchFolder> folder_;
};

int run_body(void* argument) {
  (*static_cast<std::function<void()>*>(argument))();
  return 0;
}

}  // namespace

std::vector<unsigned> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<unsigned> cpus;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return cpus;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

Result<Eal*> Eal::start(const EalOptions& options) {
  static Eal* running = nullptr;
  if (running != nullptr) return fail("EAL is started already; it starts once in a process");

  const auto allowed = allowed_cpus();
  auto cpus = options.cpus.empty() ? allowed : options.cpus;
  for (const unsigned cpu : cpus) {
    if (std::find(allowed.begin(), allowed.end(), cpu) == allowed.end()) {
      return fail(ErrorKind::kEnvironment,
                  "CPU {} is not among those this process may run on (see taskset -p {})", cpu,
                  getpid());
    }
  }
  const auto against = reason_against_huge_pages(options);
  const bool huge = against.empty();
  std::optional<RuntimeFolder> folder(std::in_place);

  auto arguments = eal_arguments(cpus, huge, options.memory_mib);
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
    folder.reset();
    // Between the look and the start somebody else can take them.
    if (huge) begin_anew_without_huge_pages(options, rte_strerror(rte_errno));
    return fail(ErrorKind::kEnvironment,
                "DPDK's EAL did not start with {}: {}; try without hugepages, or fewer cores "
                "(./violet doctor lists what this host has)",
                huge ? "hugepages" : "4 KiB pages", rte_strerror(rte_errno));
  }
  ::unsetenv(kRefused);  // Not for the programs that this one starts.
  static Eal eal;
  eal.cpus_ = std::move(cpus);
  eal.bodies_.resize(eal.cpus_.size());
  eal.against_huge_pages_ = against;
  eal.oversubscribed_ =
      std::set<unsigned>(eal.cpus_.begin(), eal.cpus_.end()).size() != eal.cpus_.size();
  running = &eal;
  return running;
}

Status Eal::launch(unsigned lcore, std::function<void()> body) {
  VIOLET_CHECK(lcore >= 1 && lcore < bodies_.size());
  if (rte_eal_get_lcore_state(lcore) != WAIT) return fail("lcore {} is busy", lcore);
  bodies_[lcore] = std::move(body);
  const int error = rte_eal_remote_launch(run_body, &bodies_[lcore], lcore);
  if (error != 0) return fail("lcore {} did not start: {}", lcore, rte_strerror(-error));
  return {};
}

void Eal::join(unsigned lcore) { rte_eal_wait_lcore(lcore); }

}  // namespace violet
