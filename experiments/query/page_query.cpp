// The page query tells the lives of one page: what mapped it, when it was unmapped, when nothing could reach it any more.
#include <algorithm>
#include <limits>
#include <utility>

#include "experiments/query/level_replay.hpp"

namespace violet::query {
namespace {

// Events that are looked through on either side of the asked moment.
constexpr std::uint64_t kMostBefore = 700'000, kMostAfter = 700'000;

bool covers(const IovaRange& range, std::uint64_t granule) {
  return range.first.value >> kGranuleShift4K <= granule &&
         granule <= range.last.value >> kGranuleShift4K;
}

// Whether an event can change what is known of the page.
bool concerns(const Event& event, std::uint64_t granule) {
  switch (event.kind) {
    case EventKind::kAttach:
    case EventKind::kDetach:
      return true;
    case EventKind::kDmaMap:
    case EventKind::kDmaUnmap: {
      const GranuleExtent extent(DmaEvent::of(event));
      return extent.tracked() && extent.first <= granule && granule - extent.first < extent.pages;
    }
    case EventKind::kMapDone:
    case EventKind::kUnmapExecuted:
    case EventKind::kUnmapCompleted:
      return covers(MappingEvent::of(event).range, granule);
    case EventKind::kTranslate:
    case EventKind::kRogueProbe:
      return covers(*addresses_of(event), granule);
    default:
      return false;
  }
}

class PageStory {
 public:
  PageStory(const CellData& cell, std::uint64_t granule)
      : cell_(cell), granule_(granule), sink_{{}, *this}, tracker_(sink_) {}

  void load(const CellData::ReplayFrom& from) {
    load_state(cell_, from, tracker_);
    LifetimeTable& table = tracker_.table();
    std::vector<std::uint32_t> here;
    for (std::uint32_t id = 0; id < table.lifetimes.size(); ++id) {
      const LifetimeTable::Lifetime& lifetime = table.lifetimes[id];
      if (lifetime.pages > 0 && covers(lifetime)) here.push_back(id);
    }
    std::sort(here.begin(), here.end(), [&](std::uint32_t a, std::uint32_t b) {
      return table.lifetimes[a].mapped < table.lifetimes[b].mapped;
    });
    for (const std::uint32_t id : here) begin(table.lifetimes[id]);
  }
  void apply(const Event& event) {
    if (event.kind == EventKind::kTranslate || event.kind == EventKind::kRogueProbe) {
      return note_access(event);
    }
    if (event.kind == EventKind::kUnmapExecuted) note_executed(event);
    tracker_.apply(event);
  }
  std::vector<PageLifetimes::Lifetime>& lifetimes() { return lifetimes_; }

 private:
  struct Sink : LifetimeSink {
    PageStory& story;
    void tag(LifetimeTable::Lifetime& lifetime) {
      if (story.covers(lifetime)) story.begin(lifetime);
    }
    void page(const LifetimeTable::Lifetime& lifetime, std::uint64_t granule, int live, int stale,
              Ticks at) {
      if (granule == story.granule_) story.change(lifetime, live, stale, at);
    }
  };

  bool covers(const LifetimeTable::Lifetime& lifetime) const {
    return lifetime.first <= granule_ && granule_ - lifetime.first < lifetime.pages;
  }
  void begin(LifetimeTable::Lifetime& lifetime) {
    lifetime.tag = static_cast<std::uint32_t>(lifetimes_.size());
    PageLifetimes::Lifetime out;
    out.mapped = cell_.base.nanos(lifetime.mapped);
    if (lifetime.is(LifetimeRecord::kUnmapped)) out.unmapped = cell_.base.nanos(lifetime.unmapped);
    if (lifetime.executed != 0) out.executed = cell_.base.nanos(lifetime.executed);
    out.bytes = lifetime.bytes;
    out.phys_page = lifetime.phys_page + (granule_ - lifetime.first);
    out.granted = lifetime.granted();
    out.endpoint = lifetime.endpoint;
    out.persistent = lifetime.persistent();
    out.copied = out.persistent && cell_.info.stays == CellInfo::Stays::kPool;
    out.map_ns = cell_.base.length_ns(unpack_ticks(lifetime.map_took));
    out.unmap_ns = cell_.base.length_ns(unpack_ticks(lifetime.unmap_took));
    lifetimes_.push_back(out);
    domains_.push_back(lifetime.domain_index);
  }
  void change(const LifetimeTable::Lifetime& lifetime, int live, int stale, Ticks at) {
    if (lifetime.tag >= lifetimes_.size()) return;
    PageLifetimes::Lifetime& out = lifetimes_[lifetime.tag];
    if (live < 0) {
      out.unmapped = cell_.base.nanos(at);
      out.unmap_ns = cell_.base.length_ns(unpack_ticks(lifetime.unmap_took));
      // Gone before the call returned.
      if (stale == 0 && !out.persistent && lifetime.unreachable != 0) {
        out.unreachable = cell_.base.nanos(lifetime.unreachable);
      }
    }
    if (stale < 0) out.unreachable = cell_.base.nanos(at);
  }
  void note_executed(const Event& event) {
    const std::uint32_t domain = tracker_.table().domain(MappingEvent::of(event).domain.value);
    for (std::size_t i = lifetimes_.size(); i > 0; --i) {
      PageLifetimes::Lifetime& lifetime = lifetimes_[i - 1];
      if (domains_[i - 1] != domain || lifetime.persistent) continue;
      if (!lifetime.executed) lifetime.executed = cell_.base.nanos(event.at);
      return;
    }
  }
  void note_access(const Event& event) {
    for (std::size_t i = lifetimes_.size(); i > 0; --i) {
      PageLifetimes::Lifetime& lifetime = lifetimes_[i - 1];
      if (lifetime.endpoint != event.id) continue;
      if (event.kind == EventKind::kTranslate) {
        ++lifetime.translations;
      } else {
        ++lifetime.probes;
        lifetime.probe_hits += ProbeEvent::of(event).reached ? 1 : 0;
      }
      return;
    }
  }

