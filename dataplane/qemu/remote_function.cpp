#include "dataplane/qemu/remote_function.hpp"

#include <utility>

namespace violet::qemu {

Result<std::optional<std::uint64_t>> RemoteFunction::handle(Message message) {
  return std::visit([&](const auto& body) { return run(body, message.fds); }, message.body);
}

void RemoteFunction::interrupt_ended() {
  line_.ended();
  function_.interrupt_ended();
}

RemoteFunction::Answer RemoteFunction::run(const SyncMemory& sync, std::span<FileDescriptor> fds) {
  VIOLET_TRY(const auto changed, memory_.sync(sync, fds));
  if (changed) function_.memory_changed();
  return std::nullopt;
}

RemoteFunction::Answer RemoteFunction::run(const ConfigRead& read,
                                           std::span<FileDescriptor> /*fds*/) {
  return function_.read_config(read.address, read.bytes);
}

RemoteFunction::Answer RemoteFunction::run(const ConfigWrite& write,
                                           std::span<FileDescriptor> /*fds*/) {
  function_.write_config(write.address, write.bytes, write.value);
  return 0;
}

RemoteFunction::Answer RemoteFunction::run(const BarRead& read, std::span<FileDescriptor> /*fds*/) {
  return function_.read_bus(read.address, read.bytes);
}

RemoteFunction::Answer RemoteFunction::run(const BarWrite& write,
                                           std::span<FileDescriptor> /*fds*/) {
  function_.write_bus(write.address, write.bytes, write.value);
  return 0;
}

RemoteFunction::Answer RemoteFunction::run(const SetInterrupt& /*none*/,
                                           std::span<FileDescriptor> fds) {
  VIOLET_TRY(line_.connect(std::move(fds[0]), std::move(fds[1])));
  return std::nullopt;
}

RemoteFunction::Answer RemoteFunction::run(const Reset& /*none*/,
                                           std::span<FileDescriptor> /*fds*/) {
  function_.reset();
  return 0;
}

}  // namespace violet::qemu
