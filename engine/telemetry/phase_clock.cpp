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

void PhaseTally::Sums::add(double weight, Ticks of_ticks, std::uint64_t of_units) {
  const auto t = static_cast<double>(of_ticks), u = static_cast<double>(of_units);
  rounds += weight;
  ticks += weight * t;
  units += weight * u;
  ticks2 += weight * t * t;
  both += weight * t * u;
  units2 += weight * u * u;
}

double PhaseTally::Sums::misses2(double ratio) const {
  return std::max(0.0, ticks2 - 2 * ratio * both + ratio * ratio * units2);
}

PhaseClock::PhaseClock(const PhaseClockOptions& options)
    : options_(options),
      ticks_(options.ticks),
      mark_cost_(options.mark_cost ? *options.mark_cost : measured_mark_cost()),
      in_place_(options.in_place.value_or(mark_cost_)),
      rng_(options.seed) {
  VIOLET_CHECK(options.budget > 0 && options.gap.value_or(1) > 0);
}

PhaseClock::~PhaseClock() {
  if (here_.running == this) here_ = {};
}

void PhaseClock::begin(WorkPhase base) {
  VIOLET_CHECK(here_.running == nullptr);
  here_ = {this, nullptr};
  tally_ = {};
  samples_ = {};
  base_ = base;
  until_sampled_ = draw_gap();
  draw();
  if (options_.waits.waited != nullptr) {
    waited_before_ = options_.waits.waited(options_.waits.context);
  }
  began_ = since_ = ticks_();
}

PhaseTally PhaseClock::end() {
  VIOLET_CHECK(here_.running == this);
  here_ = {};
  close_round(ticks_(), 0);
  return tally_;
}

WorkPhase PhaseClock::enter(WorkPhase next) noexcept {
  if (next == current_) return next;
  ++round_.marks[static_cast<std::size_t>(current_)];
  stretch_until(ticks_());
  return std::exchange(current_, next);
}

void PhaseClock::stretch_until(Ticks now) noexcept {
  const auto at = static_cast<std::size_t>(current_);
  const Ticks stretch = now - since_;
  round_.ticks[at] += stretch;
  if (stretch > round_.longest) {
    round_.longest = stretch;
    round_.longest_of = at;
  }
  since_ = now;
}

// Whether the round that begins is sampled.
void PhaseClock::draw() noexcept {
  sampled_ = --until_sampled_ == 0;
  here_.sampling = sampled_ ? this : nullptr;
  if (!sampled_) [[likely]]
    return;
  weight_ = gap_;
  until_sampled_ = draw_gap();
  round_ = {};
  current_ = base_;
}

void PhaseClock::end_round(std::uint64_t units) noexcept {
  const Ticks now = ticks_();
  const bool was_sampled = sampled_;
  const bool looked = close_round(now, units);
  draw();
  Ticks begins = now;
  if (sampled_ || was_sampled || looked) {  // What was done about samples belongs to no round.
    begins = ticks_();
    Ticks waited = 0;
    // Whoever preempts this costs the breakdown nothing.
    if (begins - now >= options_.long_round && options_.waits.waited != nullptr) {
      waited = waited_in(begins - now);
      begins = ticks_();
    }
    tally_.own += begins - now - waited;
    tally_.waited += waited;
    tally_.wall += begins - now;
  }
  began_ = since_ = begins;
}

std::uint64_t PhaseClock::marks() const noexcept {
  std::uint64_t sum = 0;
  for (const std::uint32_t of_phase : round_.marks) sum += of_phase;
  return sum;
}

// Whether it took the time to ask for waits. A sampled round is long where it would be so without marks.
bool PhaseClock::close_round(Ticks now, std::uint64_t units) noexcept {
  const Ticks took = now - began_;
  Ticks marked = 0;
  if (sampled_) [[unlikely]] {
    stretch_until(
        now);  // The last phase ends here, with the read of the clock that every round has.
    marked = std::min<Ticks>(took, in_place_ * marks());
  }
  const bool looks = took - marked >= options_.long_round && options_.waits.waited != nullptr;
  const Ticks waited = looks ? waited_in(took) : 0;
  const bool is_long = took - std::min(took, marked + waited) >= options_.long_round;
  tally_.wall += took;
  tally_.waited += waited;
  ++tally_.rounds;
  if (sampled_) [[unlikely]] {
    take_up(took, waited, units, is_long);
  } else {
    PhaseTally::Length& length = tally_.by_length[length_of(took - waited)];
    length.unsampled += took - waited;
    if (is_long) [[unlikely]] {
      length.in_long += took - waited;
    } else {
      count(took - waited, units);
      PhaseTally::Short& all = tally_.short_rounds;
      all.unsampled.add(1, took - waited, units);
      all.other_ticks += other_weight_ * static_cast<double>(took - waited);
      all.other_units += other_weight_ * static_cast<double>(units);
    }
  }
  return looks;
}

