// An MSI-X table keeps the messages by which a function interrupts its guest, and sends them through whoever can
// deliver one.
//
// Threading: the table is owner-only, the thread of its function; a MessageSink takes messages from any thread.
// Invariants: an interrupt that cannot be delivered now stays pending and is delivered once: when it is
// unmasked, or at the next flush(). Limits: 64 vectors.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/telemetry/counter.hpp"

namespace violet::virtio {

class MessageSink {
 public:
  virtual ~MessageSink() = default;
  // Writes `data` to `address` on the guest's bus. False: not now; does not block.
  virtual bool send(std::uint64_t address, std::uint32_t data) = 0;
};

// PCI 3.0, section 6.8.2: the table of messages and the array of pending ones. A message is a write to the bus, so
// one is sent only while the function may master the bus, and only to where x86 takes messages: elsewhere it would
// be a DMA that no IOMMU has seen. What a driver aims elsewhere is dropped.
class MsixTable {
 public:
  static constexpr std::uint32_t kEntryBytes = 16;

  // `sink` outlives the table; null: nothing is ever sent.
  MsixTable(unsigned vectors, MessageSink* sink) : entries_(vectors), sink_(sink) {}

  unsigned vectors() const { return static_cast<unsigned>(entries_.size()); }
  std::uint64_t read(std::uint32_t offset, unsigned bytes) const;
  void write(std::uint32_t offset, unsigned bytes, std::uint64_t value);
  std::uint64_t read_pending(std::uint32_t offset, unsigned bytes) const;

  static constexpr std::uint64_t kFirstAddress = 0xfee00000, kLastAddress = 0xfeefffff;

  // From the capability's message control, and the command register.
  void set_control(bool enabled, bool masked, bool bus_master);
  void forget_pending() { pending_ = 0; }
  std::uint64_t sent() const { return sent_.value(); }
  bool enabled() const { return enabled_; }
  void raise(unsigned vector);
  // Sends what is pending and not masked.
  void flush() {
    if (pending_ != 0) [[unlikely]]
      send_pending();
  }
  void reset();

 private:
  using Entry = std::array<std::uint32_t, 4>;  // Address low and high, data, control.

  void send_pending();

  std::vector<Entry> entries_;
  MessageSink* sink_;
  std::uint64_t pending_ = 0;
  bool enabled_ = false;
  bool masked_ = false;
  bool bus_master_ = false;
  Counter sent_;
};

}  // namespace violet::virtio
