#include "experiments/plans/plan_reader.hpp"

#include <fmt/format.h>

#include "experiments/results/looks.hpp"
#include "experiments/results/statistics.hpp"

namespace violet::plans {

RunSettings read_run(const PlanReader& read) {
  RunSettings run;
  run.repetitions = static_cast<std::uint32_t>(read.integer("run.repetitions"));
  if (const double percent = read.real("run.until_ci_percent"); percent > 0) {
    run.until_ci_percent = percent;
    run.most_repetitions = static_cast<std::uint32_t>(read.integer("run.most_repetitions"));
  }
  run.seed = read.integer("run.seed");
  run.threshold_percent = read.real("run.threshold_percent");
  run.interleaved = read.text("run.order") == "interleaved";
  run.trace_mib = read.integer("run.trace_mib");
  run.breakdown = read.boolean("run.breakdown");
  if (read.given("run.warmup_operations")) {
    run.warmup_operations = read.integer("run.warmup_operations");
  } else {
    run.warmup_s = read.real("run.warmup_s");
  }
  if (read.given("run.operations")) {
    run.operations = read.integer("run.operations");
  } else {
    run.duration_s = read.real("run.duration_s");
  }
  return run;
}

void check_until_ci(const PlanReader& read, const Assignments& assignments, Problems& problems) {
  const RunSettings run = read_run(read);
  const auto most = assignments.by_key.find("run.most_repetitions");
  if (!run.until_ci_percent) return;
  const bool said = most != assignments.by_key.end();
  const Where where =
      said ? most->second.value_at.front() : assignments.by_key.at("run.until_ci_percent").where;
  const std::string found = fmt::format("found {}{}", run.most_repetitions,
                                        said ? "" : ", its default, with 'run.until_ci_percent'");
  if (run.most_repetitions <= run.repetitions) {
    problems.push_back(
        {where, fmt::format("key 'run.most_repetitions': expected more than the {} of "
                            "'run.repetitions', {}",
                            run.repetitions, found)});
    return;
  }
  const double confidence = results::confidence_of({run.repetitions, run.most_repetitions});
  const std::size_t fewest = results::fewest_for_interval(confidence);
  if (run.most_repetitions >= fewest) return;
  problems.push_back(
      {where, fmt::format("key 'run.most_repetitions': expected at least {}, below which no median "
                          "has an interval, {}",
                          fewest, found)});
}

CoreSettings read_cores(const PlanReader& read) {
  return {read.boolean("cores.allow_oversubscribed"), read.cpu("cores.engine"),
          read.cpu("cores.guest"), read.cpu("cores.endpoint")};
}

Limits read_limits(const PlanReader& read) {
  return {read.integer("limits.domains"), read.integer("limits.mappings"),
          read.integer("limits.memory_mib"), read.integer("limits.guest_memory_mib")};
}

void check_name(const Assignments& assignments, std::string_view file, Problems& problems) {
  constexpr std::size_t kLongestName = 64;
  const auto at = assignments.by_key.find("plan.name");
  if (at == assignments.by_key.end()) {
    problems.push_back({fmt::format("{}:1:1", file),
                        "key 'plan.name': expected a name, found none; add [plan] name = \"...\""});
    return;
  }
  const auto* name = std::get_if<std::string>(&at->second.values.front());
  if (name == nullptr) return;  // Reported as a wrong type.
  const bool fits = !name->empty() && name->size() <= kLongestName && name->front() != '-';
  const bool plain =
      name->find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  if (fits && plain) return;
  problems.push_back(
      {at->second.value_at.front(),
       fmt::format("key 'plan.name': expected 1 to {} of a-z, 0-9 and '-', found '{}'",
                   kLongestName, *name)});
}

}  // namespace violet::plans
