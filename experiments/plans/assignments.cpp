#include "experiments/plans/assignments.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <sstream>

namespace violet::plans {
namespace {

constexpr std::size_t kMostValues = 100'000;
constexpr std::size_t kMostListedValues = 1'000;  // Of all tables of one list.
constexpr std::string_view kLists[] = {"exclude", "expect"};
constexpr std::size_t kMostParts = 16;      // Of a dotted key. A plan's own have three.
constexpr std::size_t kLongestKey = 1'000;  // Of --set.

Where position(std::string_view file, const toml::source_region& source) {
  return fmt::format("{}:{}:{}", file, source.begin.line, source.begin.column);
}

std::string_view kind_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return "a date or time";
    default:
      return "something else";
  }
}

std::optional<SettingValue> scalar(const toml::node& node) {
  if (const auto* text = node.as_string()) return SettingValue(text->get());
  if (const auto* integer = node.as_integer()) return SettingValue(integer->get());
  if (const auto* real = node.as_floating_point()) return SettingValue(real->get());
  if (const auto* boolean = node.as_boolean()) return SettingValue(boolean->get());
  return std::nullopt;
}

class Flattener {
 public:
  Flattener(std::string_view file, Problems& problems) : file_(file), problems_(problems) {}

  // All of a plan but its lists of tables, which listed() reads.
  void root(const toml::table& root, std::vector<Assignment>& out) {
    for (const auto& [key, node] : root) {
      const bool list =
          std::find(std::begin(kLists), std::end(kLists), key.str()) != std::end(kLists);
      if (!list) member(std::string(key.str()), key, node, out);
    }
  }

  // The tables of a list: [[exclude]].
  std::vector<ListedTable> listed(const toml::table& root, std::string_view name) {
    std::vector<ListedTable> result;
    const toml::node* node = root.get(name);
    if (node == nullptr) return result;
    const std::string expected = fmt::format("a table written [[{}]]", name);
    const auto* list = node->as_array();
    if (list == nullptr) {
      complain(*node, name, expected, kind_of(*node));
      return result;
    }
    std::size_t listed_values = 0;
    for (const toml::node& element : *list) {
      const auto* inner = element.as_table();
      if (inner == nullptr) {
        complain(element, name, expected, "a value");
        continue;
      }
      ListedTable one{position(file_, inner->source()), {}};
      const std::size_t before = values_;
      for (const auto& [key, member_node] : *inner) {
        member(std::string(key.str()), key, member_node, one.assignments);
      }
      listed_values += values_ - before;
      if (listed_values > kMostListedValues) {  // Each is compared with each cell.
        complain(element, name, fmt::format("at most {} values in all", kMostListedValues), "more");
        break;
      }
      result.push_back(std::move(one));
    }
    return result;
  }

 private:
  void member(const std::string& path, const toml::key& key, const toml::node& node,
              std::vector<Assignment>& out) {
    const auto* inner = node.as_table();
    if (inner == nullptr) return leaf(path, position(file_, key.source()), node, out);
    for (const auto& [its, its_node] : *inner) {
      member(fmt::format("{}.{}", path, its.str()), its, its_node, out);
    }
  }

  void leaf(const std::string& path, const Where& where, const toml::node& node,
            std::vector<Assignment>& out) {
    Assignment assignment{path, node.is_array(), {}, where, {}};
    if (const auto* list = node.as_array()) {
      for (const toml::node& element : *list) value(path, element, assignment);
      if (list->empty()) complain(node, path, "at least one value", "an empty list");
    } else {
      value(path, node, assignment);
    }
    if (!assignment.values.empty()) out.push_back(std::move(assignment));
  }

  void value(const std::string& path, const toml::node& node, Assignment& assignment) {
    const auto read = scalar(node);
    if (!read) {
      complain(node, path, "text, a number, true or false, or a list of these", kind_of(node));
    } else if (++values_ <= kMostValues) {
      assignment.values.push_back(*read);
      assignment.value_at.push_back(position(file_, node.source()));
    } else if (values_ == kMostValues + 1) {
      complain(node, path, fmt::format("at most {} values in a plan", kMostValues), "more");
    }
  }

  void complain(const toml::node& node, std::string_view path, std::string_view expected,
                std::string_view found) {
    problems_.push_back({position(file_, node.source()),
                         fmt::format("key '{}': expected {}, found {}", path, expected, found)});
  }

  std::string_view file_;
  Problems& problems_;
  std::size_t values_ = 0;
};

// Walks TOML from word to word, outside of texts and comments, and stops at a key of too many parts: the parser,
// like everything that walks its tables, goes one call deeper for each.
class KeyDepth {
 public:
  explicit KeyDepth(std::string_view text) : text_(text) {}

