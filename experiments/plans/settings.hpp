// A plan file and its --set overrides taken apart into settings that know where they came from. Knows
// TOML and nothing of what the keys mean.
//
// Threading: pure functions.
// Limits: files up to 1 MiB, at most 100,000 values.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "experiments/plans/vocabulary.hpp"

namespace violet::plans {

// "demo.toml:12:5", or "--set strategy=strict".
using Where = std::string;

struct Problem {
  Where where;
  std::string message;  // "key 'axes.strategy': expected ..."
};
using Problems = std::vector<Problem>;
// Those of the file in its order, then those of --set in theirs.
void sort_by_place(Problems& problems);
// One problem a line.
std::string to_text(const Problems& problems);

struct Setting {
  std::string key;  // Dotted: "axes.strategy".
  bool is_list = false;
  std::vector<Value> values;
  Where where;                  // Of the key.
  std::vector<Where> value_at;  // As long as `values`.
};

// One [[exclude]] table: cells in which every key has one of its values are left out.
struct Exclude {
  Where where;
  std::vector<Setting> settings;  // Keys as written, without the table's name.
};

struct Settings {
  std::map<std::string, Setting> by_key;
  std::vector<Exclude> excludes;
};

// Problems are added, never thrown; what could be read is returned even so.
Settings read_settings(std::string_view text, std::string_view file, Problems& problems);

// "key=value"; the value in TOML, or bare words, or a comma-separated list of these.
Setting read_override(std::string_view assignment, Problems& problems);

}  // namespace violet::plans
