// A message layout names the fields of a request's bytes: where each lies, what it is called, what
// it says. It also gives the short names that pictures use.
//
// Threading: pure functions.
// Invariants: the fields of a message follow each other without gaps and cover all its bytes;
// offsets are those of engine/protocol/wire.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/types.hpp"
#include "engine/protocol/wire.hpp"

namespace violet::lessons {

enum class Tone : std::uint8_t;
struct AccessView;

struct Field {
  enum class Kind : std::uint8_t { kType, kId, kIova, kPhys, kFlags, kReserved, kStatus, kData };
  enum class Origin : std::uint8_t {
    kDriver,  // The readable part of a request.
    kDevice,  // The part that the device writes.
    kAsked,   // What an access asks and is answered: no bytes, it is not a virtio message.
    kMoved    // The bytes that an access has moved so far.
  };
  Kind kind;
  std::size_t offset;
  std::string name;  // The specification's.
  std::vector<std::byte> bytes;
  std::string meaning;
  Origin origin = Origin::kDriver;
};

// Of the readable part and, once answered, the written one.
std::vector<Field> request_fields(std::span<const std::byte> readable,
                                  std::span<const std::byte> written);
std::vector<Field> fault_fields(std::span<const std::byte> record);
// Of an endpoint's access, as far as it has come.
std::vector<Field> access_fields(unsigned endpoint, const AccessView& access);

std::string request_name(std::span<const std::byte> readable);     // "MAP"
std::string request_summary(std::span<const std::byte> readable);  // "MAP 0xfffff000 → 0x2000"
Tone request_tone(std::span<const std::byte> readable);
std::string status_name(std::optional<protocol::Status> status);
std::string fault_summary(std::span<const std::byte> record);  // "0x28 W 0xfffff000"
// What an UNMAP or a MAP is about; nothing for other requests.
std::optional<IovaRange> unmapped_range(std::span<const std::byte> readable);
std::optional<IovaRange> mapped_range(std::span<const std::byte> readable);

}  // namespace violet::lessons
