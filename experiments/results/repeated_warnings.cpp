#include "experiments/results/repeated_warnings.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

namespace violet::results {
namespace {

constexpr std::string_view kDigits = "0123456789";

std::size_t end_of_number(std::string_view text, std::size_t from) {
  std::size_t end = text.find_first_not_of(kDigits, from);
  if (end == std::string_view::npos) return text.size();
  if (text[end] != '.' || text.find_first_of(kDigits, end) != end + 1) return end;
  end = text.find_first_not_of(kDigits, end + 1);
  return end == std::string_view::npos ? text.size() : end;
}

// Where the quantity lies; {0, 0}: there is none.
std::pair<std::size_t, std::size_t> quantity_of(std::string_view text) {
  for (std::size_t at = text.find_first_of(kDigits); at != std::string_view::npos;) {
    const std::size_t end = end_of_number(text, at);
    const bool counts = at == 0 && end < text.size() && text[end] == ' ';
    const bool share = at > 0 && text[at - 1] == ' ' && text.substr(end).starts_with(" %");
    if (counts || share) return {at, end};
    at = text.find_first_of(kDigits, end);
  }
  return {0, 0};
}

}  // namespace

void RepeatedWarnings::add(const std::string& text) {
  const auto [from, to] = quantity_of(text);
  Repeated& repeated = said_[{text.substr(0, from), text.substr(to)}];
  const bool first = repeated.count++ == 0;
  if (from == to) return;
  Quantity quantity{0, text.substr(from, to - from)};
  quantity.value = std::strtod(quantity.text.c_str(), nullptr);
  if (first || quantity.value < repeated.least.value) repeated.least = quantity;
  if (first || quantity.value > repeated.most.value) repeated.most = quantity;
}

std::vector<std::string> RepeatedWarnings::lines() const {
  std::vector<std::string> lines;
  for (const auto& [parts, repeated] : said_) {
    const bool one_size = repeated.least.value == repeated.most.value;
    lines.push_back(fmt::format("{}{}{}{} ({} {})", parts.first, repeated.least.text,
                                one_size ? "" : " to " + repeated.most.text, parts.second,
                                repeated.count,
                                repeated.count == 1 ? "repetition" : "repetitions"));
  }
  return lines;
}

}  // namespace violet::results
