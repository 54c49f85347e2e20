// A mirror wire gives a network card of QEMU's own the mirror of net_peer.hpp: frames come and go as datagrams of a
// socket, which QEMU inherits for -netdev dgram.
//
// Threading: a thread of its own from open() to the end.
// Invariants: the same as a card of ours sees. A frame for which QEMU has no room is dropped.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "engine/base/file_descriptor.hpp"
#include "engine/base/result.hpp"

namespace violet::linux_guest {

class MirrorWire {
 public:
  static Result<std::unique_ptr<MirrorWire>> open();
  ~MirrorWire();
  MirrorWire(const MirrorWire&) = delete;
  MirrorWire& operator=(const MirrorWire&) = delete;

  int qemus_end() const { return qemus_.get(); }

 private:
  MirrorWire(FileDescriptor ours, FileDescriptor qemus)
      : ours_(std::move(ours)), qemus_(std::move(qemus)), thread_([this] { run(); }) {}
  void run();

  FileDescriptor ours_, qemus_;
  std::atomic<bool> ending_{false};
  std::thread thread_;  // Last: it uses the others.
};

}  // namespace violet::linux_guest
