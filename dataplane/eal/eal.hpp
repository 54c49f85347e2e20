// The EAL object starts DPDK's environment abstraction layer with arguments of its own: the user
// never types one.
//
// With hugepages: --in-memory. Without: --no-huge and --no-shconf (DPDK 22.11 refuses --no-huge and --in-memory
// together). Either way it leaves no file or folder behind. No PCI, no telemetry socket, its log only from warnings
// up.
//
// Where EAL fails with the hugepages that were there a moment before, the program begins anew and runs without.
//
// Threading: start() once, on the thread that becomes the main lcore; EAL starts once in a process.
// Limits: one lcore per CPU given, the first is the main one. Two lcores on one CPU starve each
// other for whole scheduler slices, so a CPU is given twice only when the caller asks for it by
// listing it twice, and oversubscribed() then says so for the result.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/base/result.hpp"

namespace violet {

struct EalOptions {
  std::vector<unsigned> cpus;  // One lcore each, in this order; empty: every CPU we may run on.
  bool huge_pages = true;      // Use them when the host has enough and the user allows them.
  unsigned memory_mib = 64;    // EAL's own heap, not guest memory.
  // Where hugepages go while EAL takes them the program begins anew, without: what has to be done before (no destructor
  // runs), and whether it was asked to end, which the new one is told by a SIGTERM.
  std::function<void()> before_anew = {};
  std::function<bool()> stop = {};
};

class Eal {
 public:
  // Error (kind kEnvironment) when EAL cannot start; the message has DPDK's reason and a way out.
  static Result<Eal*> start(const EalOptions& options);

  const std::vector<unsigned>& cpus() const { return cpus_; }
  bool huge_pages() const { return against_huge_pages_.empty(); }
  // Why EAL runs on 4 KiB pages; empty when it does not.
  const std::string& against_huge_pages() const { return against_huge_pages_; }
  bool oversubscribed() const { return oversubscribed_; }

  // Runs `body` on worker lcore `lcore` (1 .. cpus().size() - 1) until it returns.
  Status launch(unsigned lcore, std::function<void()> body);
  // Waits for the body given to launch().
  void join(unsigned lcore);

 private:
  std::vector<unsigned> cpus_;
  std::vector<std::function<void()>> bodies_;
  std::string against_huge_pages_;
  bool oversubscribed_ = false;
};

// CPUs this process may run on, ascending.
std::vector<unsigned> allowed_cpus();

}  // namespace violet
