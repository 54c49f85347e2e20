// A phase clock says where the time of one thread went, by phases of its work, from rounds of its loop that it samples.
//
//     begin() ... { operations or polls, with a PhaseScope around each phase } round() ... end()
//
// Of every round it knows how long it took: a read of the clock at its end. In a sampled round the clock is read at
// each change of phase as well, and what lies between two reads belongs to the one phase that was entered last: a phase
// inside of another one is not counted twice. The tally has rounds by their length, so that an estimate can scale each
// length by its own sampled rounds (phase_estimate.hpp).
//
// Which rounds are sampled is drawn anew for each, with the same chance for a short one and a long one: one in `gap`,
// as many as the marks may cost (`budget` of the time). That chance changes as the clock learns what rounds hold, from
// those before alone; so a sampled round stands for as many as its gap was, and sums of such weights err by chance only.
//
// A round of `long_round` or more is one in which something came between, or one of rare work. Few of them can have a
// large share of the time, and as few are sampled that no such sum would be near: their time is counted exactly and by
// itself.
//
// A round that takes so long is asked for the time in which the thread was ready and others had its CPU, where somebody
// knows that (the kernel). That time is no phase's, and does not make a round long. In a sampled round it is taken off
// the longest stretch between two marks, because so long a wait can hardly lie elsewhere; where it is longer than any
// stretch, what the round says of its phases is dropped, and its time still counts.
//
// What marks made a sampled round longer is taken from its phases, each by its marks, and counted as the breakdown's own.
// What a mark costs is learned from the rounds before (mark_price.hpp), of this clock and of one that ran before it in the
// same code. So what a round says is corrected by what others say, never by itself, and the sum of all is still a check.
//
// Threading: a clock belongs to the thread that called begin(), until end() on the same thread; the tally is a value.
// Invariants: the rounds' time, sampled and not, what was waited, and the breakdown's own add up to `wall` exactly. A
// scope that begins in a round ends in it. Outside of a sampled round a scope costs one load and two predictable
// branches, and writes nothing.
// Limits: one clock a thread. Rounds are told apart by the power of two that they last. Waits within short rounds are not
// seen where they are; what they come to is taken from the next long round. One price is taken for all marks; what a phase
// owes for its marks and does not have is taken from the others of the round.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>

#include "engine/base/clock.hpp"
#include "engine/base/rng.hpp"
#include "engine/telemetry/mark_price.hpp"
#include "engine/telemetry/work_phase.hpp"

namespace violet {

struct PhaseTally {
  static constexpr std::size_t kLengths = 48;  // By the binary digits of a round's ticks.

  struct Length {
    Ticks unsampled = 0;  // Of rounds that were not sampled.
    Ticks sampled = 0;    // Of those that were, without marks.
    Ticks in_long = 0;    // Of both, what long rounds have.
    Ticks weighted =
        0;  // Of sampled ones, each as often as it stands for a round; all phases together.
    std::array<Ticks, kWorkPhases> of{};
    std::uint64_t sampled_rounds = 0;
    std::array<std::uint32_t, kWorkPhases>
        rounds_with{};  // Of the sampled ones that had the phase.
  };

  // Rounds that are not long.
  struct Short {
    std::uint64_t rounds = 0, units = 0;  // All, whether sampled or not,
    Ticks ticks = 0;                      // and their time.
    std::uint64_t sampled = 0, unsampled = 0;
    std::uint64_t weighted_units = 0;  // Of the sampled, each as often as it stands for a round,
    Ticks weighted_ticks = 0;          // and their time, without marks.
    double other_units = 0, other_ticks = 0;  // The same of those that were not sampled.
    RoundSums chance;  // Of the sampled ones, weighed by what drawing them adds to the variance.
  };

  Ticks wall = 0;    // From begin() to end().
  Ticks own = 0;     // The breakdown itself.
  Ticks waited = 0;  // Others had the CPU.
  std::uint64_t rounds = 0;
  std::uint64_t sampled_rounds = 0;  // Without those that were dropped.
  std::array<Length, kLengths> by_length{};
  Short short_rounds;
  MarkPrice price;  // As all rounds say it, at the end,
  std::uint64_t priced_before =
      0;  // and the sampled ones from which one was known at the beginning.

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
  double budget = 0.0075;  // What marks may take of the time; above 0.
  std::uint64_t seed = 1;
  TickSource ticks = {};
  std::optional<Ticks> mark_cost = std::nullopt;  // In a loop; nothing: as measured on this host.
  std::optional<MarkPrices> learned = std::nullopt;  // By a clock that ran in the same code.
  std::optional<std::uint64_t> gap =
      std::nullopt;  // One round in so many, whatever it costs; from 1.
  WaitSource waits = {};
  Ticks long_round = ~Ticks{0};  // From it on a round is asked for waits, and without them is long.
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
  // What marks cost, as learned from begin() on, and before.
  const MarkPrices& prices() const { return prices_; }

  // A round of this thread's loop ends here, in which so much was done. Nothing where the thread has no clock.
  static void round(std::uint64_t units = 1) noexcept {
    if (here_.running != nullptr) here_.running->end_round(units);
  }
  // This thread's clock while a round is sampled; else null.
  static PhaseClock* sampling() noexcept { return here_.sampling; }

  // Ends the current phase, and returns it; where it goes on, nothing is marked. Out of line: where a round is not sampled it only takes room.
  WorkPhase enter(WorkPhase next) noexcept;
  // What was going on since the last mark turned out to be this.
  void name(WorkPhase phase) noexcept { current_ = phase; }
  WorkPhase current() const noexcept { return current_; }

  // What one enter() takes on this host, among others; measured at the first call.
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

  void stretch_until(Ticks now) noexcept;
  void end_round(std::uint64_t units) noexcept;
  void draw() noexcept;
  bool close_round(Ticks now, std::uint64_t units) noexcept;
  std::uint64_t marks() const noexcept;
  Ticks waited_in(Ticks took) noexcept;
  void take_up(Ticks took, Ticks waited, std::uint64_t units, bool is_long) noexcept;
  void count(Ticks own, std::uint64_t units) noexcept;
  Ticks owed(Ticks took, std::uint64_t units) const noexcept;
  void pay(std::uint64_t units) noexcept;
  Ticks fold(std::uint64_t units, bool is_long) noexcept;
  Ticks drop(Ticks took, std::uint64_t units, bool is_long) noexcept;
  std::uint64_t affordable_gap() const noexcept;
  std::uint64_t draw_gap() noexcept;

  static inline constinit thread_local Here here_{};

  PhaseClockOptions options_;
  TickSource ticks_;
  Ticks mark_cost_;    // In a loop: for the budget,
  MarkPrices prices_;  // and in place: for the phases.
  Rng rng_;
  WorkPhase base_ = WorkPhase::kLoop;
  WorkPhase current_ = WorkPhase::kLoop;
  Ticks since_ = 0;  // The last mark.
  Ticks began_ = 0;  // The round.
  bool sampled_ = false;
  std::uint64_t weight_ = 1;         // Rounds that the sampled one stands for,
  double other_weight_ = 1;          // and one that is not.
  std::uint64_t gap_ = 1;            // One round in so many is sampled,
  std::uint64_t until_sampled_ = 0;  // the next one after so many.
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
