#include "experiments/lessons/lessons.hpp"

#include <utility>

namespace violet::lessons {

StepText says(std::string text) {
  return [text = std::move(text)](const Snapshot&, const Snapshot&) { return text; };
}

Question will_it_succeed(std::string text, unsigned endpoint) {
  return {std::move(text),
          {{"Yes, it reaches memory",
            [endpoint](const Snapshot&, const Snapshot& after) {
              return after.accesses[endpoint].result.reaches_memory() &&
                     !after.accesses[endpoint].faulted();
            }},
           {"No, it faults", [endpoint](const Snapshot&, const Snapshot& after) {
              return after.accesses[endpoint].faulted();
            }}}};
}

Question hit_or_miss(std::string text, unsigned endpoint) {
  return {
      std::move(text),
      {{"A hit", [endpoint](const Snapshot&,
                            const Snapshot& after) { return !after.accesses[endpoint].missed; }},
       {"A miss", [endpoint](const Snapshot&, const Snapshot& after) {
          return after.accesses[endpoint].missed;
        }}}};
}

std::span<const Lesson> lessons() {
  static const std::vector<Lesson> all = {page_lesson(),      stay_out_lesson(), strict_lesson(),
                                          window_lesson(),    fast_lesson(),     bounce_lesson(),
                                          optimistic_lesson()};
  return all;
}

Choice needs_requests(std::uint64_t count, std::string text) {
  return {std::move(text), [count](const Snapshot& before, const Snapshot& after) {
            return after.requests.size() - before.requests.size() == count;
          }};
}

}  // namespace violet::lessons
