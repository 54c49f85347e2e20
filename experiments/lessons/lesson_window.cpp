// Lesson 4: the lazy window.
#include <fmt/format.h>

#include "experiments/lessons/layout.hpp"
#include "experiments/lessons/lessons.hpp"
#include "experiments/lessons/numbers.hpp"

namespace violet::lessons {
namespace {

constexpr GuestPhys kWindowPage{Memory::kFirstPage};
constexpr GuestPhys kOther{Memory::kFirstPage + kPageBytes};
constexpr Iova kWindowIova{0xfffff000};
constexpr const char* kSecret = "password=tulip";

void set_window_scene(Scene& scene, Placement placement) {
  scene.restart(placement, {.strategy = Strategy::kLazy});
  scene.memory().add("NIC buffer");
  scene.memory().add("free");
  scene.stage().machine().events().add_buffer(sizeof(protocol::Fault));
  scene.stage().machine().events().add_buffer(sizeof(protocol::Fault));
  scene.hijack_nic();
  scene.guest().attach(kNic);
  scene.guest().map(kWindowPage, kPageBytes, Permissions::kReadWrite);
  scene.stage().dma(kNic, kWindowIova, Access::kWrite, "packet");
}

void give_to_browser(Scene& scene) {
  scene.stage().spend(scene.stage().costs().think);
  scene.memory().rewrite(kWindowPage, "browser", kSecret);
}

void nic_reads(Scene& scene) {
  scene.stage().dma(kNic, kWindowIova, Access::kRead, std::string(14, ' '));
}

Question what_does_it_read(std::string text) {
  return {std::move(text),
          {{"Nothing: it faults",
            [](const Snapshot&, const Snapshot& after) { return after.nic().faulted(); }},
           {"Its old packet",
            [](const Snapshot&, const Snapshot& after) {
              return after.nic().succeeded() && after.nic().data.starts_with("packet");
            }},
           {"The browser's password", [](const Snapshot&, const Snapshot& after) {
              return after.nic().succeeded() && after.nic().data == kSecret;
            }}}};
}

void add_samecore(std::vector<Step>& steps) {
  steps.push_back({"Lazy, and a bad NIC",
                   says("Lazy unmapping saves the driver its waiting. The engine runs on the "
                        "guest's own core and "
                        "only when it is kicked. And somebody has put bad firmware on this NIC."),
                   [](Scene& s) { set_window_scene(s, Placement::kSamecore); }});
  steps.push_back(
      {"The unmap returns",
       says("UNMAP goes into the ring, without a kick and without waiting: the call has returned. "
            "The address goes to the flush queue. Store and IOTLB still know the page: stale."),
       [](Scene& s) { s.guest().unmap(kWindowIova); }});
  steps.push_back(
      {"A new owner",
       says(
           "For the kernel the page is free. A browser gets it and writes a password. The UNMAP is "
           "still in the ring, unread."),
       give_to_browser});
  steps.push_back(
      {"The attack",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "It read \u201c{}\u201d. The IOTLB hit, the permission was right, the engine "
             "has done nothing wrong: nobody told it. This is the lazy window.",
             after.nic().data);
       },
       nic_reads,
       what_does_it_read("The hijacked NIC reads its old address 0xfffff000. What does it get?")});
  steps.push_back(
      {"The next map closes it",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "Some later packet needs a MAP, and its kick carries the old UNMAP along. Now "
             "the page is unreachable. It was exposed for {}; on an idle NIC "
             "it would have been until the flush timer, {}.",
             time_text(after.exposure.longest_ns), time_text(after.options.flush_timer_ns));
       },
       [](Scene& s) {
         s.memory().give(kOther, "NIC buffer");
         s.guest().map(kOther, kPageBytes, Permissions::kReadWrite);
       }});
  steps.push_back(
      {"Too late for the NIC",
       says("Fault. The address itself stays in the flush queue until a flush, so that it is not "
            "handed out again while somebody might still remember it."),
       nic_reads, what_does_it_read("The NIC tries again. What does it get now?")});
}

void add_sidecore(std::vector<Step>& steps) {
  steps.push_back({"Again, with a sidecore",
                   says("The same guest, the same lazy driver, the same bad NIC. One thing "
                        "differs: the engine has a "
                        "core of its own and polls the ring."),
                   [](Scene& s) { set_window_scene(s, Placement::kSidecore); }});
  steps.push_back({"The unmap returns",
                   says("Again the UNMAP is queued, not kicked, and the call returns. For this "
                        "moment the page is "
                        "stale again."),
                   [](Scene& s) { s.guest().unmap(kWindowIova); }});
  steps.push_back(
      {"The engine looks by itself",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "Nobody kicked, and nobody had to: the next poll finds the UNMAP. {} after "
             "the call returned the page is unreachable.",
             time_text(after.exposure.longest_ns));
       },
       [](Scene& s) { s.stage().engine_polls(); },
       {"The guest does nothing more. Is the page unreachable after the engine's next poll?",
        {{"Yes", [](const Snapshot&, const Snapshot& after) { return after.stale_pages() == 0; }},
         {"No, only after the next kick",
          [](const Snapshot&, const Snapshot& after) { return after.stale_pages() > 0; }}}}});
  steps.push_back(
      {"A new owner", says("The browser gets the page and writes its password."), give_to_browser});
  steps.push_back(
      {"The attack fails",
       says("Fault. The flush queue still holds the address, as before. But in virtio-iommu a "
            "translation "
            "dies when the engine executes the UNMAP, not when the queue is flushed."),
       nic_reads,
       what_does_it_read("The hijacked NIC reads 0xfffff000. What does it get this time?")});
  steps.push_back(
      {"What you saw",
       says("Lazy is not one thing: where the engine runs decides how long an unmapped page stays "
            "reachable. Until the next kick, or until the next poll. The plan measures both, with "
            "rogue "
            "accesses."),
       [](Scene&) {}});
}

}  // namespace

Lesson window_lesson() {
  Lesson lesson{"window",
                "The lazy window",
                "The unmap that has returned but not happened, and who can use it",
                {},
                "placements",
                "strict and lazy with the engine in the exit, on a thread and on a sidecore"};
  add_samecore(lesson.steps);
  add_sidecore(lesson.steps);
  return lesson;
}

}  // namespace violet::lessons
