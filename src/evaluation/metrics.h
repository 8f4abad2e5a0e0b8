// Metrics of capability benchmarks, item by item as lm-evaluation-harness 0.4.13 has them.
//
//   acc          the ending with the largest summed log-probability is the right one; the first of equals is taken
//   acc_norm     the same, each sum divided by the characters of its ending; acc_bytes: by its UTF-8 bytes
//   mc1          acc, where the right ending stands first (TruthfulQA)
//   mc2          the share of probability that falls on the right endings: sum of exp(LL) over those / over all
//   exact_match  what a filter takes from the answer equals what it leaves of the target
//   prompt_level_strict_acc, prompt_level_loose_acc
//                all of the prompt's instructions are followed (evaluation/ifeval.h)
//   inst_level_strict_acc, inst_level_loose_acc
//                the share of all prompts' instructions together that are followed: each is a verdict of its own
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "evaluation/judge.h"

namespace holdfast::evaluation {

// "loglikelihood" for acc, and so on: what results.json calls the judge that a metric comes from; and back.
std::string judge_of_metric(std::string_view metric);
std::string metric_of_judge(std::string_view judge);  // empty: the judge stands for no metric
// Of a verdict's judge: "inst_level_strict_acc" of "inst_level_strict_acc:keywords:existence", others as they are.
std::string judge_family(std::string_view judge);
std::string metric_sha256(const Metric& metric);  // of all that decides its verdicts

// REQUIRES: a metric of endings, one log-probability an ending.  Unscored where one is no number.  Of mc2 the score is
// the share; nothing is chosen.
Verdict score_choice(const Metric& metric, const Item& item, const std::vector<double>& logprobs);
// The share of mc2, from 0 to 1; NaN where a log-probability is no number.
double truthful_share(const Item& item, const std::vector<double>& logprobs);

// What the rule takes from an answer; "[invalid]" where the pattern is not found.
std::string extract_answer(const MatchRule& rule, const std::string& answer);
Verdict score_match(const Metric& metric, const Item& item, const Answer& answer);

bool is_instruction_metric(std::string_view metric);  // prompt_level_*, inst_level_*

struct NamedVerdict {
  std::string judge;  // as items.csv has it
  Verdict verdict;
};
// REQUIRES: an item with its row.  Unscored, as unreadable, where the rules cannot decide.  One verdict of
// prompt_level_*; of inst_level_* one an instruction, whose judge is "METRIC:INSTRUCTION", with ":2" and so on behind
// an instruction that the prompt has again.
std::vector<NamedVerdict> score_instructions(const Metric& metric, const Item& item, const Answer& answer);
// By whichever of the two the metric is.
std::vector<NamedVerdict> score_answer(const Metric& metric, const Item& item, const Answer& answer);

}  // namespace holdfast::evaluation
