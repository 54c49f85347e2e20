// Lesson 3: strict.
#include <fmt/format.h>

#include "experiments/lessons/layout.hpp"
#include "experiments/lessons/lessons.hpp"
#include "experiments/lessons/numbers.hpp"
#include "experiments/lessons/scene.hpp"

namespace violet::lessons {
namespace {

constexpr GuestPhys kStrictPage{Memory::kFirstPage};
constexpr Iova kStrictIova{0xfffff000};

void set_strict_scene(Scene& scene) {
  scene.restart(Placement::kSidecore, {.strategy = "strict"});
  scene.memory().add("NIC buffer");
  scene.memory().add("NIC buffer");
  scene.stage().machine().events().add_buffer(sizeof(protocol::Fault));
  scene.guest().start();
  scene.guest().map(kStrictPage, kPageBytes, DmaDirection::kBidirectional);
  scene.stage().dma(kNic, kStrictIova, Access::kWrite, "first packet");
}

void add_unmap(std::vector<Step>& steps) {
  steps.push_back(
      {"A page in use",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "A page is mapped, and the NIC has used it: the translation is in its IOTLB. The "
             "engine has a core of its own (a sidecore) and polls the ring, so nobody needs to "
             "kick: {} kicks so far, {} saved.",
             after.guest.kicks, after.guest.kicks_suppressed);
       },
       set_strict_scene});
  steps.push_back(
      {"An access under way",
       says("The NIC begins another packet. It has translated the address, holds 0x2000 and has "
            "written half of the bytes. Remember that: it is in the middle."),
       [](Scene& s) {
         s.stage().begin(kNic, kStrictIova, Access::kWrite, "SECOND PACKET");
         s.stage().copy_half(kNic);
       }});
  steps.push_back({"The driver wants its page back",
                   says("Strict: UNMAP goes into the ring and the driver spins until the answer is "
                        "there. Only then "
                        "may anybody else have the page."),
                   [](Scene& s) {
                     s.stage().hold_next(Moment::kWaiting);
                     s.guest().unmap(kStrictIova);
                   }});
}

void add_grace(std::vector<Step>& steps) {
  steps.push_back(
      {"Removed, but not answered",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "No. The mapping is gone from store and IOTLB, so no new access can find it. "
             "But the engine does not answer yet: {} still holds what it "
             "looked up before. It opened a grace period instead.",
             after.machine.waits_for.value_or("nobody"));
       },
       [](Scene& s) { s.stage().engine_polls(); },
       {"The engine takes the UNMAP and removes the mapping. Will it answer at once?",
        {{"Yes: nothing can find the page any more",
          [](const Snapshot&, const Snapshot& after) { return after.machine.parked == 0; }},
         {"No: somebody may still be inside",
          [](const Snapshot&, const Snapshot& after) { return after.machine.parked > 0; }}}}});
  steps.push_back(
      {"Others wait, too",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "Linux's driver holds its lock while it spins, so the MAP is not even in the ring. "
             "Calls that wait for the lock: {}.",
             after.locked_out);
       },
       [](Scene& s) {
         s.guest().map_on_another_processor({kStrictPage.value + kPageBytes}, kPageBytes,
                                            DmaDirection::kFromDevice);
         s.stage().engine_polls();
       },
       {"Another processor maps another page meanwhile. What becomes of its MAP?",
        {{"Answered before the UNMAP",
          [](const Snapshot& before, const Snapshot& after) {
            return after.requests.size() > before.requests.size() &&
                   after.request().state == RequestView::State::kAnswered;
          }},
         {"In the ring, behind the UNMAP",
          [](const Snapshot& before, const Snapshot& after) {
            return after.requests.size() > before.requests.size() &&
                   after.request().state != RequestView::State::kAnswered;
          }},
         {"Not even written yet", [](const Snapshot& before, const Snapshot& after) {
            return after.requests.size() == before.requests.size() && after.locked_out == 1;
          }}}}});
}

void add_completion(std::vector<Step>& steps) {
  steps.push_back({"The access ends",
                   [](const Snapshot&, const Snapshot& after) {
                     return fmt::format(
                         "The NIC writes the rest: \u201c{}\u201d. Harmless: the page is still the "
                         "driver's, because the UNMAP has no answer.",
                         after.pages[0].text);
                   },
                   [](Scene& s) { s.stage().copy(kNic); }});
  steps.push_back(
      {"Nobody is inside",
       [](const Snapshot&, const Snapshot& after) {
         const RequestView& unmap = after.request(1);
         return fmt::format(
             "The NIC's lcore lets go of its translation. At its next poll the engine sees "
             "that the grace period is over and answers, {} after the request. The driver returns, "
             "and the other processor gets the lock.",
             time_text(unmap.answered_at - unmap.queued_at));
       },
       [](Scene& s) {
         s.stage().leave(kNic);
         s.stage().engine_polls();
         s.stage().go_on();
       }});
}

void add_after(std::vector<Step>& steps) {
  steps.push_back({"A new owner",
                   says("Now the page can be given away. A browser gets it and writes something "
                        "that is nobody's "
                        "business."),
                   [](Scene& s) { s.memory().rewrite(kStrictPage, "browser", "password=tulip"); }});
  steps.push_back(
      {"Too late",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "Fault. Neither IOTLB nor store know the address, and the browser keeps its "
             "secret. Stale pages: {}, now and at every earlier step.",
             after.stale_pages());
       },
       [](Scene& s) { s.stage().dma(kNic, kStrictIova, Access::kRead, std::string(14, ' ')); },
       will_it_succeed(
           "The NIC tries the old address 0xfffff000 once more. Will it read the password?")});
  steps.push_back({"Reported",
                   says("And the driver will hear of it: the record is in the event queue."),
                   [](Scene& s) { s.stage().engine_polls(); }});
  steps.push_back(
      {"What you saw",
       [](const Snapshot&, const Snapshot& after) {
         const RequestView& unmap = after.request(1);
         return fmt::format(
             "Strict is safe at every moment: after a completed UNMAP no access, begun or to "
             "begin, touches the page. Its price is waiting, {} here. How IOTLBs "
             "differ in it is what the plan measures.",
             time_text(unmap.answered_at - unmap.queued_at));
       },
       [](Scene&) {}});
}

}  // namespace

Lesson strict_lesson() {
  Lesson lesson{"strict",
                "Strict",
                "UNMAP, a grace period for a reader in flight, completion; then the access faults",
                {},
                "iotlbs",
                "every IOTLB and invalidation protocol under strict and lazy unmapping"};
  add_unmap(lesson.steps);
  add_grace(lesson.steps);
  add_completion(lesson.steps);
  add_after(lesson.steps);
  return lesson;
}

}  // namespace violet::lessons
