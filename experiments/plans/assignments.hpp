// An assignment gives values to a key of a plan and remembers where it stands: in the plan's file or in a --set.
// This reader knows TOML and nothing of what the keys mean.
//
// Threading: pure functions.
// Limits: files up to 1 MiB, at most 100,000 values, 1,000 of them in [[exclude]] and in [[expect]] each, keys of at most 16 parts.
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

struct Assignment {
  std::string key;  // Dotted: "axes.strategy".
  bool is_list = false;
  std::vector<SettingValue> values;
  Where where;                  // Of the key.
  std::vector<Where> value_at;  // As long as `values`.
};

// One table of a list of them.
struct ListedTable {
  Where where;
  std::vector<Assignment> assignments;  // Keys as written, without the list's name.
};

struct Assignments {
  std::map<std::string, Assignment> by_key;
  std::vector<ListedTable>
      excludes;                      // [[exclude]]: cells in which every key has one of its values.
  std::vector<ListedTable> expects;  // [[expect]]: expect.hpp.
};

inline constexpr std::size_t kLongestPlan = 1 << 20;  // Bytes.

// Problems are added, never thrown; what could be read is returned even so.
Assignments read_assignments(std::string_view text, std::string_view file, Problems& problems);

// "key=value"; the value in TOML, or bare words, or a comma-separated list of these.
Assignment read_override(std::string_view text, Problems& problems);

}  // namespace violet::plans
