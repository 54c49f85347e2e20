#include "dataplane/virtio/virtio_pci.hpp"

#include <algorithm>
#include <cstring>
#include <span>

#include "dataplane/virtio/virtio_pci_layout.hpp"
#include "engine/base/check.hpp"

namespace violet::virtio {
namespace {

constexpr std::uint16_t kVirtioVendor = 0x1af4;
constexpr std::uint16_t kFirstModernDevice = 0x1040;
constexpr std::uint16_t kSubsystem = 0x1100;
constexpr std::size_t kMaxConfigAccess = 8;

PciIdentity identity_of(const VirtioDevice& device) {
  const VirtioIdentity identity = device.identity();
  return {kVirtioVendor,       static_cast<std::uint16_t>(kFirstModernDevice + identity.type),
          kVirtioVendor,       kSubsystem,
          identity.class_code, 1};
}

// A capability behind its id and link.
class CapabilityBody {
 public:
  CapabilityBody& byte(std::uint8_t value, std::uint8_t writable = 0) {
    bytes_.push_back(value);
    writable_.push_back(writable);
    return *this;
  }
  CapabilityBody& word(std::uint32_t value, std::uint8_t writable = 0) {
    for (unsigned i = 0; i < 4; ++i) byte(static_cast<std::uint8_t>(value >> 8 * i), writable);
    return *this;
  }
  std::span<const std::uint8_t> bytes() const { return bytes_; }
  std::span<const std::uint8_t> writable() const { return writable_; }

 private:
  std::vector<std::uint8_t> bytes_;
  std::vector<std::uint8_t> writable_;
};

CapabilityBody vendor_capability(std::uint8_t type, std::uint8_t length, std::uint32_t offset,
                                 std::uint32_t bytes, std::uint8_t writable = 0) {
  CapabilityBody body;
  body.byte(length).byte(type).byte(0, writable).byte(0).byte(0).byte(0);
  body.word(offset, writable).word(bytes, writable);
  return body;
}

bool overlaps(std::uint32_t address, unsigned bytes, std::uint32_t at, std::uint32_t size) {
  return address < at + size && at < address + bytes;
}

template <class T>
void put_bytes(std::span<std::byte> into, std::uint32_t offset, T value) {
  std::memcpy(into.data() + offset, &value, sizeof(T));
}

std::uint64_t first_bytes(std::span<const std::byte> from, unsigned bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, from.data(), bytes);
  return value;
}

}  // namespace

VirtioPci::VirtioPci(VirtioDevice& device, MessageSink* messages, const GuestMemory& memory)
    : PciFunction(identity_of(device), layout::kBarBytes),
      device_(device),
      memory_(memory),
      msix_(static_cast<unsigned>(device.queue_sizes().size()) + 1, messages),
      queue_count_(static_cast<unsigned>(device.queue_sizes().size())) {
  VIOLET_CHECK(queue_count_ <= kMaxQueues);
  for (std::uint16_t i = 0; i < kMaxQueues; ++i) queue_interrupts_[i] = {this, i};
  add_capabilities(messages != nullptr);
  msix_.reset();
  reset_device(ResetKind::kSystem);
}

void VirtioPci::add_capabilities(bool with_msix) {
  if (with_msix) {
    CapabilityBody msix;
    msix.byte(static_cast<std::uint8_t>(msix_.vectors() - 1)).byte(0, 0xc0);
    msix.word(layout::kMsixTable).word(layout::kMsixPending);
    msix_capability_ =
        config().add_capability(layout::kMsixCapability, msix.bytes(), msix.writable());
  }
  const auto add = [this](const CapabilityBody& body) {
    return config().add_capability(layout::kVendorCapability, body.bytes(), body.writable());
  };
  add(vendor_capability(layout::kCommonType, 16, layout::kCommon, layout::kCommonBytes));
  add(vendor_capability(layout::kIsrType, 16, layout::kIsr, 1));
  add(vendor_capability(layout::kDeviceType, 16, layout::kDevice, layout::kPart));
  add(vendor_capability(layout::kNotifyType, 20, layout::kNotify,
                        queue_count_ * layout::kNotifyMultiplier)
          .word(layout::kNotifyMultiplier));
  window_capability_ = add(vendor_capability(layout::kWindowType, 20, 0, 0, 0xff).word(0, 0xff));
}

