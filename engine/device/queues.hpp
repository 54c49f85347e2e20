// RequestQueue and EventQueue are the two virtqueues as the device sees them. dataplane/virtqueue implements
// them over split and packed rings in guest memory; tests and the simulation implement them over plain vectors.
//
// Threading: the engine thread only.
// Invariants: Queue.1 every byte the guest wrote is read once, into Request::bytes. Queue.2 a token is handed
// out by pop() once and given back by complete() once. Queue.3 calls are per burst, never per item.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace violet {

// The longest device-readable part of any request (PROBE: head 4 + endpoint 4 + reserved 64).
inline constexpr std::size_t kMaxRequestBytes = 72;

struct Request {
  std::uint32_t token;  // The queue's name for the descriptor chain.
  std::uint32_t
      readable;  // Bytes the driver made readable; bytes beyond kMaxRequestBytes are not copied.
  std::uint32_t writable;                         // Bytes the driver made writable.
  std::array<std::byte, kMaxRequestBytes> bytes;  // Those of copied() are valid.

  std::span<const std::byte> copied() const {
    return std::span(bytes).first(std::min<std::size_t>(readable, kMaxRequestBytes));
  }
};

// Gives a chain back. With used == 0 nothing is written; otherwise the 4 bytes of the tail
// {status, 0, 0, 0} are stored at `tail_offset` of the writable part first.
struct Completion {
  std::uint32_t token;
  std::uint32_t used;         // Used length reported to the driver.
  std::uint32_t tail_offset;  // In the writable part; tail_offset + 4 <= writable.
  std::uint8_t status;        // protocol::Status.
};

class RequestQueue {
 public:
  virtual ~RequestQueue() = default;
  // Takes up to out.size() available requests; returns how many.
  virtual std::size_t pop(std::span<Request> out) = 0;
  // Writes into the writable part of a popped chain (PROBE properties). False when it does not fit.
  virtual bool write(std::uint32_t token, std::uint32_t offset,
                     std::span<const std::byte> bytes) = 0;
  // Publishes the completions in order and notifies the driver if it asked for it.
  virtual void complete(std::span<const Completion> completions) = 0;
  // True once the driver broke the ring's rules: the device then sets DEVICE_NEEDS_RESET.
  virtual bool broken() const = 0;
};

enum class PostResult { kPosted, kNoBuffer, kBufferTooSmall };

class EventQueue {
 public:
  virtual ~EventQueue() = default;
  // Puts one record into one buffer of the driver's, never across two (D52). A buffer that is too small is
  // given back unused, so that those behind it serve.
  virtual PostResult post(std::span<const std::byte> record) = 0;
  virtual bool broken() const = 0;
};

}  // namespace violet
