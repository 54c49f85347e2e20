// An irqfd line raises a function's INTx interrupt through KVM, by the two eventfds that QEMU's proxy hands over.
//
// Threading: owner-only, the thread of its function.
// Invariants: the interrupt is level-triggered: once the guest has ended it, KVM lowers the line and signals the
// second eventfd (its resampler), and it is raised again only if there is still a reason.
// Limits: before connect() there is no line, and nothing happens.
#pragma once

#include "dataplane/virtio/pci_function.hpp"
#include "engine/base/file_descriptor.hpp"
#include "engine/base/result.hpp"

namespace violet::qemu {

class IrqfdLine final : public virtio::InterruptLine {
 public:
  // Error unless both are eventfds: a pipe or a file in their place could hold up whoever raises. They do not block
  // afterwards.
  Status connect(FileDescriptor interrupt, FileDescriptor end);
  void raise() override;
  // What to poll() for the guest's end of an interrupt; -1 when there is nothing.
  int end_fd() const { return end_.get(); }
  // Takes note of it.
  void ended();

 private:
  FileDescriptor interrupt_;
  FileDescriptor end_;
};

}  // namespace violet::qemu
