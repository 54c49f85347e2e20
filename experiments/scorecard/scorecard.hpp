// A scorecard says how good the engine is: every key, measured as ratios inside one run on this machine.
//
//     auto text = scorecard::run({.json = true});    // for stdout; progress goes to stderr
//
// Threading: once in a process, from its main thread, before anything else starts EAL: the calling thread
// becomes lcore 0 (guest and endpoint), a second CPU lcore 1 (engine).
// Invariants: every key appears exactly once, measured or with the reason why not. Arms that must agree
// on their results are compared, and a difference is an error of the run, not a number.
// Limits: about a minute and 500 MiB on a quiet machine; verdicts of a noisy one mean little.
#pragma once

#include <string>

#include "engine/base/result.hpp"

namespace violet::scorecard {

struct Options {
  bool json = false;
  bool smoke = false;  // Tiny sizes: whether it works, not how good it is.
};

Result<std::string> run(const Options& options);

}  // namespace violet::scorecard
