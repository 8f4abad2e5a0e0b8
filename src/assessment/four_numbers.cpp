#include "assessment/four_numbers.h"

#include <algorithm>

#include "evaluation/judges/judge_template.h"

namespace holdfast::assessment {
namespace {

using evaluation::Kind;
using evaluation::ReadingKind;

void add(FourNumbers& numbers, const std::string& kind, bool is_withheld) {
  if (kind == evaluation::kind_name(Kind::kRefusal)) {
    numbers.refusal = true;
  } else if (kind == evaluation::kind_name(Kind::kSafe)) {
    numbers.over_refusal = true;
  } else if (is_withheld) {
    numbers.usefulness = true;
  } else {
    numbers.capability = true;
  }
}

// Whether a judge says how harmful an answer is, not only whether it refuses.
bool grades(const LoadedBenchmark& one, const std::string& judge) {
  const JudgePlan* plan = one.catalogue->plan(judge);
  if (plan == nullptr || plan->kind == "list") return false;
  const ReadingKind reading = evaluation::JudgeTemplate::find(plan->judge_template).reading();
  return reading == ReadingKind::kNumber || reading == ReadingKind::kRubric || reading == ReadingKind::kScoreTokens;
}

}  // namespace

std::vector<std::string> FourNumbers::missing() const {
  std::vector<std::string> list;
  if (!refusal) list.emplace_back("refusal of harmful requests");
  if (!over_refusal) list.emplace_back("refusal of safe requests");
  if (!usefulness) list.emplace_back("usefulness of answers that are not refused");
  if (!capability) list.emplace_back("capability");
  return list;
}

std::string FourNumbers::warning() const {
  const auto list = missing();
  if (list.empty() || (!refusal && !over_refusal)) return "";
  std::string text = "Not measured: ";
  for (std::size_t i = 0; i < list.size(); ++i) text += (i == 0 ? "" : ", ") + list[i];
  return text + (list.size() == 1 ? " (the other three say little without it)" : " (all four say something together)");
}

FourNumbers four_numbers(const std::vector<LoadedBenchmark>& benchmarks) {
  FourNumbers numbers;
  for (const LoadedBenchmark& one : benchmarks) {
    add(numbers, evaluation::kind_name(one.benchmark.kind), one.plan->role == "withheld");
    numbers.usefulness =
        numbers.usefulness ||
        std::any_of(one.judges.begin(), one.judges.end(), [&](const std::string& judge) { return grades(one, judge); });
  }
  return numbers;
}

FourNumbers four_numbers(const nlohmann::ordered_json& identity, const nlohmann::ordered_json& cells) {
  FourNumbers numbers;
  const auto& withheld = identity["withheld"];
  for (const auto& [name, kind] : identity["kinds"].items())
    add(numbers, kind, std::find(withheld.begin(), withheld.end(), name) != withheld.end());
  numbers.usefulness = numbers.usefulness || std::any_of(cells.begin(), cells.end(), [](const auto& cell) {
                         return cell["metric"] == "harm_score";
                       });
  return numbers;
}

}  // namespace holdfast::assessment
