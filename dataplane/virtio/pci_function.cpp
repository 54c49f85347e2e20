#include "dataplane/virtio/pci_function.hpp"

namespace violet::virtio {

std::uint32_t PciFunction::read_config(std::uint32_t address, unsigned bytes) {
  before_config_read(address, bytes);
  return config_.read(address, bytes);
}

void PciFunction::write_config(std::uint32_t address, unsigned bytes, std::uint32_t value) {
  config_.write(address, value, bytes);
  after_config_write(address, bytes);
}

std::uint64_t PciFunction::read_bus(std::uint64_t address, unsigned bytes) {
  const auto offset = config_.bar_offset(address, bytes);
  return offset ? read_bar(*offset, bytes) : ~std::uint64_t{0};
}

void PciFunction::write_bus(std::uint64_t address, unsigned bytes, std::uint64_t value) {
  if (const auto offset = config_.bar_offset(address, bytes)) write_bar(*offset, bytes, value);
}

void PciFunction::reset() {
  config_.reset();
  system_reset();
}

}  // namespace violet::virtio
