// A phase clock says where the time of one thread went, by phases of its work, from rounds of its loop that it samples.
//
//     begin() ... { operations or polls, with a PhaseScope around each phase } round() ... end()
//
// Of every round it knows how long it took: a read of the clock at its end. In a sampled round the clock is read at
// each change of phase as well, and what lies between two reads belongs to the one phase that was entered last: a phase
// inside of another one is not counted twice. The tally has rounds by their length, so that an estimate can scale each
// length by its own sampled rounds (phase_estimate.hpp).
//
// A round that is long is asked for the time in which the thread was ready and others had its CPU, where somebody knows
// that (the kernel). That time is no phase's: it is counted by itself. In a sampled round it is taken off the longest
// stretch between two marks, because so long a wait can hardly lie elsewhere; where it is longer than any stretch, what the
// round says of its phases is dropped.
//
// Which rounds are sampled is drawn at random, as many as the marks may cost: `budget` of the time, whatever a round
// holds. What a mark costs is measured once, is taken from the phases and counted as the breakdown's own.
//
// Threading: a clock belongs to the thread that called begin(), until end() on the same thread; the tally is a value.
// Invariants: the rounds' time, sampled and not, what was waited, and the breakdown's own add up to `wall` exactly. A scope that begins in a
// round ends in it. Outside of a sampled round a scope costs one load and two predictable branches, and writes nothing.
// Limits: one clock a thread. Rounds are told apart by the power of two that they last. Waits within short rounds are not
// seen where they are; what they come to is taken from the next long round.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>

#include "engine/base/clock.hpp"
#include "engine/base/rng.hpp"
#include "engine/telemetry/work_phase.hpp"

namespace violet {

struct PhaseTally {
  static constexpr std::size_t kLengths = 48;  // By the binary digits of a round's ticks.

  struct Length {
    Ticks unsampled = 0;  // Of rounds that were not sampled.
    Ticks sampled = 0;    // Of those that were, without marks; all phases together.
    std::array<Ticks, kWorkPhases> of{};
    std::uint64_t sampled_rounds = 0;
    std::array<std::uint32_t, kWorkPhases>
        rounds_with{};  // Of the sampled ones that had the phase.
  };

  Ticks wall = 0;    // From begin() to end().
  Ticks own = 0;     // The breakdown itself.
  Ticks waited = 0;  // Others had the CPU.
  std::uint64_t rounds = 0;
  std::uint64_t sampled_rounds = 0;  // Without those that were dropped.
  std::array<Length, kLengths> by_length{};

  // Sampled rounds that had the phase, without those that were dropped.
  std::uint64_t rounds_with(WorkPhase phase) const {
    std::uint64_t sum = 0;
    for (const Length& one : by_length) sum += one.rounds_with[static_cast<std::size_t>(phase)];
    return sum;
  }
};

// How long a thread has been ready while others had its CPU, in ticks since any moment; null: nobody knows.
struct WaitSource {
  Ticks (*waited)(void* context) noexcept = nullptr;
  void* context = nullptr;
};

struct PhaseClockOptions {
  double budget = 0.0025;  // What marks may take of the time; above 0.
  std::uint64_t seed = 1;
  TickSource ticks = {};
  std::optional<Ticks> mark_cost = std::nullopt;  // Nothing: as measured on this host.
  WaitSource waits = {};
  Ticks long_round = ~Ticks{0};  // From it on a round is asked for waits.
};

class PhaseClock {
 public:
  explicit PhaseClock(const PhaseClockOptions& options = {});
  ~PhaseClock();
  PhaseClock(const PhaseClock&) = delete;
  PhaseClock& operator=(const PhaseClock&) = delete;

  // Time begins, in `base`: the phase of all that is in no scope.
  void begin(WorkPhase base);
  PhaseTally end();

  // A round of this thread's loop ends here. Nothing where the thread has no clock.
  static void round() noexcept {
    if (here_.running != nullptr) here_.running->end_round();
  }
  // This thread's clock while a round is sampled; else null.
  static PhaseClock* sampling() noexcept { return here_.sampling; }

  // Ends the current phase, and returns it. Out of line: where a round is not sampled it only takes room.
  WorkPhase enter(WorkPhase next) noexcept;
  // What was going on since the last mark turned out to be this.
  void name(WorkPhase phase) noexcept { current_ = phase; }
  WorkPhase current() const noexcept { return current_; }

  // What one enter() takes on this host; measured at the first call.
  static Ticks measured_mark_cost();

 private:
  struct Here {
    PhaseClock* running;
    PhaseClock* sampling;
  };
  struct Round {
    std::array<Ticks, kWorkPhases> ticks;
    std::array<std::uint32_t, kWorkPhases> marks;
    Ticks longest;           // Stretch between two marks,
    std::size_t longest_of;  // and its phase.
  };
  struct Samples {  // All of them.
    std::uint64_t rounds = 0, marks = 0;
  };

  void mark(Ticks now) noexcept;
  void end_round() noexcept;
  bool is_long(Ticks took) const noexcept;
  bool close_round(Ticks now) noexcept;
  Ticks waited_in(Ticks took) noexcept;
  void fold() noexcept;
  void drop(Ticks took, Ticks waited) noexcept;
  std::uint64_t draw_gap() noexcept;

  static inline constinit thread_local Here here_{};

  PhaseClockOptions options_;
  TickSource ticks_;
  Ticks mark_cost_;
  Rng rng_;
  WorkPhase base_ = WorkPhase::kLoop;
  WorkPhase current_ = WorkPhase::kLoop;
  Ticks since_ = 0;  // The last mark.
  Ticks began_ = 0;  // The round.
  bool sampled_ = false;
  std::uint64_t until_sampled_ = 0;  // Rounds.
  Samples samples_;
  Ticks waited_before_ = 0;  // As the source said last.
  Round round_{};
  PhaseTally tally_;
};

// A phase lasts as long as the scope, without the scopes inside of it.
class PhaseScope {
 public:
  explicit PhaseScope(WorkPhase phase) noexcept : clock_(PhaseClock::sampling()) {
    if (clock_ != nullptr) [[unlikely]]
      before_ = clock_->enter(phase);
  }
  ~PhaseScope() {
    if (clock_ != nullptr) [[unlikely]]
      clock_->enter(before_);
  }
  PhaseScope(const PhaseScope&) = delete;
  PhaseScope& operator=(const PhaseScope&) = delete;

  // There was nothing to do: what went on since the last mark is of the phase around.
  void was_nothing() noexcept {
    if (clock_ != nullptr) [[unlikely]]
      clock_->name(before_);
  }
  // Goes on in another phase.
  void next(WorkPhase phase) noexcept {
    if (clock_ != nullptr) [[unlikely]]
      clock_->enter(phase);
  }

 private:
  PhaseClock* const clock_;
  WorkPhase before_ = WorkPhase::kLoop;
};

}  // namespace violet
