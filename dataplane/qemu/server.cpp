#include "dataplane/qemu/server.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace violet::qemu {
namespace {

constexpr int kNone = -1;  // poll() passes over it.
// Of one client, before the others and what ends the server are looked at again.
constexpr int kMessagesInTurn = 64;

}  // namespace

// Slots of poll(): `until`, the qtest socket, then each client's socket and interrupt line.
Status Server::serve(const std::vector<int>& until) {
  const std::size_t first = until.size() + 1;
  std::vector<pollfd> slots(first + 2 * clients_.size(), pollfd{kNone, POLLIN, 0});
  for (std::size_t i = 0; i < until.size(); ++i) slots[i].fd = until[i];
  if (messages_ != nullptr) slots[first - 1].fd = messages_->fd();
  for (;;) {
    bool open = false;
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      const Client& client = clients_[i];
      slots[first + 2 * i].fd = client.channel.closed() ? kNone : client.channel.fd();
      slots[first + 2 * i + 1].fd = client.end_fd;
      open = open || !client.channel.closed();
    }
    if (!open) return {};
    if (::poll(slots.data(), slots.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return fail(ErrorKind::kEnvironment, "poll: {}", std::strerror(errno));
    }
    const auto ready = [](const pollfd& slot) { return slot.revents != 0; };
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      if (ready(slots[first + 2 * i + 1])) {
        clients_[i].loop->control([&] { clients_[i].function->interrupt_ended(); });
      }
      if (!ready(slots[first + 2 * i])) continue;
      VIOLET_TRY(take(clients_[i]));
    }
    if (ready(slots[first - 1]) && !messages_->drain()) slots[first - 1].fd = kNone;
    if (std::any_of(slots.begin(), slots.begin() + static_cast<std::ptrdiff_t>(until.size()),
                    ready)) {
      return {};
    }
  }
}

Status Server::take(Client& client) {
  for (int taken = 0; taken < kMessagesInTurn; ++taken) {
    auto message = client.channel.receive();
    if (!message) {
      if (client.channel.closed()) return {};
      return fail("{}: {}", client.name, message.error().message);
    }
    if (!message->has_value()) return {};
    VIOLET_TRY(handle(client, std::move(**message)));
  }
  return {};
}

Status Server::handle(Client& client, Message message) {
  const bool is_reset = std::holds_alternative<Reset>(message.body);
  Result<std::optional<std::uint64_t>> answer = std::optional<std::uint64_t>();
  bool resetting = false;
  client.loop->control([&] {
    answer = client.function->handle(std::move(message));
    resetting = client.function->resetting();
    client.end_fd = client.function->interrupt_end_fd();
  });
  if (!answer) return fail("{}: {}", client.name, answer.error().message);
  while (is_reset && resetting) {
    client.loop->control([&] { resetting = client.function->resetting(); });
  }
  if (!answer->has_value()) return {};
  if (auto sent = client.channel.answer(**answer); !sent && !client.channel.closed()) return sent;
  return {};
}

}  // namespace violet::qemu
