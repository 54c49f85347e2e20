#include "experiments/lessons/picture.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/protocol/names.hpp"
#include "experiments/lessons/layout.hpp"

namespace violet::lessons {
namespace {

using Use = BufferView::Use;
constexpr std::size_t kMostRows = 5;

std::string hex(std::uint64_t value) { return fmt::format("{:#x}", value); }

std::string range_text(const IovaRange& range) {
  const std::uint64_t pages = (range.size_minus_one() + 1) / kPageBytes;
  return pages == 1 ? hex(range.first.value) : fmt::format("{:#x} +{}p", range.first.value, pages);
}

std::string target_text(GuestPhys phys, Permissions permissions) {
  return fmt::format("\u2192 {:#x}  {}", phys.value, to_text(permissions));
}

// Keeps the newest rows and says how many are left out.
void limit(std::vector<Row>& rows, std::size_t most = kMostRows) {
  if (rows.size() <= most) return;
  const std::size_t hidden = rows.size() - most + 1;
  rows.erase(rows.begin(), rows.begin() + static_cast<long>(hidden));
  rows.insert(rows.begin(), {"more", fmt::format("{} more", hidden), {}, Tone::kQuiet});
}

// --- driver

struct UseText {
  const char* text;
  Tone tone;
};
// Nothing for what need not be shown any more.
std::optional<UseText> use_text(const BufferView& buffer) {
  switch (buffer.use) {
    case Use::kLive:
      return UseText{"in use", Tone::kPlain};
    case Use::kUnmapping:
      return UseText{"unmapping", Tone::kUnmap};
    case Use::kGivenBack:
      if (buffer.reachable) return UseText{"given back", Tone::kStale};
      if (buffer.mapping.persistent) return UseText{"reachable by design", Tone::kQuiet};
      break;
    case Use::kGone:
      break;
  }
  return std::nullopt;
}

// What it asks for and has no address for yet, as its caller sees it.
void asked_rows(const Snapshot& shot, std::vector<Row>& rows) {
  for (const RequestView& request : shot.requests) {
    const auto range = mapped_range(request.readable);
    if (request.seen || !range) continue;
    rows.push_back({hex(range->first.value), range_text(*range), "MAP under way", Tone::kMap});
  }
  if (shot.locked_out > 0) {
    rows.push_back({"lock", "another processor", "waits for the lock", Tone::kQuiet});
  }
}

Box driver_box(const Snapshot& shot) {
  Box box{Part::kDriver, "Driver", shot.strategy, {}, "nothing mapped"};
  for (const BufferView& buffer : shot.buffers) {
    const auto use = use_text(buffer);
    if (!use) continue;
    // What is behind an address that stays open is the strategy's matter: a slot, or all of memory.
    const bool open = buffer.use == Use::kGivenBack && !buffer.reachable;
    box.rows.push_back(
        {hex(buffer.range.first.value), range_text(buffer.range),
         open ? use->text : fmt::format("{:#x} {}", buffer.mapping.buffer.phys.value, use->text),
         use->tone});
  }
  asked_rows(shot, box.rows);
  limit(box.rows);
  const auto unread = shot.records.size() - shot.records_read;
  if (shot.records_read > 0) {
    box.rows.push_back(
        {"faults",
         fmt::format("{} fault{} read", shot.records_read, shot.records_read == 1 ? "" : "s"),
         unread > 0 ? fmt::format("{} unread", unread) : "", Tone::kFault});
  }
  return box;
}

// --- virtqueue

Row request_row(const RequestView& request) {
  Row row{fmt::format("#{}", request.token), request_name(request.readable), {}, Tone::kPlain};
  row.text = fmt::format("#{} {}", request.token, row.text);
  switch (request.state) {
    case RequestView::State::kQueued:
      row.detail = "waiting in the ring";
      row.tone = request_tone(request.readable);
      break;
    case RequestView::State::kTaken:
      row.detail = "taken, no answer yet";
      row.tone = request_tone(request.readable);
      break;
    case RequestView::State::kAnswered:
      row.detail = "used: " + status_name(request.status);
      row.tone = request.status == protocol::Status::kOk ? Tone::kGood : Tone::kFault;
      break;
  }
  return row;
}

Box queue_box(const Snapshot& shot) {
  Box box{Part::kQueue, "Virtqueues", "requests, events", {}, "empty"};
  for (const RequestView& request : shot.requests) {
    if (!request.seen) box.rows.push_back(request_row(request));
  }
  limit(box.rows);
  for (std::size_t i = shot.records_read; i < shot.records.size(); ++i) {
    box.rows.push_back({fmt::format("event {}", i), fmt::format("fault record {}", i + 1),
                        fault_summary(shot.records[i]), Tone::kFault});
  }
  return box;
}

// --- engine

void last_request_row(const Snapshot& shot, std::vector<Row>& rows) {
  const auto taken = std::find_if(shot.requests.rbegin(), shot.requests.rend(), [](const auto& r) {
    return r.state != RequestView::State::kQueued;
  });
  if (taken == shot.requests.rend()) return;
  std::string summary = request_summary(taken->readable);
  const std::string name = request_name(taken->readable);
  const bool over = taken->state == RequestView::State::kAnswered;
  rows.push_back({"decoded", fmt::format("{}#{} {}", over ? "last: " : "", taken->token, name),
                  summary.substr(std::min(summary.size(), name.size() + 1)),
                  request_tone(taken->readable)});
}

Box engine_box(const Snapshot& shot) {
  const bool own_core = shot.placement == Placement::kSidecore;
  Box box{Part::kEngine,
          "Engine",
          own_core ? "own core, polls" : "runs in the exit",
          {},
          "has seen nothing"};
  last_request_row(shot, box.rows);
  if (shot.machine.parked > 0) {
    box.rows.push_back(
        {"parked", fmt::format("{} not answered", shot.machine.parked),
         shot.machine.waits_for ? "waits for " + *shot.machine.waits_for : "grace period is over",
         Tone::kUnmap});
  }
  if (shot.machine.grace_periods > 0) {
    box.rows.push_back({"grace",
                        fmt::format("{} grace period{}", shot.machine.grace_periods,
                                    shot.machine.grace_periods == 1 ? "" : "s"),
                        {},
                        Tone::kQuiet});
  }
  if (shot.machine.faults_posted + shot.machine.faults_lost > 0) {
    box.rows.push_back({"posted",
                        fmt::format("{} fault{} posted", shot.machine.faults_posted,
                                    shot.machine.faults_posted == 1 ? "" : "s"),
                        shot.machine.faults_lost > 0
                            ? fmt::format("{} lost: no buffer", shot.machine.faults_lost)
                            : "",
                        Tone::kFault});
  }
  return box;
}

// --- store and IOTLBs

std::vector<Row> mapping_rows(const std::vector<MappingView>& lines,
                              const std::vector<bool>& stale) {
  std::vector<Row> rows;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    rows.push_back({hex(lines[i].range.first.value), range_text(lines[i].range),
                    target_text(lines[i].phys, lines[i].permissions),
                    stale[i] ? Tone::kStale : Tone::kPlain});
  }
  limit(rows);
  return rows;
}

bool any(const std::vector<bool>& marks) {
  return std::find(marks.begin(), marks.end(), true) != marks.end();
}

Box store_box(const Snapshot& shot) {
  Box box{Part::kStore, "Domain store", shot.engine.store, {}, "no mappings"};
  if (shot.machine.domain) {
    box.title = fmt::format("Domain {}", shot.machine.domain->value);
    box.subtitle = fmt::format("{}, {} mapping{}", shot.engine.store, shot.machine.mapping_count,
                               shot.machine.mapping_count == 1 ? "" : "s");
  } else {
    box.empty = "no domain yet";
  }
  box.rows = mapping_rows(shot.machine.mappings, shot.given_back);
  box.alarm = any(shot.given_back);
  return box;
}

Box iotlb_box(const Snapshot& shot, unsigned endpoint) {
  const EndpointView& view = shot.machine.endpoints[endpoint];
  Box box{iotlb_part(endpoint), fmt::format("IOTLB of {}", kEndpointNames[endpoint]),
          fmt::format("{} hit{}, {} miss{}", view.stats.hits, view.stats.hits == 1 ? "" : "s",
                      view.stats.misses, view.stats.misses == 1 ? "" : "es"),
          mapping_rows(view.cached, shot.cached_given_back[endpoint]), "empty"};
  box.alarm = any(shot.cached_given_back[endpoint]);
  return box;
}

// --- endpoints and memory

std::string phase_text(const AccessView& access) {
  switch (access.phase) {
    case AccessView::Phase::kNone:
      return "idle";
    case AccessView::Phase::kMissed:
      return "IOTLB miss";
    case AccessView::Phase::kWalked:
      return "store was asked";
    case AccessView::Phase::kGranted:
      return fmt::format("holds {:#x}", access.result.phys.value);
    case AccessView::Phase::kHalfDone:
      return fmt::format("half done at {:#x}", access.result.phys.value);
    case AccessView::Phase::kDone:
      return access.missed ? "done after a miss" : "done, IOTLB hit";
    case AccessView::Phase::kFault:
      if (access.found && access.result.reason == protocol::FaultReason::kMapping) {
        return "fault: not permitted";
      }
      return fmt::format("fault: {}", protocol::in_words(access.result.reason));
  }
  return {};
}

Tone phase_tone(const AccessView& access) {
  if (access.faulted()) return Tone::kFault;
  return access.succeeded() ? Tone::kGood : Tone::kTranslate;
}

Box endpoint_box(const Snapshot& shot, unsigned endpoint) {
  const EndpointView& view = shot.machine.endpoints[endpoint];
  const AccessView& access = shot.accesses[endpoint];
  Box box{endpoint_part(endpoint),
          fmt::format("{} {:#x}", kEndpointNames[endpoint], kEndpointIds[endpoint].value),
          view.domain ? fmt::format("in domain {}", view.domain->value) : "not attached",
          {},
          "idle"};
  if (endpoint == kNic && shot.rogue) {
    box.subtitle =
        "HIJACKED, " + (view.domain ? fmt::format("domain {}", view.domain->value) : box.subtitle);
    box.alarm = true;
  }
  if (access.phase == AccessView::Phase::kNone) return box;
  box.rows.push_back({"access",
                      fmt::format("{} {:#x}", access.access == Access::kRead ? "read" : "write",
                                  access.iova.value),
                      phase_text(access), phase_tone(access)});
  if (!access.data.empty() && !access.faulted()) {
    const std::string text = access.data.substr(0, access.data.find('\0'));
    box.rows.push_back(
        {"data", "\u201c" + (text.empty() ? "zeros" : text) + "\u201d", {}, Tone::kCopy});
  }
  return box;
}

// Pages that a given-back mapping leads to.
bool is_exposed(const Snapshot& shot, GuestPhys page) {
  const auto leads = [&](const std::vector<MappingView>& lines, const std::vector<bool>& stale) {
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const std::uint64_t from = lines[i].phys.value;
      if (stale[i] && page.value >= from && page.value - from <= lines[i].range.size_minus_one()) {
        return true;
      }
    }
    return false;
  };
  return leads(shot.machine.mappings, shot.given_back) ||
         leads(shot.machine.endpoints[kNic].cached, shot.cached_given_back[kNic]) ||
         leads(shot.machine.endpoints[kDisk].cached, shot.cached_given_back[kDisk]);
}

