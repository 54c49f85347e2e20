#include "engine/telemetry/phase_clock.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "engine/base/check.hpp"

namespace violet {
namespace {

constexpr std::uint64_t kFirstGap = 8;  // Rounds on average, before it is known what a mark costs.
constexpr std::uint64_t kMostGap = 4096;
constexpr std::uint64_t kMarksOfFolding = 10;  // What taking up a sampled round costs, about.

std::size_t length_of(Ticks ticks) {
  return std::min(static_cast<std::size_t>(std::bit_width(ticks)), PhaseTally::kLengths - 1);
}

}  // namespace

PhaseClock::PhaseClock(const PhaseClockOptions& options)
    : options_(options),
      ticks_(options.ticks),
      mark_cost_(options.mark_cost ? *options.mark_cost : measured_mark_cost()),
      prices_(options.learned.value_or(MarkPrices(mark_cost_))),
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
  tally_.priced_before = prices_.marked_rounds();
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
  tally_.price = prices_.price();
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
    marked = owed(took, units);
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
      ++all.unsampled;
      prices_.add_plain(other_weight_, took - waited, units);
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
    own = drop(took - waited, units, is_long);
  }
  if (is_long) return;
  prices_.add_marked(static_cast<double>(weight_), took - waited, units, marks());
  count(own, units);
  PhaseTally::Short& all = tally_.short_rounds;
  ++all.sampled;
  all.weighted_units += weight_ * units;
  all.weighted_ticks += weight_ * own;
  // Of w rounds one is in the one sum and w - 1 in the other, which errs the other way.
  const auto w = static_cast<double>(weight_);
  if (weight_ > 1) all.chance.add(w * std::sqrt(w / (w - 1)), own, units);
}

// By how much being sampled made the round longer, as the rounds before say.
Ticks PhaseClock::owed(Ticks took, std::uint64_t units) const noexcept {
  const MarkPrice& price = prices_.price();
  const double all =
      price.mark * static_cast<double>(marks()) + price.in_unit * static_cast<double>(units);
  return std::min(took, static_cast<Ticks>(std::llround(all)));
}

// A sampled round of which only its length is known, without waits: it says that, and nothing of phases.
Ticks PhaseClock::drop(Ticks took, std::uint64_t units, bool is_long) noexcept {
  const Ticks marked = owed(took, units);
  const Ticks own = took - marked;
  tally_.own += marked;
  PhaseTally::Length& length = tally_.by_length[length_of(own)];
  length.unsampled += own;
  if (is_long) length.in_long += own;
  return own;
}

// Takes what the round owes from its phases: of each for its marks, and of the phase of begin() for what has no mark. What one
// does not have the others give, as they have: a mark may cost less than on average, and the sum of all is right.
void PhaseClock::pay(std::uint64_t units) noexcept {
  const MarkPrice& price = prices_.price();
  Ticks whole = std::accumulate(round_.ticks.begin(), round_.ticks.end(), Ticks{0});
  Ticks left = owed(whole, units);
  tally_.own += left;
  for (std::size_t i = 0; i < kWorkPhases; ++i) {
    double cost = price.mark * static_cast<double>(round_.marks[i]);
    if (i == static_cast<std::size_t>(base_)) cost += price.in_unit * static_cast<double>(units);
    const Ticks paid = std::min({round_.ticks[i], left, static_cast<Ticks>(std::llround(cost))});
    round_.ticks[i] -= paid;
    left -= paid;
    whole -= paid;
  }
  for (Ticks& ticks : round_.ticks) {
    if (left == 0) break;
    // Of what this and the phases behind it have, its share.
    const auto share = static_cast<double>(left) / static_cast<double>(whole);
    const Ticks paid =
        std::min({ticks, left, static_cast<Ticks>(std::ceil(share * static_cast<double>(ticks)))});
    whole -= ticks;
    ticks -= paid;
    left -= paid;
  }
}

// The sampled round goes to those of its length; returns its time without marks.
Ticks PhaseClock::fold(std::uint64_t units, bool is_long) noexcept {
  pay(units);
  const Ticks whole = std::accumulate(round_.ticks.begin(), round_.ticks.end(), Ticks{0});
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
