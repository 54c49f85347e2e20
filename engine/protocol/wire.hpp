// The wire format describes virtio-iommu (device 23, VIRTIO 1.2, 1.3 and 1.4, section "IOMMU device"): every
// structure with its size and offsets checked, in the specification's names. decode() says which request some bytes are.
//
// Threading: plain values and pure functions.
// Invariants: decode() calls its visitor exactly once, reads nothing beyond the span, and takes every byte once:
// what the visitor gets is a copy, so that a hostile guest has nothing to change behind a check.
// Limits: multi-byte fields are little-endian; le<T> converts on hosts that are not. decode() checks form only (is the
// type known, is the body long enough); rules that need the device's state are the device's.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <variant>

#include "engine/base/types.hpp"

namespace violet::protocol {

// A little-endian field of any alignment: stored as bytes, so structures need no packing.
template <class T>
class le {
 public:
  constexpr le() = default;
  constexpr le(T value) : bytes_(std::bit_cast<Bytes>(swap(value))) {}     // NOLINT: a field
  constexpr operator T() const { return swap(std::bit_cast<T>(bytes_)); }  // NOLINT: a field

 private:
  using Bytes = std::array<std::uint8_t, sizeof(T)>;
  static constexpr T swap(T value) {
    if constexpr (std::endian::native == std::endian::little) return value;
    auto bytes = std::bit_cast<Bytes>(value);
    std::reverse(bytes.begin(), bytes.end());
    return std::bit_cast<T>(bytes);
  }
  Bytes bytes_{};
};
using le16 = le<std::uint16_t>;
using le32 = le<std::uint32_t>;
using le64 = le<std::uint64_t>;

// Feature bits (section 1.1 of the contract).
enum Feature : unsigned {
  kInputRange = 0,
  kDomainRange = 1,
  kMapUnmap = 2,
  kBypass = 3,  // Legacy: unattached endpoints bypass when negotiated.
  kProbe = 4,
  kMmioFlag = 5,
  kBypassConfig = 6,
  kTopology = 23,  // Of a draft, and not its number: topology.hpp.
};
constexpr std::uint64_t feature_bit(Feature feature) { return std::uint64_t{1} << feature; }

enum class Type : std::uint8_t { kAttach = 1, kDetach = 2, kMap = 3, kUnmap = 4, kProbe = 5 };

enum class Status : std::uint8_t {
  kOk = 0,
  kIoErr = 1,
  kUnsupp = 2,
  kDevErr = 3,
  kInval = 4,
  kRange = 5,
  kNoEnt = 6,
  kFault = 7,
  kNoMem = 8,
};

inline constexpr std::uint32_t kAttachBypass = 1u << 0;
inline constexpr std::uint32_t kMapRead = 1u << 0;
inline constexpr std::uint32_t kMapWrite = 1u << 1;
inline constexpr std::uint32_t kMapMmio = 1u << 2;

struct Head {
  std::uint8_t type;
  std::uint8_t reserved[3];
};
struct Tail {
  std::uint8_t status;
  std::uint8_t reserved[3];
};

// The device-readable parts; the tail follows in the device-writable part.
struct Attach {
  Head head;
  le32 domain;
  le32 endpoint;
  le32 flags;
  std::uint8_t reserved[4];
};
struct Detach {
  Head head;
  le32 domain;
  le32 endpoint;
  std::uint8_t reserved[8];
};
struct Map {
  Head head;
  le32 domain;
  le64 virt_start;
  le64 virt_end;  // Inclusive.
  le64 phys_start;
  le32 flags;
};
struct Unmap {
  Head head;
  le32 domain;
  le64 virt_start;
  le64 virt_end;  // Inclusive.
  std::uint8_t reserved[4];
};
struct Probe {
  Head head;
  le32 endpoint;
  std::uint8_t reserved[64];
};

static_assert(sizeof(Head) == 4 && sizeof(Tail) == 4);
static_assert(sizeof(Attach) == 20 && offsetof(Attach, flags) == 12);
static_assert(sizeof(Detach) == 20 && offsetof(Detach, reserved) == 12);
static_assert(sizeof(Map) == 36 && offsetof(Map, virt_start) == 8 && offsetof(Map, flags) == 32);
static_assert(sizeof(Unmap) == 28 && offsetof(Unmap, reserved) == 24);
static_assert(sizeof(Probe) == 72 && offsetof(Probe, reserved) == 8);

// --- Requests from bytes ---

// No head, or a type that no version of the specification defines (D9).
struct UnknownRequest {
  std::uint8_t type;
};
// A known type whose device-readable part ends too early.
struct ShortRequest {
  Type type;
};

using AnyRequest = std::variant<UnknownRequest, ShortRequest, Attach, Detach, Map, Unmap, Probe>;

// The structure at `at`; the caller has seen that it lies inside `bytes`.
template <class Wire>
Wire read(std::span<const std::byte> bytes, std::size_t at) {
  Wire wire;
  std::memcpy(&wire, bytes.data() + at, sizeof(wire));
  return wire;
}

template <class Wire, class Visitor>
decltype(auto) decode_as(Type type, std::span<const std::byte> readable, Visitor& visitor) {
  if (readable.size() < sizeof(Wire)) return visitor(ShortRequest{type});
  return visitor(read<Wire>(readable, 0));
}

// Calls visitor(request) with one of the alternatives of AnyRequest. Bytes beyond the known layout
// are ignored: a later version may append fields.
template <class Visitor>
decltype(auto) decode(std::span<const std::byte> readable, Visitor&& visitor) {
  if (readable.size() < sizeof(Head)) return visitor(UnknownRequest{0});
  const auto type = static_cast<Type>(readable[0]);
  switch (type) {
    case Type::kMap:
      return decode_as<Map>(type, readable, visitor);
    case Type::kUnmap:
      return decode_as<Unmap>(type, readable, visitor);
    case Type::kAttach:
      return decode_as<Attach>(type, readable, visitor);
    case Type::kDetach:
      return decode_as<Detach>(type, readable, visitor);
    case Type::kProbe:
      return decode_as<Probe>(type, readable, visitor);
  }
  return visitor(UnknownRequest{static_cast<std::uint8_t>(type)});
}

inline AnyRequest decode(std::span<const std::byte> readable) {
  return decode(readable, [](const auto& request) { return AnyRequest(request); });
}

template <std::size_t N>
bool all_zero(const std::uint8_t (&bytes)[N]) {
  return std::all_of(std::begin(bytes), std::end(bytes), [](std::uint8_t b) { return b == 0; });
}

// The guest's: not yet known to be ordered.
inline IovaRange range_of(const Map& map) { return {{map.virt_start}, {map.virt_end}}; }
inline IovaRange range_of(const Unmap& unmap) { return {{unmap.virt_start}, {unmap.virt_end}}; }
// Flags that are none of the three are left out.
inline Mapping mapping_of(const Map& map) {
  return {range_of(map),
          {map.phys_start},
          static_cast<Permissions>(map.flags & (kMapRead | kMapWrite | kMapMmio))};
}

// --- PROBE properties ---
inline constexpr std::uint16_t kPropertyNone = 0;
inline constexpr std::uint16_t kPropertyResvMem = 1;
inline constexpr std::uint8_t kResvMemReserved = 0;
inline constexpr std::uint8_t kResvMemMsi = 1;

struct PropertyHead {
  le16 type;    // Bits 0-11; 12-15 reserved.
  le16 length;  // Bytes that follow this header.
};
struct ResvMem {
  PropertyHead head;  // length = 20.
  std::uint8_t subtype;
  std::uint8_t reserved[3];
  le64 start;
  le64 end;  // Inclusive.
};
static_assert(sizeof(PropertyHead) == 4);
static_assert(sizeof(ResvMem) == 24 && offsetof(ResvMem, start) == 8 &&
              offsetof(ResvMem, end) == 16);

// --- Event queue ---
enum class FaultReason : std::uint8_t { kUnknown = 0, kDomain = 1, kMapping = 2 };
inline constexpr std::uint32_t kFaultRead = 1u << 0;
inline constexpr std::uint32_t kFaultWrite = 1u << 1;
inline constexpr std::uint32_t kFaultAddress = 1u << 8;

struct Fault {
  std::uint8_t reason;
  std::uint8_t reserved[3];
  le32 flags;
  le32 endpoint;
  le32 reserved1;
  le64 address;
};
static_assert(sizeof(Fault) == 24 && offsetof(Fault, endpoint) == 8 &&
              offsetof(Fault, address) == 16);

// --- Config space ---

// 40 bytes; only `bypass` may be written by the driver.
struct Config {
  le64 page_size_mask;
  struct {
    le64 start;
    le64 end;  // Inclusive.
  } input_range;
  struct {
    le32 start;
    le32 end;  // Inclusive.
  } domain_range;
  le32 probe_size;
  std::uint8_t bypass;
  std::uint8_t reserved[3];
};
static_assert(sizeof(Config) == 40 && offsetof(Config, input_range) == 8 &&
              offsetof(Config, domain_range) == 24 && offsetof(Config, probe_size) == 32 &&
              offsetof(Config, bypass) == 36);

}  // namespace violet::protocol
