#include "dataplane/virtqueue/driver_queue.hpp"

namespace violet {
namespace {

Result<std::byte*> find_tables(const GuestMemory& memory, const QueueLayout& layout,
                               const DriverOptions& options) {
  if (!options.use_indirect) return nullptr;
  if (!options.features.indirect) return fail("indirect tables need VIRTIO_F_INDIRECT_DESC");
  std::byte* const tables = memory.host(layout.indirect_tables, layout.indirect_bytes());
  if (tables == nullptr || reinterpret_cast<std::uintptr_t>(tables) % kDescriptorBytes != 0) {
    return fail("the indirect tables at {:#x} are outside guest memory or misaligned",
                layout.indirect_tables.value);
  }
  return tables;
}

}  // namespace

Result<std::unique_ptr<DriverQueue>> make_driver_queue(const GuestMemory& memory,
                                                       const QueueLayout& layout,
                                                       const DriverOptions& options) {
  VIOLET_TRY(const auto areas, resolve(memory, layout));
  VIOLET_TRY(const auto tables, find_tables(memory, layout, options));
  if (layout.size < 2 && !options.use_indirect && !options.single_segment) {
    return fail("a ring of one descriptor holds no buffer of two");
  }
  return layout.format == RingFormat::kSplit
             ? make_split_driver_queue(memory, layout, areas, options, tables)
             : make_packed_driver_queue(memory, layout, areas, options, tables);
}

}  // namespace violet
