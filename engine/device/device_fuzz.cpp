// Any bytes as a guest: streams of requests, some well-formed and some not, config writes, resets and
// broken rings, with a reader that translates in between and stays online as it likes.
//
// Checked after every input: no token is lost or given back twice (FakeRequestQueue aborts), what was
// answered agrees with the oracle, an endpoint reaches exactly what the oracle says, memory stays
// within its limit and comes back, an UNMAP beside a large one of another domain is not starved.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "engine/device/contract_history.hpp"

namespace violet {
namespace {

class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  bool empty() const { return at_ == size_; }
  std::uint8_t byte() { return at_ < size_ ? data_[at_++] : 0; }
  std::uint64_t below(std::uint64_t bound) {
    if (bound <= 1) return 0;
    std::uint64_t value = byte();
    if (bound > 256) value = value << 8 | byte();
    return value % bound;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

DeviceConfig fuzz_config(Bytes& bytes) {
  DeviceConfig config = rig_config();
  config.unmap_slice = static_cast<std::uint32_t>(1 + bytes.below(4));
  config.limits.domains = static_cast<std::uint32_t>(1 + bytes.below(3));
  config.limits.mappings_per_domain = 1 + bytes.below(16);
  config.limits.in_flight = static_cast<std::uint32_t>(1 + bytes.below(32));
  config.limits.memory_bytes = std::size_t{4} << 20;
  config.boot_bypass = bytes.below(2) == 1;
  config.iotlb.entries = 64;
  return config;
}

[[noreturn]] void fail_with(const std::string& problem) {
  std::fprintf(stderr, "%s\n", problem.c_str());
  std::abort();
}

// The structured half: requests that reach deep, compared with the oracle.
void compare_with_oracle(const DevicePair& pair, Bytes& bytes, bool overlapping) {
  DeviceConfig config = fuzz_config(bytes);
  if (overlapping) {
    config.unmap_slice = 1;
    config.limits.domains = 3;
    config.limits.mappings_per_domain = 64;
    config.limits.in_flight = 64;
  }
  ContractHistory history(
      pair, config, [&](std::uint64_t bound) { return bytes.below(bound); }, overlapping);
  while (!bytes.empty()) {
    if (const auto problem = history.batch(); !problem.empty()) fail_with(problem);
  }
  if (const auto problem = history.finish(); !problem.empty()) fail_with(problem);
}

void flood(const DevicePair& pair, Bytes& bytes) {
  const auto choose = [&](std::uint64_t bound) { return bytes.below(bound); };
  if (const auto problem = flood_is_fair(pair, rig_config(), choose); !problem.empty()) {
    fail_with(problem);
  }
}

// The raw half: bytes as they come, with the reader online across polls.
class RawGuest {
 public:
  RawGuest(const DevicePair& pair, Bytes& bytes)
      : bytes_(bytes), config_(fuzz_config(bytes)), rig_(pair, config_) {}

  void run() {
    while (!bytes_.empty()) one();
    if (online_) rig_.reader->offline();
    rig_.poll_until_idle();
    if (!rig_.device->needs_reset() && rig_.requests.completed() != expected_) {
      fail_with("a token was lost");
    }
    rig_.device->reset();
    rig_.requests.forget();
    rig_.poll_until_idle();
    if (rig_.device->memory_used() != 0) fail_with("memory is not given back by a reset");
  }

 private:
  void one() {
    switch (bytes_.below(8)) {
      case 0:
        return go();
      case 1:
        return write_config();
      case 2:
        return rarely();
      case 3:
      case 4:
        rig_.device->poll(static_cast<unsigned>(bytes_.below(40)));
        return;
      default:
        return push();
    }
  }

  void push() {
    std::vector<std::byte> request(bytes_.below(80));
    for (auto& byte : request) byte = static_cast<std::byte>(bytes_.byte());
    if (!request.empty() && bytes_.below(8) != 0) {
      request[0] = static_cast<std::byte>(1 + bytes_.below(5));
      if (request.size() > 4) request[4] = static_cast<std::byte>(1 + bytes_.below(3));
      if (request.size() > 11) {
        std::fill(request.begin() + 5, request.begin() + 8, std::byte{0});
        std::fill(request.begin() + 9, request.begin() + 12, std::byte{0});
      }
    }
    rig_.requests.push(request, static_cast<std::uint32_t>(bytes_.below(600)));
    ++expected_;
  }

  void go() {
    if (!online_) {
      rig_.reader->online();
      online_ = true;
      return;
    }
    const auto pick = bytes_.below(4);
    if (pick == 0) {
      rig_.reader->offline();
      online_ = false;
    } else if (pick == 1) {
      rig_.reader->quiescent();
    } else if (pick == 2) {
      translate();
    } else {
      translate_burst();
    }
  }

  // The engine may run, a request may arrive, between two accesses of a burst.
  void translate_burst() {
    const auto endpoint = rig_.device->endpoint({static_cast<std::uint32_t>(8 + bytes_.below(3))});
    std::size_t next = 0;
    std::size_t taken = 0;
    const std::size_t count = bytes_.below(8);
    BurstAccess access{};
    rig_.reader->translate_burst(
        *endpoint, count,
        [&](std::size_t i) {
          if (i == next) {
            ++next;
            if (bytes_.below(4) == 0) push();
            if (bytes_.below(2) == 0) rig_.device->poll(static_cast<unsigned>(bytes_.below(8)));
            access = {{bytes_.below(65536) << bytes_.below(49)},
                      bytes_.below(2) == 0 ? Access::kRead : Access::kWrite};
          }
          return access;
        },
        [&](std::size_t i, const TranslateResult& result) {
          if (i != taken++) fail_with("a burst answers out of order");
          if (result.reaches_memory() && result.bytes_left == 0) {
            fail_with("no bytes left of a mapping");
          }
        });
    if (taken != count) fail_with("a burst lost an access");
  }

  void translate() {
    const auto endpoint = rig_.device->endpoint({static_cast<std::uint32_t>(8 + bytes_.below(3))});
    const Iova at{bytes_.below(65536) << (bytes_.below(49))};
    const auto access = bytes_.below(2) == 0 ? Access::kRead : Access::kWrite;
    const auto result = rig_.reader->translate(*endpoint, at, access);
    if (result.reaches_memory() && result.bytes_left == 0) fail_with("no bytes left of a mapping");
  }

  void write_config() {
    std::array<std::byte, 4> value;
    for (auto& byte : value) byte = static_cast<std::byte>(bytes_.byte());
    rig_.device->write_config(bytes_.below(44), value);
    std::array<std::byte, 40> shown;
    rig_.device->read_config(0, shown);
    if (std::to_integer<int>(shown[36]) > 1) fail_with("bypass reads neither 0 nor 1");
  }

  void rarely() {
    const auto pick = bytes_.below(64);
    if (pick == 0) rig_.requests.break_ring();
    if (pick == 1) rig_.events.add_buffer(bytes_.below(32));
    if (pick == 2) rig_.device->negotiate(bytes_.below(256));
    if (pick > 4) return;
    if (pick == 3) rig_.device->reset();
    if (pick == 4) rig_.device->system_reset();
    if (pick >= 3) {
      rig_.requests.forget();
      expected_ = rig_.requests.completed();
    }
    if (rig_.device->memory_used() > config_.limits.memory_bytes) fail_with("over the limit");
  }

  Bytes& bytes_;
  DeviceConfig config_;
  Rig rig_;
  bool online_ = false;
  std::size_t expected_ = 0;
};

void fuzz_one(const DevicePair& pair, Bytes& bytes) {
  switch (bytes.below(4)) {
    case 0:
      return compare_with_oracle(pair, bytes, false);
    case 1:
      return RawGuest(pair, bytes).run();
    case 2:
      return compare_with_oracle(pair, bytes, true);
    default:
      return flood(pair, bytes);
  }
}

}  // namespace
}  // namespace violet

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace violet;
  if (size > 8192) return 0;
  Bytes bytes(data, size);
  switch (bytes.below(4)) {
    case 0:
      fuzz_one({"radix", "shared-versioned"}, bytes);
      break;
    case 1:
      fuzz_one({"interval", "locked"}, bytes);
      break;
    case 2:
      fuzz_one({"radix", "targeted-ack"}, bytes);
      break;
    default:
      fuzz_one({"interval", "generation-domain"}, bytes);
      break;
  }
  return 0;
}