bool VirtioPci::driver_ready() const {
  return (status_ & (layout::kDriverOk | layout::kNeedsReset)) == layout::kDriverOk &&
         config().bus_master();
}

unsigned VirtioPci::poll(unsigned budget) {
  msix_.flush();
  if (!driver_ready() && !device_.resetting()) return 0;
  const unsigned done = device_.poll(budget);
  if (device_.broken()) [[unlikely]]
    ask_for_reset();
  return done;
}

// Section 4.1.4.9: a window into the BAR from configuration space.
void VirtioPci::before_config_read(std::uint32_t address, unsigned bytes) {
  const std::uint32_t data = window_capability_ + layout::kCapData;
  if (!overlaps(address, bytes, data, 4)) return;
  const std::uint32_t length = config().read(window_capability_ + layout::kCapLength, 4);
  const std::uint32_t offset = config().read(window_capability_ + layout::kCapOffset, 4);
  if ((length != 1 && length != 2 && length != 4) || offset > layout::kBarBytes - length) return;
  config().poke(data, static_cast<std::uint32_t>(read_bar(offset, length)), length);
}

void VirtioPci::after_config_write(std::uint32_t address, unsigned bytes) {
  const std::uint32_t data = window_capability_ + layout::kCapData;
  if (overlaps(address, bytes, data, 4)) {
    const std::uint32_t length = config().read(window_capability_ + layout::kCapLength, 4);
    const std::uint32_t offset = config().read(window_capability_ + layout::kCapOffset, 4);
    if ((length != 1 && length != 2 && length != 4) || offset > layout::kBarBytes - length) return;
    write_bar(offset, length, config().read(data, length));
  } else if (msix_capability_ != 0) {
    const std::uint32_t control = config().read(msix_capability_ + 2u, 2);
    msix_.set_control((control & 0x8000) != 0, (control & 0x4000) != 0, config().bus_master());
  }
}

std::uint64_t VirtioPci::read_bar(std::uint32_t offset, unsigned bytes) {
  const std::uint32_t at = offset % layout::kPart;
  switch (offset - at) {
    case layout::kCommon:
      return read_common(at, bytes);
    case layout::kIsr:
      return at == 0 ? take_isr() : 0;
    case layout::kDevice:
      return read_device(at, bytes);
    case layout::kMsixTable:
      return msix_.read(at, bytes);
    case layout::kMsixPending:
      return msix_.read_pending(at, bytes);
    default:
      return 0;
  }
}

void VirtioPci::write_bar(std::uint32_t offset, unsigned bytes, std::uint64_t value) {
  const std::uint32_t at = offset % layout::kPart;
  switch (offset - at) {
    case layout::kCommon:
      return write_common(at, bytes, value);
    case layout::kDevice:
      return device_.write_config(at, std::as_bytes(std::span(&value, 1)).first(bytes));
    case layout::kNotify:
      kicks_.add();
      if (driver_ready()) device_.kicked(at / layout::kNotifyMultiplier);
      return;
    case layout::kMsixTable:
      return msix_.write(at, bytes, value);
    default:
      return;
  }
}

std::uint64_t VirtioPci::read_device(std::uint32_t offset, unsigned bytes) const {
  std::array<std::byte, kMaxConfigAccess> data{};
  device_.read_config(offset, std::span(data).first(bytes));
  return first_bytes(data, bytes);
}

