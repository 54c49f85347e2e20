// Lesson 7: optimistic teardown and its friends.
#include <fmt/format.h>

#include <algorithm>

#include "experiments/lessons/lessons.hpp"
#include "experiments/lessons/numbers.hpp"
#include "experiments/lessons/trial.hpp"

namespace violet::lessons {
namespace {

constexpr GuestPhys kPageA{Memory::kFirstPage};
constexpr GuestPhys kPageB{Memory::kFirstPage + kPageBytes};
constexpr Iova kIovaA{0xfffff000};
constexpr Iova kIovaReadOnly{0xffffe000};
constexpr Iova kIovaB{0xffffd000};

std::uint64_t keep_ns(const SettingValues& settings) {
  return static_cast<std::uint64_t>(settings.real("keep_ms") * 1e6);
}

void set_optimistic_scene(Scene& scene) {
  scene.restart(
      Placement::kSidecore,
      {.strategy = "optimistic",
       .settings = {{"quota", std::int64_t{2}}, {"batch", std::int64_t{1}}, {"keep_ms", 5.0}}});
  scene.memory().add("buffer A");
  scene.memory().add("buffer B");
  scene.guest().start();
  scene.guest().map(kPageA, kPageBytes, DmaDirection::kBidirectional);
  scene.stage().dma(kNic, kIovaA, Access::kWrite, "packet A");
}

bool is_mapped(const Snapshot& shot, Iova iova) {
  for (const MappingView& line : shot.machine.mappings) {
    if (line.range.contains(iova)) return true;
  }
  return false;
}

void add_keeping(std::vector<Step>& steps) {
  steps.push_back(
      {"Hoping for a return",
       says("Drivers often map the same page again a moment later. Optimistic teardown bets on it: "
            "at unmap "
            "it keeps the mapping for a few milliseconds. At most two at a time here: the quota."),
       set_optimistic_scene});
  steps.push_back(
      {"Unmapped, says the driver",
       [](const Snapshot& before, const Snapshot& after) {
         return fmt::format(
             "The call has returned after {} requests and no wait. The mapping is on the "
             "list of kept ones; store and IOTLB know nothing of it. Stale pages: {}.",
             after.requests.size() - before.requests.size(), after.stale_pages());
       },
       [](Scene& s) { s.guest().unmap(kIovaA); }});
  steps.push_back(
      {"Still open",
       says("Yes. Lazy leaves an UNMAP on its way; here there is not even one. A device that never "
            "cached "
            "the translation could use it too: the mapping itself is valid."),
       [](Scene& s) {
         s.hijack_nic();
         s.stage().dma(kNic, kIovaA, Access::kRead, "packet A");
       },
       will_it_succeed("A hijacked NIC reads the page after its unmap. Will it succeed?")});
  steps.push_back(
      {"The bet pays",
       [](const Snapshot& before, const Snapshot& after) {
         return fmt::format(
             "{}. Same page, same rights: the kept mapping is in use again. Maps without a "
             "request so far: {}. This is what makes the strategy as fast as no "
             "protection when buffers are recycled.",
             count_text(after.requests.size() - before.requests.size()), after.silent_maps);
       },
       [](Scene& s) { s.guest().map(kPageA, kPageBytes, DmaDirection::kBidirectional); },
       {"The driver maps page A again with the same rights. How many requests?",
        {needs_requests(0, "None"), needs_requests(1, "One"), needs_requests(2, "Two")}}});
}

void add_quota(std::vector<Step>& steps) {
  steps.push_back(
      {"Other rights",
       [](const Snapshot& before, const Snapshot& after) {
         return fmt::format(
             "{}. A kept mapping is used again only for the same rights: reading and writing is "
             "more than this caller asked for. {} addresses lead to page A now. Stale: {}.",
             count_text(after.requests.size() - before.requests.size()),
             after.machine.mappings.size(), after.stale_pages());
       },
       [](Scene& s) {
         s.guest().unmap(kIovaA);
         s.guest().map(kPageA, kPageBytes, DmaDirection::kToDevice);
       },
       {"Page A is unmapped, and mapped again for reading only. How many requests?",
        {needs_requests(0, "None"), needs_requests(1, "One"), needs_requests(2, "Two")}}});
  steps.push_back({"The quota is full",
                   [](const Snapshot&, const Snapshot& after) {
                     return fmt::format(
                         "A's second mapping is given back too, and page B is mapped and used. Two "
                         "mappings are kept: {} addresses are stale. Page B is in use.",
                         after.stale_pages());
                   },
                   [](Scene& s) {
                     s.guest().unmap(kIovaReadOnly);
                     s.guest().map(kPageB, kPageBytes, DmaDirection::kFromDevice);
                     s.stage().dma(kNic, kIovaB, Access::kWrite, "packet B");
                   }});
  steps.push_back(
      {"One too many",
       says("The oldest goes: an UNMAP and a wait for 0xfffff000. The quota bounds how much a "
            "device can reach without permission, whatever the workload does."),
       [](Scene& s) { s.guest().unmap(kIovaB); },
       {"Page B is unmapped: three mappings to keep, and a quota of two. Which one is torn down?",
        {{"The oldest, 0xfffff000",
          [](const Snapshot&, const Snapshot& after) {
            return !is_mapped(after, kIovaA) && is_mapped(after, kIovaB);
          }},
         {"The newest, 0xffffd000",
          [](const Snapshot&, const Snapshot& after) {
            return is_mapped(after, kIovaA) && !is_mapped(after, kIovaB);
          }},
         {"None of them", [](const Snapshot&, const Snapshot& after) {
            return is_mapped(after, kIovaA) && is_mapped(after, kIovaB);
          }}}}});
  steps.push_back(
      {"What is still reachable?",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "Page B now begins with \u201c{}\u201d: it was unmapped last and is still "
             "kept. Were it somebody else's by now, his bytes would be gone.",
             after.pages[1].text);
       },
       [](Scene& s) { s.stage().dma(kNic, kIovaB, Access::kWrite, "EVIL"); },
       will_it_succeed("The rogue NIC writes to page B at 0xffffd000. Will that succeed?")});
}

