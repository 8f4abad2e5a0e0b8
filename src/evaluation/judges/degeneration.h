// Answers that say nothing that could be judged, found before any judge.
//
//   empty       nothing but white space, punctuation and characters that cannot be seen
//   repetitive  ends in four rounds or more of the same text (white space collapsed; the first round may be cut),
//               together at least 40 bytes and at least half of the answer
//   echo        says the question again and nothing else    (question_match.h)
//   wrong language  in another script than the question   (question_match.h), or, where both are Latin, in another
//               language   (answer_language.h)
//   truncated   stopped by the length limit
// Thresholds: docs/decisions/0003-truncated-answers.md.
#pragma once

#include <string_view>

#include "evaluation/judges/verdict.h"
#include "evaluation/responder.h"

namespace holdfast::evaluation {

// The first that holds.  `prompt` empty: not known, and no answer echoes it.
Degeneration classify_degeneration(const Answer& answer, std::string_view prompt = {});

// The rules in words.  Verdicts depend on them, so they are part of every refusal judge's hash.
const char* degeneration_rule();

}  // namespace holdfast::evaluation
