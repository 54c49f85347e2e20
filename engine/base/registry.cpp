#include "engine/base/registry.hpp"

#include "engine/base/nearest.hpp"

namespace violet {

Error no_such_entry(std::string_view kind, std::string_view name,
                    std::span<const std::string> names) {
  std::string message = fmt::format("there is no {} '{}'", kind, name);
  if (const std::string guess = nearest(name, names); !guess.empty()) {
    message += fmt::format(", did you mean '{}'?", guess);
  } else {
    message += '.';
  }
  std::string all;
  for (const std::string& known : names) all += (all.empty() ? "" : ", ") + known;
  return {fmt::format("{} There are: {}", message, all), ErrorKind::kUsage};
}

}  // namespace violet
