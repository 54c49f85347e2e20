// An identifier is a name that a test may be called by.
//
// Threading: pure functions.
#pragma once

#include <string>

namespace violet {

inline std::string identifier_of(std::string name) {
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
}

}  // namespace violet
