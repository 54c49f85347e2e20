// A warning that many repetitions gave is said once: those that differ in one quantity alone (a count at the text's
// start, or a number before " %") become one line with the quantity's range.
//
//   "3 requests failed", "5 requests failed"  ->  "3 to 5 requests failed (2 repetitions)"
//
// A number elsewhere is a name ("CPU 1") and tells warnings apart. Threading: one thread.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace violet::results {

class RepeatedWarnings {
 public:
  void add(const std::string& text);
  // In the order of their texts.
  std::vector<std::string> lines() const;

 private:
  struct Quantity {
    double value = 0;
    std::string text;
  };
  struct Repeated {
    std::size_t count = 0;
    Quantity least, most;  // Empty texts: the warning has no quantity.
  };
  std::map<std::pair<std::string, std::string>, Repeated>
      said_;  // By what stands before and behind it.
};

}  // namespace violet::results
