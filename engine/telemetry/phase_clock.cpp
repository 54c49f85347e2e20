#include "engine/telemetry/phase_clock.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/base/check.hpp"

namespace violet {
namespace {

constexpr std::uint64_t kFirstGap = 8;  // Rounds on average, before it is known what a mark costs.
constexpr std::uint64_t kMostGap = 4096;
constexpr std::uint64_t kMarksOfFolding = 10;  // What taking up a sampled round costs, about.

std::size_t length_of(Ticks ticks) {
  return std::min<std::size_t>(std::bit_width(ticks), PhaseTally::kLengths - 1);
}

}  // namespace

PhaseClock::PhaseClock(const PhaseClockOptions& options)
    : options_(options),
      ticks_(options.ticks),
      mark_cost_(options.mark_cost ? *options.mark_cost : measured_mark_cost()),
      rng_(options.seed) {
  VIOLET_CHECK(options.budget > 0);
}

PhaseClock::~PhaseClock() {
  if (here_.running == this) here_ = {};
}

void PhaseClock::begin(WorkPhase base) {
  VIOLET_CHECK(here_.running == nullptr);
  here_ = {this, nullptr};
  tally_ = {};
  samples_ = {};
  sampled_ = false;
  base_ = base;
  until_sampled_ = draw_gap();
  if (options_.waits.waited != nullptr) {
    waited_before_ = options_.waits.waited(options_.waits.context);
  }
  began_ = ticks_();
}

PhaseTally PhaseClock::end() {
  VIOLET_CHECK(here_.running == this);
  here_ = {};
  close_round(ticks_());
  return tally_;
}

WorkPhase PhaseClock::enter(WorkPhase next) noexcept {
  mark(ticks_());
  return std::exchange(current_, next);
}

void PhaseClock::mark(Ticks now) noexcept {
  const auto at = static_cast<std::size_t>(current_);
  const Ticks stretch = now - since_;
  round_.ticks[at] += stretch;
  ++round_.marks[at];
  if (stretch > round_.longest) {
    round_.longest = stretch;
    round_.longest_of = at;
  }
  since_ = now;
}

void PhaseClock::end_round() noexcept {
  const Ticks now = ticks_();
  const bool looked = close_round(now);
  const bool sample = --until_sampled_ == 0;
  Ticks begins = now;
  if (sample || sampled_ || looked) {  // What was done about samples belongs to no round.
    if (sample) {
      until_sampled_ = draw_gap();
      round_ = {};
      current_ = base_;
    }
    here_.sampling = sample ? this : nullptr;
    begins = ticks_();
    Ticks waited = 0;
    if (is_long(begins - now)) {  // Whoever preempts this costs the breakdown nothing.
      waited = waited_in(begins - now);
      begins = ticks_();
    }
    tally_.own += begins - now - waited;
    tally_.waited += waited;
    tally_.wall += begins - now;
  }
  sampled_ = sample;
  began_ = since_ = begins;
}

bool PhaseClock::is_long(Ticks took) const noexcept {
  return took >= options_.long_round && options_.waits.waited != nullptr;
}

// Whether it took the time to ask for waits.
bool PhaseClock::close_round(Ticks now) noexcept {
  const Ticks took = now - began_;
  const bool looks = is_long(took);
  const Ticks waited = looks ? waited_in(took) : 0;
  tally_.wall += took;
  tally_.waited += waited;
  ++tally_.rounds;
  if (!sampled_) [[likely]] {
    tally_.by_length[length_of(took - waited)].unsampled += took - waited;
  } else {
    mark(now);  // The last phase ends here.
    ++samples_.rounds;
    for (const std::uint32_t of_phase : round_.marks) samples_.marks += of_phase;
    if (waited <= round_.longest) {
      // A scheduler's wait is so long that it can hardly lie elsewhere.
      round_.ticks[round_.longest_of] -= waited;
      fold();
    } else {
      drop(took, waited);
    }
  }
  return looks;
}

Ticks PhaseClock::waited_in(Ticks took) noexcept {
  const Ticks total = options_.waits.waited(options_.waits.context);
  const Ticks since = total - std::exchange(waited_before_, total);
  return std::min(since, took);
}

// A sampled round of which only its length is known.
void PhaseClock::drop(Ticks took, Ticks waited) noexcept {
  std::uint64_t marks = 0;
  for (const std::uint32_t of_phase : round_.marks) marks += of_phase;
  const Ticks own = std::min<Ticks>(took - waited, mark_cost_ * marks);
  tally_.own += own;
  tally_.by_length[length_of(took - waited - own)].unsampled += took - waited - own;
}

// The sampled round goes to those of its length. No phase gives more for its marks than it has.
void PhaseClock::fold() noexcept {
  Ticks whole = 0;
  for (std::size_t i = 0; i < kWorkPhases; ++i) {
    const Ticks cost = std::min<Ticks>(round_.ticks[i], mark_cost_ * round_.marks[i]);
    round_.ticks[i] -= cost;
    tally_.own += cost;
    whole += round_.ticks[i];
  }
  PhaseTally::Length& length = tally_.by_length[length_of(whole)];
  length.sampled += whole;
  ++length.sampled_rounds;
  ++tally_.sampled_rounds;
  for (std::size_t i = 0; i < kWorkPhases; ++i) {
    length.of[i] += round_.ticks[i];
    length.rounds_with[i] += round_.marks[i] > 0 ? 1 : 0;
  }
}

// Uniform around a mean that keeps to the budget, so that it beats with nothing that the loop does. A round counts as it is
// on average, and a sample as it was: of the rounds that were kept, often the short ones, one must not judge.
std::uint64_t PhaseClock::draw_gap() noexcept {
  std::uint64_t mean = kFirstGap;
  const Ticks ran = tally_.wall - tally_.waited;
  if (samples_.rounds > 0 && ran > 0) {
    // Not as measured: what preempts a mark is not what it costs.
    const std::uint64_t marks = samples_.marks + kMarksOfFolding * samples_.rounds;
    const double a_sample =
        static_cast<double>(mark_cost_ * marks) / static_cast<double>(samples_.rounds);
    const double a_round = static_cast<double>(ran) / static_cast<double>(tally_.rounds);
    mean = static_cast<std::uint64_t>(
        std::clamp(std::ceil(a_sample / (options_.budget * a_round)), 1.0, double{kMostGap}));
  }
  return 1 + rng_.below(2 * mean - 1);
}

Ticks PhaseClock::measured_mark_cost() {
  static const Ticks kCost = [] {
    constexpr unsigned kBatches = 64, kMarks = 256;
    PhaseClock clock({.mark_cost = 0});
    Ticks least = ~Ticks{0};
    for (unsigned batch = 0; batch < kBatches; ++batch) {
      const Ticks start = now_ticks();
      for (unsigned i = 0; i < kMarks; ++i)
        clock.enter(i % 2 == 0 ? WorkPhase::kStore : WorkPhase::kIdle);
      least = std::min(least, (now_ticks() - start) / kMarks);
    }
    return least;
  }();
  return kCost;
}

}  // namespace violet
