#include "experiments/strategies/strategies.hpp"

namespace violet {

#define VIOLET_DECLARE(name) StrategyInfo name##_strategy();
VIOLET_STRATEGIES(VIOLET_DECLARE)
#undef VIOLET_DECLARE

Registry<StrategyInfo> strategies() {
#define VIOLET_ENTRY(name) name##_strategy(),
  static const std::vector<StrategyInfo> kStrategies = {VIOLET_STRATEGIES(VIOLET_ENTRY)};
#undef VIOLET_ENTRY
  return {"strategy", kStrategies};
}

std::vector<StrategyInfo::Refusal> no_choice_of_allocator(const std::string& because) {
  std::vector<StrategyInfo::Refusal> all;
  for (const auto& info : iova_allocators()) {
    if (info.name != "rcache" && info.name != "rbtree") all.push_back({info.name, because});
  }
  return all;
}

Result<std::unique_ptr<Strategy>> make_strategy(std::string_view name, StrategyContext context,
                                                const SettingAssignments& assignments) {
  VIOLET_TRY(const StrategyInfo* info, strategies().require(name));
  auto settings = SettingValues::resolve(info->settings, assignments);
  if (!settings) {
    return fail(ErrorKind::kUsage, "strategy {}: {}", name, settings.error().message);
  }
  context.settings = std::move(*settings);
  return info->make(context);
}

}  // namespace violet
