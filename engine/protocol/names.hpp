// The specification's names stand for request types, statuses and fault reasons in every text.
//
// Threading: pure functions. Limits: a number that the specification does not define has a name that says so.
#pragma once

#include "engine/protocol/wire.hpp"

namespace violet::protocol {

const char* to_text(Type type);           // "ATTACH"
const char* to_text(Status status);       // "NOENT"
const char* to_text(FaultReason reason);  // "DOMAIN"
// What a fault's reason means, in words: "no domain".
const char* in_words(FaultReason reason);

}  // namespace violet::protocol
