// A lesson consists of steps that act on a scene, one or two sentences each, and questions whose answer is
// what the simulation then does.
//
// Threading: immutable.
// Invariants: no right answer is written down: each choice says what would have to be seen in
// the snapshots before and after the step, and exactly one of them is (lessons_test.cpp).
// Numbers in texts are taken from the snapshot.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "experiments/lessons/snapshot.hpp"

namespace violet::lessons {

class Scene;

struct Choice {
  std::string text;
  std::function<bool(const Snapshot& before, const Snapshot& after)> is_right;
};

// Right when the step sent as many requests.
Choice needs_requests(std::uint64_t count, std::string text);

struct Question {
  std::string text;  // Empty: none.
  std::vector<Choice> choices;
  bool asks() const { return !text.empty(); }
};

// What a step says once it has happened.
using StepText = std::function<std::string(const Snapshot& before, const Snapshot& after)>;

struct Step {
  std::string title;  // Two to five words.
  StepText text;
  std::function<void(Scene&)> act;
  Question question = {};  // Asked before it happens.
};

struct Lesson {
  std::string id;           // "strict"
  std::string title;        // "Strict"
  std::string about;        // What one learns, in a line.
  std::vector<Step> steps;  // The first sets the scene.
  std::string plan;         // "Try it": a plan of experiments/plans.
  std::string plan_shows;   // What it measures, in a sentence.
};

// The lessons in their order.
std::span<const Lesson> lessons();

// A text without numbers.
StepText says(std::string text);
// Questions that come up again. `endpoint`'s next access...
Question will_it_succeed(std::string text, unsigned endpoint = kNic);
Question hit_or_miss(std::string text, unsigned endpoint = kNic);

}  // namespace violet::lessons
