#include "experiments/cli/run_ending.hpp"

#include <fmt/core.h>

#include <cstdio>

#include "experiments/cli/verbs.hpp"

namespace violet::cli {

int run_ending(const RunOutcome& outcome, const std::string& plan,
               const std::vector<std::string>& overrides) {
  for (const auto& failure : outcome.failures) fmt::print(stderr, "violet: {}\n", failure);
  if (!outcome.interrupted) return outcome.failures.empty() ? kOk : kRunFailed;
  std::string command = "./violet run " + plan;
  for (const auto& text : overrides) command += fmt::format(" --set '{}'", text);
  fmt::print(stderr, "violet: interrupted after {} repetitions; {} --resume goes on\n",
             outcome.finished, command);
  return outcome.finished == 0 ? kInterruptedAtOnce : kInterrupted;
}

}  // namespace violet::cli
