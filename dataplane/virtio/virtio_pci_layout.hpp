// The virtio-pci layout gives the transport's constants (VIRTIO 1.2, section 4.1) and the place of
// each structure in the BAR.
//
// Threading: constants.
#pragma once

#include <cstdint>

namespace violet::virtio::layout {

// Parts of the BAR.
inline constexpr std::uint32_t kCommon = 0x0000;
inline constexpr std::uint32_t kIsr = 0x1000;
inline constexpr std::uint32_t kDevice = 0x2000;
inline constexpr std::uint32_t kNotify = 0x3000;
inline constexpr std::uint32_t kMsixTable = 0x4000;
inline constexpr std::uint32_t kMsixPending = 0x5000;
inline constexpr std::uint32_t kPart = 0x1000;
inline constexpr std::uint32_t kBarBytes = 0x8000;

inline constexpr std::uint32_t kNotifyMultiplier = 4;

// Capabilities and their cfg_type.
inline constexpr std::uint8_t kVendorCapability = 0x09;
inline constexpr std::uint8_t kMsixCapability = 0x11;
inline constexpr std::uint8_t kCommonType = 1;
inline constexpr std::uint8_t kNotifyType = 2;
inline constexpr std::uint8_t kIsrType = 3;
inline constexpr std::uint8_t kDeviceType = 4;
inline constexpr std::uint8_t kWindowType = 5;
// Fields of a vendor capability, from its start.
inline constexpr std::uint32_t kCapBar = 4;
inline constexpr std::uint32_t kCapOffset = 8;
inline constexpr std::uint32_t kCapLength = 12;
inline constexpr std::uint32_t kCapData = 16;

// struct virtio_pci_common_cfg.
inline constexpr std::uint32_t kOfferedSelect = 0;
inline constexpr std::uint32_t kOffered = 4;
inline constexpr std::uint32_t kChosenSelect = 8;
inline constexpr std::uint32_t kChosen = 12;
inline constexpr std::uint32_t kConfigVector = 16;
inline constexpr std::uint32_t kQueueCount = 18;
inline constexpr std::uint32_t kStatus = 20;
inline constexpr std::uint32_t kGeneration = 21;
inline constexpr std::uint32_t kQueueSelect = 22;
inline constexpr std::uint32_t kQueueSize = 24;
inline constexpr std::uint32_t kQueueVector = 26;
inline constexpr std::uint32_t kQueueEnable = 28;
inline constexpr std::uint32_t kQueueNotifyOffset = 30;
inline constexpr std::uint32_t kQueueDescriptors = 32;
inline constexpr std::uint32_t kQueueDriver = 40;
inline constexpr std::uint32_t kQueueDevice = 48;
inline constexpr std::uint32_t kCommonBytes = 56;

inline constexpr std::uint16_t kNoVector = 0xffff;

// Device status.
inline constexpr std::uint8_t kAcknowledge = 1;
inline constexpr std::uint8_t kDriver = 2;
inline constexpr std::uint8_t kDriverOk = 4;
inline constexpr std::uint8_t kFeaturesOk = 8;
inline constexpr std::uint8_t kNeedsReset = 64;
inline constexpr std::uint8_t kFailed = 128;

// ISR status.
inline constexpr std::uint8_t kIsrQueue = 1;
inline constexpr std::uint8_t kIsrConfig = 2;

}  // namespace violet::virtio::layout
