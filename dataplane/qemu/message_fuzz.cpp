// Any bytes in any pieces, with any number of descriptors, as a peer may send them: messages that encode
// to what they were read from, or an error.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/qemu/message.hpp"
#include "engine/base/check.hpp"

using namespace violet;
using namespace violet::qemu;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  MessageAssembler assembler;
  std::span<const std::uint8_t> left(data, size);
  while (left.size() > 1) {
    const std::uint8_t shape = left.front();
    left = left.subspan(1);
    const auto room = assembler.room();
    VIOLET_CHECK(!room.empty());
    const std::size_t bytes =
        std::min({std::size_t{1} + (shape & 31) * 8, room.size(), left.size()});
    std::memcpy(room.data(), left.data(), bytes);
    left = left.subspan(bytes);
    std::vector<FileDescriptor> fds(shape >> 5);
    const auto message = assembler.filled(bytes, std::move(fds));
    if (!message) return 0;
    if (!message->has_value()) continue;
    VIOLET_CHECK(!assembler.midway() && (*message)->fds.size() <= kMaxFds);
    const auto again = encode((*message)->body);
    MessageAssembler second;
    for (std::size_t at = 0; at < again.size();) {
      const auto into = second.room();
      std::copy_n(again.begin() + static_cast<std::ptrdiff_t>(at), into.size(), into.begin());
      at += into.size();
      std::vector<FileDescriptor> same(at == kHeaderBytes ? (*message)->fds.size() : 0);
      const auto copy = second.filled(into.size(), std::move(same));
      VIOLET_CHECK(copy && copy->has_value() == (at == again.size()));
    }
  }
  return 0;
}
