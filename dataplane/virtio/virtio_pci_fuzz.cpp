// Any accesses to configuration space and BAR, any bytes in the guest's memory, between polls of a block
// device: nothing outside the guest, the disk or the function is touched (AddressSanitizer), every call
// is bounded (the fuzzer's time limit).

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "dataplane/virtio/block_device.hpp"
#include "dataplane/virtio/virtio_pci.hpp"
#include "dataplane/virtio/virtio_pci_layout.hpp"
#include "engine/base/fuzz_bytes_testing.hpp"

using namespace violet;
using namespace violet::virtio;

namespace {

constexpr std::uint32_t kBar = 0xfebf0000;
constexpr std::size_t kRam = 8192;

// The guest's memory as the endpoint sees it: `kRam` bytes at 0, in an allocation of just that size.
class SmallPort final : public DmaPort {
 public:
  std::size_t run(std::span<DmaOp> ops) override {
    std::size_t good = 0;
    for (DmaOp& op : ops) {
      const bool inside = op.iova.value <= kRam && op.bytes <= kRam - op.iova.value;
      op.result = inside ? DmaResult::kOk : DmaResult::kFaultMapping;
      if (!inside) continue;
      std::byte* const at = ram.data() + op.iova.value;
      if (op.access == Access::kRead) std::memcpy(op.buffer, at, op.bytes);
      if (op.access == Access::kWrite) std::memcpy(at, op.buffer, op.bytes);
      ++good;
    }
    return good;
  }
  bool probe(Iova, Access) override { return false; }
  IotlbReaderStats stats() const override { return {}; }

  std::vector<std::byte> ram = std::vector<std::byte>(kRam);
};

struct NoMessages final : MessageSink {
  bool send(std::uint64_t address, std::uint32_t /*data*/) override { return (address & 1) == 0; }
};

struct Guest {
  explicit Guest(FuzzBytes bytes) : input(bytes) {
    set(0x10, 4, kBar);
    set(0x04, 2, 6);
    common(layout::kChosenSelect, 4, 1);
    common(layout::kChosen, 4, 3);  // VERSION_1 and ACCESS_PLATFORM.
    common(layout::kStatus, 1, 11);
    common(layout::kQueueSize, 2, 8);
    common(layout::kQueueDriver, 4, 128);
    common(layout::kQueueDevice, 4, 256);
    common(layout::kQueueEnable, 2, 1);
    common(layout::kStatus, 1, 15);
  }

  void set(std::uint32_t at, unsigned bytes, std::uint32_t value) {
    function.write_config(at, bytes, value);
  }
  void common(std::uint32_t at, unsigned bytes, std::uint64_t value) {
    function.write_bus(kBar + at, bytes, value);
  }

  void step() {
    const auto what = input.take<std::uint8_t>();
    const unsigned bytes = 1u << (what >> 6);
    const std::uint32_t at = input.take<std::uint16_t>();
    switch (what & 7) {
      case 0:
        function.read_config(at, std::min(bytes, 4u));
        return;
      case 1:
        return set(at % 300, std::min(bytes, 4u), input.take<std::uint32_t>());
      case 2:
        function.read_bus(kBar + at, bytes);
        return;
      case 3:
        return common(at, bytes, input.take<std::uint64_t>());
      case 4:
        return set(0x04, 2, 6);
      case 5:
        function.poll(8);
        return;
      default: {
        const auto word = input.take<std::uint64_t>();
        std::memcpy(port.ram.data() + at % (kRam - sizeof(word)), &word, sizeof(word));
      }
    }
  }

  FuzzBytes input;
  SmallPort port;
  std::unique_ptr<Disk> disk = Disk::in_memory(16 * Disk::kSector).value();
  BlockDevice device{port, *disk, "fuzz"};
  NoMessages messages;
  GuestMemory memory;
  VirtioPci function{device, &messages, memory};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Guest guest(FuzzBytes(data, size));
  while (!guest.input.empty()) guest.step();
  guest.function.poll(8);
  return 0;
}
