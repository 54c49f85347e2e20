#include "dataplane/qemu/irqfd_line.hpp"

#include <unistd.h>

#include <cstdint>

namespace violet::qemu {

void IrqfdLine::raise() {
  if (!interrupt_.valid()) return;
  const std::uint64_t one = 1;
  // A counter at its limit is an interrupt that nobody has taken: one more says nothing new.
  [[maybe_unused]] const ssize_t written = ::write(interrupt_.get(), &one, sizeof(one));
}

void IrqfdLine::ended() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(end_.get(), &count, sizeof(count));
}

}  // namespace violet::qemu
