// A PCI function answers accesses to its configuration space and its BAR, whoever forwards them.
//
// Threading: owner-only: whoever polls the function also makes these calls.
// Invariants: an access to any address does something defined: what lies outside the BAR or the configuration space
// reads as all ones and writes nothing.
// Limits: one BAR; an access to it is 1, 2, 4 or 8 bytes, one to the configuration space 1, 2 or 4.
#pragma once

#include <cstdint>

#include "dataplane/virtio/pci_config.hpp"

namespace violet::virtio {

// An INTx line of the machine, which the guest may share among functions.
class InterruptLine {
 public:
  virtual ~InterruptLine() = default;
  virtual void raise() = 0;
};

class PciFunction {
 public:
  PciFunction(const PciIdentity& identity, std::uint32_t bar_bytes)
      : config_(identity, bar_bytes) {}
  virtual ~PciFunction() = default;
  PciFunction(const PciFunction&) = delete;
  PciFunction& operator=(const PciFunction&) = delete;

  std::uint32_t read_config(std::uint32_t address, unsigned bytes);
  void write_config(std::uint32_t address, unsigned bytes, std::uint32_t value);
  // The address is one on the bus.
  std::uint64_t read_bus(std::uint64_t address, unsigned bytes);
  void write_bus(std::uint64_t address, unsigned bytes, std::uint64_t value);

  // The regions of the guest's memory were replaced.
  virtual void memory_changed() = 0;
  // The machine is reset; the function may need polls to end it.
  void reset();
  virtual bool resetting() const = 0;

  // Where INTx goes from now on; null: nowhere. The line outlives the function, or the next call.
  void connect(InterruptLine* line) { line_ = line; }
  // The guest has ended an interrupt of the line: it is raised again if there is still a reason.
  virtual void interrupt_ended() = 0;

  const PciConfig& config() const { return config_; }

 protected:
  PciConfig& config() { return config_; }
  void raise_line() {
    if (line_ != nullptr) line_->raise();
  }
  // A read of configuration space that has an effect happens first, one of a write afterwards.
  virtual void before_config_read(std::uint32_t /*address*/, unsigned /*bytes*/) {}
  virtual void after_config_write(std::uint32_t /*address*/, unsigned /*bytes*/) {}
  virtual std::uint64_t read_bar(std::uint32_t offset, unsigned bytes) = 0;
  virtual void write_bar(std::uint32_t offset, unsigned bytes, std::uint64_t value) = 0;
  // The configuration space is as it was made already.
  virtual void system_reset() = 0;

 private:
  PciConfig config_;
  InterruptLine* line_ = nullptr;
};

}  // namespace violet::virtio
