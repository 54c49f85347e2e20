#include "experiments/cli/plan_loading.hpp"

#include <fmt/core.h>

#include <filesystem>

#include "engine/base/nearest.hpp"
#include "experiments/runner/vocabulary.hpp"

namespace violet::cli {
namespace {

std::vector<std::string> bundled_names(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".toml") names.push_back(entry.path().stem().string());
  }
  return names;
}

}  // namespace

Result<plans::Plan> load_named_plan(const Places& places, const std::string& name,
                                    const std::vector<std::string>& overrides,
                                    plans::Problems* problems_out) {
  namespace fs = std::filesystem;
  fs::path path = name;
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    const fs::path bundled = fs::path(places.plans) / (name + ".toml");
    if (!fs::is_regular_file(bundled, error)) {
      const std::string guess = nearest(name, bundled_names(places.plans));
      return fail(ErrorKind::kUsage,
                  "there is no plan file '{}', and no bundled plan of that name "
                  "(./violet list plans shows them){}",
                  name, guess.empty() ? "" : fmt::format(", did you mean '{}'?", guess));
    }
    path = bundled;
  }
  VIOLET_TRY(const auto words, make_vocabulary(places.datasets));
  plans::Problems problems;
  auto plan = plans::load_plan(path, overrides, words, problems);
  if (plan) {
    for (const auto& note : plan->notes) tell("violet: {}\n", note);
    return std::move(*plan);
  }
  if (problems_out != nullptr) *problems_out = problems;
  return fail(ErrorKind::kUsage, "the plan cannot be run:\n{}", plans::to_text(problems));
}

}  // namespace violet::cli
