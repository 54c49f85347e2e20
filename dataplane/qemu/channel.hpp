// A channel is the socket to one x-pci-proxy-dev: messages with their descriptors in, answers out.
//
// Threading: owner-only.
// Invariants: descriptors that came with a message belong to it, those of a broken one are closed.
// Limits: QEMU waits for each answer, so they never fill its socket; a peer that takes none within kPatienceMs is
// given up.
#pragma once

#include <optional>

#include "dataplane/qemu/message.hpp"

namespace violet::qemu {

class Channel {
 public:
  static constexpr int kPatienceMs = 1000;

  // A pair of connected sockets: ours, and the one that QEMU inherits as fd=N.
  struct Pair;
  static Result<Pair> open();

  explicit Channel(FileDescriptor socket) : socket_(std::move(socket)) {}

  // What to poll() for input.
  int fd() const { return socket_.get(); }
  // The next message, or nothing when the socket has none now; does not block. Error when the peer
  // sent what is no message, or left: closed() tells the two apart.
  Result<std::optional<Message>> receive();
  bool closed() const { return closed_; }
  Status answer(std::uint64_t value);

 private:
  FileDescriptor socket_;
  MessageAssembler assembler_;
  bool closed_ = false;
};

struct Channel::Pair {
  Channel ours;
  FileDescriptor peers;
};

}  // namespace violet::qemu
