#include "experiments/results/label_words.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "engine/base/nearest.hpp"

namespace violet::results {
namespace {

constexpr std::string_view kBetweenWords = " ,\t";

// Whether a setting of a label, "strategy=strict", is called so or has that value.
bool is_setting(std::string_view setting, std::string_view word) {
  const std::size_t equals = setting.find('=');
  return setting == word ||
         (equals != std::string_view::npos && setting.substr(equals + 1) == word);
}

enum class Fit { kNone, kSomewhere, kWholeWords, kExact };

Fit fit_of(const std::string& label, const std::string& text,
           const std::vector<std::string>& words) {
  if (label == text) return Fit::kExact;
  const auto settings = words_of(label);
  const auto whole = [&](const std::string& word) {
    return std::any_of(settings.begin(), settings.end(),
                       [&](const std::string& setting) { return is_setting(setting, word); });
  };
  if (std::all_of(words.begin(), words.end(), whole)) return Fit::kWholeWords;
  const auto somewhere = [&](const std::string& word) {
    return label.find(word) != std::string::npos;
  };
  return std::all_of(words.begin(), words.end(), somewhere) ? Fit::kSomewhere : Fit::kNone;
}

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t from = 0; (from = text.find_first_not_of(kBetweenWords, from)) < text.size();) {
    const std::size_t to = std::min(text.find_first_of(kBetweenWords, from), text.size());
    words.emplace_back(text.substr(from, to - from));
    from = to;
  }
  return words;
}

std::vector<std::size_t> labels_with(std::size_t count,
                                     const std::function<const std::string&(std::size_t)>& label,
                                     const std::string& text) {
  const auto words = words_of(text);
  std::vector<std::size_t> best;
  if (words.empty()) return best;
  Fit fit = Fit::kSomewhere;
  for (std::size_t i = 0; i < count; ++i) {
    const Fit mine = fit_of(label(i), text, words);
    if (mine == Fit::kNone || mine < fit) continue;
    if (mine > fit) best.clear();
    fit = mine;
    best.push_back(i);
  }
  return best;
}

namespace {

// Words of labels that stand for those of the text: for "strategy=strct" a whole setting, for "strct" its value.
std::string meant_by(const std::vector<std::string>& labels, const std::string& text) {
  std::vector<std::string> settings, values;
  for (const std::string& label : labels) {
    for (const std::string& setting : words_of(label)) {
      settings.push_back(setting);
      values.push_back(setting.substr(setting.find('=') + 1));
    }
  }
  std::vector<std::string> meant;
  bool other = false;
  for (const std::string& word : words_of(text)) {
    const auto& known = word.find('=') == std::string::npos ? values : settings;
    meant.push_back(nearest(word, known));
    if (meant.back().empty()) return {};
    other = other || meant.back() != word;
  }
  return other ? fmt::format("{}", fmt::join(meant, " ")) : std::string();
}

}  // namespace

std::string labels_there(std::vector<std::string> labels, const std::string& text) {
  constexpr std::size_t kMostNamed = 8;
  std::vector<std::string> all;  // Repetitions of a cell have one label.
  for (std::string& label : labels) {
    if (std::find(all.begin(), all.end(), label) == all.end()) all.push_back(std::move(label));
  }
  if (all.empty()) return "; there are none";
  const std::string meant = meant_by(all, text);
  const std::size_t more = all.size() - std::min(all.size(), kMostNamed);
  all.resize(all.size() - more);
  const std::string list =
      fmt::format("{}{}", fmt::join(all, "; "), more > 0 ? fmt::format("; and {} more", more) : "");
  return meant.empty() ? "; there are: " + list
                       : fmt::format("; did you mean '{}'? There are: {}", meant, list);
}

}  // namespace violet::results