Box memory_box(const Snapshot& shot) {
  Box box{Part::kMemory, "Memory", "pages of 4 KiB", {}, "no pages"};
  for (const PageView& page : shot.pages) {
    const bool exposed = is_exposed(shot, page.phys);
    box.rows.push_back({hex(page.phys.value), fmt::format("{:#x} {}", page.phys.value, page.owner),
                        page.text.empty() ? "zeros" : "\u201c" + page.text + "\u201d",
                        exposed ? Tone::kStale : Tone::kPlain});
    box.alarm = box.alarm || exposed;
  }
  limit(box.rows, 6);
  return box;
}

const char* role_of(Part part) {
  switch (part) {
    case Part::kDriver:
      return "In the guest's kernel. Asks the engine to map and unmap, and decides who gets a "
             "page.";
    case Part::kQueue:
      return "Rings in shared memory. Requests go to the right, answers and fault records come "
             "back.";
    case Part::kEngine:
      return "The virtio-iommu device. Takes requests off the ring, carries them out, answers.";
    case Part::kStore:
      return "The domain's page table: which I/O address leads to which page of memory, and with "
             "what rights. The driver changes it only through the engine.";
    case Part::kNicIotlb:
    case Part::kDiskIotlb:
      return "Remembers what the store answered, so that most accesses need no walk.";
    case Part::kNic:
      return "A device. It knows I/O addresses only; every access is translated.";
    case Part::kDisk:
      return "Another device, with an IOTLB of its own.";
    case Part::kMemory:
      return "The guest's pages, each with its owner and its first bytes.";
  }
  return "";
}

