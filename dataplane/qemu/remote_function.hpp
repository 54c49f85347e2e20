// A remote function does what QEMU's proxy asks of a PCI function: messages become calls, results become answers.
//
// Threading: owner-only: whoever polls the function also handles its messages.
// Invariants: a message of any content is handled. What the guest addresses is checked by the function.
// Limits: as pci_function.hpp and remote_memory.hpp say.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/qemu/irqfd_line.hpp"
#include "dataplane/qemu/message.hpp"
#include "dataplane/qemu/remote_memory.hpp"
#include "dataplane/virtio/pci_function.hpp"

namespace violet::qemu {

class RemoteFunction {
 public:
  // Both outlive this; the function was made with the table of this memory, which is its alone.
  RemoteFunction(virtio::PciFunction& function, RemoteMemory& memory)
      : function_(function), memory_(memory) {
    function_.connect(&line_);
  }
  ~RemoteFunction() { function_.connect(nullptr); }
  RemoteFunction(const RemoteFunction&) = delete;
  RemoteFunction& operator=(const RemoteFunction&) = delete;

  // What to answer, or nothing when the message has no answer. An error is the host's: the guest's
  // memory cannot be shared.
  Result<std::optional<std::uint64_t>> handle(Message message);
  bool resetting() const { return function_.resetting(); }
  // The guest's end of an interrupt on the line: poll() this, and call interrupt_ended().
  int interrupt_end_fd() const { return line_.end_fd(); }
  void interrupt_ended();

 private:
  using Answer = Result<std::optional<std::uint64_t>>;

  Answer run(const SyncMemory& sync, std::span<FileDescriptor> fds);
  Answer run(const ConfigRead& read, std::span<FileDescriptor> fds);
  Answer run(const ConfigWrite& write, std::span<FileDescriptor> fds);
  Answer run(const BarRead& read, std::span<FileDescriptor> fds);
  Answer run(const BarWrite& write, std::span<FileDescriptor> fds);
  Answer run(const SetInterrupt& set, std::span<FileDescriptor> fds);
  Answer run(const Reset& none, std::span<FileDescriptor> fds);

  virtio::PciFunction& function_;
  RemoteMemory& memory_;
  IrqfdLine line_;
};

}  // namespace violet::qemu
