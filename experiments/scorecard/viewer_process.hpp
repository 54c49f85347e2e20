// A viewer process does what the application does with a live run, without drawing: it maps the run's segment
// through /proc, and so many times a second it copies what is new in every ring and aggregates it.
//
// Threading: owner-only, lcore 0. start() forks, so it comes before EAL and before any other thread.
// Invariants: the process ends with its parent, however that ends. It has the priority that the
// application's reading thread has (step_back() of telemetry/segment.hpp).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>

#include "engine/base/result.hpp"

namespace violet::scorecard {

class ViewerProcess {
 public:
  struct Totals {
    std::uint64_t frames = 0;
    std::uint64_t events = 0;  // Copied and aggregated.
    std::uint64_t lost = 0;    // Overwritten before it came to them.
  };

  static Result<std::unique_ptr<ViewerProcess>> start();
  ~ViewerProcess();
  ViewerProcess(const ViewerProcess&) = delete;
  ViewerProcess& operator=(const ViewerProcess&) = delete;

  // Returns when it has attached to this process's segment and goes on in its own time, on `cpu`.
  Status attach(int segment_fd, unsigned cpu, unsigned frames_per_s);
  Result<Totals> detach();

 private:
  ViewerProcess(pid_t pid, int to, int from) : pid_(pid), to_(to), from_(from) {}

  pid_t pid_;
  int to_;    // Orders.
  int from_;  // Answers.
};

}  // namespace violet::scorecard
