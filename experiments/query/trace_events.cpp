#include "experiments/query/trace_events.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "experiments/query/event_text.hpp"

namespace violet::query {
namespace {

constexpr std::size_t kPieceEvents = 1 << 15;
constexpr std::size_t kMostAtOnce = kPieceEvents * 64;
constexpr std::size_t kPieceBytes = 1 << 16;
// Processes of the format, which are groups of tracks.
constexpr int kGuestTracks = 1, kEngineTracks = 2, kEndpointTracks = 3;
// A slice needs a length, or no flow can meet it.
constexpr std::uint64_t kShortest = 1;

struct TraceTrack {
  int process;
  std::uint64_t thread;
  auto operator<=>(const TraceTrack&) const = default;
};
constexpr TraceTrack kEngineTrack{kEngineTracks, 1};

struct Mapping {
  std::uint64_t last = 0;    // Of its addresses, the first of which is its key.
  std::uint64_t number = 0;  // Names its slice.
  Nanos mapped = 0;
  std::optional<Nanos> executed, completed;
  struct Call {
    TraceTrack track;
    Nanos began;
  };
  std::optional<Call> call;    // The dma_unmap that ends it.
  bool map_is_linked = false;  // A dma_map was led to its MAP.
};

// Events in order of time go in, JSON comes out.
class EventsToJson {
 public:
  EventsToJson(TimeWindow window, const WritePiece& write) : window_(window), write_(write) {}

  void attach(std::uint32_t endpoint, std::uint32_t domain) { domains_[endpoint] = domain; }
  Status begin(const CellInfo& info);
  Status take(const EventLine& line);
  Status end();

 private:
  using Key = std::pair<std::uint32_t, std::uint64_t>;  // Domain and first address.
  using Mappings = std::map<Key, Mapping>;

  template <class... Values>
  void add(fmt::format_string<Values...> format, Values&&... values) {
    out_ += separator_;
    separator_ = ",\n";
    fmt::format_to(std::back_inserter(out_), format, std::forward<Values>(values)...);
  }
  static std::string time(Nanos at) {
    return fmt::format("{}.{:03}", std::max<Nanos>(at, 0) / 1000, std::max<Nanos>(at, 0) % 1000);
  }
  void name(TraceTrack track, const std::string& process, const std::string& thread);
  void name_of(TraceTrack track, std::uint16_t lcore);
  void slice(TraceTrack track, const char* what, Nanos from, std::uint64_t length,
             const std::string& detail);
  void instant(TraceTrack track, const char* what, Nanos at, const std::string& detail);
  void flow(char phase, TraceTrack track, std::uint64_t number, Nanos at);
  void async(char phase, const Mapping& mapping, const char* what, const Key& key, Nanos at,
             const char* note);

  void map_done(const EventLine& line);
  void unmap_executed(const EventLine& line);
  void unmap_completed(const EventLine& line);
  void dma_call(const EventLine& line, TraceTrack track, Nanos from);
  void sample(const EventLine& line);
  void other(const EventLine& line);
  void lead_unmap(const Mapping& mapping);
  void forget_what_nobody_ends();
  Mappings::iterator at_address(std::uint32_t endpoint, std::uint64_t iova);
  Mappings::iterator seen(const Key& key, std::uint64_t last, Nanos mapped, const char* note);