void add_age(std::vector<Step>& steps) {
  steps.push_back(
      {"Old age",
       [](const Snapshot& before, const Snapshot& after) {
         return fmt::format(
             "{} later everything kept is too old. {} UNMAPs go together, with one wait for "
             "both. Stale pages: {}.",
             time_text(keep_ns(after.settings)),
             after.guest.unmap_requests - before.guest.unmap_requests, after.stale_pages());
       },
       [](Scene& s) {
         s.stage().spend(keep_ns(s.guest().settings()));
         s.guest().tick();
       }});
  steps.push_back({"Closed", says("Fault. The bet is over, and the door is shut."),
                   [](Scene& s) { s.stage().dma(kNic, kIovaB, Access::kWrite, "EVIL"); },
                   will_it_succeed("And now? The NIC tries 0xffffd000 once more.")});
}

// --- the friends

enum FamilyMeasures : std::size_t { kRequests, kBufferTime, kLongest, kAlways };

// Where nothing is ever given back exposure has no end, and its bar is as long as the longest other.
Measure exposure_of(const TrialResult& result, const std::vector<Score>& others) {
  constexpr const char* kName = "longest exposure";
  if (!result.never_closed) {
    return {kName, static_cast<double>(result.exposure.longest_ns),
            time_text(result.exposure.longest_ns)};
  }
  double longest = 1;
  for (const Score& score : others) longest = std::max(longest, score.measures[kLongest].value);
  return {kName, longest, "no end"};
}

// Every strategy that is registered, whatever it is called.
void compare_family(Scene& scene) {
  for (const StrategyInfo& info : strategies()) {
    const TrialResult result =
        run_trial(scene, {.strategy = info.name, .placement = Placement::kSidecore, .buffers = 32});
    const auto ns = static_cast<std::uint64_t>(result.ns_a_buffer);
    const auto always = result.exposure.always_mapped_bytes;
    scene.score(
        {info.name,
         info.name,
         {{"requests", static_cast<double>(result.requests), fmt::format("{}", result.requests)},
          {"time for one buffer", result.ns_a_buffer, time_text(ns)},
          exposure_of(result, scene.scores()),
          {"always mapped", static_cast<double>(always), bytes_text(always)}}});
  }
}

const Score& score_of(const Snapshot& shot, std::string_view strategy) {
  const auto found = std::find_if(shot.scores.begin(), shot.scores.end(),
                                  [&](const Score& one) { return one.strategy == strategy; });
  return found != shot.scores.end() ? *found : shot.scores.front();
}

void add_friends(std::vector<Step>& steps) {
  const auto requests = [](const Snapshot& shot, const char* strategy) {
    return score_of(shot, strategy).measures[kRequests].value;
  };
  steps.push_back(
      {"The whole family",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "32 packets in four recycled buffers, with a sidecore, under each of the {} "
             "strategies. Strict exposes nothing and pays for it; lazy and optimistic trade "
             "exposure for waits or requests; bounce copies; direct and off protect nothing.",
             after.scores.size());
       },
       compare_family,
       {"Four buffers, used 32 times. Who sends fewer requests: strict or optimistic?",
        {{"Strict",
          [requests](const Snapshot&, const Snapshot& after) {
            return requests(after, "strict") < requests(after, "optimistic");
          }},
         {"Optimistic", [requests](const Snapshot&, const Snapshot& after) {
            return requests(after, "strict") > requests(after, "optimistic");
          }}}}});
  steps.push_back(
      {"What you saw",
       [](const Snapshot&, const Snapshot& after) {
         const Score& optimistic = score_of(after, "optimistic");
         return fmt::format(
             "Optimistic needs {} requests where strict needs {}, and leaves a page reachable "
             "for up to {}. The plan runs every strategy that is registered, with real clocks and "
             "a ledger of exposure.",
             optimistic.measures[kRequests].text,
             score_of(after, "strict").measures[kRequests].text,
             optimistic.measures[kLongest].text);
       },
       [](Scene&) {}});
}

}  // namespace

Lesson optimistic_lesson() {
  Lesson lesson{"optimistic",
                "Optimistic teardown",
                "Reuse, quota, age: what is still reachable, and what the others do",
                {},
                "every-strategy",
                "every registered strategy: requests, throughput, and what stays reachable"};
  add_keeping(lesson.steps);
  add_quota(lesson.steps);
  add_age(lesson.steps);
  add_friends(lesson.steps);
  return lesson;
}

}  // namespace violet::lessons
