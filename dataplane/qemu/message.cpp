#include "dataplane/qemu/message.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "engine/base/check.hpp"

namespace violet::qemu {
namespace {

constexpr std::size_t kCommands = 8;
// Payload and descriptors of each command.
constexpr std::array<std::size_t, kCommands> kPayload = {192, 8, 12, 12, 24, 24, 0, 0};
constexpr std::array<const char*, kCommands> kNames = {"SYNC_SYSMEM", "RET",         "PCI_CFGWRITE",
                                                       "PCI_CFGREAD", "BAR_WRITE",   "BAR_READ",
                                                       "SET_IRQFD",   "DEVICE_RESET"};

template <class T>
T at(std::span<const std::byte> bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

template <class T>
void put(std::span<std::byte> bytes, std::size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(T));
}

void put_header(std::span<std::byte> bytes, Command command) {
  put(bytes, 0, static_cast<std::uint32_t>(command));
  put(bytes, 8, std::uint64_t{kPayload[static_cast<std::size_t>(command)]});
}

// The payload's size by the header, or what is wrong with it.
Result<std::size_t> check_header(std::span<const std::byte> header) {
  const auto command = at<std::uint32_t>(header, 0);
  const auto size = at<std::uint64_t>(header, 8);
  if (command >= kCommands || command == static_cast<std::uint32_t>(Command::kReturn)) {
    return fail("the remote device's peer sent the unknown command {}", command);
  }
  if (size != kPayload[command]) {
    return fail("the remote device's peer sent {} with {} bytes and not {}", kNames[command], size,
                kPayload[command]);
  }
  return kPayload[command];
}

bool fds_fit(Command command, std::size_t fds) {
  if (command == Command::kSyncMemory) return fds <= kMaxFds;
  return fds == (command == Command::kSetInterrupt ? 2 : 0);
}

// Arrays by field, and as many are meant as there are descriptors.
SyncMemory decode_memory(std::span<const std::byte> payload, std::size_t count) {
  SyncMemory memory{{}, count};
  for (std::size_t i = 0; i < count; ++i) {
    memory.regions[i] = {at<std::uint64_t>(payload, i * 8),
                         at<std::uint64_t>(payload, (kMaxFds + i) * 8),
                         at<std::uint64_t>(payload, (2 * kMaxFds + i) * 8)};
  }
  return memory;
}

Result<Body> decode_config(bool write, std::span<const std::byte> payload) {
  const auto address = at<std::uint32_t>(payload, 0);
  const auto bytes = at<std::uint32_t>(payload, 8);
  if (bytes != 1 && bytes != 2 && bytes != 4) {
    return fail("the remote device's peer asked for {} bytes of config space", bytes);
  }
  if (!write) return ConfigRead{address, bytes};
  return ConfigWrite{address, bytes, at<std::uint32_t>(payload, 4)};
}

Result<Body> decode_bar(bool write, std::span<const std::byte> payload) {
  const auto address = at<std::uint64_t>(payload, 0);
  const auto bytes = at<std::uint32_t>(payload, 16);
  if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8) {
    return fail("the remote device's peer asked for {} bytes of a BAR", bytes);
  }
  if (!write) return BarRead{address, bytes};
  return BarWrite{address, bytes, at<std::uint64_t>(payload, 8)};
}

Result<Body> decode(Command command, std::span<const std::byte> payload, std::size_t fds) {
  if (!fds_fit(command, fds)) {
    return fail("the remote device's peer sent {} with {} descriptors",
                kNames[static_cast<std::size_t>(command)], fds);
  }
  switch (command) {
    case Command::kSyncMemory:
      return decode_memory(payload, fds);
    case Command::kConfigWrite:
    case Command::kConfigRead:
      return decode_config(command == Command::kConfigWrite, payload);
    case Command::kBarWrite:
    case Command::kBarRead:
      return decode_bar(command == Command::kBarWrite, payload);
    case Command::kSetInterrupt:
      return SetInterrupt{};
    default:
      return Reset{};
  }
}

// One overload a body: the command, and the payload's fields.
struct Encoder {
  std::span<std::byte> payload;

  Command operator()(const SyncMemory& memory) const {
    for (std::size_t i = 0; i < memory.count; ++i) {
      put(payload, i * 8, memory.regions[i].start);
      put(payload, (kMaxFds + i) * 8, memory.regions[i].bytes);
      put(payload, (2 * kMaxFds + i) * 8, memory.regions[i].offset);
    }
    return Command::kSyncMemory;
  }
  Command operator()(const ConfigRead& read) const {
    put(payload, 0, read.address);
    put(payload, 8, std::uint32_t{read.bytes});
    return Command::kConfigRead;
  }
  Command operator()(const ConfigWrite& write) const {
    put(payload, 0, write.address);
    put(payload, 4, write.value);
    put(payload, 8, std::uint32_t{write.bytes});
    return Command::kConfigWrite;
  }
  Command operator()(const BarRead& read) const {
    put(payload, 0, read.address);
    put(payload, 16, std::uint32_t{read.bytes});
    return Command::kBarRead;
  }
  Command operator()(const BarWrite& write) const {
    put(payload, 0, write.address);
    put(payload, 8, write.value);
    put(payload, 16, std::uint32_t{write.bytes});
    return Command::kBarWrite;
  }
  Command operator()(const SetInterrupt& /*none*/) const { return Command::kSetInterrupt; }
  Command operator()(const Reset& /*none*/) const { return Command::kReset; }
};

}  // namespace

std::array<std::byte, kReturnBytes> encode_return(std::uint64_t value) {
  std::array<std::byte, kReturnBytes> bytes{};
  put_header(bytes, Command::kReturn);
  put(std::span<std::byte>(bytes), kHeaderBytes, value);
  return bytes;
}

std::vector<std::byte> encode(const Body& body) {
  std::vector<std::byte> bytes(kHeaderBytes + *std::max_element(kPayload.begin(), kPayload.end()));
  const Command command = std::visit(Encoder{std::span(bytes).subspan(kHeaderBytes)}, body);
  put_header(bytes, command);
  bytes.resize(kHeaderBytes + kPayload[static_cast<std::size_t>(command)]);
  return bytes;
}

std::span<std::byte> MessageAssembler::room() {
  return std::span(bytes_).subspan(have_, want_ - have_);
}

Result<std::optional<Message>> MessageAssembler::filled(std::size_t bytes,
                                                        std::vector<FileDescriptor> fds) {
  VIOLET_CHECK(bytes <= want_ - have_);
  have_ += bytes;
  std::move(fds.begin(), fds.end(), std::back_inserter(fds_));
  if (fds_.size() > kMaxFds) return fail("the remote device's peer sent too many descriptors");
  if (have_ < want_) return std::nullopt;
  const auto all = std::span<const std::byte>(bytes_).first(have_);
  if (have_ == kHeaderBytes) {
    VIOLET_TRY(const auto payload, check_header(all));
    want_ += payload;
    if (payload > 0) return std::nullopt;
  }
  VIOLET_TRY(auto body, decode(static_cast<Command>(at<std::uint32_t>(all, 0)),
                               all.subspan(kHeaderBytes), fds_.size()));
  have_ = 0;
  want_ = kHeaderBytes;
  return Message{body, std::exchange(fds_, {})};
}

}  // namespace violet::qemu
