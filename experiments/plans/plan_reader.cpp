#include "experiments/plans/plan_reader.hpp"

#include <fmt/format.h>

namespace violet::plans {

RunSettings read_run(const PlanReader& read) {
  RunSettings run;
  run.repetitions = static_cast<std::uint32_t>(read.integer("run.repetitions"));
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
