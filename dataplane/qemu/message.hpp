// A message asks, on behalf of QEMU's x-pci-proxy-dev, for what a PCI function does elsewhere: as bytes and as a
// value.
//
//   header {int32 command, 4 bytes of padding, uint64 size}, then `size` bytes; descriptors travel with
//   the header. Everything is native-endian.
//
// Threading: plain values; an assembler belongs to one thread.
// Invariants: any sequence of bytes becomes messages or an error. A message that was accepted has the
// size, the number of descriptors and the widths that its command has.
// Limits: kMaxFds regions and descriptors, which is QEMU's own limit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "engine/base/file_descriptor.hpp"
#include "engine/base/result.hpp"

namespace violet::qemu {

enum class Command : std::uint32_t {
  kSyncMemory = 0,
  kReturn = 1,
  kConfigWrite = 2,
  kConfigRead = 3,
  kBarWrite = 4,
  kBarRead = 5,
  kSetInterrupt = 6,
  kReset = 7,
};

inline constexpr std::size_t kHeaderBytes = 16;
inline constexpr std::size_t kReturnBytes = kHeaderBytes + 8;
inline constexpr std::size_t kMaxFds = 8;

// A piece of the guest's RAM: where the guest sees it, and where it lies in its descriptor's file.
struct RamRegion {
  std::uint64_t start;
  std::uint64_t bytes;
  std::uint64_t offset;
};
// All RAM of the guest, one descriptor a region. Has no answer.
struct SyncMemory {
  std::array<RamRegion, kMaxFds> regions;
  std::size_t count;
};
// `bytes` is 1, 2 or 4. The address is the guest's word and not checked.
struct ConfigRead {
  std::uint32_t address;
  unsigned bytes;
};
struct ConfigWrite {
  std::uint32_t address;
  unsigned bytes;
  std::uint32_t value;
};
// `bytes` is 1, 2, 4 or 8. The address is one on the bus, not an offset.
struct BarRead {
  std::uint64_t address;
  unsigned bytes;
};
struct BarWrite {
  std::uint64_t address;
  unsigned bytes;
  std::uint64_t value;
};
// With the interrupt's eventfd and that of its end (resample). Has no answer.
struct SetInterrupt {};
struct Reset {};

using Body =
    std::variant<SyncMemory, ConfigRead, ConfigWrite, BarRead, BarWrite, SetInterrupt, Reset>;

struct Message {
  Body body;
  std::vector<FileDescriptor> fds;

  bool wants_answer() const {
    return !std::holds_alternative<SyncMemory>(body) && !std::holds_alternative<SetInterrupt>(body);
  }
};

// The answer to a request.
std::array<std::byte, kReturnBytes> encode_return(std::uint64_t value);

// The bytes that QEMU would send: for tests and fuzzing.
std::vector<std::byte> encode(const Body& body);

// Puts messages together from pieces as a stream socket delivers them.
class MessageAssembler {
 public:
  // Where the next bytes belong, never beyond the end of the message at hand; not empty.
  std::span<std::byte> room();
  // `bytes` of room() were filled in, and these descriptors came along. The message, if that was its
  // last byte. After an error the stream is of no more use.
  Result<std::optional<Message>> filled(std::size_t bytes, std::vector<FileDescriptor> fds);
  // Inside a message: the peer that leaves now broke off in the middle of it.
  bool midway() const { return have_ > 0; }

 private:
  static constexpr std::size_t kMaxPayload = kMaxFds * 3 * 8;

  std::array<std::byte, kHeaderBytes + kMaxPayload> bytes_{};
  std::size_t have_ = 0;
  std::size_t want_ = kHeaderBytes;
  std::vector<FileDescriptor> fds_;
};

}  // namespace violet::qemu
