// A server takes QEMU's messages from the sockets of a guest's functions, has them handled between two rounds of
// the loop that polls the function, and answers.
//
// Threading: one thread, which sleeps in poll() and is no loop's lcore.
// Invariants: one message at a time; after a reset of the system the answer waits until it has ended.
// Limits: a function whose peer left is served no more; what a peer sends that is no message ends it all.
#pragma once

#include <string>
#include <vector>

#include "dataplane/qemu/channel.hpp"
#include "dataplane/qemu/qtest.hpp"
#include "dataplane/qemu/remote_function.hpp"
#include "dataplane/virtio/device_loop.hpp"

namespace violet::qemu {

class Server {
 public:
  // Outlives the server; null: interrupts go through lines.
  explicit Server(QtestMessages* messages) : messages_(messages) {}
  // Loop and function outlive the server.
  void add(std::string name, virtio::DeviceLoop& loop, RemoteFunction& function, Channel channel) {
    clients_.push_back({std::move(name), &loop, &function, std::move(channel), -1});
  }

  // Serves until one of `until` is readable or every peer has left. Error: what a peer did wrong.
  Status serve(const std::vector<int>& until);

 private:
  struct Client {
    std::string name;
    virtio::DeviceLoop* loop;
    RemoteFunction* function;
    Channel channel;
    int end_fd;  // Of the interrupt line; -1 until the function has one.
  };

  Status take(Client& client);
  Status handle(Client& client, Message message);

  QtestMessages* messages_;
  std::vector<Client> clients_;
};

}  // namespace violet::qemu