void mark_box(const Box& before, Box& now) {
  const auto in = [](const std::vector<Row>& rows, const std::string& key) {
    return std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.key == key; });
  };
  for (Row& row : now.rows) {
    const auto old = in(before.rows, row.key);
    if (old == before.rows.end()) {
      row.change = Row::Change::kNew;
    } else if (old->text != row.text || old->detail != row.detail || old->tone != row.tone) {
      row.change = Row::Change::kChanged;
    }
  }
  for (const Row& row : before.rows) {
    if (row.change == Row::Change::kGone || in(now.rows, row.key) != now.rows.end()) continue;
    now.rows.push_back(row);
    now.rows.back().change = Row::Change::kGone;
  }
}

}  // namespace

Picture picture_of(const Snapshot& shot) {
  Picture picture;
  const auto put = [&](Box box) {
    const auto at = static_cast<std::size_t>(box.part);
    box.role = role_of(box.part);
    picture.boxes[at] = std::move(box);
  };
  put(driver_box(shot));
  put(queue_box(shot));
  put(engine_box(shot));
  put(store_box(shot));
  for (unsigned i = 0; i < kEndpointCount; ++i) {
    put(iotlb_box(shot, i));
    put(endpoint_box(shot, i));
  }
  put(memory_box(shot));
  picture.shows_disk = shot.shows_disk;
  return picture;
}

void mark_changes(const Picture& before, Picture& now) {
  for (std::size_t i = 0; i < kPartCount; ++i) mark_box(before.boxes[i], now.boxes[i]);
}

std::string in_words(const Picture& picture) {
  std::string words;
  for (const Box& box : picture.boxes) {
    if (!picture.shows_disk && (box.part == Part::kDisk || box.part == Part::kDiskIotlb)) continue;
    words += fmt::format("{} ({}): ", box.title, box.subtitle);
    if (box.rows.empty()) words += box.empty;
    bool first = true;
    for (const Row& row : box.rows) {
      if (!std::exchange(first, false)) words += "; ";
      words += row.text;
      if (!row.detail.empty()) words += ", " + row.detail;
      if (row.tone == Tone::kStale) words += ", stale";
      if (row.change == Row::Change::kNew) words += ", new";
      if (row.change == Row::Change::kChanged) words += ", changed";
      if (row.change == Row::Change::kGone) words += ", gone";
    }
    words += ".\n";
  }
  return words;
}

}  // namespace violet::lessons
