#include "experiments/strategies/strategies.hpp"

namespace violet {

#define VIOLET_DECLARE(name) StrategyInfo name##_strategy();
VIOLET_STRATEGIES(VIOLET_DECLARE)
#undef VIOLET_DECLARE

std::span<const StrategyInfo> strategies() {
#define VIOLET_ENTRY(name) name##_strategy(),
  static const std::vector<StrategyInfo> kStrategies = {VIOLET_STRATEGIES(VIOLET_ENTRY)};
#undef VIOLET_ENTRY
  return kStrategies;
}

const StrategyInfo* find_strategy(std::string_view name) {
  for (const StrategyInfo& info : strategies()) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

Result<std::unique_ptr<Strategy>> make_strategy(std::string_view name, StrategyContext context,
                                                const ParameterAssignments& assignments) {
  const StrategyInfo* info = find_strategy(name);
  if (info == nullptr) {
    std::string names;
    for (const StrategyInfo& known : strategies()) {
      names += (names.empty() ? "" : ", ") + std::string(known.name);
    }
    return fail(ErrorKind::kUsage, "there is no strategy '{}'; there are {}", name, names);
  }
  auto parameters = ParameterSet::resolve(info->parameters, assignments);
  if (!parameters) {
    return fail(ErrorKind::kUsage, "strategy {}: {}", name, parameters.error().message);
  }
  context.parameters = std::move(*parameters);
  return info->make(context);
}

}  // namespace violet