  const CellData& cell_;
  std::uint64_t granule_;
  Sink sink_;
  LifetimeTracker<Sink> tracker_;
  std::vector<PageLifetimes::Lifetime> lifetimes_;
  std::vector<std::uint32_t> domains_;
};

// The part of the kept events to look through, around a moment.
struct Search {
  CellData::ReplayFrom from;
  Ticks to;
  bool whole;  // All that is kept, and all that happened is kept.
};

Search search_around(const CellData& cell, Ticks at) {
  Search search{{nullptr, 0}, cell.kept_until, true};
  const KeptEvents& events = *cell.events;
  if (cell.kept_from > 0 || events.count(0, at) > kMostBefore) {
    search.whole = false;
    for (const Checkpoint& one : cell.pyramid.checkpoints) {
      const Ticks from = cell.base.start() + one.at;
      search.from = {&one, from};
      if (from >= cell.kept_from && events.count(from, at) <= kMostBefore) break;
    }
  }
  if (events.count(at, search.to) <= kMostAfter) {
    search.whole = search.whole && cell.kept_until == ~Ticks{0};
    return search;
  }
  search.whole = false;
  Ticks low = at, high = search.to;
  while (low + 1 < high) {
    const Ticks middle = low + (high - low) / 2;
    (events.count(at, middle) <= kMostAfter ? low : high) = middle;
  }
  search.to = low;
  return search;
}

void keep_around(PageLifetimes& page, Nanos at, std::size_t most) {
  auto& lifetimes = page.lifetimes;
  std::size_t after = 0;
  while (after < lifetimes.size() && lifetimes[after].mapped <= at) ++after;
  std::size_t first = 0;
  if (lifetimes.size() > most) {
    page.truncated = true;
    first = after > most / 2 ? after - most / 2 - (most > 1 ? 0 : most / 2) : 0;
    if (most > 0 && after > 0) first = std::min(first, after - 1);
    first = std::min(first, lifetimes.size() - most);
    lifetimes.assign(lifetimes.begin() + static_cast<std::ptrdiff_t>(first),
                     lifetimes.begin() + static_cast<std::ptrdiff_t>(first + most));
  }
  if (after > first && after - first <= lifetimes.size()) page.current = after - first - 1;
}

}  // namespace

PageLifetimes ask_page_lifetimes(const CellData& cell, Iova address, Nanos at, std::size_t most) {
  const std::uint64_t granule = address.value >> kGranuleShift4K;
  PageLifetimes out;
  out.page = granule << kGranuleShift4K;
  out.at = at;
  const Search search = search_around(cell, cell.base.ticks(at));
  std::vector<Event> found;
  cell.events->for_pieces(search.from.from, search.to,
                          [&](std::uint16_t, std::span<const Event> piece) {
                            for (const Event& event : piece) {
                              if (concerns(event, granule)) found.push_back(event);
                            }
                            return true;
                          });
  // Pieces come stream by stream; the order of streams is kept for equal times.
  std::stable_sort(found.begin(), found.end(), [](const Event& a, const Event& b) {
    if (a.at != b.at) return a.at < b.at;
    return traits_of(a.kind).changes_mappings && !traits_of(b.kind).changes_mappings;
  });
  PageStory story(cell, granule);
  story.load(search.from);
  for (const Event& event : found) story.apply(event);
  out.lifetimes = std::move(story.lifetimes());
  out.truncated = !search.whole;
  const Ticks from = std::max(search.from.from, cell.kept_from);
  out.searched = {
      from <= cell.base.start() ? cell.info.whole.from : cell.base.nanos(from),
      search.to == ~Ticks{0} ? std::numeric_limits<Nanos>::max() : cell.base.nanos(search.to)};
  keep_around(out, at, most);
  // A later life may have begun that nobody has kept.
  if (!out.searched.contains(at)) out.current.reset();
  return out;
}

}  // namespace violet::query
