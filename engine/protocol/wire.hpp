// The wire format describes virtio-iommu (device 23, VIRTIO 1.2, 1.3 and 1.4, section "IOMMU device"): every
// structure with its size and offsets checked, in the specification's names.
//
// Threading: plain values.
// Limits: multi-byte fields are little-endian; le<T> converts on hosts that are not.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

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

// PROBE properties.
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

// Event queue.
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

// Config space, 40 bytes; only `bypass` may be written by the driver.
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
