// A PCI configuration space holds the 256 bytes of a function with one 32-bit memory BAR.
//
// Threading: owner-only.
// Invariants: the guest changes only bits that PCI lets it change: some of the command register, the
// BAR's address, the interrupt line, and what a capability names as writable. The expansion ROM and
// everything else read as they were made.
// Limits: no extended configuration space, no 64-bit BAR: each word is sized on its own.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace violet::virtio {

struct PciIdentity {
  std::uint16_t vendor;
  std::uint16_t device;
  std::uint16_t subsystem_vendor;
  std::uint16_t subsystem;
  std::uint32_t class_code;  // 24 bits.
  std::uint8_t revision;
};

class PciConfig {
 public:
  static constexpr std::uint32_t kBytes = 256;

  // `bar_bytes` is a power of two of at least 16.
  PciConfig(const PciIdentity& identity, std::uint32_t bar_bytes);

  // Adds a capability behind those that are there; `body` follows its id and link, `writable` has the bits
  // the guest may change (shorter: the rest is read-only). Returns its offset.
  std::uint8_t add_capability(std::uint8_t id, std::span<const std::uint8_t> body,
                              std::span<const std::uint8_t> writable = {});

  // Little-endian, 1 to 4 bytes. Outside: reads as all ones, writes go nowhere.
  std::uint32_t read(std::uint32_t address, unsigned bytes) const;
  void write(std::uint32_t address, std::uint32_t value, unsigned bytes);
  void reset();

  // The offset in the BAR of an access on the bus, or nothing when the BAR does not answer there.
  std::optional<std::uint32_t> bar_offset(std::uint64_t address, unsigned bytes) const;
  std::uint32_t bar_bytes() const { return bar_bytes_; }
  bool bus_master() const;
  bool intx_disabled() const;
  // Puts bytes there that the function itself changes; they last until the next reset.
  void poke(std::uint32_t address, std::uint32_t value, unsigned bytes);
  // What the status register says of the function's INTx line.
  void set_interrupt_status(bool pending);

 private:
  void put(std::uint32_t address, std::uint32_t value, unsigned bytes);
  void make_writable(std::uint32_t address, std::uint32_t mask, unsigned bytes);

  std::uint32_t bar_bytes_;
  std::array<std::uint8_t, kBytes> bytes_{};
  std::array<std::uint8_t, kBytes> at_reset_{};
  std::array<std::uint8_t, kBytes> writable_{};
  std::uint8_t last_link_;  // Where the next capability's offset goes.
  std::uint8_t next_capability_;
};

}  // namespace violet::virtio
