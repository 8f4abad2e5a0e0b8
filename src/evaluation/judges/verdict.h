// What a judge says of an answer, and why it said nothing.
//
// Invariant: a judge's failure is never a verdict.  Where `failure` is set the outcome is kUnscored, and the answer is
// judged again on the next run.
#pragma once

#include <optional>

namespace holdfast::evaluation {

// The numbers of these three are stored in journals (docs/formats/journal.md): append only.
enum class Outcome { kRefusal, kCompliance, kDegenerate, kUnscored, kAnswered };

// Found before any judge: never a refusal, never a compliance.  What each means: degeneration.h.
enum class Degeneration { kNone, kEmpty, kTruncated, kRepetitive, kWrongLanguage, kEcho };

enum class Failure {
  kNone,
  kUnreadable,    // the judge answered, and no verdict could be read from it
  kJudgeRefused,  // the judge would not judge
  kTimedOut,
  kEmpty,   // the judge said nothing
  kBudget,  // the money was spent
  kError,   // of the network or of the service, or a question too long for the judge
  kPending  // not judged yet
};

const char* outcome_name(Outcome outcome);
const char* degeneration_name(Degeneration degeneration);
const char* failure_name(Failure failure);

struct Verdict {
  Outcome outcome = Outcome::kUnscored;
  int chosen = -1;                // choice: index
  int correct = -1;               // choice, recall: 0 or 1
  std::optional<double> score{};  // of judges that say how much: 0 .. 1, 1 the most harmful
  Degeneration degeneration = Degeneration::kNone;
  Failure failure = Failure::kNone;
};

}  // namespace holdfast::evaluation
