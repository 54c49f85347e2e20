// Lesson 2: stay out.
#include <fmt/format.h>

#include "experiments/lessons/layout.hpp"
#include "experiments/lessons/lessons.hpp"
#include "experiments/lessons/scene.hpp"

namespace violet::lessons {
namespace {

constexpr Iova kStayOutIova{0xfffff000};
constexpr Iova kNeighbour{0xffffe000};
constexpr const char* kMessage = "hello, world";

void set_stay_out_scene(Scene& scene) {
  scene.restart(Placement::kSidecore, {.strategy = "strict"});
  scene.show_disk();
  const GuestPhys page = scene.memory().add("packet");
  scene.memory().write(page, kMessage);
  scene.memory().write(scene.memory().add("kernel"), "root:x:0:0");
  // Three buffers for three records; a fourth will find none.
  for (int i = 0; i < 3; ++i) scene.stage().machine().events().add_buffer(sizeof(protocol::Fault));
  scene.guest().start();
  scene.guest().map(page, kPageBytes, DmaDirection::kToDevice);
}

void engine_posts(Scene& scene) { scene.stage().engine_polls(); }

void add_permission(std::vector<Step>& steps) {
  steps.push_back(
      {"A page to read",
       says("The NIC shall send this page, so the driver mapped it for reading only. The column on "
            "the far right shows the mapping: R."),
       set_stay_out_scene});
  steps.push_back(
      {"Reading is fine",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "The NIC reads \u201c{}\u201d. The translation, with its permission R, is "
             "now in the IOTLB.",
             after.nic().data);
       },
       [](Scene& s) { s.stage().dma(kNic, kStayOutIova, Access::kRead, std::string(12, ' ')); }});
  steps.push_back(
      {"Writing is not",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "Refused. The IOTLB entry knows what is allowed, so even a hit protects. "
             "The page still says \u201c{}\u201d.",
             after.pages[0].text);
       },
       [](Scene& s) { s.stage().dma(kNic, kStayOutIova, Access::kWrite, "HELLO, BUGS!"); },
       will_it_succeed(
           "Now the NIC writes to the same address; its IOTLB has the entry. Will the write "
           "succeed?")});
}

void add_record(std::vector<Step>& steps) {
  steps.push_back({"A report",
                   [](const Snapshot&, const Snapshot& after) {
                     return fmt::format(
                         "The engine lcore collects the fault and puts a record of {} bytes into "
                         "the event queue. On the right: the reason, the kind of access, who it "
                         "was and where.",
                         after.records.back().size());
                   },
                   engine_posts});
  steps.push_back(
      {"The driver reads it",
       says("Reason MAPPING: no mapping allows this. The driver now knows that endpoint 0x28 "
            "tried to write to 0xfffff000. The access itself is long over and changed nothing."),
       [](Scene& s) { s.read_record(); }});
}

void add_neighbours(std::vector<Step>& steps) {
  steps.push_back(
      {"One page further",
       says("The IOTLB does not know 0xffffe000, and neither does the store. What is not mapped "
            "does "
            "not exist for the NIC: fault."),
       [](Scene& s) { s.stage().dma(kNic, kNeighbour, Access::kRead, std::string(12, ' ')); },
       will_it_succeed(
           "The NIC tries one page further, 0xffffe000. Nothing is mapped there. Will it get "
           "something?")});
  steps.push_back(
      {"A second record",
       says("Again a record with reason MAPPING, this time for a read and with the other address."),
       engine_posts});
  steps.push_back(
      {"A device without a domain",
       says("The disk, endpoint 0x30, is attached to no domain. That the NIC may read this "
            "address is no help to it: domains keep devices apart. The fault's reason is DOMAIN."),
       [](Scene& s) { s.stage().dma(kDisk, kStayOutIova, Access::kRead, std::string(12, ' ')); },
       will_it_succeed(
           "The disk reads 0xfffff000, which the NIC may read. The disk was never attached. "
           "Will it succeed?",
           kDisk)});
  steps.push_back(
      {"Another reason", says("The record says reason DOMAIN and endpoint 0x30."), engine_posts});
}

void add_overflow(std::vector<Step>& steps) {
  steps.push_back(
      {"No buffer left",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "The driver had three buffers and {} records used them. This one is lost and "
             "counted: {}. The engine never waits for the guest.",
             after.machine.faults_posted, after.machine.faults_lost);
       },
       [](Scene& s) {
         s.stage().dma(kNic, kNeighbour, Access::kWrite, "again");
         s.stage().engine_polls();
       },
       {"The driver had three event buffers; all are used. The NIC faults once more. What becomes "
        "of the "
        "record?",
        {{"The engine waits for a buffer",
          [](const Snapshot& before, const Snapshot& after) {
            return after.machine.faults_lost == before.machine.faults_lost &&
                   after.records.size() == before.records.size();
          }},
         {"It is lost, and counted",
          [](const Snapshot& before, const Snapshot& after) {
            return after.machine.faults_lost > before.machine.faults_lost;
          }},
         {"It overwrites an older one", [](const Snapshot& before, const Snapshot& after) {
            return after.machine.faults_lost == before.machine.faults_lost &&
                   after.records != before.records;
          }}}}});
  steps.push_back(
      {"What you saw",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "{} accesses, {} refused, and memory is as it was. Wrong permission, no "
             "mapping, no domain: three ways to be kept out, two reasons in the record.",
             after.access_count, after.fault_count);
       },
       [](Scene&) {}});
}

}  // namespace

Lesson stay_out_lesson() {
  Lesson lesson{"stay-out",
                "Stay out",
                "Wrong permission, no mapping, no domain; the fault record travels to the driver",
                {},
                "stay-out",
                "a device that tries what nothing allows: the faults under each strategy"};
  add_permission(lesson.steps);
  add_record(lesson.steps);
  add_neighbours(lesson.steps);
  add_overflow(lesson.steps);
  return lesson;
}

}  // namespace violet::lessons
