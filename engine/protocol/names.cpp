#include "engine/protocol/names.hpp"

#include <array>
#include <cstddef>

namespace violet::protocol {
namespace {

using Name = const char*;

template <std::size_t N, class Enum>
Name name_of(const std::array<Name, N>& names, Enum value, Name otherwise) {
  const auto index = static_cast<std::size_t>(value);
  return index < N ? names[index] : otherwise;
}

}  // namespace

const char* to_text(Type type) {
  static constexpr Name kUndefined = "unknown request";
  static constexpr std::array<Name, 6> kNames = {kUndefined, "ATTACH", "DETACH",
                                                 "MAP",      "UNMAP",  "PROBE"};
  return name_of(kNames, type, kUndefined);
}

const char* to_text(Status status) {
  static constexpr std::array<Name, 9> kNames = {"OK",    "IOERR", "UNSUPP", "DEVERR", "INVAL",
                                                 "RANGE", "NOENT", "FAULT",  "NOMEM"};
  return name_of(kNames, status, "a status that does not exist");
}

const char* to_text(FaultReason reason) {
  static constexpr std::array<Name, 3> kNames = {"UNKNOWN", "DOMAIN", "MAPPING"};
  return name_of(kNames, reason, kNames[0]);  // R36
}

const char* in_words(FaultReason reason) {
  static constexpr std::array<Name, 3> kWords = {"reason unknown", "no domain", "no mapping"};
  return name_of(kWords, reason, kWords[0]);
}

}  // namespace violet::protocol
