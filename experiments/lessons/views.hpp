// Views are what a lesson shows of engine, ring, guest and memory: plain values, which a window can hold without knowing
// how any of them is made.
//
// Threading: plain values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/clock.hpp"
#include "engine/device/reader.hpp"
#include "engine/protocol/wire.hpp"
#include "experiments/guest/dma_api.hpp"

namespace violet::lessons {

// --- The engine

enum Endpoints : unsigned { kNic = 0, kDisk = 1, kEndpointCount = 2 };
inline constexpr std::array<EndpointId, kEndpointCount> kEndpointIds{{{0x28}, {0x30}}};
inline constexpr std::array<const char*, kEndpointCount> kEndpointNames{"NIC", "Disk"};
inline constexpr IovaRange kMsiWindow{{0xfee00000}, {0xfeefffff}};
inline constexpr std::uint32_t kProbeBytes = 64;

// Which engine a lesson runs on: names of engine/store/stores.hpp and engine/iotlb/iotlbs.hpp.
struct EngineChoice {
  std::string store = "radix";
  std::string iotlb = "targeted-ack";
  bool operator==(const EngineChoice&) const = default;
};

// The combinations that are offered; the first is what lessons use unless asked otherwise.
std::span<const EngineChoice> engine_choices();

// A range that translates, as the store or an IOTLB answers for it.
struct MappingView {
  IovaRange range;
  GuestPhys phys;
  Permissions permissions = Permissions::kNone;
  bool operator==(const MappingView&) const = default;
};

struct EndpointView {
  std::optional<DomainId> domain;
  bool online = false;
  std::vector<MappingView> cached;  // What its IOTLB would answer now.
  IotlbReaderStats stats;           // Of its accesses; looking is not counted.
};

struct MachineView {
  std::vector<MappingView> mappings;  // Of the domain of the first attached endpoint.
  std::uint64_t mapping_count = 0;
  std::optional<DomainId> domain;
  std::array<EndpointView, kEndpointCount> endpoints;
  std::uint64_t parked = 0;  // Executed, not answered: they wait for readers.
  std::uint64_t grace_periods = 0;
  std::uint64_t invalidations = 0;
  std::uint64_t faults_posted = 0;
  std::uint64_t faults_lost = 0;         // The driver had no buffer on the event queue.
  std::optional<std::string> waits_for;  // With parked > 0: the reader that holds them.
};

// --- The ring

// One request from the driver's pen to the driver's eye.
struct RequestView {
  enum class State : std::uint8_t { kQueued, kTaken, kAnswered };
  std::uint32_t token = 0;
  State state = State::kQueued;
  bool seen = false;                // The driver has read the used entry.
  std::vector<std::byte> readable;  // As the driver wrote it.
  std::vector<std::byte> written;   // The part the device may write; valid once answered.
  std::optional<protocol::Status> status;
  Ticks queued_at = 0;
  Ticks answered_at = 0;
  bool operator==(const RequestView&) const = default;
};

// --- The guest

// A buffer that was mapped for the device.
struct BufferView {
  enum class Use : std::uint8_t {
    kLive,       // Mapped and in use.
    kUnmapping,  // The call that unmaps it has not returned.
    kGivenBack,  // Unmapped, as the caller sees it.
    kGone        // Its address belongs to a later one.
  };
  DmaMapping mapping;
  IovaRange range;  // Whole pages.
  Use use = Use::kLive;
  bool reachable = false;  // Given back, not by design, and its UNMAP is not complete.
};

struct Exposure {
  std::uint64_t windows = 0;     // Unmaps after which the page was reachable for a time.
  std::uint64_t longest_ns = 0;  // Until now, where it is not over.
  double mean_stale_pages = 0;   // Over the time judged.
  std::uint64_t always_mapped_bytes = 0;
};

inline constexpr std::uint64_t kPageBytes = 4096;

struct PageView {
  GuestPhys phys;
  std::string owner;
  std::string text;  // Its first bytes, up to the first zero.
  bool operator==(const PageView&) const = default;
};

// --- The stage

// Nanoseconds. The exit is the default of plans (costs.exit_ns); the others are round figures.
struct Costs {
  std::uint64_t exit = 1500;    // A kick that leaves the guest, and the way back.
  std::uint64_t queue = 50;     // The driver writes one request.
  std::uint64_t poll = 100;     // A sidecore looks at the queue.
  std::uint64_t execute = 80;   // The engine executes one request.
  std::uint64_t lookup = 10;    // An IOTLB lookup.
  std::uint64_t walk = 60;      // A walk of the store and the fill.
  std::uint64_t dma = 200;      // A device's access to memory.
  std::uint64_t copy_4k = 400;  // The processor copies 4 KiB.
  std::uint64_t think = 1000;   // The guest does something else.
};

enum class Placement : std::uint8_t { kSamecore, kSidecore };

// The parts of the picture.
enum class Part : std::uint8_t {
  kDriver,
  kQueue,
  kEngine,
  kStore,
  kNicIotlb,
  kDiskIotlb,
  kNic,
  kDisk,
  kMemory
};
inline constexpr std::size_t kPartCount = 9;
inline Part iotlb_part(unsigned endpoint) {
  return endpoint == kNic ? Part::kNicIotlb : Part::kDiskIotlb;
}
inline Part endpoint_part(unsigned endpoint) { return endpoint == kNic ? Part::kNic : Part::kDisk; }

enum class Tone : std::uint8_t {
  kPlain,
  kQuiet,
  kHeading,
  kMap,
  kUnmap,
  kTranslate,
  kFault,
  kStale,
  kCopy,
  kGood
};

// Something that travels.
struct Move {
  Part from;
  Part to;
  std::string label;
  Tone tone = Tone::kPlain;
  bool operator==(const Move&) const = default;
};

// An endpoint's access, as far as it has come.
struct AccessView {
  enum class Phase : std::uint8_t { kNone, kMissed, kWalked, kGranted, kHalfDone, kDone, kFault };
  Phase phase = Phase::kNone;
  Iova iova{};
  Access access = Access::kRead;
  TranslateResult result;
  bool missed = false;  // It had to walk.
  bool found = false;   // IOTLB or store knew the address.
  std::string data;     // What is written, or what was read so far.
  std::size_t length = 0;

  bool succeeded() const { return phase == Phase::kDone; }
  bool is_granted() const {
    return phase == Phase::kGranted || phase == Phase::kHalfDone || phase == Phase::kDone;
  }
  // What has reached its end by now.
  std::string_view moved() const {
    if (phase != Phase::kHalfDone && phase != Phase::kDone) return {};
    return std::string_view(data).substr(0, phase == Phase::kDone ? length : length / 2);
  }
  bool faulted() const { return phase == Phase::kFault; }
};

// What the lesson shows byte by byte: the request, fault record or access that moved last.
struct Focus {
  enum class Kind : std::uint8_t { kNone, kRequest, kFault, kAccess } kind = Kind::kNone;
  std::size_t index = 0;  // A token, a position among the records, or an endpoint.
};

}  // namespace violet::lessons