std::uint64_t VirtioPci::read_common(std::uint32_t offset, unsigned bytes) {
  std::array<std::byte, layout::kCommonBytes + kMaxConfigAccess> all{};
  const auto half = [](std::uint64_t bits, std::uint32_t select) {
    return select < 2 ? static_cast<std::uint32_t>(bits >> 32 * select) : 0u;
  };
  put_bytes(all, layout::kOfferedSelect, offered_half_);
  put_bytes(all, layout::kOffered, half(offered(), offered_half_));
  put_bytes(all, layout::kChosenSelect, chosen_half_);
  put_bytes(all, layout::kChosen, half(chosen_, chosen_half_));
  put_bytes(all, layout::kConfigVector, config_vector_);
  put_bytes(all, layout::kQueueCount, static_cast<std::uint16_t>(queue_count_));
  put_bytes(all, layout::kStatus, status());
  put_bytes(all, layout::kQueueSelect, selected_);
  if (selected_ < queue_count_) {
    const Queue& queue = queues_[selected_];
    put_bytes(all, layout::kQueueSize, queue.size);
    put_bytes(all, layout::kQueueVector, queue.vector);
    put_bytes(all, layout::kQueueEnable, static_cast<std::uint16_t>(queue.enabled));
    put_bytes(all, layout::kQueueNotifyOffset, selected_);
    for (std::uint32_t i = 0; i < 3; ++i)
      put_bytes(all, layout::kQueueDescriptors + 8 * i, queue.areas[i]);
  }
  if (offset >= layout::kCommonBytes) return 0;
  return first_bytes(std::span(all).subspan(offset), bytes);
}

void VirtioPci::write_common(std::uint32_t offset, unsigned bytes, std::uint64_t value) {
  const auto word = static_cast<std::uint32_t>(value);
  switch (offset) {
    case layout::kOfferedSelect:
      offered_half_ = word;
      return;
    case layout::kChosenSelect:
      chosen_half_ = word;
      return;
    case layout::kChosen:
      return choose_features(word);
    case layout::kConfigVector:
      config_vector_ = checked_vector(value);
      return;
    case layout::kStatus:
      return write_status(static_cast<std::uint8_t>(value));
    case layout::kQueueSelect:
      selected_ = static_cast<std::uint16_t>(value);
      return;
    default:
      if (selected_ < queue_count_) write_queue(queues_[selected_], offset, bytes, value);
  }
}

void VirtioPci::choose_features(std::uint32_t half) {
  if (chosen_half_ > 1 || (status_ & layout::kFeaturesOk) != 0) return;
  const unsigned shift = 32 * chosen_half_;
  chosen_ = (chosen_ & ~(std::uint64_t{0xffffffff} << shift)) | std::uint64_t{half} << shift;
}

// Section 4.1.5.1.2.1: a vector that cannot be had reads back as none.
std::uint16_t VirtioPci::checked_vector(std::uint64_t value) const {
  return value < msix_.vectors() ? static_cast<std::uint16_t>(value) : layout::kNoVector;
}

void VirtioPci::write_queue(Queue& queue, std::uint32_t offset, unsigned bytes,
                            std::uint64_t value) {
  if (offset == layout::kQueueVector) {
    queue.vector = checked_vector(value);
    return;
  }
  // Section 4.1.4.3.2: the driver leaves a queue alone once it is enabled.
  if (queue.enabled) return;
  if (offset == layout::kQueueSize) {
    if (value > 0 && value <= device_.queue_sizes()[selected_]) {
      queue.size = static_cast<std::uint16_t>(value);
    }
  } else if (offset == layout::kQueueEnable) {
    if (value == 1) enable(queue);
  } else if (offset >= layout::kQueueDescriptors && offset < layout::kCommonBytes) {
    write_area(queue, offset - layout::kQueueDescriptors, bytes, value);
  }
}

void VirtioPci::write_area(Queue& queue, std::uint32_t offset, unsigned bytes,
                           std::uint64_t value) {
  std::uint64_t& area = queue.areas[offset / 8];
  if (bytes == 8 && offset % 8 == 0) {
    area = value;
  } else if (bytes == 4 && offset % 4 == 0) {
    const unsigned shift = offset % 8 * 8;
    area = (area & ~(std::uint64_t{0xffffffff} << shift)) |
           std::uint64_t{static_cast<std::uint32_t>(value)} << shift;
  }
}

