// A PCI function whose configuration space, BAR and interrupts are ours, as QEMU's proxy asks for it.
//
// Threading: owner-only: whoever polls the function also handles its messages.
// Invariants: a message of any content is handled; what the guest addresses outside the BAR or the
// configuration space reads as all ones and writes nothing.
// Limits: one BAR; an access to it is 1, 2, 4 or 8 bytes.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/remote/message.hpp"
#include "dataplane/remote/pci_config.hpp"
#include "dataplane/remote/remote_memory.hpp"

namespace violet::remote {

class PciFunction {
 public:
  // The memory is this function's alone and outlives it.
  PciFunction(const PciIdentity& identity, std::uint32_t bar_bytes, RemoteMemory& memory)
      : config_(identity, bar_bytes), memory_(memory) {}
  virtual ~PciFunction() = default;
  PciFunction(const PciFunction&) = delete;
  PciFunction& operator=(const PciFunction&) = delete;

  // What to answer, or nothing when the message has no answer. An error is the host's: the guest's
  // memory cannot be shared.
  Result<std::optional<std::uint64_t>> handle(Message message);

  const RemoteMemory& memory() const { return memory_; }
  const PciConfig& config() const { return config_; }

 protected:
  PciConfig& config() { return config_; }
  // A read of configuration space that has an effect happens first, one of a write afterwards.
  virtual void before_config_read(std::uint32_t /*address*/, unsigned /*bytes*/) {}
  virtual void after_config_write(std::uint32_t /*address*/, unsigned /*bytes*/) {}
  virtual std::uint64_t read_bar(std::uint32_t offset, unsigned bytes) = 0;
  virtual void write_bar(std::uint32_t offset, unsigned bytes, std::uint64_t value) = 0;
  virtual void memory_changed() = 0;
  virtual void set_interrupt(FileDescriptor interrupt, FileDescriptor end) = 0;
  // The configuration space is as it was made already.
  virtual void reset() = 0;

 private:
  using Answer = Result<std::optional<std::uint64_t>>;

  Answer run(const SyncMemory& sync, std::span<FileDescriptor> fds);
  Answer run(const ConfigRead& read, std::span<FileDescriptor> fds);
  Answer run(const ConfigWrite& write, std::span<FileDescriptor> fds);
  Answer run(const BarRead& read, std::span<FileDescriptor> fds);
  Answer run(const BarWrite& write, std::span<FileDescriptor> fds);
  Answer run(const SetInterrupt& set, std::span<FileDescriptor> fds);
  Answer run(const Reset& none, std::span<FileDescriptor> fds);

  PciConfig config_;
  RemoteMemory& memory_;
};

}  // namespace violet::remote