  // The line and column of the first key that is too deep.
  std::optional<std::pair<std::size_t, std::size_t>> too_deep() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"' || c == '\'') {
        skip_text(c);
      } else if (c == '#') {
        while (at_ + 1 < text_.size() && text_[at_ + 1] != '\n') ++at_;
      } else if (c == '.') {
        if (++parts_ >= kMostParts) return std::pair{line_, at_ - line_start_ + 1};
      } else if (c == '\n') {
        new_line();
        parts_ = 0;
      } else if (std::string_view("=,[]{}").find(c) != std::string_view::npos) {
        parts_ = 0;
      }
    }
    return std::nullopt;
  }

 private:
  void new_line() {
    ++line_;
    line_start_ = at_ + 1;
  }
  // To the last quote of a text that begins here. One that does not end is the parser's to blame.
  void skip_text(char quote) {
    const std::string_view three = quote == '"' ? R"(""")" : "'''";
    const bool many_lines = text_.substr(at_).starts_with(three);
    at_ += many_lines ? 3 : 1;
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\\' && quote == '"') {
        ++at_;
        if (at_ < text_.size() && text_[at_] == '\n') new_line();
      } else if (text_[at_] == '\n') {
        if (!many_lines) {  // Not TOML: read on behind it, so that nothing hides in there.
          new_line();
          parts_ = 0;
          return;
        }
        new_line();
      } else if (many_lines ? text_.substr(at_).starts_with(three) : text_[at_] == quote) {
        at_ += many_lines ? 2 : 0;
        return;
      }
    }
  }

  std::string_view text_;
  std::size_t at_ = 0, line_ = 1, line_start_ = 0;
  std::size_t parts_ = 0;  // Dots of the key so far.
};

std::optional<toml::table> parse(std::string_view text, std::string_view file, Problems& problems) {
  if (const auto deep = KeyDepth(text).too_deep()) {
    problems.push_back({fmt::format("{}:{}:{}", file, deep->first, deep->second),
                        fmt::format("expected a key of at most {} parts, found more", kMostParts)});
    return std::nullopt;
  }
  try {
    return toml::parse(text, file);
  } catch (const toml::parse_error& error) {
    problems.push_back({position(file, error.source()), std::string(error.description())});
    return std::nullopt;
  }
}

// A value of --set: TOML where it parses, the bare word otherwise.
std::vector<SettingValue> override_values(std::string_view text, bool& is_list) {
  Problems unused;
  if (const auto parsed = parse(fmt::format("v = {}", text), "", unused)) {
    std::vector<Assignment> out;
    Flattener("", unused).root(*parsed, out);
    if (out.size() == 1 && out[0].key == "v" && unused.empty()) {
      is_list = out[0].is_list;
      return out[0].values;
    }
  }
  if (text.find_first_of("[]{}\"\n") != std::string_view::npos) return {};
  std::vector<SettingValue> values;
  is_list = text.find(',') != std::string_view::npos;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view word = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    if (word.empty()) return {};
    bool inner_list = false;
    const auto inner = is_list ? override_values(word, inner_list) : std::vector<SettingValue>{};
    values.push_back(inner.size() == 1 ? inner[0] : SettingValue(std::string(word)));
  }
  return values;
}

}  // namespace

std::string to_text(const Problems& problems) {
  std::string text;
  for (const Problem& problem : problems) {
    text += fmt::format("{}: {}\n", problem.where, problem.message);
  }
  return text;
}

void sort_by_place(Problems& problems) {
  // "file:line:column"; anything else comes last.
  const auto place = [](const Problem& problem) {
    const std::size_t column = problem.where.rfind(':');
    const std::size_t line =
        column == 0 || column == Where::npos ? Where::npos : problem.where.rfind(':', column - 1);
    if (problem.where.starts_with("--set") || line == Where::npos) {
      return std::pair{~0UL, ~0UL};
    }
    return std::pair{std::strtoul(problem.where.c_str() + line + 1, nullptr, 10),
                     std::strtoul(problem.where.c_str() + column + 1, nullptr, 10)};
  };
  std::stable_sort(problems.begin(), problems.end(),
                   [&](const Problem& a, const Problem& b) { return place(a) < place(b); });
}

Assignments read_assignments(std::string_view text, std::string_view file, Problems& problems) {
  Assignments assignments;
  if (text.size() > kLongestPlan) {
    problems.push_back({std::string(file), fmt::format("a plan has at most {} bytes, this one {}",
                                                       kLongestPlan, text.size())});
    return assignments;
  }
  const auto root = parse(text, file, problems);
  if (!root) return assignments;
  Flattener flattener(file, problems);
  std::vector<Assignment> list;
  flattener.root(*root, list);
  for (Assignment& assignment : list) {
    const std::string key = assignment.key;
    const auto [at, fresh] = assignments.by_key.emplace(key, std::move(assignment));
    // a."b.c" and a.b.c are two keys of TOML but one of a plan.
    if (!fresh) {
      problems.push_back({at->second.where, fmt::format("key '{}': given twice", key)});
    }
  }
  assignments.excludes = flattener.listed(*root, "exclude");
  assignments.expects = flattener.listed(*root, "expect");
  return assignments;
}

Assignment read_override(std::string_view text, Problems& problems) {
  Assignment assignment;
  assignment.where = fmt::format("--set {}", text);
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    problems.push_back({assignment.where, "expected key=value"});
    return assignment;
  }
  if (equals > kLongestKey) {
    assignment.where.resize(80);
    problems.push_back(
        {assignment.where + "...",
         fmt::format("expected a key of at most {} bytes, found {}", kLongestKey, equals)});
    return assignment;
  }
  assignment.key = std::string(text.substr(0, equals));
  assignment.values = override_values(text.substr(equals + 1), assignment.is_list);
  assignment.value_at.assign(assignment.values.size(), assignment.where);
  if (assignment.values.empty()) {
    problems.push_back(
        {assignment.where, fmt::format("key '{}': expected a value, or several separated by commas",
                                       assignment.key)});
  }
  return assignment;
}

}  // namespace violet::plans
