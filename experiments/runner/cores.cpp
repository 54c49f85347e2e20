#include "experiments/runner/cores.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace violet {
namespace {

bool contains(const std::vector<unsigned>& cpus, unsigned cpu) {
  return std::find(cpus.begin(), cpus.end(), cpu) != cpus.end();
}

// The CPU asked for, else the first that nobody has or asked for, else `otherwise`.
unsigned pick(std::optional<std::uint32_t> wish, const std::vector<unsigned>& allowed,
              std::vector<unsigned>& taken, unsigned otherwise) {
  if (wish) return *wish;
  const auto free = std::find_if(allowed.begin(), allowed.end(),
                                 [&](unsigned cpu) { return !contains(taken, cpu); });
  if (free == allowed.end()) return otherwise;
  taken.push_back(*free);
  return *free;
}

}  // namespace

std::vector<unsigned> CoreMap::lcore_cpus() const {
  std::vector<unsigned> cpus = {guest, engine};
  if (endpoint) cpus.push_back(*endpoint);
  return cpus;
}

Result<CoreMap> choose_cores(const plans::CoreSettings& settings,
                             const std::vector<unsigned>& allowed) {
  if (allowed.empty()) return fail(ErrorKind::kEnvironment, "this process may run on no CPU");
  for (const auto wish : {settings.guest, settings.engine, settings.endpoint}) {
    if (wish && !contains(allowed, *wish)) {
      return fail(ErrorKind::kEnvironment,
                  "the plan asks for CPU {}, which this process may not use (it may use {})", *wish,
                  fmt::join(allowed, ", "));
    }
  }
  CoreMap map;
  std::vector<unsigned> taken;
  for (const auto wish : {settings.guest, settings.engine, settings.endpoint}) {
    if (wish) taken.push_back(*wish);
  }
  map.guest = pick(settings.guest, allowed, taken, allowed.front());
  map.engine = pick(settings.engine, allowed, taken, map.guest);
  if (map.guest == map.engine) {
    map.oversubscribed = true;
    map.shared.push_back(fmt::format("guest and engine share CPU {}", map.guest));
  }
  const auto any_free = [&] {
    return std::any_of(allowed.begin(), allowed.end(),
                       [&](unsigned cpu) { return !contains(taken, cpu); });
  };
  if (settings.endpoint || any_free()) {
    map.endpoint = pick(settings.endpoint, allowed, taken, map.guest);
    if (*map.endpoint == map.guest || *map.endpoint == map.engine) {
      map.oversubscribed = true;
      map.shared.push_back(fmt::format("endpoints and {} share CPU {}",
                                       *map.endpoint == map.guest ? "guest" : "engine",
                                       *map.endpoint));
    }
  } else {
    map.shared.push_back(fmt::format("guest and endpoints take turns on CPU {}", map.guest));
  }
  if (any_free()) map.recorder = pick(std::nullopt, allowed, taken, map.guest);
  if (!map.recorder) map.shared.push_back(fmt::format("the recorder wakes on CPU {}", map.guest));
  if (map.oversubscribed && !settings.allow_oversubscribed) {
    return fail(
        ErrorKind::kEnvironment,
        "{}: two polling lcores on one CPU starve each other for whole scheduler slices; give "
        "Violet more CPUs, or set cores.allow_oversubscribed = true to measure it all the same",
        map.shared.front());
  }
  return map;
}

}  // namespace violet
