#include "experiments/plans/settings.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <sstream>

namespace violet::plans {
namespace {

constexpr std::size_t kLongestFile = 1 << 20;
constexpr std::size_t kMostValues = 100'000;

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

std::optional<Value> scalar(const toml::node& node) {
  if (const auto* text = node.as_string()) return Value(text->get());
  if (const auto* integer = node.as_integer()) return Value(integer->get());
  if (const auto* real = node.as_floating_point()) return Value(real->get());
  if (const auto* boolean = node.as_boolean()) return Value(boolean->get());
  return std::nullopt;
}

class Flattener {
 public:
  Flattener(std::string_view file, Problems& problems) : file_(file), problems_(problems) {}

  void table(const toml::table& table, const std::string& prefix, std::vector<Setting>& out) {
    for (const auto& [key, node] : table) {
      const std::string path =
          prefix.empty() ? std::string(key.str()) : fmt::format("{}.{}", prefix, key.str());
      if (prefix.empty() && path == "exclude") continue;  // excludes() reads those.
      if (const auto* inner = node.as_table()) {
        this->table(*inner, path, out);
      } else {
        leaf(path, position(file_, key.source()), node, out);
      }
    }
  }

  std::vector<Exclude> excludes(const toml::table& root) {
    std::vector<Exclude> result;
    const toml::node* node = root.get("exclude");
    if (node == nullptr) return result;
    const auto* list = node->as_array();
    if (list == nullptr) {
      complain(*node, "exclude", "a table written [[exclude]]", kind_of(*node));
      return result;
    }
    for (const toml::node& element : *list) {
      const auto* inner = element.as_table();
      if (inner == nullptr) {
        complain(element, "exclude", "a table written [[exclude]]", "a value");
        continue;
      }
      Exclude exclude{position(file_, inner->source()), {}};
      table(*inner, "", exclude.settings);
      result.push_back(std::move(exclude));
    }
    return result;
  }

 private:
  void leaf(const std::string& path, const Where& where, const toml::node& node,
            std::vector<Setting>& out) {
    Setting setting{path, node.is_array(), {}, where, {}};
    if (const auto* list = node.as_array()) {
      for (const toml::node& element : *list) value(path, element, setting);
      if (list->empty()) complain(node, path, "at least one value", "an empty list");
    } else {
      value(path, node, setting);
    }
    if (!setting.values.empty()) out.push_back(std::move(setting));
  }

  void value(const std::string& path, const toml::node& node, Setting& setting) {
    const auto read = scalar(node);
    if (!read) {
      complain(node, path, "text, a number, true or false, or a list of these", kind_of(node));
    } else if (++values_ <= kMostValues) {
      setting.values.push_back(*read);
      setting.value_at.push_back(position(file_, node.source()));
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

std::optional<toml::table> parse(std::string_view text, std::string_view file, Problems& problems) {
  try {
    return toml::parse(text, file);
  } catch (const toml::parse_error& error) {
    problems.push_back({position(file, error.source()), std::string(error.description())});
    return std::nullopt;
  }
}

// A value of --set: TOML where it parses, the bare word otherwise.
std::vector<Value> override_values(std::string_view text, bool& is_list) {
  Problems unused;
  if (const auto parsed = parse(fmt::format("v = {}", text), "", unused)) {
    std::vector<Setting> out;
    Flattener("", unused).table(*parsed, "", out);
    if (out.size() == 1 && out[0].key == "v" && unused.empty()) {
      is_list = out[0].is_list;
      return out[0].values;
    }
  }
  if (text.find_first_of("[]{}\"\n") != std::string_view::npos) return {};
  std::vector<Value> values;
  is_list = text.find(',') != std::string_view::npos;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view word = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    if (word.empty()) return {};
    bool inner_list = false;
    const auto inner = is_list ? override_values(word, inner_list) : std::vector<Value>{};
    values.push_back(inner.size() == 1 ? inner[0] : Value(std::string(word)));
  }
  return values;
}

}  // namespace

std::string to_text(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* boolean = std::get_if<bool>(&value)) return *boolean ? "true" : "false";
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *integer);
  return fmt::format("{}", std::get<double>(value));
}

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

Settings read_settings(std::string_view text, std::string_view file, Problems& problems) {
  Settings settings;
  if (text.size() > kLongestFile) {
    problems.push_back({std::string(file), fmt::format("a plan has at most {} bytes, this one {}",
                                                       kLongestFile, text.size())});
    return settings;
  }
  const auto root = parse(text, file, problems);
  if (!root) return settings;
  Flattener flattener(file, problems);
  std::vector<Setting> list;
  flattener.table(*root, "", list);
  for (Setting& setting : list) {
    const std::string key = setting.key;
    const auto [at, fresh] = settings.by_key.emplace(key, std::move(setting));
    // a."b.c" and a.b.c are two keys of TOML but one of a plan.
    if (!fresh) {
      problems.push_back({at->second.where, fmt::format("key '{}': given twice", key)});
    }
  }
  settings.excludes = flattener.excludes(*root);
  return settings;
}

Setting read_override(std::string_view assignment, Problems& problems) {
  Setting setting;
  setting.where = fmt::format("--set {}", assignment);
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    problems.push_back({setting.where, "expected key=value"});
    return setting;
  }
  setting.key = std::string(assignment.substr(0, equals));
  setting.values = override_values(assignment.substr(equals + 1), setting.is_list);
  setting.value_at.assign(setting.values.size(), setting.where);
  if (setting.values.empty()) {
    problems.push_back(
        {setting.where,
         fmt::format("key '{}': expected a value, or several separated by commas", setting.key)});
  }
  return setting;
}

}  // namespace violet::plans
