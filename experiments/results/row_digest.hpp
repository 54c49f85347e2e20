// A row digest is a checksum over the values of database rows, type and length included, so that no two lists of rows
// have the same bytes.
//
// Threading: owner-only.
// Limits: against accidents (XXH3, 128 bits), not against somebody who wants to deceive.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "experiments/results/sqlite.hpp"

namespace violet::results {

class RowDigest {
 public:
  RowDigest();
  ~RowDigest();
  RowDigest(const RowDigest&) = delete;
  RowDigest& operator=(const RowDigest&) = delete;

  // The rows that `statement` still has.
  Status add(Statement& statement);
  std::string text() const;  // 32 hexadecimal digits.

 private:
  struct State;
  void add_bytes(char type, const void* bytes, std::size_t size);
  std::unique_ptr<State> state_;
};

}  // namespace violet::results
