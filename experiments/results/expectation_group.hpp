// A group judge holds one group of an expectation's cells against what is expected of it. Internal to this room.
//
// Threading: one thread.
// Invariants: it asks when it is made; whatever else it says needs Inquiry::judge_all() first.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "experiments/results/expectation_cells.hpp"
#include "experiments/results/expectation_inquiry.hpp"
#include "experiments/results/expectations.hpp"

namespace violet::results {

// What fails outweighs what is not clear, and that what could not be judged.
Fulfilment worse_of(Fulfilment a, Fulfilment b);

class GroupJudge {
 public:
  // All that it is given outlives it.
  GroupJudge(const RunData& run, const Expectation& expectation, CellGroup group, Inquiry& inquiry);

  const std::string& label() const { return group_.label; }
  Fulfilment fulfilment() const;
  std::string measured() const;
  // What decided, where it does not hold.
  std::string reason() const;
  void add_evidence(std::vector<Evidence>& evidence) const;

 private:
  // What the answer to a question has to be.
  enum class Wanted { kAtLeast, kAtMost, kMore };
  struct Condition {
    std::size_t question;
    Wanted wanted;
  };

  static Fulfilment met(Side side, Wanted wanted);
  Fulfilment met(const Condition& condition) const {
    return met(inquiry_.side(condition.question), condition.wanted);
  }

  void ask();
  void want(std::size_t contender, std::size_t baseline, double limit, Wanted wanted,
            std::string what);
  void ask_monotone(bool falling);
  // Neither more nor less than at the first value.
  void ask_same(std::size_t i);
  void ask_crossover();

  double slack() const { return 1 + e_.tolerance_percent / 100; }
  double number_at(std::size_t i) const;
  std::string over_words(std::size_t i, std::size_t k) const;

  Fulfilment every_condition() const;
  Fulfilment any_condition() const;
  // What ask_same(i) found: holds, fails, or neither is clear.
  Fulfilment same(std::size_t i) const;
  Fulfilment knee() const;
  Fulfilment value() const;

  Samples own_samples() const;
  // A limit of 0: one event in one repetition, a retried one as well, is too many.
  bool must_never_happen() const;
  bool withheld(const Samples& samples) const;
  std::string value_reason(Fulfilment whole) const;
  std::string value_words_with_interval() const;
  std::string ratio_words(std::size_t question) const;
  std::string at(std::size_t cell) const;
  std::string order_words() const;
  std::string points() const;
  std::string knee_words() const;
  std::string steepest_step() const;
  std::string crossover_words() const;

  const RunData& run_;
  const Expectation& e_;
  CellGroup group_;
  Inquiry& inquiry_;
  std::vector<Condition> conditions_;
};

}  // namespace violet::results
