#include "evaluation/metrics.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>

#include "base/error.h"
#include "base/hash.h"
#include "evaluation/ifeval.h"
#include "text/python_case.h"
#include "text/python_regex.h"
#include "text/unicode.h"

namespace holdfast::evaluation {
namespace {

struct Name {
  const char *metric, *judge;
};

// Metrics of instructions: by what reading of the answer, and whether each instruction counts by itself.
struct InstructionMetric {
  std::string_view name;
  bool is_strict, is_of_each;
};
constexpr InstructionMetric kInstructionMetrics[] = {{"prompt_level_strict_acc", true, false},
                                                     {"prompt_level_loose_acc", false, false},
                                                     {"inst_level_strict_acc", true, true},
                                                     {"inst_level_loose_acc", false, true}};

const InstructionMetric* find_instruction_metric(std::string_view name) {
  const auto* found = std::find_if(std::begin(kInstructionMetrics), std::end(kInstructionMetrics),
                                   [&](const InstructionMetric& one) { return one.name == name; });
  return found == std::end(kInstructionMetrics) ? nullptr : found;
}

constexpr Name kNames[] = {{"acc", "loglikelihood"},
                           {"acc_norm", "loglikelihood-norm"},
                           {"acc_bytes", "loglikelihood-bytes"},
                           {"mc1", "mc1"},
                           {"mc2", "mc2"}};

std::string strip(const std::string& text) { return text::strip_left(text::strip_right(text)); }

std::string comparable(const MatchRule& rule, std::string text) {
  for (const std::string& pattern : rule.drop) text = text::PythonRegex(pattern).replace_all(text, "");
  if (rule.ignores_case) text = text::python_lower(text);
  if (rule.ignores_punctuation)
    std::erase_if(text, [](char c) {
      return static_cast<unsigned char>(c) < 0x80 && std::ispunct(static_cast<unsigned char>(c)) != 0;
    });
  return text;
}

}  // namespace

std::string judge_of_metric(std::string_view metric) {
  for (const Name& one : kNames) {
    if (metric == one.metric) return one.judge;
  }
  return std::string(metric);
}

std::string metric_of_judge(std::string_view judge) {
  for (const Name& one : kNames) {
    if (judge == one.judge) return one.metric;
  }
  const std::string family = judge_family(judge);
  return family.starts_with("exact_match") || is_instruction_metric(family) ? family : std::string();
}

std::string judge_family(std::string_view judge) {
  const std::string_view first = judge.substr(0, judge.find(':'));
  const auto* metric = find_instruction_metric(first);
  return std::string(metric != nullptr && metric->is_of_each ? first : judge);
}

std::string metric_sha256(const Metric& metric) {
  const auto& rule = metric.rule;
  std::string text = metric.name + " version 1\n" + rule.pattern + "\n" + (rule.takes_last ? "last" : "first") +
                     (rule.ignores_case ? " case" : "") + (rule.ignores_punctuation ? " punctuation" : "");
  for (const std::string& pattern : rule.drop) text += "\n" + pattern;
  return sha256(text);
}

double truthful_share(const Item& item, const std::vector<double>& logprobs) {
  double all = 0, truths = 0;
  for (const double one : logprobs) all += std::exp(one);
  for (const int place : item.true_choices) truths += std::exp(logprobs[static_cast<std::size_t>(place)]);
  return truths / all;
}

Verdict score_choice(const Metric& metric, const Item& item, const std::vector<double>& logprobs) {
  HOLDFAST_ASSERT(logprobs.size() == item.choices.size() && !logprobs.empty());
  if (metric.name == "mc2") {
    const double share = truthful_share(item, logprobs);
    return std::isnan(share) ? Verdict{Outcome::kUnscored} : Verdict{.outcome = Outcome::kAnswered, .score = share};
  }
  if (metric.name != "acc_bytes") return judge_choice(item, logprobs, metric.name == "acc_norm");
  if (std::any_of(logprobs.begin(), logprobs.end(), [](double one) { return std::isnan(one); }))
    return {Outcome::kUnscored};
  std::vector<double> scores = logprobs;
  for (std::size_t i = 0; i < scores.size(); ++i) scores[i] /= static_cast<double>(item.choices[i].size());
  const auto chosen = static_cast<int>(std::max_element(scores.begin(), scores.end()) - scores.begin());
  return {Outcome::kAnswered, chosen, chosen == item.gold ? 1 : 0};
}

std::string extract_answer(const MatchRule& rule, const std::string& answer) {
  if (rule.pattern.empty()) return strip(answer);
  const auto matches = text::PythonRegex(rule.pattern).find_all(answer);
  if (matches.empty()) return "[invalid]";
  const auto& groups = rule.takes_last ? matches.back() : matches.front();
  if (groups.size() == 1) return strip(groups[0]);
  const auto found = std::find_if(groups.begin(), groups.end(), [](const std::string& one) { return !one.empty(); });
  return found == groups.end() ? "[invalid]" : strip(*found);
}

Verdict score_match(const Metric& metric, const Item& item, const Answer& answer) {
  HOLDFAST_ASSERT(item.accept.size() == 1);
  const std::string found = comparable(metric.rule, extract_answer(metric.rule, answer.text));
  const bool is_empty = classify_degeneration(answer) == Degeneration::kEmpty;
  return {is_empty ? Outcome::kDegenerate : Outcome::kAnswered, -1,
          found == comparable(metric.rule, item.accept[0]) ? 1 : 0};
}

bool is_instruction_metric(std::string_view metric) { return find_instruction_metric(metric) != nullptr; }

std::vector<NamedVerdict> score_instructions(const Metric& metric, const Item& item, const Answer& answer) {
  const auto* const kind = find_instruction_metric(metric.name);
  HOLDFAST_ASSERT(item.row != nullptr && kind != nullptr);
  const IfevalResult result = check_ifeval(*item.row, answer.text, "[ifeval] item " + item.id);
  const bool is_empty = classify_degeneration(answer) == Degeneration::kEmpty;
  const auto verdict_of = [&](Followed followed) -> Verdict {
    if (followed == Followed::kUnscored) return {.failure = Failure::kUnreadable};
    return {.outcome = is_empty ? Outcome::kDegenerate : Outcome::kAnswered,
            .correct = followed == Followed::kYes ? 1 : 0,
            .degeneration = is_empty ? Degeneration::kEmpty : Degeneration::kNone};
  };
  if (!kind->is_of_each) return {{metric.name, verdict_of(kind->is_strict ? result.strict() : result.loose())}};
  std::vector<NamedVerdict> verdicts;
  std::map<std::string, int> seen;
  for (const auto& one : result.instructions) {
    const int again = ++seen[one.id];
    const std::string judge = metric.name + ":" + one.id + (again > 1 ? ":" + std::to_string(again) : "");
    verdicts.push_back({judge, verdict_of(kind->is_strict ? one.strict : one.loose)});
  }
  return verdicts;
}

std::vector<NamedVerdict> score_answer(const Metric& metric, const Item& item, const Answer& answer) {
  if (is_instruction_metric(metric.name)) return score_instructions(metric, item, answer);
  return {{judge_of_metric(metric.name), score_match(metric, item, answer)}};
}

}  // namespace holdfast::evaluation
