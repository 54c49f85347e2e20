// The trace format lays out a .vtrace byte by byte.
// FORMAT.md says the same in prose; a change here is a change there and of kTraceVersion.
//
// Threading: plain values.
// Invariants: every struct is what is on disk (little-endian, no padding, sizes asserted), so a file
// can be mapped and its records read in place. Every byte of a file is covered by one checksum.
// Limits: a buffer is below 4 GiB, an endpoint table below 65,536 entries.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <type_traits>

namespace violet::datasets {

static_assert(std::endian::native == std::endian::little, "a .vtrace is read in place");

// "VTRACE" between bytes that a text-mode copy would damage.
inline constexpr std::array<char, 8> kTraceMagic = {'\x93', 'V', 'T', 'R', 'A', 'C', 'E', '\n'};
inline constexpr std::uint32_t kTraceVersion = 1;
inline constexpr std::uint32_t kRecordsPerBlock = 4096;
inline constexpr std::uint32_t kUnknownEndpoint = 0xffffffff;

enum class TraceOp : std::uint8_t { kMap = 1, kUnmap = 2, kAccess = 3 };

// How the source's guest returned IOVAs; it decides how far the unmap times can be trusted.
enum class TraceMode : std::uint32_t { kUnknown = 0, kStrict = 1, kLazy = 2 };

// Bits of TraceRecord::flags. The two lowest say what the device may do (maps, unmaps) or does
// (accesses) and have the values of violet::Permissions and violet::Access.
inline constexpr std::uint8_t kDeviceReads = 1;   // DMA_TO_DEVICE
inline constexpr std::uint8_t kDeviceWrites = 2;  // DMA_FROM_DEVICE; both bits: DMA_BIDIRECTIONAL
inline constexpr std::uint8_t kMmioMapping = 4;
// Same DMA-API call as the record of this op before it: a further segment of a scatter list.
inline constexpr std::uint8_t kChained = 8;
// The source tells where an access began but not how long it was; bytes is an upper estimate.
inline constexpr std::uint8_t kAssumedLength = 16;
// No such request is in the source: the domain went away, or the range was mapped again.
inline constexpr std::uint8_t kImplied = 32;
inline constexpr std::uint8_t kKnownFlags = 63;

struct TraceRecord {
  std::uint64_t time_ns;   // since the first event of the source; never decreases
  std::uint64_t page;      // guest-physical address of the buffer's start, as in the source
  std::uint32_t handle;    // one mapping lifetime; dense, in the order of the maps
  std::uint32_t bytes;     // of the buffer (map, unmap) or of the access; never 0
  std::uint32_t offset;    // of an access in its buffer; 0 otherwise
  std::uint16_t endpoint;  // index into the endpoint table
  TraceOp op;
  std::uint8_t flags;

  bool operator==(const TraceRecord&) const = default;
  bool chained() const { return (flags & kChained) != 0; }
};
static_assert(sizeof(TraceRecord) == 32 && std::is_trivially_copyable_v<TraceRecord>);

struct TraceEndpoint {
  std::uint32_t id;      // the source's number (QEMU: PCI requester id); kUnknownEndpoint if none
  std::uint32_t domain;  // the domain it was attached to last
  std::array<char, 56> name;  // zero-padded UTF-8, as the source calls it

  bool operator==(const TraceEndpoint&) const = default;
};
static_assert(sizeof(TraceEndpoint) == 64);

struct TraceHeader {
  std::array<char, 8> magic;
  std::uint32_t version;
  std::uint32_t header_bytes;  // 256: where the records begin
  std::uint32_t record_bytes;  // 32
  std::uint32_t block_records;
  std::uint64_t file_bytes;
  std::uint64_t record_count;
  std::uint64_t block_count;
  std::uint64_t blocks_offset;  // u64 checksum of each block of records
  std::uint64_t endpoints_offset;
  std::uint64_t metadata_offset;  // UTF-8 JSON up to the end of the file
  std::uint64_t metadata_bytes;
  std::uint32_t endpoint_count;
  TraceMode mode;
  std::uint32_t time_unit_ns;        // 1
  std::uint32_t time_resolution_ns;  // of the source's clock; 0 if it had none
  std::uint64_t map_records;
  std::uint64_t unmap_records;
  std::uint64_t access_records;
  std::uint64_t map_calls;  // map records that are not chained
  std::uint64_t unmap_calls;
  std::uint64_t live_at_end;              // handles without an unmap
  std::uint64_t time_span_ns;             // time of the last record
  std::uint64_t distinct_buffers;         // different values of page among the maps
  std::uint64_t covered_pages;            // different 4 KiB guest pages that the maps touch
  std::uint64_t highest_phys;             // first guest-physical address above all buffers
  std::uint64_t peak_live_bytes;          // most bytes mapped at one time
  std::array<std::uint64_t, 7> reserved;  // 0
  std::uint64_t tables_checksum;          // of everything behind the records
  std::uint64_t header_checksum;          // of the header before this field

  bool operator==(const TraceHeader&) const = default;
};
static_assert(sizeof(TraceHeader) == 256 && std::is_trivially_copyable_v<TraceHeader>);

// Seeds of the checksums (XXH64); a block's seed is its number, so that swapped blocks are found.
inline constexpr std::uint64_t kHeaderSeed = 0x5654726163654864;  // "VTraceHd"
inline constexpr std::uint64_t kTablesSeed = 0x5654726163655462;  // "VTraceTb"

}  // namespace violet::datasets
