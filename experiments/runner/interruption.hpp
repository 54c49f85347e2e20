// An interruption turns signals into a wish to stop, and into an end when the wish is not met.
//
//   SIGINT                          asked(): stop after what is in hand
//   SIGTERM, SIGHUP                 the same, and now() half a second later
//   a second one of any of these    now(): leave what is in hand
//   1.25 s after now()              the process ends itself, whatever it is doing: the farewell on stderr, the
//                                   exit code that goes with it
//
// Threading: one at a time in a process; made, unmade and told its farewell on one thread, looked at from any. The
// handlers make system calls only.
// Invariants: within two seconds of a second signal, or of one SIGTERM or SIGHUP, the process is gone. A SIGHUP that
// was ignored before (nohup) stays ignored. Once it is unmade signals do again what they did before.
#pragma once

#include <signal.h>
#include <time.h>

#include <atomic>
#include <string_view>

#include "engine/base/file_descriptor.hpp"

namespace violet {

class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  bool asked() const;
  // True: leave at once.
  const std::atomic<bool>& now() const;
  // Readable once asked() is true, for poll().
  int fd() const { return event_.get(); }
  // What the process says, and returns, if it has to end itself from now on. Longer texts are cut.
  void farewell(std::string_view text, int code);

  static constexpr std::size_t kLongestFarewell = 1000;

 private:
  FileDescriptor event_;
  timer_t timer_{};
  bool has_timer_ = false;
  struct sigaction old_interrupt_ {
  }, old_terminate_{}, old_hangup_{}, old_alarm_{};
};

}  // namespace violet
