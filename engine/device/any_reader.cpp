#include "engine/device/any_reader.hpp"

#include "engine/iotlb/designs.hpp"

namespace violet {

std::unique_ptr<AnyReader> open_any_reader(DeviceReader& reader) {
  return visit_design(reader.context().iotlb, [&]<class I>(I& iotlb) -> std::unique_ptr<AnyReader> {
    return std::make_unique<AnyReaderOf<I>>(iotlb, reader);
  });
}

}  // namespace violet
