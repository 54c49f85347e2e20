#include "dataplane/remote/pci_function.hpp"

#include <utility>

namespace violet::remote {

Result<std::optional<std::uint64_t>> PciFunction::handle(Message message) {
  return std::visit([&](const auto& body) { return run(body, message.fds); }, message.body);
}

PciFunction::Answer PciFunction::run(const SyncMemory& sync, std::span<FileDescriptor> fds) {
  const auto changed = memory_.sync(sync, fds);
  if (!changed) return tl::unexpected(changed.error());
  if (*changed) memory_changed();
  return std::nullopt;
}

PciFunction::Answer PciFunction::run(const ConfigRead& read, std::span<FileDescriptor> /*fds*/) {
  before_config_read(read.address, read.bytes);
  return config_.read(read.address, read.bytes);
}

PciFunction::Answer PciFunction::run(const ConfigWrite& write, std::span<FileDescriptor> /*fds*/) {
  config_.write(write.address, write.value, write.bytes);
  after_config_write(write.address, write.bytes);
  return 0;
}

PciFunction::Answer PciFunction::run(const BarRead& read, std::span<FileDescriptor> /*fds*/) {
  const auto offset = config_.bar_offset(read.address, read.bytes);
  if (!offset) return ~std::uint64_t{0};
  return read_bar(*offset, read.bytes);
}

PciFunction::Answer PciFunction::run(const BarWrite& write, std::span<FileDescriptor> /*fds*/) {
  const auto offset = config_.bar_offset(write.address, write.bytes);
  if (offset) write_bar(*offset, write.bytes, write.value);
  return 0;
}

PciFunction::Answer PciFunction::run(const SetInterrupt& /*none*/, std::span<FileDescriptor> fds) {
  set_interrupt(std::move(fds[0]), std::move(fds[1]));
  return std::nullopt;
}

PciFunction::Answer PciFunction::run(const Reset& /*none*/, std::span<FileDescriptor> /*fds*/) {
  config_.reset();
  reset();
  return 0;
}

}  // namespace violet::remote
