// A mark price says how much longer a round of a loop becomes by being sampled: what one mark costs in this code.
//
// A loop of marks says what they cost there. In other code a mark costs something else: the processor hides a part of it
// behind other work, or has not foreseen that it comes and loses what it had begun; and the rarer rounds are sampled, the
// less of the marks' code is at hand. So the price is learned where it is paid. Which rounds are sampled is drawn by
// chance: by how much those take longer than the others, for what was done in them, is what sampling costs.
//
// Threading: belongs to one thread; a copy is a value.
// Method: the price is the sampled rounds' excess over their marks, drawn towards what a mark is in a loop, which is known to
// about a half (kLoopError), as far as the excess errs by chance. Where it would be more than kMostOfLoop times that, marks
// are few and something else made the rounds longer: that is a price for each unit.
// Limits: one price for all marks: a phase whose marks are dearer than others has a little too much.
#pragma once

#include <cstdint>

#include "engine/base/clock.hpp"

namespace violet {

// Over rounds, each by its weight: of their ticks and units, and of the squares that tell how a ratio of the two scatters.
struct RoundSums {
  std::uint64_t rounds = 0;
  double ticks = 0, units = 0;              // By the weight,
  double ticks2 = 0, both = 0, units2 = 0;  // and by its square.
  void add(double weight, Ticks of_ticks, std::uint64_t of_units);
  // Of the weighed squares by which rounds miss `ratio` ticks a unit.
  double misses2(double ratio) const;
};

// In ticks.
struct MarkPrice {
  double mark = 0;
  double in_unit = 0;  // What marks do not explain, for each unit.
  double error =
      0;  // For each unit: what the loop's price leaves unknown where rounds are too few to tell.
  bool is_learned = false;  // It is the rounds' more than the loop's.
};

class MarkPrices {
 public:
  static constexpr double kLoopError = 0.5;
  static constexpr double kMostOfLoop = 4;
  static constexpr std::uint64_t kFewestRounds =
      30;  // Of each kind, for their scatter to be known.

  explicit MarkPrices(Ticks in_a_loop);

  // A round that was not sampled; weight: how many rounds it stands for.
  void add_plain(double weight, Ticks ticks, std::uint64_t units) {
    plain_.add(weight, ticks, units);
  }
  // One that was, with its marks in its ticks. The price follows.
  void add_marked(double weight, Ticks ticks, std::uint64_t units, std::uint64_t marks);

  // As the rounds so far say it.
  const MarkPrice& price() const { return price_; }
  std::uint64_t marked_rounds() const { return marked_.rounds; }

 private:
  MarkPrice learned() const;

  double loop_;
  RoundSums plain_, marked_;
  double marks_ = 0;
  MarkPrice price_;
};

}  // namespace violet
