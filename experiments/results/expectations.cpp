#include "experiments/results/expectations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>

#include "experiments/results/expectation_cells.hpp"
#include "experiments/results/expectation_group.hpp"
#include "experiments/results/expectation_inquiry.hpp"
#include "experiments/results/table_json.hpp"

namespace violet::results {
namespace {

struct Pending {
  const Expectation* expectation;
  std::string problem;  // Why there are no groups.
  std::vector<GroupJudge> groups;
};

JudgedExpectation conclude(const Pending& pending) {
  JudgedExpectation judged;
  judged.expectation = *pending.expectation;
  if (pending.groups.empty()) {
    judged.measured = "n/a";
    judged.reason = pending.problem;
    return judged;
  }
  judged.groups = pending.groups.size();
  judged.fulfilment = Fulfilment::kHolds;
  const GroupJudge* decisive = &pending.groups.front();
  for (const GroupJudge& one : pending.groups) {
    const Fulfilment its = one.fulfilment();
    judged.holding += its == Fulfilment::kHolds ? 1 : 0;
    one.add_evidence(judged.evidence);
    if (its == judged.fulfilment || worse_of(judged.fulfilment, its) != its) continue;
    judged.fulfilment = its;
    decisive = &one;
  }
  judged.measured = decisive->measured();
  judged.reason = decisive->reason();
  if (judged.groups == 1) return judged;
  const std::string& label = decisive->label();
  judged.measured = fmt::format("{}{}{}", label, label.empty() ? "" : ": ", judged.measured);
  return judged;
}

Tone tone_of(Fulfilment fulfilment) {
  switch (fulfilment) {
    case Fulfilment::kHolds:
      return Tone::kGood;
    case Fulfilment::kFails:
      return Tone::kBad;
    case Fulfilment::kInconclusive:
      return Tone::kWarning;
    case Fulfilment::kNotJudged:
      break;
  }
  return Tone::kFaint;
}

std::string measured_words(const JudgedExpectation& one) {
  std::string words = one.measured;
  if (one.groups > 1) {
    words = one.holding == one.groups
                ? fmt::format("{} times, {}", one.groups, words)
                : fmt::format("{} of {} hold; {}", one.holding, one.groups, words);
  }
  return one.reason.empty() ? words : words + "; " + one.reason;
}

}  // namespace

std::string_view to_text(Fulfilment fulfilment) {
  switch (fulfilment) {
    case Fulfilment::kHolds:
      return "holds";
    case Fulfilment::kFails:
      return "fails";
    case Fulfilment::kInconclusive:
      return "inconclusive";
    case Fulfilment::kNotJudged:
      break;
  }
  return "not judged";
}

std::vector<JudgedExpectation> judge_expectations(const RunData& run) {
  std::vector<const SettingAssignments*> settings;
  for (const CellData& cell : run.cells) settings.push_back(&cell.cell.axes);
  const CellTable table(settings);
  Inquiry inquiry(run);
  std::deque<Pending> all;
  for (const Expectation& expectation : run.expectations) {
    Pending& pending = all.emplace_back(Pending{&expectation, {}, {}});
    auto groups = table.groups(expectation);
    if (!groups) {
      pending.problem = fmt::format("{}: {}", groups.error().key, groups.error().message);
      continue;
    }
    for (CellGroup& group : *groups) {
      pending.groups.emplace_back(run, expectation, std::move(group), inquiry);
    }
  }
  inquiry.judge_all();
  std::vector<JudgedExpectation> judged;
  for (const Pending& pending : all) judged.push_back(conclude(pending));
  return judged;
}

bool must_failed(std::span<const JudgedExpectation> judged) {
  return std::any_of(judged.begin(), judged.end(), [](const JudgedExpectation& one) {
    return one.expectation.importance == Importance::kMust && one.fulfilment == Fulfilment::kFails;
  });
}

Table expectations_table(std::span<const JudgedExpectation> judged) {
  Table table;
  table.title = "What the plan expects";
  table.columns = {
      {.name = "claim"}, {.name = "expected"}, {.name = "measured"}, {.name = "verdict"}};
  for (const JudgedExpectation& one : judged) {
    table.rows.push_back(
        {Text{one.expectation.claim}, Text{expected_text(one.expectation)},
         Text{measured_words(one)},
         Text{fmt::format("{}: {}", to_text(one.expectation.importance), to_text(one.fulfilment)),
              tone_of(one.fulfilment)}});
  }
  table.notes.push_back(
      "An expectation holds or fails where the 95 % interval lies on one side of its limit, and "
      "the "
      "test agrees after Holm's correction for all of them; else it is inconclusive. A value alone "
      "is judged by the interval of its median, uncorrected, and a limit of 0 by every "
      "repetition.");
  return table;
}

nlohmann::ordered_json expectations_json(std::span<const JudgedExpectation> judged) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const JudgedExpectation& one : judged) {
    nlohmann::ordered_json entry = to_json(one.expectation);
    entry["expected"] = expected_text(one.expectation);
    entry["measured"] = one.measured;
    entry["verdict"] = to_text(one.fulfilment);
    entry["reason"] = one.reason;
    entry["evidence"] = nlohmann::ordered_json::array();
    for (const Evidence& said : one.evidence) {
      nlohmann::ordered_json part = {{"group", said.group}, {"what", said.what}};
      part["measured"] =
          said.measured ? number(said.measured->value) : nlohmann::ordered_json(nullptr);
      if (said.measured && said.measured->interval) {
        part["interval"] = {number(said.measured->interval->low),
                            number(said.measured->interval->high)};
      }
      part["repetitions"] = said.samples;
      if (said.limit) part["limit"] = number(*said.limit);
      if (!said.side.empty()) part["side"] = said.side;
      if (!said.reason.empty()) part["reason"] = said.reason;
      if (!said.test.empty()) {
        part["test"] = said.test;
        part["adjusted_p"] = number(said.adjusted_p);
        part["a12"] = number(said.a12);
      }
      entry["evidence"].push_back(std::move(part));
    }
    json.push_back(std::move(entry));
  }
  return json;
}

}  // namespace violet::results
