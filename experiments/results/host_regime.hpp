// A host regime is a state of the host in which repetitions are alike: how far apart the CPUs of guest and engine
// are, and how fast the slowest CPU in use computes. One plan may run ten times as fast on other cores; a median over
// both says nothing of either.
//
//   repetitions' ping-pongs   108 112 115 | 610 640 ns      "cores 112 ns apart", "cores 625 ns apart"
//
// Threading: pure functions.
// Invariants: regimes are told apart where neighbouring values lie a factor apart (kPingPongGap, kSpinGap), so that
// their borders come from what was measured and not from a table of machines. Where values fill such gaps they are
// one regime, whose name gives its range. A repetition during which the state changed by such a factor has a regime
// of its own kind.
// Limits: older runs, and lcores that share a CPU, have no ping-pong; the regime is not known then. One moment is
// enough to know it. Speeds are relative to the fastest CPU seen.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "experiments/results/run_directory.hpp"

namespace violet::results {

inline constexpr double kPingPongGap =
    1.5;  // Neighbours on one die scatter by less, two sockets by more.
inline constexpr double kSpinGap = 1.25;  // Most steps of a turbo are smaller.

struct HostRegimes {
  std::vector<std::string> names;
  std::map<const RepetitionRecord*, std::size_t> of;  // Missing: not known.
  // How many of the run's counted repetitions are in each.
  std::vector<std::size_t> counts(const RunData& run) const;
};
// Of all these runs together; keeps pointers into them.
HostRegimes host_regimes(std::span<const RunData* const> runs);

// "cores 112 ns apart (40 repetitions), cores 625 ns apart (8)", or why it is not known.
std::string regimes_text(const RunData& run);
// Of cells whose repetitions are of several; empty: there are none.
std::string mixed_regimes_text(const RunData& run);
// Of cells that are held against each other, of one run or of two: those whose repetitions are mostly of different
// regimes, and whether that is not known of any. Empty: there are none.
struct CellPair {
  const CellData* baseline = nullptr;
  const CellData* contender = nullptr;
};
std::string regimes_difference(const HostRegimes& regimes, std::span<const CellPair> pairs);

}  // namespace violet::results
