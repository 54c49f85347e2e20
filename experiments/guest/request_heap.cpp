#include "experiments/guest/request_heap.hpp"

namespace violet {

RequestHeap::RequestHeap(GuestPhys phys, std::byte* host, std::size_t slots)
    : host_(host), order_(slots + 1) {
  for (Slot slot = 0; slot <= slots; ++slot) {
    const GuestPhys readable{phys.value + offset(slot)};
    buffers_.push_back({readable, {readable.value + kWritableAt}, 0, 0, slot});
  }
  free_.reserve(slots);
  for (std::size_t i = slots; i-- > 0;) free_.push_back(static_cast<Slot>(i));
}

Result<RequestHeap> RequestHeap::create(GuestPages& pages, std::size_t slots,
                                        std::uint32_t probe_size) {
  const std::size_t bytes = slots * kSlotBytes + kWritableAt + probe_size + sizeof(protocol::Tail);
  const std::uint64_t count = (bytes + GuestPages::kPageBytes - 1) / GuestPages::kPageBytes;
  const auto run = pages.allocate_run(count);
  if (!run) {
    return fail("the guest has no {} contiguous pages for its request queue; give it more memory",
                count);
  }
  return RequestHeap(*run, pages.host(*run, count * GuestPages::kPageBytes), slots);
}

}  // namespace violet
