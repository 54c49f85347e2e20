// An inquiry asks where the metric of one cell over that of another lies, seen from a limit, and judges all of these
// questions together. Internal to this room.
//
// Threading: one thread.
// Invariants: expectations.hpp's: a question is answered by verdict.hpp, with the baseline scaled by the limit. Answers are
// there after judge_all().
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "experiments/results/compare.hpp"
#include "experiments/results/run_directory.hpp"
#include "experiments/results/samples.hpp"
#include "experiments/results/verdict.hpp"

namespace violet::results {

// Where a ratio or a value lies, seen from a limit.
enum class Side { kAbove, kBelow, kAt, kUnclear, kUnknown };
std::string_view to_text(Side side);

// What 0 over 0 is.
enum class Nothing { kIsEqual, kIsNoRatio };

struct Question {
  std::string what;  // "lazy-percpu over strict"
  double limit = 1;
  std::optional<Side> known;  // Where there is nothing to test.
  std::string because;        // Why not, or why the answer is withheld.
  Difference plain;           // As measured.
  Difference scaled;          // The baseline times the limit: what is judged.
};

class Inquiry {
 public:
  // `run` outlives it.
  explicit Inquiry(const RunData& run) : run_(run) {}

  // Of two cells by their indexes: contender over baseline. The question's number.
  std::size_t ask(std::size_t contender, std::size_t baseline, const std::string& metric,
                  double limit, std::string what, Nothing nothing);
  void judge_all();

  const Question& question(std::size_t number) const { return questions_[number]; }
  Side side(std::size_t number) const;
  // Why that is so, or why it is not clear.
  std::string reason(std::size_t number) const;

 private:
  void compare_with(Question& question, const CellData& mine, const CellData& theirs,
                    const std::string& metric);

  const RunData& run_;
  std::deque<Question> questions_;
};

// Of what nothing ever ends: above every number.
bool is_endless(const Samples& samples);
// Why there is no number.
std::string lack_of(const CellData& cell, const Samples& samples);

}  // namespace violet::results
