// Lesson 4: the lazy window.
#include <fmt/format.h>

#include "experiments/lessons/layout.hpp"
#include "experiments/lessons/lessons.hpp"
#include "experiments/lessons/numbers.hpp"
#include "experiments/lessons/scene.hpp"

namespace violet::lessons {
namespace {

constexpr GuestPhys kWindowPage{Memory::kFirstPage};
constexpr GuestPhys kOther{Memory::kFirstPage + kPageBytes};
constexpr Iova kWindowIova{0xfffff000};
constexpr const char* kSecret = "password=tulip";

void set_window_scene(Scene& scene, Placement placement) {
  scene.restart(placement, {.strategy = "lazy-percpu"});
  scene.memory().add("NIC buffer");
  scene.memory().add("free");
  scene.stage().machine().events().add_buffer(sizeof(protocol::Fault));
  scene.stage().machine().events().add_buffer(sizeof(protocol::Fault));
  scene.hijack_nic();
  scene.guest().start();
  scene.guest().map(kWindowPage, kPageBytes, DmaDirection::kBidirectional);
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
             time_text(after.exposure.longest_ns),
             time_text(static_cast<std::uint64_t>(after.settings.real("timer_ms") * 1e6)));
       },
       [](Scene& s) {
         s.memory().give(kOther, "NIC buffer");
         s.guest().map(kOther, kPageBytes, DmaDirection::kBidirectional);
       }});
  steps.push_back(
      {"Too late for the NIC",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "Fault. The address itself stays in the flush queue until a flush, so that it is not "
             "handed out again while somebody might still remember it: the newest map got {:#x}.",
             after.buffers.back().range.first.value);
       },
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
}

// A map comes along while a device is still inside what was unmapped.
void add_overtaking(std::vector<Step>& steps) {
  steps.push_back(
      {"Unmapped in the middle",
       says("The driver has mapped its other page, and unmaps it while the NIC is in the middle of "
            "a packet. Lazy does not wait for that: the call has returned."),
       [](Scene& s) {
         s.memory().give(kOther, "NIC buffer");
         const Iova iova = s.guest().map(kOther, kPageBytes, DmaDirection::kBidirectional);
         s.stage().begin(kNic, iova, Access::kWrite, "LAST PACKET");
         s.stage().walk(kNic);
         s.stage().fill(kNic);
         s.stage().copy_half(kNic);
         s.guest().unmap(iova);
       }});
  steps.push_back(
      {"The next map waits",
       says("A third page is mapped. Its MAP stands in the ring behind the UNMAP, and the driver "
            "spins until everything that it has sent is back."),
       [](Scene& s) {
         const GuestPhys page = s.memory().add("NIC buffer");
         s.stage().hold_next(Moment::kWaiting);
         s.guest().map(page, kPageBytes, DmaDirection::kBidirectional);
       }});
  steps.push_back(
      {"Overtaken",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "The engine never stops to wait: the UNMAP is parked until {} lets go, and the MAP "
             "behind it is answered. But Linux's driver waits for both.",
             after.machine.waits_for.value_or("nobody"));
       },
       [](Scene& s) { s.stage().engine_polls(); },
       {"The engine takes both, with the NIC still inside. Which is answered first?",
        {{"The UNMAP: they keep their order",
          [](const Snapshot&, const Snapshot& after) {
            return after.request(1).state == RequestView::State::kAnswered;
          }},
         {"The MAP",
          [](const Snapshot&, const Snapshot& after) {
            return after.request(1).state != RequestView::State::kAnswered &&
                   after.request().state == RequestView::State::kAnswered;
          }},
         {"Neither yet", [](const Snapshot&, const Snapshot& after) {
            return after.request().state != RequestView::State::kAnswered;
          }}}}});
  steps.push_back(
      {"Both are back",
       [](const Snapshot&, const Snapshot& after) {
         const RequestView& map = after.request();
         return fmt::format(
             "The NIC lets go, the UNMAP is answered, and only now does the map return, {} after "
             "its own request was: a lazy unmap can make the next map wait.",
             time_text(after.now - map.answered_at));
       },
       [](Scene& s) {
         s.stage().copy(kNic);
         s.stage().leave(kNic);
         s.stage().engine_polls();
         s.stage().go_on();
       }});
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
  add_overtaking(lesson.steps);
  return lesson;
}

}  // namespace violet::lessons
