// The lives of one page: what mapped it, when it was unmapped, when nothing could reach it any more.
#include <algorithm>
#include <utility>

#include "experiments/query/level_replay.hpp"

namespace violet::gui {
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
    LifeTable& table = tracker_.table();
    std::vector<std::uint32_t> here;
    for (std::uint32_t id = 0; id < table.lives.size(); ++id) {
      const LifeTable::Life& life = table.lives[id];
      if (life.pages > 0 && covers(life)) here.push_back(id);
    }
    std::sort(here.begin(), here.end(), [&](std::uint32_t a, std::uint32_t b) {
      return table.lives[a].mapped < table.lives[b].mapped;
    });
    for (const std::uint32_t id : here) begin(table.lives[id]);
  }
  void apply(const Event& event) {
    if (event.kind == EventKind::kTranslate || event.kind == EventKind::kRogueProbe) {
      return note_access(event);
    }
    if (event.kind == EventKind::kUnmapExecuted) note_executed(event);
    tracker_.apply(event);
  }
  std::vector<PageLife::Life>& lives() { return lives_; }

 private:
  struct Sink : LifeSink {
    PageStory& story;
    void tag(LifeTable::Life& life) {
      if (story.covers(life)) story.begin(life);
    }
    void page(const LifeTable::Life& life, std::uint64_t granule, int live, int stale, Ticks at) {
      if (granule == story.granule_) story.change(life, live, stale, at);
    }
  };

  bool covers(const LifeTable::Life& life) const {
    return life.first <= granule_ && granule_ - life.first < life.pages;
  }
  void begin(LifeTable::Life& life) {
    life.tag = static_cast<std::uint32_t>(lives_.size());
    PageLife::Life out;
    out.mapped = cell_.base.nanos(life.mapped);
    if (life.is(LifeRecord::kUnmapped)) out.unmapped = cell_.base.nanos(life.unmapped);
    if (life.executed != 0) out.executed = cell_.base.nanos(life.executed);
    out.bytes = life.bytes;
    out.phys_page = life.phys_page + (granule_ - life.first);
    out.granted = life.granted();
    out.endpoint = life.endpoint;
    out.persistent = life.persistent();
    out.map_ns = cell_.base.length_ns(unpack_ticks(life.map_took));
    out.unmap_ns = cell_.base.length_ns(unpack_ticks(life.unmap_took));
    lives_.push_back(out);
    domains_.push_back(life.domain_index);
  }
  void change(const LifeTable::Life& life, int live, int stale, Ticks at) {
    if (life.tag >= lives_.size()) return;
    PageLife::Life& out = lives_[life.tag];
    if (live < 0) {
      out.unmapped = cell_.base.nanos(at);
      out.unmap_ns = cell_.base.length_ns(unpack_ticks(life.unmap_took));
      // Gone before the call returned.
      if (stale == 0 && !out.persistent && life.unreachable != 0) {
        out.unreachable = cell_.base.nanos(life.unreachable);
      }
    }
    if (stale < 0) out.unreachable = cell_.base.nanos(at);
  }
  void note_executed(const Event& event) {
    const std::uint32_t domain = tracker_.table().domain(MappingEvent::of(event).domain.value);
    for (std::size_t i = lives_.size(); i > 0; --i) {
      PageLife::Life& life = lives_[i - 1];
      if (domains_[i - 1] != domain || life.persistent) continue;
      if (!life.executed) life.executed = cell_.base.nanos(event.at);
      return;
    }
  }
  void note_access(const Event& event) {
    for (std::size_t i = lives_.size(); i > 0; --i) {
      PageLife::Life& life = lives_[i - 1];
      if (life.endpoint != event.id) continue;
      if (event.kind == EventKind::kTranslate) {
        ++life.translations;
      } else {
        ++life.probes;
        life.probe_hits += ProbeEvent::of(event).reached ? 1 : 0;
      }
      return;
    }
  }

  const CellData& cell_;
  std::uint64_t granule_;
  Sink sink_;
  LifeTracker<Sink> tracker_;
  std::vector<PageLife::Life> lives_;
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

void keep_around(PageLife& page, Nanos at, std::size_t most) {
  auto& lives = page.lives;
  std::size_t after = 0;
  while (after < lives.size() && lives[after].mapped <= at) ++after;
  std::size_t first = 0;
  if (lives.size() > most) {
    page.truncated = true;
    first = after > most / 2 ? after - most / 2 - (most > 1 ? 0 : most / 2) : 0;
    if (most > 0 && after > 0) first = std::min(first, after - 1);
    first = std::min(first, lives.size() - most);
    lives.assign(lives.begin() + static_cast<std::ptrdiff_t>(first),
                 lives.begin() + static_cast<std::ptrdiff_t>(first + most));
  }
  if (after > first && after - first <= lives.size()) page.current = after - first - 1;
}

}  // namespace

PageLife ask_page_life(const CellData& cell, Iova address, Nanos at, std::size_t most) {
  const std::uint64_t granule = address.value >> kGranuleShift4K;
  PageLife out;
  out.page = granule << kGranuleShift4K;
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
  out.lives = std::move(story.lives());
  out.truncated = !search.whole;
  keep_around(out, at, most);
  return out;
}

}  // namespace violet::gui
