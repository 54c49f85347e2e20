// Lesson 5: why lazy is fast.
#include <fmt/format.h>

#include "experiments/lessons/lessons.hpp"
#include "experiments/lessons/numbers.hpp"
#include "experiments/lessons/trial.hpp"

namespace violet::lessons {
namespace {

constexpr unsigned kManyBuffers = 64;
enum Measures : std::size_t { kExits, kWaits, kTime, kWindow };

Measure count(const char* name, std::uint64_t value) {
  return {name, static_cast<double>(value), fmt::format("{}", value)};
}
Measure time(const char* name, std::uint64_t ns) {
  return {name, static_cast<double>(ns), time_text(ns)};
}

void measure(Scene& scene, const std::string& strategy, Placement placement,
             unsigned buffers = kManyBuffers) {
  const TrialResult result =
      run_trial(scene, {.strategy = strategy, .placement = placement, .buffers = buffers});
  scene.score({fmt::format("{}, {}", strategy, to_text(placement)),
               strategy,
               {count("exits", result.guest.kicks), count("waits", result.guest.syncs),
                time("time for one buffer", static_cast<std::uint64_t>(result.ns_a_buffer)),
                time("longest exposure", result.exposure.longest_ns)}});
}

double last(const Snapshot& shot, std::size_t measure) {
  return shot.scores.back().measures[measure].value;
}
std::string last_text(const Snapshot& shot, std::size_t measure) {
  return shot.scores.back().measures[measure].text;
}

Choice about(std::size_t what, std::uint64_t least, std::uint64_t most, std::string text) {
  return {std::move(text), [what, least, most](const Snapshot&, const Snapshot& after) {
            const double value = last(after, what);
            return value >= static_cast<double>(least) && value <= static_cast<double>(most);
          }};
}

void add_one_buffer(std::vector<Step>& steps) {
  steps.push_back(
      {"The job",
       [](const Snapshot& shot, const Snapshot&) {
         return fmt::format(
             "A NIC needs {} buffers, one after the other: map, one packet, unmap. We "
             "let the driver do it four ways and count. An exit is assumed to cost {}, a "
             "sidecore's poll {}; all assumptions are listed on the right.",
             kManyBuffers, time_text(shot.costs.exit), time_text(shot.costs.poll));
       },
       [](Scene& s) {
         s.restart(Placement::kSamecore, {.strategy = "strict"});
         s.memory().add("NIC buffer");
         s.guest().start();
       }});
  steps.push_back(
      {"One buffer, strict: map",
       says("MAP, kick, wait. With the engine on the guest's core a kick is an exit: the processor "
            "leaves "
            "the guest, executes the request and comes back."),
       [](Scene& s) {
         s.guest().map({Memory::kFirstPage}, kPageBytes, DmaDirection::kFromDevice);
       }});
  steps.push_back(
      {"One buffer, strict: unmap",
       [](const Snapshot& before, const Snapshot& after) {
         return fmt::format(
             "UNMAP, kick, wait again. Exits for it: {}. So a buffer costs one to map and one "
             "to unmap.",
             after.guest.kicks - before.guest.kicks);
       },
       [](Scene& s) {
         s.stage().dma(kNic, {0xfffff000}, Access::kWrite, "data");
         s.guest().unmap({0xfffff000});
       }});
}

void add_samecore_runs(std::vector<Step>& steps) {
  steps.push_back({"Strict on the guest's core",
                   [](const Snapshot&, const Snapshot& after) {
                     return fmt::format(
                         "{} exits for {} buffers, and {} waits. That is {} a buffer, "
                         "nearly all of it exits.",
                         last_text(after, kExits), kManyBuffers, last_text(after, kWaits),
                         last_text(after, kTime));
                   },
                   [](Scene& s) { measure(s, "strict", Placement::kSamecore); },
                   {"Strict, on the guest's core: how many exits do 64 buffers need?",
                    {about(kExits, 1, 1, "1"), about(kExits, 60, 68, "about 64"),
                     about(kExits, 120, 136, "about 128")}}});
  steps.push_back(
      {"Lazy on the guest's core",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "{} exits: each UNMAP rides along with the next map's kick, and a flush takes the "
             "last one. {} a buffer instead of {}. But an UNMAP that waits for company leaves "
             "its page exposed, the last one for {}.",
             last_text(after, kExits), last_text(after, kTime),
             after.scores[0].measures[kTime].text, last_text(after, kWindow));
       },
       [](Scene& s) { measure(s, "lazy-percpu", Placement::kSamecore); },
       {"Lazy does not kick for an UNMAP. How many exits now?",
        {about(kExits, 0, 0, "None"), about(kExits, 60, 68, "about 64"),
         about(kExits, 120, 136, "about 128")}}});
}

void add_sidecore_runs(std::vector<Step>& steps) {
  steps.push_back(
      {"Strict with a sidecore",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "No exits: a polling engine switches notifications off, and a kick becomes a mere "
             "memory write. The driver still waits {} times, but each wait is short: {} "
             "a buffer.",
             last_text(after, kWaits), last_text(after, kTime));
       },
       [](Scene& s) { measure(s, "strict", Placement::kSidecore); },
       {"Strict again, but the engine polls on a core of its own. How many exits?",
        {about(kExits, 0, 0, "None"), about(kExits, 60, 68, "about 64"),
         about(kExits, 120, 136, "about 128")}}});
  steps.push_back(
      {"Lazy with a sidecore",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "{} waits and {} a buffer. And the exposure is no longer the flush timer's: {} at "
             "most, because the engine finds the UNMAP by itself.",
             last_text(after, kWaits), last_text(after, kTime), last_text(after, kWindow));
       },
       [](Scene& s) { measure(s, "lazy-percpu", Placement::kSidecore); },
       {"And lazy with the sidecore: how often does the driver wait?",
        {about(kWaits, 0, 0, "Never"), about(kWaits, 60, 68, "about 64 times"),
         about(kWaits, 120, 136, "about 128 times")}}});
}

// How many times as long the first takes as the second.
double times(const Snapshot& shot, std::size_t slow, std::size_t fast) {
  return shot.scores[slow].measures[kTime].value / shot.scores[fast].measures[kTime].value;
}

void add_lesson(std::vector<Step>& steps) {
  steps.push_back(
      {"What you saw",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "On the guest's core lazy is {:.1f} times as fast as strict, with a sidecore "
             "{:.1f} times. What lazy saves is exits and waits; where there are none to save, "
             "strict costs little. The plan measures it with a real clock.",
             times(after, 0, 1), times(after, 2, 3));
       },
       [](Scene&) {},
       {"Where does lazy save more, as a factor of strict's time?",
        {{"On the guest's core",
          [](const Snapshot&, const Snapshot& after) {
            return times(after, 0, 1) > times(after, 2, 3);
          }},
         {"With the sidecore", [](const Snapshot&, const Snapshot& after) {
            return times(after, 0, 1) <= times(after, 2, 3);
          }}}}});
}

}  // namespace

Lesson fast_lesson() {
  Lesson lesson{
      "fast",
      "Exit against sidecore",
      "Why lazy is fast: exits and waits for 64 buffers, on the guest's core and on a sidecore",
      {},
      "placements",
      "strict and lazy with the engine in the exit, on a thread and on a sidecore"};
  add_one_buffer(lesson.steps);
  add_samecore_runs(lesson.steps);
  add_sidecore_runs(lesson.steps);
  add_lesson(lesson.steps);
  return lesson;
}

}  // namespace violet::lessons
