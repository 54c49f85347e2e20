// A schema lists the keys that a plan may have: built once from the fixed keys and the vocabulary.
//
// Threading: immutable after construction.
// Invariants: keys are unique. The order of the table is the order of the matrix, so that the cells of a plan do
// not depend on the order in its file.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "experiments/plans/assignments.hpp"
#include "experiments/plans/vocabulary.hpp"

namespace violet::plans {

struct Key {
  Setting spec;           // name is the whole path: "strategy.lazy-percpu.entries".
  bool may_list = false;  // A list makes it an axis.
  // The key counts only in cells where this axis has this value: "axes.strategy", "lazy-percpu".
  std::string owner_axis = {}, owner_value = {};
};

class Schema {
 public:
  explicit Schema(const Vocabulary& vocabulary);

  const std::vector<Key>& keys() const { return keys_; }
  const Key* find(std::string_view path) const;
  // The full path for a key as --set and [[exclude]] may shorten it: "strategy" -> "axes.strategy".
  std::string full_path(std::string_view given) const;
  // Reports what is wrong with a setting; expands "*". True when it can be used.
  bool check(Assignment& assignment, Problems& problems) const;

 private:
  void add(Setting spec, bool may_list, std::string owner_axis = {}, std::string owner_value = {});
  void add_axis(const char* name, const std::vector<RegistryEntry>& choices, const char* help);
  void add_axes(const Vocabulary& vocabulary);
  void add_costs();
  void add_run_keys();
  void add_settings(const char* table, const std::vector<RegistryEntry>& choices);
  bool check_value(const Key& key, const Assignment& assignment, std::size_t index,
                   Problems& problems) const;
  std::string guess_key(const std::string& given, const std::vector<std::string>& siblings) const;
  // That there is none of this name, and which may be meant.
  std::string no_table(const std::string& table) const;
  void unknown_key(const Assignment& assignment, Problems& problems) const;

  bool is_trace_path(std::string_view workload) const;

  std::vector<std::string> trace_suffixes_;
  std::function<std::string(const std::string&)> trace_problem_;
  std::vector<Key> keys_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace violet::plans
