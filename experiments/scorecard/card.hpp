// A card is the scorecard as data: which keys there are, what each must reach, what was found, and how it is shown.
//
// Threading: plain values and pure functions.
// Invariants: the verdict follows from values and bounds alone. A row without values has a reason.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/results/manifest.hpp"
#include "experiments/results/statistics.hpp"

namespace violet::scorecard {

inline constexpr int kSchema = 1;

struct Bound {
  enum class Kind { kAtMost, kAtLeast };
  Kind kind;
  double limit;
  std::string_view unit = {};  // Empty: a ratio.

  bool admits(double value) const {
    return kind == Kind::kAtMost ? value <= limit : value >= limit;
  }
};

struct Key {
  std::string_view name;
  std::string_view what;  // In a few words, for the table.
  std::vector<Bound> bounds;
};

// Every key of the scorecard, in the order in which it is printed.
std::span<const Key> keys();
std::string target_text(const Key& key);

// What a bench says about one key. Either one value for each bound, or none and `reason` says why. A value
// that this machine cannot have (NaN) has no say in the verdict; `absolute` tells why.
struct Finding {
  std::string_view key;
  std::vector<results::Estimate> values;
  std::string absolute;
  std::string reason;  // Printed where the target is not reached, or nothing was measured.
  std::string method;  // How it was measured, where that is not obvious. For people.
};

enum class Verdict { kMet, kShort, kNotAvailable };
std::string_view to_text(Verdict verdict);
Verdict verdict_of(const Key& key, const Finding& finding);

struct Card {
  std::vector<Finding> findings;  // As keys().
  results::Manifest host;
  std::vector<std::string> remarks;  // Of the whole run: noise, placement.
};

std::string to_json(const Card& card);
std::string to_text(const Card& card, unsigned width, bool colour);

}  // namespace violet::scorecard
