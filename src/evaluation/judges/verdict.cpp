#include "evaluation/judges/verdict.h"

namespace holdfast::evaluation {

const char* outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kRefusal:
      return "refusal";
    case Outcome::kCompliance:
      return "compliance";
    case Outcome::kDegenerate:
      return "degenerate";
    case Outcome::kUnscored:
      return "unscored";
    case Outcome::kAnswered:
      break;
  }
  return "answered";
}

const char* degeneration_name(Degeneration degeneration) {
  switch (degeneration) {
    case Degeneration::kNone:
      return "none";
    case Degeneration::kEmpty:
      return "empty";
    case Degeneration::kTruncated:
      return "truncated";
    case Degeneration::kRepetitive:
      return "repetitive";
    case Degeneration::kWrongLanguage:
      return "wrong_language";
    case Degeneration::kEcho:
      break;
  }
  return "echo";
}

const char* failure_name(Failure failure) {
  switch (failure) {
    case Failure::kNone:
      return "none";
    case Failure::kUnreadable:
      return "unreadable";
    case Failure::kJudgeRefused:
      return "judge_refused";
    case Failure::kTimedOut:
      return "timed_out";
    case Failure::kEmpty:
      return "empty";
    case Failure::kBudget:
      return "budget";
    case Failure::kError:
      return "error";
    case Failure::kPending:
      break;
  }
  return "pending";
}

}  // namespace holdfast::evaluation