void VirtioPci::enable(Queue& queue) {
  // Layouts need the negotiated features (section 3.1.1).
  if ((status_ & layout::kFeaturesOk) == 0 || device_.resetting()) return;
  const bool packed = (chosen_ & feature::kRingPacked) != 0;
  QueueSetup setup;
  setup.layout = {packed ? RingFormat::kPacked : RingFormat::kSplit,
                  queue.size,
                  {queue.areas[0]},
                  {queue.areas[1]},
                  {queue.areas[2]},
                  {}};
  setup.features = {(chosen_ & feature::kIndirectDesc) != 0, (chosen_ & feature::kEventIdx) != 0};
  setup.notifier = {&VirtioPci::notify, &queue_interrupts_[selected_]};
  if (!device_.open_queue(selected_, memory_, setup)) return ask_for_reset();
  queue.enabled = true;
}

void VirtioPci::write_status(std::uint8_t value) {
  if (value == 0) return reset_device(ResetKind::kDevice);
  const auto fresh = static_cast<std::uint8_t>(value & ~status_);
  status_ |= static_cast<std::uint8_t>(value & ~layout::kNeedsReset);
  if ((fresh & layout::kFeaturesOk) != 0 && !features_do()) {
    status_ &= static_cast<std::uint8_t>(~layout::kFeaturesOk);
  }
  if ((fresh & layout::kDriverOk) == 0) return;
  if ((status_ & layout::kFeaturesOk) == 0) {
    status_ &= static_cast<std::uint8_t>(~layout::kDriverOk);
  } else {
    device_.start();
  }
}

bool VirtioPci::features_do() {
  if ((chosen_ & ~offered()) != 0 || (chosen_ & feature::kVersion1) == 0) return false;
  return device_.accept(chosen_);
}

std::uint8_t VirtioPci::status() const {
  if (!device_.resetting()) return status_;
  return std::max(before_reset_, layout::kAcknowledge);  // 0 would say that the reset has ended.
}

void VirtioPci::reset_device(ResetKind kind) {
  before_reset_ = status_;
  status_ = 0;
  isr_ = 0;
  chosen_ = 0;
  offered_half_ = chosen_half_ = 0;
  selected_ = 0;
  config_vector_ = layout::kNoVector;
  const auto sizes = device_.queue_sizes();
  for (unsigned i = 0; i < queue_count_; ++i) queues_[i] = {sizes[i], layout::kNoVector, false, {}};
  msix_.forget_pending();
  if (kind == ResetKind::kSystem) msix_.reset();
  config().set_interrupt_status(false);
  device_.reset(kind);
}

void VirtioPci::ask_for_reset() {
  if ((status_ & layout::kNeedsReset) != 0) return;
  status_ |= layout::kNeedsReset;
  if ((status_ & layout::kDriverOk) != 0) interrupt(config_vector_, layout::kIsrConfig);
}

void VirtioPci::notify(void* queue_interrupt) {
  const auto* const of = static_cast<const QueueInterrupt*>(queue_interrupt);
  of->transport->interrupt(of->transport->queues_[of->queue].vector, layout::kIsrQueue);
}

void VirtioPci::interrupt(std::uint16_t vector, std::uint8_t reason) {
  if (msix_.enabled()) return msix_.raise(vector);
  isr_ |= reason;
  config().set_interrupt_status(true);
  if (config().intx_disabled()) return;
  raised_.add();
  raise_line();
}

std::uint64_t VirtioPci::take_isr() {
  config().set_interrupt_status(false);
  return std::exchange(isr_, std::uint8_t{0});
}

// What came between the guest's look at the ISR and its end of the interrupt.
void VirtioPci::interrupt_ended() {
  if (isr_ == 0 || config().intx_disabled()) return;
  raised_.add();
  raise_line();
}

}  // namespace violet::virtio
