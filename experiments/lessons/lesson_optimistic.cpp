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

void set_optimistic_scene(Scene& scene) {
  scene.restart(Placement::kSidecore, {.strategy = Strategy::kOptimistic, .keep_quota = 2});
  scene.memory().add("buffer A");
  scene.memory().add("buffer B");
  scene.guest().attach(kNic);
  scene.guest().map(kPageA, kPageBytes, Permissions::kWrite | Permissions::kRead);
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
             count_text(after.requests.size() - before.requests.size()), after.guest.reuses);
       },
       [](Scene& s) {
         s.guest().map(kPageA, kPageBytes, Permissions::kWrite | Permissions::kRead);
       },
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
         s.guest().map(kPageA, kPageBytes, Permissions::kRead);
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
                     s.guest().map(kPageB, kPageBytes, Permissions::kWrite);
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
             time_text(after.options.keep_ns),
             after.guest.unmap_requests - before.guest.unmap_requests, after.stale_pages());
       },
       [](Scene& s) {
         s.stage().spend(s.guest().options().keep_ns);
         s.guest().tick();
       }});
  steps.push_back({"Closed", says("Fault. The bet is over, and the door is shut."),
                   [](Scene& s) { s.stage().dma(kNic, kIovaB, Access::kWrite, "EVIL"); },
                   will_it_succeed("And now? The NIC tries 0xffffd000 once more.")});
}

// --- the friends

constexpr Strategy kFriends[] = {Strategy::kStrict, Strategy::kLazy, Strategy::kOptimistic,
                                 Strategy::kBounce, Strategy::kDirect};

// Direct gives nothing back: its exposure has no end, and its bar is as long as the longest other.
Measure exposure_of(const TrialResult& result, Strategy strategy,
                    const std::vector<Score>& others) {
  constexpr const char* kName = "longest exposure";
  if (strategy != Strategy::kDirect) {
    return {kName, static_cast<double>(result.exposure.longest_ns),
            time_text(result.exposure.longest_ns)};
  }
  double longest = 1;
  for (const Score& score : others) longest = std::max(longest, score.measures[2].value);
  return {kName, longest, "no end"};
}

void compare_optimistic(Scene& scene) {
  for (const Strategy strategy : kFriends) {
    const TrialResult result =
        run_trial(scene, {.strategy = strategy, .placement = Placement::kSidecore, .buffers = 32});
    const auto ns = static_cast<std::uint64_t>(result.ns_a_buffer);
    const auto always = result.exposure.always_mapped_bytes;
    scene.score(
        {strategy_name(strategy),
         {{"requests", static_cast<double>(result.requests), fmt::format("{}", result.requests)},
          {"time for one buffer", result.ns_a_buffer, time_text(ns)},
          exposure_of(result, strategy, scene.scores()),
          {"always mapped", static_cast<double>(always), bytes_text(always)}}});
  }
}

void add_friends(std::vector<Step>& steps) {
  steps.push_back(
      {"The whole family",
       says("32 packets in four recycled buffers, with a sidecore. Strict exposes nothing and pays "
            "for it; "
            "lazy and optimistic trade exposure for requests; bounce copies; direct maps all once "
            "and protects nothing."),
       compare_optimistic,
       {"Four buffers, used 32 times. Who sends fewer requests: strict or optimistic?",
        {{"Strict",
          [](const Snapshot&, const Snapshot& after) {
            return after.scores[0].measures[0].value < after.scores[2].measures[0].value;
          }},
         {"Optimistic", [](const Snapshot&, const Snapshot& after) {
            return after.scores[0].measures[0].value > after.scores[2].measures[0].value;
          }}}}});
  steps.push_back(
      {"What you saw",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "Optimistic needs {} requests where strict needs {}, and leaves a page reachable "
             "for up to {}. The plan runs every strategy that the runner has "
             "registered, with real clocks and a ledger of exposure.",
             after.scores[2].measures[0].text, after.scores[0].measures[0].text,
             after.scores[2].measures[2].text);
       },
       [](Scene&) {}});
}

}  // namespace

Lesson optimistic_lesson() {
  Lesson lesson{"optimistic",
                "Optimistic teardown",
                "Reuse, quota, age: what is still reachable, and what the others do",
                {},
                "strategies",
                "every strategy that the runner has registered, on two workloads"};
  add_keeping(lesson.steps);
  add_quota(lesson.steps);
  add_age(lesson.steps);
  add_friends(lesson.steps);
  return lesson;
}

}  // namespace violet::lessons
