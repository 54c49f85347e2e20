// Lesson 6: bounce.
#include <fmt/format.h>

#include "experiments/lessons/lessons.hpp"
#include "experiments/lessons/numbers.hpp"
#include "experiments/lessons/trial.hpp"

namespace violet::lessons {
namespace {

constexpr GuestPhys kFirst{Memory::kFirstPage};
constexpr GuestPhys kSecond{Memory::kFirstPage + kPageBytes};
constexpr unsigned kBuffers = 16;

void set_bounce_scene(Scene& scene) {
  scene.restart(Placement::kSamecore, {.strategy = "bounce-dynamic"});
  scene.memory().add("NIC buffer");
  scene.memory().add("NIC buffer");
  scene.guest().start();
}

void add_first_use(std::vector<Step>& steps) {
  steps.push_back(
      {"Another idea",
       says("Mapping and unmapping cost messages to the engine. What if the mapping simply stayed? "
            "Then "
            "the device must never see the caller's page, only a stand-in for it: a bounce slot."),
       set_bounce_scene});
  steps.push_back({"A slot is made",
                   says("The first map takes a fresh page as slot and maps it, with one MAP and "
                        "one exit. The NIC is "
                        "told the slot's address; the packet buffer itself is not mapped at all."),
                   [](Scene& s) { s.guest().map(kFirst, kPageBytes, DmaDirection::kFromDevice); }});
  steps.push_back(
      {"The packet arrives",
       says("The NIC writes into the slot. The packet buffer, page 0x2000, is still empty."),
       [](Scene& s) { s.stage().dma(kNic, s.guest().newest(), Access::kWrite, "first packet"); }});
  steps.push_back(
      {"Unmap is a copy",
       [](const Snapshot& before, const Snapshot& after) {
         return fmt::format(
             "The processor copies {} bytes from the slot to the packet buffer. No "
             "request: the slot stays mapped and waits for the next user.",
             after.guest.bytes_copied - before.guest.bytes_copied);
       },
       [](Scene& s) { s.guest().unmap(s.guest().newest()); },
       {"The driver unmaps. How many requests does the engine get?",
        {needs_requests(0, "None"), needs_requests(1, "One"), needs_requests(2, "Two")}}});
}

void add_reuse(std::vector<Step>& steps) {
  steps.push_back(
      {"The second buffer",
       [](const Snapshot& before, const Snapshot& after) {
         return fmt::format(
             "{}. The slot is taken again, and its mapping is already there, in the store "
             "and even in the IOTLB.",
             count_text(after.requests.size() - before.requests.size()));
       },
       [](Scene& s) { s.guest().map(kSecond, kPageBytes, DmaDirection::kFromDevice); },
       {"A second buffer is mapped. How many requests this time?",
        {needs_requests(0, "None"), needs_requests(1, "One"), needs_requests(2, "Two")}}});
  steps.push_back(
      {"Used and copied",
       says(
           "The NIC writes, the processor copies; then the buffer goes to a browser, which keeps a "
           "password in it."),
       [](Scene& s) {
         s.stage().dma(kNic, s.guest().newest(), Access::kWrite, "second packet");
         s.guest().unmap(s.guest().newest());
         s.memory().rewrite(kSecond, "browser", "password=tulip");
       }});
  steps.push_back(
      {"Is it safe?",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "It reaches memory, but only the slot: it now holds \u201c{}\u201d, and the "
             "browser's page is untouched. A mapping that stays is harmless "
             "when nobody else's bytes lie behind it.",
             after.pages.back().text);
       },
       [](Scene& s) {
         s.hijack_nic();
         s.stage().dma(kNic, s.guest().newest(), Access::kWrite, "EVIL BYTES!!!");
       },
       will_it_succeed(
           "The NIC is hijacked now and writes to the slot, after the unmap. Will it reach "
           "memory?")});
}

// --- where copying wins

