#include "experiments/query/event_text.hpp"

#include <fmt/format.h>

#include <array>
#include <initializer_list>

#include "experiments/results/table.hpp"

namespace violet::query {
namespace {

std::string word_of(std::uint8_t number, std::initializer_list<const char*> words) {
  return number < words.size() ? words.begin()[number] : fmt::format("status {}", number);
}

std::string mapping_size(const MappingEvent& body) {
  return body.ordered() ? size_text(static_cast<double>(body.range.size_minus_one()) + 1)
                        : "addresses that are not in order";
}

std::string dma_detail(const DmaEvent& body) {
  return fmt::format("{}, {}, buffer page {:#x}{}{}", size_text(body.bytes), to_text(body.granted),
                     body.phys_page, body.persistent ? ", stays mapped" : "",
                     body.kept ? ", mapping kept" : "");
}

std::string access_detail(const AccessEvent& body) {
  return fmt::format(
      "{} {}, {}", word_of(static_cast<std::uint8_t>(body.access), {"", "read", "written"}),
      size_text(static_cast<double>(body.bytes)),
      word_of(body.result, {"done", "no domain", "no mapping", "no memory there", "reserved"}));
}

std::string entries_text(std::uint64_t count) {
  return fmt::format("{} {} released", count, count == 1 ? "entry" : "entries");
}

// "1.20 M polls (lcore 1)": a total since the run began, or a level.
std::string sample_detail(const SampleEvent& body) {
  if (body.gauge >= Gauge::kCount) return fmt::format("{}: {}", to_text(body.gauge), body.value);
  const bool small = body.value < 10'000;
  const std::string value = small ? fmt::format("{}", body.value)
                                  : results::with_unit(static_cast<double>(body.value), "1");
  return fmt::format("{} {} (lcore {})", value, to_text(body.gauge), body.lcore);
}

}  // namespace

std::string to_text(Gauge gauge) {
  static constexpr std::array kGauges = {"polls",
                                         "useful polls",
                                         "requests in flight",
                                         "ATTACH requests",
                                         "DETACH requests",
                                         "MAP requests",
                                         "UNMAP requests",
                                         "PROBE requests",
                                         "IOTLB hits",
                                         "IOTLB misses",
                                         "invalidations",
                                         "grace periods",
                                         "requests that waited",
                                         "faults",
                                         "operations of the workload"};
  static_assert(kGauges.size() == static_cast<std::size_t>(Gauge::kCount));
  const auto number = static_cast<std::size_t>(gauge);
  return number < kGauges.size() ? kGauges[number] : fmt::format("gauge {}", number);
}

const char* to_text(EventKind kind) {
  switch (kind) {
    case EventKind::kNone:
      break;
    case EventKind::kMapDone:
      return "MAP done";
    case EventKind::kUnmapExecuted:
      return "UNMAP executed";
    case EventKind::kUnmapCompleted:
      return "UNMAP completed";
    case EventKind::kAttach:
      return "ATTACH";
    case EventKind::kDetach:
      return "DETACH";
    case EventKind::kFault:
      return "fault";
    case EventKind::kInvalidationStalled:
      return "invalidation waits";
    case EventKind::kDmaMap:
      return "dma_map";
    case EventKind::kDmaUnmap:
      return "dma_unmap";
    case EventKind::kFlush:
      return "flush";
    case EventKind::kKick:
      return "kick";
    case EventKind::kTranslate:
      return "translate";
    case EventKind::kRogueProbe:
      return "rogue probe";
    case EventKind::kCopy:
      return "copy";
    case EventKind::kMark:
      return "mark";
    case EventKind::kSample:
      return "sample";
    case EventKind::kEndpoint:
      return "endpoint";
    case EventKind::kMapTarget:
      return "MAP target";
    case EventKind::kAccess:
      return "DMA";
  }
  return "unknown";
}

std::string owner_text(const Event& event) {
  if (event.kind == EventKind::kInvalidationStalled) {
    return fmt::format("reader {}", StallEvent::of(event).reader);
  }
  switch (traits_of(event.kind).owner) {
    case EventOwner::kDomain:
      return fmt::format("domain {}", event.id);
    case EventOwner::kEndpoint:
      return fmt::format("endpoint {:#x}", event.id);
    case EventOwner::kNone:
      break;
  }
  return {};
}

std::string detail_text(const Event& event) {
  switch (event.kind) {
    case EventKind::kMapDone:
      return fmt::format("{}, {}", mapping_size(MappingEvent::of(event)),
                         to_text(MappingEvent::of(event).permissions));
    case EventKind::kUnmapExecuted:
    case EventKind::kUnmapCompleted:
      return mapping_size(MappingEvent::of(event));
    case EventKind::kAttach:
    case EventKind::kDetach:
      return fmt::format("domain {}", AttachEvent::of(event).domain.value);
    case EventKind::kFault:
      return word_of(FaultEvent::of(event).reason, {"reason unknown", "no domain", "no mapping"});
    case EventKind::kDmaMap:
    case EventKind::kDmaUnmap:
      return dma_detail(DmaEvent::of(event));
    case EventKind::kFlush:
      return entries_text(FlushEvent::of(event).released);
    case EventKind::kKick:
      return fmt::format("{} in flight", KickEvent::of(event).in_flight);
    case EventKind::kTranslate:
      return fmt::format("{}, {}", word_of(event.status, {"hit", "miss", "fault"}),
                         size_text(static_cast<double>(TranslateEvent::of(event).bytes)));
    case EventKind::kRogueProbe:
      return ProbeEvent::of(event).reached ? "reached memory" : "denied";
    case EventKind::kCopy:
      return size_text(static_cast<double>(CopyEvent::of(event).bytes));
    case EventKind::kMapTarget:
      return fmt::format("guest memory at {:#x}", TargetEvent::of(event).phys.value);
    case EventKind::kAccess:
      return access_detail(AccessEvent::of(event));
    case EventKind::kMark:
      return word_of(event.status, {"start", "measuring", "taking down", "end"});
    case EventKind::kSample:
      return sample_detail(SampleEvent::of(event));
    default:
      return {};
  }
}

std::optional<Iova> address_of(const Event& event) {
  if (event.kind == EventKind::kEndpoint) return std::nullopt;  // A region, or that there is none.
  const auto range = addresses_of(event);
  return range ? std::optional(range->first) : std::nullopt;
}

std::string size_text(double bytes) {
  static constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::size_t step = 0;
  for (; bytes >= 1024 && step + 1 < kUnits.size(); ++step) bytes /= 1024;
  // An exact value needs no zeros behind its point.
  const bool whole = bytes == static_cast<double>(static_cast<std::uint64_t>(bytes));
  return fmt::format("{} {}", whole ? fmt::format("{:.0f}", bytes) : results::three_digits(bytes),
                     kUnits[step]);
}

}  // namespace violet::query
