// Request fields follow an event's name alike in QEMU's log and in Violet's own, in the words of QEMU's trace events:
// ` domain=1 virt_start=0x.. virt_end=0x.. phys_start=0x.. flags=3`. Each function reads from behind the event's name to
// the end of the line and hands the request on; it returns what DmaRebuilder does, and nullptr with a cursor that is not
// ok() where the text is wrong.
//
// Threading: pure functions over their arguments.
#pragma once

#include "datasets/dma_rebuilder.hpp"
#include "datasets/text_cursor.hpp"

namespace violet::datasets {

struct RequestFields {
  static bool domain_and_endpoint(TextCursor& at, std::uint32_t& domain, std::uint32_t& endpoint) {
    return at.expect(" domain=", "no domain=") && at.id(domain) &&
           at.expect(" endpoint=", "no endpoint=") && at.id(endpoint) && at.expect_end();
  }
  static bool range(TextCursor& at, std::uint32_t& domain, DmaRebuilder::Range& iova) {
    return at.expect(" domain=", "no domain=") && at.id(domain) &&
           at.expect(" virt_start=0x", "no virt_start=0x") && at.hex(iova.first) &&
           at.expect(" virt_end=0x", "no virt_end=0x") && at.hex(iova.last);
  }

  static const char* attach(TextCursor& at, DmaRebuilder& stream, ImportReport& /*report*/) {
    std::uint32_t domain = 0, endpoint = 0;
    return domain_and_endpoint(at, domain, endpoint) ? stream.attach(domain, endpoint) : nullptr;
  }
  static const char* detach(TextCursor& at, DmaRebuilder& stream, ImportReport& /*report*/) {
    std::uint32_t domain = 0, endpoint = 0;
    return domain_and_endpoint(at, domain, endpoint) ? stream.detach(domain, endpoint) : nullptr;
  }
  static const char* map(TextCursor& at, DmaRebuilder& stream, ImportReport& /*report*/) {
    DmaRebuilder::MapRequest request{};
    std::uint32_t flags = 0;
    if (!range(at, request.domain, request.iova) ||
        !at.expect(" phys_start=0x", "no phys_start=0x") || !at.hex(request.phys) ||
        !at.expect(" flags=", "no flags=") || !at.id(flags) || !at.expect_end()) {
      return nullptr;
    }
    if (flags > (kDeviceReads | kDeviceWrites | kMmioMapping)) return "unknown map flags";
    request.flags = static_cast<std::uint8_t>(flags);
    return stream.map(request);
  }
  static const char* unmap(TextCursor& at, DmaRebuilder& stream, ImportReport& /*report*/) {
    std::uint32_t domain = 0;
    DmaRebuilder::Range iova{};
    return range(at, domain, iova) && at.expect_end() ? stream.unmap(domain, iova) : nullptr;
  }
  static const char* unmap_done(TextCursor& at, DmaRebuilder& stream, ImportReport& /*report*/) {
    std::uint32_t domain = 0;
    DmaRebuilder::Range iova{};
    return range(at, domain, iova) && at.expect_end() ? stream.unmap_done(domain, iova) : nullptr;
  }
};

}  // namespace violet::datasets