void PhaseClock::count(Ticks own, std::uint64_t units) noexcept {
  PhaseTally::Short& all = tally_.short_rounds;
  ++all.rounds;
  all.units += units;
  all.ticks += own;
}

Ticks PhaseClock::waited_in(Ticks took) noexcept {
  const Ticks total = options_.waits.waited(options_.waits.context);
  const Ticks since = total - std::exchange(waited_before_, total);
  return std::min(since, took);
}

void PhaseClock::take_up(Ticks took, Ticks waited, std::uint64_t units, bool is_long) noexcept {
  ++samples_.rounds;
  samples_.marks += marks();
  Ticks own = 0;
  if (waited <= round_.longest) {
    // A scheduler's wait is so long that it can hardly lie elsewhere.
    round_.ticks[round_.longest_of] -= waited;
    own = fold(units, is_long);
  } else {
    own = drop(took, waited, is_long);
  }
  if (is_long) return;
  count(own, units);
  PhaseTally::Short& all = tally_.short_rounds;
  all.marks += marks();
  all.weighted_units += weight_ * units;
  all.weighted_ticks += weight_ * own;
  all.sampled.add(1, own, units);
  // Of w rounds one is in the one sum and w - 1 in the other, which errs the other way.
  const auto w = static_cast<double>(weight_);
  if (weight_ > 1) all.chance.add(w * w * w / (w - 1), own, units);
}

// A sampled round of which only its length is known: it says that, and nothing of phases.
Ticks PhaseClock::drop(Ticks took, Ticks waited, bool is_long) noexcept {
  const Ticks marked = std::min<Ticks>(took - waited, in_place_ * marks());
  const Ticks own = took - waited - marked;
  tally_.own += marked;
  PhaseTally::Length& length = tally_.by_length[length_of(own)];
  length.unsampled += own;
  if (is_long) length.in_long += own;
  return own;
}

// The sampled round goes to those of its length; returns its time without marks. No phase gives more for them than it has.
Ticks PhaseClock::fold(std::uint64_t units, bool is_long) noexcept {
  Ticks whole = 0;
  for (std::size_t i = 0; i < kWorkPhases; ++i) {
    Ticks cost = in_place_ * round_.marks[i];
    if (i == static_cast<std::size_t>(base_)) {
      cost += static_cast<Ticks>(options_.in_unit * static_cast<double>(units));
    }
    cost = std::min(round_.ticks[i], cost);
    round_.ticks[i] -= cost;
    tally_.own += cost;
    whole += round_.ticks[i];
  }
  PhaseTally::Length& length = tally_.by_length[length_of(whole)];
  length.sampled += whole;
  if (is_long) length.in_long += whole;
  length.weighted += weight_ * whole;
  ++length.sampled_rounds;
  ++tally_.sampled_rounds;
  for (std::size_t i = 0; i < kWorkPhases; ++i) {
    length.of[i] += weight_ * round_.ticks[i];
    const bool met = round_.marks[i] > 0 || i == static_cast<std::size_t>(current_);
    length.rounds_with[i] += met ? 1 : 0;
  }
  return whole;
}

// One round in so many keeps to the budget. A round counts as it is on average, and a sample as it was: of the rounds that
// were kept, often the short ones, one must not judge.
std::uint64_t PhaseClock::affordable_gap() const noexcept {
  constexpr double kLeastGap = 2;  // Some rounds are left to hold the sampled ones against.
  if (options_.gap) return *options_.gap;
  const Ticks ran = tally_.wall - tally_.waited;
  if (samples_.rounds == 0 || ran == 0) return kFirstGap;
  // Not as measured: what preempts a mark is not what it costs.
  const std::uint64_t marks = samples_.marks + kMarksOfFolding * samples_.rounds;
  const double a_sample =
      static_cast<double>(mark_cost_ * marks) / static_cast<double>(samples_.rounds);
  const double a_round = static_cast<double>(ran) / static_cast<double>(tally_.rounds);
  return static_cast<std::uint64_t>(
      std::clamp(std::ceil(a_sample / (options_.budget * a_round)), kLeastGap, double{kMostGap}));
}

// How many rounds it is to the next sampled one. Geometric: each round has the same chance, however long the last sample is
// ago, so that it beats with nothing that the loop does.
std::uint64_t PhaseClock::draw_gap() noexcept {
  gap_ = affordable_gap();
  if (gap_ == 1) return 1;  // No other round comes before.
  other_weight_ = static_cast<double>(gap_) / static_cast<double>(gap_ - 1);
  const double uniform = (static_cast<double>(rng_() >> 11) + 0.5) * 0x1.0p-53;
  return 1 +
         static_cast<std::uint64_t>(std::log(uniform) / std::log1p(-1 / static_cast<double>(gap_)));
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
