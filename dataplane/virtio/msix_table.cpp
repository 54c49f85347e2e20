#include "dataplane/virtio/msix_table.hpp"

#include <bit>

namespace violet::virtio {
namespace {

constexpr std::uint32_t kEntryMasked = 1;

}  // namespace

// Section 6.8.2: software uses aligned words or double words.
std::uint64_t MsixTable::read(std::uint32_t offset, unsigned bytes) const {
  const std::uint32_t index = offset / kEntryBytes;
  if (index >= entries_.size() || bytes < 4 || offset % bytes != 0) return 0;
  const Entry& entry = entries_[index];
  const std::uint32_t word = offset % kEntryBytes / 4;
  if (bytes == 4) return entry[word];
  return entry[word] | std::uint64_t{entry[word + 1]} << 32;
}

void MsixTable::write(std::uint32_t offset, unsigned bytes, std::uint64_t value) {
  const std::uint32_t index = offset / kEntryBytes;
  if (index >= entries_.size() || bytes < 4 || offset % bytes != 0) return;
  const std::uint32_t word = offset % kEntryBytes / 4;
  entries_[index][word] = static_cast<std::uint32_t>(value);
  if (bytes == 8) entries_[index][word + 1] = static_cast<std::uint32_t>(value >> 32);
  flush();
}

std::uint64_t MsixTable::read_pending(std::uint32_t offset, unsigned bytes) const {
  if (offset + bytes > sizeof(pending_)) return 0;
  const std::uint64_t all = pending_ >> 8 * offset;
  return bytes == 8 ? all : all & ((std::uint64_t{1} << 8 * bytes) - 1);
}

void MsixTable::set_control(bool enabled, bool masked, bool bus_master) {
  enabled_ = enabled;
  masked_ = masked;
  bus_master_ = bus_master;
  flush();
}

void MsixTable::raise(unsigned vector) {
  if (!enabled_ || vector >= entries_.size()) return;
  pending_ |= std::uint64_t{1} << vector;
  send_pending();
}

void MsixTable::send_pending() {
  if (!enabled_ || masked_ || !bus_master_ || sink_ == nullptr) return;
  for (std::uint64_t left = pending_; left != 0; left &= left - 1) {
    const auto vector = static_cast<unsigned>(std::countr_zero(left));
    const Entry& entry = entries_[vector];
    if ((entry[3] & kEntryMasked) != 0) continue;
    const std::uint64_t address = entry[0] | std::uint64_t{entry[1]} << 32;
    const bool interrupts = address >= kFirstAddress && address <= kLastAddress && address % 4 == 0;
    if (interrupts) {
      if (!sink_->send(address, entry[2])) return;
      sent_.add();
    }
    pending_ &= ~(std::uint64_t{1} << vector);
  }
}

void MsixTable::reset() {
  for (Entry& entry : entries_) entry = {0, 0, 0, kEntryMasked};
  pending_ = 0;
  enabled_ = false;
  masked_ = false;
  bus_master_ = false;
}

}  // namespace violet::virtio
