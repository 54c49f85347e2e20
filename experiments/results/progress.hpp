// A progress line tells on stderr how far a run is: it rewrites itself on a terminal, elsewhere there are lines or
// JSON.
//
// Threading: owner-only.
// Invariants: nothing ever goes to stdout; kNever writes nothing; on a terminal at most 10 lines a
// second, elsewhere one a step; notes are never overwritten.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "engine/base/result.hpp"

namespace violet::results {

enum class ProgressMode { kAuto, kAlways, kNever, kJson };
Result<ProgressMode> progress_mode_from(std::string_view name);  // auto, always, never, json

// Time left, from the share of the expected work that is done. Work is counted in expected seconds, so
// that long and short cells weigh what they should.
class Eta {
 public:
  explicit Eta(double expected_s) : expected_s_(expected_s) {}
  void done(double expected_s, double took_s) {
    done_s_ += expected_s;
    took_s_ += took_s;
  }
  void expect(double expected_s) { expected_s_ += expected_s; }
  // Beyond what is expected so far.
  void may_follow(double expected_s) { follows_s_ = expected_s; }
  double share() const { return total_s() > 0 ? done_s_ / total_s() : 1; }
  // Until something is done, the expectation itself.
  double remaining_s() const;

 private:
  double total_s() const { return expected_s_ + follows_s_; }

  double expected_s_;
  double follows_s_ = 0;
  double done_s_ = 0;
  double took_s_ = 0;
};

class Progress {
 public:
  using Clock = std::function<double()>;               // Seconds, steady.
  using Sink = std::function<void(std::string_view)>;  // stderr, or a test.

  struct Setup {
    ProgressMode mode = ProgressMode::kAuto;
    bool terminal = false;
    unsigned width = 80;
    Sink sink;
    Clock clock;
  };
  // On stderr as it is.
  static Progress on_stderr(ProgressMode mode);
  explicit Progress(Setup setup);

  // `directory` is where the results grow, for programs that follow the run.
  void start(std::string_view what, std::size_t steps, double expected_s,
             std::string_view directory = {});
  // A step begins; `label` says which, and for programs `cell` and `repetition`.
  void begin_step(std::string_view label, double expected_s, std::string_view cell = {},
                  std::uint32_t repetition = 0);
  // Called as often as is handy while a step runs.
  void tick();
  void end_step();
  // One more than start() was told.
  void add_step(double expected_s);
  // So many more are about to be added: until then nothing is done, and so before start().
  void may_follow(std::size_t steps, double each_s);
  void note(std::string_view text);
  void finish(std::string_view text);

 private:
  void draw(bool even_if_soon);
  void write_line(const std::string& text);
  std::string bar_line() const;
  void emit_json(std::string_view event, std::string_view text);

  Setup setup_;
  bool silent_;
  std::string what_, label_, directory_, cell_;
  std::uint32_t repetition_ = 0;
  std::size_t steps_ = 0, finished_ = 0, following_ = 0;
  double following_s_ = 0;
  Eta eta_{0};
  double step_expected_s_ = 0, step_began_s_ = 0, drawn_s_ = -1;
  bool line_open_ = false;
};

// "1 h 02 min", "3 min 10 s", "12 s".
std::string duration_text(double seconds);

}  // namespace violet::results