  TimeWindow window_;
  const WritePiece& write_;
  std::string out_;
  const char* separator_ = "";
  std::set<TraceTrack> named_;
  std::map<std::uint32_t, std::uint32_t>
      domains_;  // Of endpoints, as far as they were seen attached.
  Mappings mappings_;
  std::uint64_t next_ = 1;  // Number of a slice or a flow.
};

TraceTrack track_of(const EventLine& line) {
  switch (traits_of(line.event.kind).source) {
    case violet::EventSource::kEngine:
      return kEngineTrack;
    case violet::EventSource::kReader:
      return {kEndpointTracks, line.event.id};
    default:
      return {kGuestTracks, std::uint64_t{line.lcore} + 1};
  }
}

// When it began: an event is left when it is over, but a probe's is its middle.
Nanos beginning(const EventLine& line) {
  const std::uint64_t back =
      line.event.kind == EventKind::kRogueProbe ? line.took_ns / 2 : line.took_ns;
  return line.at - std::min(static_cast<Nanos>(back), std::max<Nanos>(line.at, 0));
}

void EventsToJson::name(TraceTrack track, const std::string& process, const std::string& thread) {
  if (!named_.insert(track).second) return;
  add(R"({{"ph":"M","name":"process_name","pid":{},"tid":{},"args":{{"name":"{}"}}}})",
      track.process, track.thread, process);
  add(R"({{"ph":"M","name":"thread_name","pid":{},"tid":{},"args":{{"name":"{}"}}}})",
      track.process, track.thread, thread);
}

void EventsToJson::slice(TraceTrack track, const char* what, Nanos from, std::uint64_t length,
                         const std::string& detail) {
  add(R"({{"ph":"X","name":"{}","pid":{},"tid":{},"ts":{},"dur":{},"args":{{"what":"{}"}}}})", what,
      track.process, track.thread, time(from),
      time(static_cast<Nanos>(std::max<std::uint64_t>(length, kShortest))), detail);
}

void EventsToJson::instant(TraceTrack track, const char* what, Nanos at,
                           const std::string& detail) {
  add(R"({{"ph":"i","s":"t","name":"{}","pid":{},"tid":{},"ts":{},"args":{{"what":"{}"}}}})", what,
      track.process, track.thread, time(at), detail);
}

// 's' begins it, 't' leads on, 'f' ends it, each within a slice of that track.
void EventsToJson::flow(char phase, TraceTrack track, std::uint64_t number, Nanos at) {
  add(R"({{"ph":"{}","cat":"request","name":"request","id":{},"pid":{},"tid":{},"ts":{}{}}})",
      phase, number, track.process, track.thread, time(at), phase == 'f' ? R"(,"bp":"e")" : "");
}

void EventsToJson::async(char phase, const Mapping& mapping, const char* what, const Key& key,
                         Nanos at, const char* note) {
  const std::string told = *note == '\0' ? "" : fmt::format(R"(,"note":"{}")", note);
  add(R"({{"ph":"{}","cat":"mapping","id":{},"name":"{}","pid":{},"tid":{},"ts":{},"args":{{"domain":{},"iova":"{:#x}","bytes":{}{}}}}})",
      phase, mapping.number, what, kEngineTrack.process, kEngineTrack.thread, time(at), key.first,
      key.second, static_cast<double>(mapping.last - key.second) + 1, told);
}

Status EventsToJson::begin(const CellInfo& info) {
  nlohmann::ordered_json about = {{"schema", "violet.trace_events"},
                                  {"version", kTraceEventsVersion},
                                  {"run", info.run_id},
                                  {"cell", info.label},
                                  {"repetition", info.repetition},
                                  {"from_ns", window_.from},
                                  {"to_ns", window_.to},
                                  {"kept_until_ns", info.kept_until},
                                  {"lost_events", info.lost},
                                  {"lost_unknown", info.lost_unknown},
                                  {"calls_sampled", info.calls_sampled}};
  const std::string text =
      about.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
  out_ +=
      fmt::format("{{\"displayTimeUnit\":\"ns\",\n\"otherData\":{},\n\"traceEvents\":[\n", text);
  name(kEngineTrack, "engine", "engine");
  if (info.kept_until < window_.to) {
    instant(kEngineTrack, "later events were not kept", std::max(info.kept_until, window_.from),
            "");
  }
  return {};
}

// The mapping with that key; one that was not seen before began at `mapped`.
EventsToJson::Mappings::iterator EventsToJson::seen(const Key& key, std::uint64_t last,
                                                    Nanos mapped, const char* note) {
  const auto [at, fresh] = mappings_.try_emplace(key);
  if (!fresh) return at;
  at->second.last = last;
  at->second.number = next_++;
  at->second.mapped = mapped;
  async('b', at->second, "mapping", key, mapped, note);
  return at;
}

void EventsToJson::map_done(const EventLine& line) {
  const MappingEvent body = MappingEvent::of(line.event);
  if (!body.ordered()) return other(line);
  const Key key{body.domain.value, body.range.first.value};
  // What is there under this key is over: its unmap was nobody's call, or events were lost.
  if (const auto before = mappings_.find(key); before != mappings_.end()) {
    if (!before->second.completed)
      async('e', before->second, "mapping", key, line.at, "unmap not seen");
    mappings_.erase(before);
  }
  seen(key, body.range.last.value, line.at, "");
  slice(kEngineTrack, "MAP", line.at, kShortest, detail_text(line.event));
}

void EventsToJson::unmap_executed(const EventLine& line) {
  const MappingEvent body = MappingEvent::of(line.event);
  if (!body.ordered()) return other(line);
  const Key key{body.domain.value, body.range.first.value};
  const auto at = seen(key, body.range.last.value, window_.from, "mapped before this window");
  at->second.executed = line.at;
  slice(kEngineTrack, "UNMAP", line.at, kShortest, detail_text(line.event));
  async('b', at->second, "removed, still reachable", key, line.at, "");
}

void EventsToJson::unmap_completed(const EventLine& line) {
  const MappingEvent body = MappingEvent::of(line.event);
  if (!body.ordered()) return other(line);
  const Key key{body.domain.value, body.range.first.value};
  const auto at = seen(key, body.range.last.value, window_.from, "mapped before this window");
  Mapping& mapping = at->second;
  slice(kEngineTrack, "UNMAP completed", line.at, kShortest, detail_text(line.event));
  if (mapping.executed) async('e', mapping, "removed, still reachable", key, line.at, "");
  async('e', mapping, "mapping", key, line.at, "");
  mapping.completed = line.at;
  if (!mapping.call) return;  // Strict: the call returns after this.
  lead_unmap(mapping);
  mappings_.erase(at);
}

// From the call that unmapped it over the engine to the completion.
void EventsToJson::lead_unmap(const Mapping& mapping) {
  if (!mapping.executed || !mapping.completed) return;
  const std::uint64_t number = next_++;
  flow('s', mapping.call->track, number, mapping.call->began);
  flow('t', kEngineTrack, number, *mapping.executed);
  flow('f', kEngineTrack, number, *mapping.completed);
}

EventsToJson::Mappings::iterator EventsToJson::at_address(std::uint32_t endpoint,
                                                          std::uint64_t iova) {
  const auto domain = domains_.find(endpoint);
  if (domain == domains_.end()) return mappings_.end();
  auto at = mappings_.upper_bound({domain->second, iova});
  if (at == mappings_.begin()) return mappings_.end();
  --at;
  return at->first.first == domain->second && iova <= at->second.last ? at : mappings_.end();
}

void EventsToJson::dma_call(const EventLine& line, TraceTrack track, Nanos from) {
  const DmaEvent body = DmaEvent::of(line.event);
  const bool unmaps = line.event.kind == EventKind::kDmaUnmap;
  const auto at = at_address(body.endpoint.value, body.iova.value);
  if (at != mappings_.end()) {
    // What a call took is rounded down (pack_ticks): the engine's step within it may seem to come before it.
    const Nanos step = unmaps ? at->second.executed.value_or(from) : at->second.mapped;
    const auto rounded = static_cast<Nanos>(line.took_ns / 1024) + 1;
    if (step < from && from - step <= rounded) from = step;
  }
  slice(track, to_text(line.event.kind), from, static_cast<std::uint64_t>(line.at - from),
        detail_text(line.event));
  if (at == mappings_.end()) return;
  Mapping& mapping = at->second;
  if (unmaps) {
    if (mapping.call || mapping.executed.value_or(from) < from) return;
    mapping.call = Mapping::Call{track, from};
    if (!mapping.completed) return;
    lead_unmap(mapping);
    mappings_.erase(at);
  } else if (!mapping.map_is_linked && from <= mapping.mapped && mapping.mapped < line.at) {
    mapping.map_is_linked = true;
    const std::uint64_t number = next_++;
    flow('s', track, number, from);
    flow('t', kEngineTrack, number, mapping.mapped);
    flow('f', track, number, line.at - 1);
  }
}

void EventsToJson::sample(const EventLine& line) {
  const SampleEvent body = SampleEvent::of(line.event);
  const std::string name = fmt::format("{}, lcore {}", to_text(body.gauge), body.lcore);
  add(R"({{"ph":"C","name":"{}","pid":{},"tid":{},"ts":{},"args":{{"value":{}}}}})", name,
      kEngineTrack.process, kEngineTrack.thread, time(line.at), body.value);
}

void EventsToJson::other(const EventLine& line) {
  const TraceTrack track = track_of(line);
  const auto kind = line.event.kind;
  if (kind == EventKind::kAttach) {
    const AttachEvent body = AttachEvent::of(line.event);
    attach(body.endpoint.value, body.domain.value);
  }
  if (kind == EventKind::kDetach) domains_.erase(AttachEvent::of(line.event).endpoint.value);
  if (line.event.timed()) {
    slice(track, to_text(kind), beginning(line), line.took_ns, detail_text(line.event));
  } else {
    instant(track, to_text(kind), line.at, detail_text(line.event));
  }
}

void EventsToJson::forget_what_nobody_ends() {
  if (mappings_.size() < kMostMappings) return;
  std::erase_if(mappings_, [](const auto& one) { return one.second.completed.has_value(); });
  while (mappings_.size() >= kMostMappings) mappings_.erase(mappings_.begin());
}

void EventsToJson::name_of(TraceTrack track, std::uint16_t lcore) {
  if (track.process == kEndpointTracks) {
    name(track, "endpoints", fmt::format("endpoint {:#x}", track.thread));
  } else {
    name(track, "guest",
         lcore == kRecorderLcore ? "recorder" : fmt::format("driver, lcore {}", lcore));
  }
}

Status EventsToJson::take(const EventLine& line) {
  const TraceTrack track = track_of(line);
  if (!named_.contains(track)) name_of(track, line.lcore);
  switch (line.event.kind) {
    case EventKind::kMapDone:
      map_done(line);
      forget_what_nobody_ends();
      break;
    case EventKind::kUnmapExecuted:
      unmap_executed(line);
      break;
    case EventKind::kUnmapCompleted:
      unmap_completed(line);
      break;
    case EventKind::kDmaMap:
    case EventKind::kDmaUnmap:
      dma_call(line, track, beginning(line));
      break;
    case EventKind::kSample:
      sample(line);
      break;
    default:
      other(line);
  }
  if (out_.size() < kPieceBytes) return {};
  VIOLET_TRY(write_(out_));
  out_.clear();
  return {};
}

Status EventsToJson::end() {
  for (const auto& [key, mapping] : mappings_) {
    if (mapping.completed) continue;
    if (mapping.executed) {
      async('e', mapping, "removed, still reachable", key, window_.to, "until after this window");
    }
    async('e', mapping, "mapping", key, window_.to, "until after this window");
  }
  out_ += "\n]}\n";
  return write_(out_);
}

// The events of the window in order of time, in pieces that end between two nanoseconds.
Status for_events(const CellQueries& cell, TimeWindow window, const ShareDone& done,
                  const std::function<Status(const EventLine&)>& take) {
  const auto length = static_cast<double>(std::max<Nanos>(window.length(), 1));
  std::size_t most = kPieceEvents;
  for (Nanos from = window.from; from < window.to;) {
    auto lines = cell.events({from, window.to}, {}, 0, most);
    const bool rest = lines.size() < most;
    if (!rest) {
      const Nanos cut = lines.back().at;
      if (cut == lines.front().at) {  // All of one nanosecond: a larger piece has its end.
        if (most >= kMostAtOnce) return fail("more than {} events of one nanosecond", kMostAtOnce);
        most *= 2;
        continue;
      }
      while (lines.back().at == cut) lines.pop_back();
      from = cut;
    }
    for (const EventLine& line : lines) VIOLET_TRY(take(line));
    if (rest) break;
    most = kPieceEvents;
    done(static_cast<double>(from - window.from) / length);
  }
  done(1);
  return {};
}

}  // namespace

Status write_trace_events(const CellQueries& cell, TimeWindow window, const WritePiece& write,
                          const ShareDone& done) {
  EventsToJson json(window, write);
  for (const auto& endpoint : cell.topology(window.from, 0).endpoints) {
    if (endpoint.attachment && endpoint.attachment->domain) {
      json.attach(endpoint.id, *endpoint.attachment->domain);
    }
  }
  VIOLET_TRY(json.begin(cell.info()));
  VIOLET_TRY(
      for_events(cell, window, done, [&](const EventLine& line) { return json.take(line); }));
  return json.end();
}

}  // namespace violet::query
