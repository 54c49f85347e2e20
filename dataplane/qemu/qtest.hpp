// The qtest socket of QEMU delivers interrupt messages: the way in for a device that no KVM irqfd serves.
//
// Threading: send() from any thread; drain() and fd() belong to one thread, which polls the socket.
// Invariants: a message is one line, sent whole or not at all; a malformed one would end QEMU, so lines
// are made here and nowhere else. Limits: QEMU delivers a message when its main loop gets to it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "dataplane/virtio/msix_table.hpp"
#include "engine/base/file_descriptor.hpp"
#include "engine/base/result.hpp"

namespace violet::qemu {

class QtestMessages final : public virtio::MessageSink {
 public:
  // A pair of connected sockets; QEMU inherits `peers` for -chardev socket,fd=N.
  struct Pair;
  static Result<Pair> open();

  explicit QtestMessages(FileDescriptor socket) : socket_(std::move(socket)) {}

  bool send(std::uint64_t address, std::uint32_t data) override;
  int fd() const { return socket_.get(); }
  // Throws QEMU's answers away; false when QEMU is gone.
  bool drain();
  std::uint64_t sent() const { return sent_.load(std::memory_order_relaxed); }

 private:
  FileDescriptor socket_;
  std::atomic<std::uint64_t> sent_{0};
};

struct QtestMessages::Pair {
  std::unique_ptr<QtestMessages> ours;
  FileDescriptor peers;
};

}  // namespace violet::qemu
