// A judge behind an OpenAI-compatible endpoint: POST URL/chat/completions, several requests at a time.
//
// A request that comes back 429, 5xx or not at all is sent again after first_wait_s, doubling, with jitter, or after
// what Retry-After says.  What is sent, and what comes back, goes into the call log when it happens, so that a call is
// never paid twice: an answer that is there, and from which a verdict can be read, is taken from the log.
// Invariant: the money spent never exceeds the budget.  A request reserves the most it can cost (a token is a byte at
// least) before it is sent, and is not sent where that does not fit.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "evaluation/judges/answer_judge.h"
#include "evaluation/judges/judge_template.h"

namespace holdfast::evaluation {

struct JudgeCall {
  std::string request_sha256;
  std::int64_t attempt = 1;
  std::int64_t status = 0;  // of HTTP; 0: no answer came
  std::string request, response;
  std::int64_t prompt_tokens = 0, completion_tokens = 0;
  double usd = 0, seconds = 0;
};

// Where calls are written when they happen.  Both may be called by several threads, one at a time.
class CallLog {
 public:
  virtual ~CallLog() = default;
  virtual void record(const JudgeCall& call) = 0;
  // Bodies that came back with status 200 for this request, the newest first.
  virtual std::vector<std::string> responses(const std::string& request_sha256) = 0;
  virtual double spent_usd() = 0;  // by this judge, in all runs of this journal
};

struct EndpointOptions {
  std::string url;    // "https://HOST[:PORT]/v1", or the whole path to .../chat/completions
  std::string model;  // as the endpoint calls it
  std::string key;    // sent as a bearer token; never logged
  std::int64_t concurrency = 4, attempts = 5;
  double timeout_s = 60, first_wait_s = 1;
  double max_usd = 0;  // 0: no limit
  double usd_per_million_prompt = 0, usd_per_million_output = 0;
};

class EndpointJudge : public AnswerJudge {
 public:
  // `log` must outlive it.  Throws Error(kBadInput) for a URL or a template that an endpoint cannot serve.
  EndpointJudge(JudgeTemplate judge_template, EndpointOptions options, CallLog& log);
  ~EndpointJudge() override;
  // Throws Error(kBadInput) where the endpoint refuses the key or does not know the model: no retry would help.
  std::vector<Judgement> judge(std::span<const Question> questions) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::evaluation
