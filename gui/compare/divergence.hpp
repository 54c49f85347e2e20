// A divergence is the first dma_map or dma_unmap call at which two cells of one workload do
// something else.
//
// A trace or a seeded generator asks for the same calls whatever strategy answers them. A call is
// its kind, endpoint, bytes and direction; the addresses that it gives differ between strategies,
// and so do times, because a replay goes as fast as it can: calls are compared by their number
// since the repetition began. The first number at which the calls differ is the divergence. A
// stream that only ends earlier has not diverged: the slower cell came less far in its time.
//
// Threading: pure; the cells may be asked from any thread.
// Invariants: No more than `most` calls are compared. Calls behind a gap of lost events are not
// compared: their numbers mean nothing. Calls on mappings that stay are not compared: the trace
// holds a share of them only.
#pragma once

#include <QString>
#include <cstdint>
#include <functional>
#include <optional>

#include "experiments/query/queries.hpp"

namespace violet::gui {
using namespace query;

struct DmaCall {
  bool map = true;
  std::uint32_t endpoint = 0;
  std::uint32_t bytes = 0;
  std::uint8_t direction = 0;  // 1 to the device, 2 from it, 3 both.
  Nanos at = 0;
  bool same_as(const DmaCall& other) const {
    return map == other.map && endpoint == other.endpoint && bytes == other.bytes &&
           direction == other.direction;
  }
};
QString callText(const DmaCall& call);  // "map 1.5 KiB from the device (0x28)"

struct Divergence {
  enum class Kind {
    kNone,     // `compared` calls are the same, and more were not asked for.
    kEnds,     // The same until one stream ended, or was no longer kept.
    kDiffers,  // Call number `compared` (from 0) is another.
    kUnknown,  // There is nothing to compare: see `because`.
  };
  Kind kind = Kind::kUnknown;
  std::uint64_t compared = 0;
  std::optional<DmaCall> first, second;  // The calls of that number.
  QString because;                       // Why the comparison ended where it did.
};

Divergence findDivergence(const CellQueries& first, const CellQueries& second,
                          std::uint64_t most = 1'000'000,
                          const std::function<bool()>& cancelled = {});
// "the same in the first 48,213 calls"; names are those of the cells.
QString divergenceText(const Divergence& divergence, const QString& first, const QString& second);

}  // namespace violet::gui