// Bounces whatever its size: the default limit would leave 64 KiB to strict.
Score measured(Scene& scene, const std::string& strategy, Placement placement,
               std::uint64_t bytes) {
  SettingAssignments settings;
  if (strategy == "bounce-dynamic") {
    settings.push_back({"limit_bytes", static_cast<std::int64_t>(bytes)});
  }
  const TrialResult result = run_trial(scene, {.strategy = strategy,
                                               .settings = settings,
                                               .placement = placement,
                                               .buffers = kBuffers,
                                               .bytes = bytes,
                                               .pages = 2});
  const auto ns = static_cast<std::uint64_t>(result.ns_a_buffer);
  return {
      fmt::format("{} KiB, {}", bytes / 1024, strategy),
      strategy,
      {{"time for one buffer", result.ns_a_buffer, time_text(ns)},
       {"exits", static_cast<double>(result.guest.kicks), fmt::format("{}", result.guest.kicks)},
       {"copied", static_cast<double>(result.guest.bytes_copied),
        bytes_text(result.guest.bytes_copied)}}};
}

void compare(Scene& scene, Placement placement, std::uint64_t bytes) {
  scene.score(measured(scene, "strict", placement, bytes));
  scene.score(measured(scene, "bounce-dynamic", placement, bytes));
}

// The last two scores are strict and bounce.
bool bounce_wins(const Snapshot& shot) {
  const auto& scores = shot.scores;
  return scores.back().measures[0].value < scores[scores.size() - 2].measures[0].value;
}
Question which_is_faster(std::string text) {
  return {
      std::move(text),
      {{"Strict mapping",
        [](const Snapshot&, const Snapshot& after) { return !bounce_wins(after); }},
       {"Bouncing", [](const Snapshot&, const Snapshot& after) { return bounce_wins(after); }}}};
}
std::string verdict(const Snapshot& after) {
  const auto& scores = after.scores;
  return fmt::format("strict {}, bounce {} a buffer", scores[scores.size() - 2].measures[0].text,
                     scores.back().measures[0].text);
}

void add_comparison(std::vector<Step>& steps) {
  steps.push_back(
      {"Small buffers",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "{} buffers of 4 KiB, engine on the guest's core: {}. Copying 4 KiB is "
             "cheaper than two exits.",
             kBuffers, verdict(after));
       },
       [](Scene& s) { compare(s, Placement::kSamecore, kPageBytes); },
       which_is_faster("Buffers of 4 KiB, engine on the guest's core. Which is faster?")});
  steps.push_back(
      {"Large buffers",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "64 KiB: {}. The copy grows with the buffer, the request does not. That is why "
             "bounce-dynamic bounces only up to a limit, 4 KiB unless told otherwise.",
             verdict(after));
       },
       [](Scene& s) { compare(s, Placement::kSamecore, 16 * kPageBytes); },
       which_is_faster("Now buffers of 64 KiB. Which is faster?")});
  steps.push_back(
      {"With a sidecore",
       [](const Snapshot&, const Snapshot& after) {
         return fmt::format(
             "16 KiB with a sidecore: {}. Without exits a message is cheap, and copying "
             "wins only for less.",
             verdict(after));
       },
       [](Scene& s) {
         s.scores().clear();
         compare(s, Placement::kSidecore, kPageBytes);
         compare(s, Placement::kSidecore, 4 * kPageBytes);
       },
       which_is_faster("A sidecore takes away the exits. Buffers of 16 KiB: which is faster?")});
  steps.push_back({"What you saw",
                   says("Bouncing trades messages for copies: protection like strict's for the "
                        "caller's pages, and "
                        "some memory that is always mapped. Where the balance lies depends on "
                        "buffer size and on "
                        "what a message costs. The demo measures it on traces of real guests."),
                   [](Scene&) {}});
}

}  // namespace

Lesson bounce_lesson() {
  Lesson lesson{
      "bounce", "Bounce", "Mappings that stay, bytes that move; where copying beats mapping",
      {},       "demo",   "strict, lazy and bounce on traces of real guests"};
  add_first_use(lesson.steps);
  add_reuse(lesson.steps);
  add_comparison(lesson.steps);
  return lesson;
}

}  // namespace violet::lessons
