// Lesson 1: a page for a device.
#include <fmt/format.h>

#include "experiments/lessons/layout.hpp"
#include "experiments/lessons/lessons.hpp"
#include "experiments/lessons/numbers.hpp"
#include "experiments/lessons/scene.hpp"

namespace violet::lessons {
namespace {

constexpr GuestPhys kFirstPage{Memory::kFirstPage};
constexpr Iova kPageIova{0xfffff000};
constexpr const char* kPacket = "packet no. 1";
constexpr const char* kSecondPacket = "packet no. 2";

void set_page_scene(Scene& scene) {
  scene.restart(Placement::kSamecore, {.strategy = "strict"});
  scene.memory().add("free");
}

void add_introduction(std::vector<Step>& steps) {
  steps.push_back(
      {"An empty table",
       says("A network card wants to write packets into memory by itself (DMA). It may reach "
            "only what the driver allows, and the engine in the middle enforces that. Right now "
            "the NIC is attached to nothing. Press \u2192 to go on."),
       set_page_scene});
  steps.push_back(
      {"What must stay free?",
       says("First the driver asks which addresses it must never use for this device: PROBE. The "
            "request is only a few bytes in a ring in memory; nobody has been told yet."),
       [](Scene& s) {
         s.stage().hold_next(Moment::kWritten);
         s.guest().start();
       }});
  steps.push_back(
      {"A kick, an answer",
       says("The driver kicks: the processor leaves the guest, the engine runs and answers with a "
            "list. "
            "Look at the bytes on the right: one region, 0xfee00000, is reserved for interrupts "
            "(MSI)."),
       [](Scene& s) { s.stage().go_on(Moment::kBeforeRequest); }});
  steps.push_back(
      {"Attach",
       says(
           "ATTACH puts endpoint 0x28, our NIC, into domain 1. A domain is an address space of its "
           "own, and this one is still empty: the NIC can reach nothing."),
       [](Scene& s) { s.stage().go_on(); }});
}

void add_map(std::vector<Step>& steps) {
  steps.push_back(
      {"A page and an address",
       says(
           "The driver sets a page aside and picks an I/O address for it. MAP says: what the "
           "NIC calls 0xfffff000 is page 0x2000, for writing. It waits in the ring; the store does "
           "not know it yet."),
       [](Scene& s) {
         s.memory().give(kFirstPage, "NIC buffer");
         s.stage().hold_next(Moment::kWritten);
         s.guest().map(kFirstPage, kPageBytes, DmaDirection::kFromDevice);
       }});
  steps.push_back(
      {"Into the store",
       says(
           "One kick later the engine has decoded the request, checked it and put the mapping into "
           "the domain's store. Its answer, OK, is the last byte that it wrote."),
       [](Scene& s) { s.stage().go_on(); },
       {"The driver kicks. Where will the mapping be afterwards?",
        {{"In the store only",
          [](const Snapshot&, const Snapshot& after) {
            return after.machine.mappings.size() == 1 &&
                   after.machine.endpoints[kNic].cached.empty();
          }},
         {"In the NIC's IOTLB only",
          [](const Snapshot&, const Snapshot& after) {
            return after.machine.mappings.empty() &&
                   after.machine.endpoints[kNic].cached.size() == 1;
          }},
         {"In both", [](const Snapshot&, const Snapshot& after) {
            return after.machine.mappings.size() == 1 &&
                   after.machine.endpoints[kNic].cached.size() == 1;
          }}}}});
}

void add_first_access(std::vector<Step>& steps) {
  steps.push_back(
      {"The first access",
       says("The NIC writes to 0xfffff000. The IOTLB, a small cache of translations, has "
            "never seen this page: a miss."),
       [](Scene& s) { s.stage().begin(kNic, kPageIova, Access::kWrite, kPacket); },
       hit_or_miss("The NIC writes its first packet to 0xfffff000. What does its IOTLB say?")});
  steps.push_back(
      {"The walk",
       says("So the store is asked. It walks its table and finds the mapping: page 0x2000, writing "
            "allowed. That is the slow way."),
       [](Scene& s) { s.stage().walk(kNic); }});
  steps.push_back({"Fill and grant",
                   says("The translation goes into the IOTLB for next time. The write is allowed, "
                        "so the NIC now "
                        "holds the physical address 0x2000."),
                   [](Scene& s) { s.stage().fill(kNic); }});
  steps.push_back(
      {"Bytes move",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "The packet lands in the page: \u201c{}\u201d. No processor touched it. The "
             "whole access took one lookup, one walk and one transfer.",
             after.pages[0].text);
       },
       [](Scene& s) {
         s.stage().copy(kNic);
         s.stage().leave(kNic);
       }});
}

void add_second_access(std::vector<Step>& steps) {
  steps.push_back({"Again, and fast",
                   [](const Snapshot& before, const Snapshot& after) {
                     return fmt::format(
                         "A hit: the IOTLB answers at once and the store is left alone. In this "
                         "lesson's assumed costs the second access took {} in all.",
                         time_text(after.now - before.now));
                   },
                   [](Scene& s) { s.stage().dma(kNic, kPageIova, Access::kWrite, kSecondPacket); },
                   hit_or_miss("A second packet goes to the same address. Hit or miss?")});
  steps.push_back(
      {"What you saw",
       [](const Snapshot&, const Snapshot& after) {
         const auto& stats = after.machine.endpoints[kNic].stats;
         return fmt::format(
             "{} requests, {} exits, {} miss, {} hit. Mapping is a message to the engine; "
             "using the mapping is not. Try it with many pages and a real clock.",
             after.requests.size(), after.guest.kicks, stats.misses, stats.hits);
       },
       [](Scene&) {}});
}

}  // namespace

Lesson page_lesson() {
  Lesson lesson{"page",
                "A page for a device",
                "PROBE, ATTACH, MAP; the first access misses, the second hits",
                {},
                "smoke",
                "the smallest complete run: it maps, accesses and unmaps within seconds"};
  add_introduction(lesson.steps);
  add_map(lesson.steps);
  add_first_access(lesson.steps);
  add_second_access(lesson.steps);
  return lesson;
}

}  // namespace violet::lessons
