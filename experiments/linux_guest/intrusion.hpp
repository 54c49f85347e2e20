// An intrusion tries, on a running guest, what an endpoint must not reach: an address that is mapped for nobody, and
// addresses that are mapped for the other endpoint alone.
//
// Threading: the lcore that runs the endpoints (DeviceLoop::control()).
// Invariants: an attempt is a DMA like any other, by way of the endpoint's port, and its fault is reported to the
// guest. Each is asked for as a read, so that one that succeeded would harm nobody but be seen.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "dataplane/dma/dma_port.hpp"

namespace violet::linux_guest {

// Mapped for nobody: no Linux hands it out while it counts down from 4 GiB with less than 500 MiB mapped.
inline constexpr Iova kNobodys{0xdead0000};

struct Intruder {
  DmaPort* port;
  // First addresses of what is mapped for it and for the other.
  std::vector<std::uint64_t> own;
  std::vector<std::uint64_t> others;
};

// Attempts, those that were denied, and of its own addresses those that it reached: by `name`.
std::map<std::string, std::uint64_t> intrude(const std::string& name, const Intruder& intruder);

}  // namespace violet::linux_guest
