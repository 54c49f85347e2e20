// An engine port moves an endpoint's data over a real device: each op is translated through the
// reader's IOTLB, checked against the guest's memory table, and copied.
//
// Threading: open_port() is set-up; a port belongs to the lcore that runs the endpoint, which is one reader
// of the device.
// Invariants: those of dma_port.hpp. One online section a run(), with a quiescent state between its bursts
// of kBurst ops; results of a translation are used before the next one of these only. With a probe, the
// first translation of one op in kTranslateSampling is timed, by itself.
#pragma once

#include <memory>
#include <string>

#include "dataplane/dma/dma_port.hpp"
#include "dataplane/virtqueue/guest_memory.hpp"
#include "engine/base/result.hpp"
#include "engine/device/device.hpp"

namespace violet {

// A port of the endpoint for the lcore that calls itself `reader_name`. `probe` is that lcore's: faults and
// samples of the translations go there. `memory` is the endpoint's view of guest memory. Device and memory
// outlive the port.
Result<std::unique_ptr<DmaPort>> open_port(Device& device, EndpointId endpoint,
                                           std::string reader_name, const GuestMemory& memory,
                                           Probe probe = {});

}  // namespace violet
