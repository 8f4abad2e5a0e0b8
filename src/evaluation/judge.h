// Judges: what an answer was.  A judge is a pure function of item and stored answer, so answers can be judged again.
//
// Refusals: word lists, judges/word_list.h.
// recall: `contains`, every accepted text stands in the answer, no number of it cut ("3 drops" is not in "13 drops").
// choice: `loglikelihood`, the likeliest ending.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "evaluation/benchmark.h"
#include "evaluation/judges/degeneration.h"
#include "evaluation/judges/verdict.h"
#include "evaluation/judges/word_list.h"
#include "evaluation/responder.h"

namespace holdfast::evaluation {

std::vector<std::string> judge_names();           // of refusals
std::string judge_sha256(std::string_view name);  // of its rule and list; throws Error(kBadInput) for an unknown name

Verdict judge_refusal(std::string_view judge, const Answer& answer, TruncatedPolicy policy);
Verdict judge_recall(const Item& item, const Answer& answer);

// `logprobs`: one a choice.  The first of equals is chosen, as numpy's argmax does; acc_norm divides by characters.
// Unscored where one is no number (a broken model), never a guess.
Verdict judge_choice(const Item& item, const std::vector<double>& logprobs, bool is_normalised);

}  // namespace holdfast::evaluation
