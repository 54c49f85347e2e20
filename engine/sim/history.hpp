// A history keeps the last steps of a simulation and how it failed, for whoever replays the seed.
//
// Threading: owner-only.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <string>

namespace violet {

struct SimFailure {
  std::uint64_t seed;
  std::uint64_t step;
  std::string what;
  std::string history;  // The last steps, oldest first, one a line.

  std::string text() const {
    return fmt::format("seed {}, step {}: {}\n{}", seed, step, what, history);
  }
};

class StepHistory {
 public:
  // `who` and `what` are literals.
  void note(std::uint64_t step, const char* who, std::uint64_t number, const char* what,
            std::uint64_t a = 0, std::uint64_t b = 0) {
    notes_[count_++ % notes_.size()] = {step, number, a, b, who, what};
  }
  std::string text() const {
    std::string all;
    const std::size_t first = count_ > notes_.size() ? count_ - notes_.size() : 0;
    for (std::size_t i = first; i < count_; ++i) {
      const Note& n = notes_[i % notes_.size()];
      all +=
          fmt::format("  {:6} {} {}: {} {:#x} {:#x}\n", n.step, n.who, n.number, n.what, n.a, n.b);
    }
    return all;
  }

 private:
  struct Note {
    std::uint64_t step;
    std::uint64_t number;
    std::uint64_t a;
    std::uint64_t b;
    const char* who;
    const char* what;
  };
  std::array<Note, 100> notes_{};
  std::size_t count_ = 0;
};

}  // namespace violet
