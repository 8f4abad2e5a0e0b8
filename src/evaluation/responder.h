// What evaluation knows of a model: prompts in; texts, token counts and log-probabilities out.
//
// So benchmarks, judges and statistics build without torch, and the same benchmark can be put to our engine, to an
// endpoint, or to a recorded journal.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace holdfast::evaluation {

struct Answer {
  std::vector<std::int32_t> ids;
  std::string text;
  bool is_truncated = false;  // stopped by the length limit, not by the model
};

struct AnswerOptions {
  std::int64_t max_new_tokens = 256;
  double temperature = 0, top_p = 1;
  std::uint64_t seed = 1234;
  std::uint64_t stream = 0;  // of the first prompt's random numbers
};

struct Continuation {
  std::vector<std::int32_t> context, continuation;
};

class Responder {
 public:
  virtual ~Responder() = default;
  // One answer a prompt of token ids, in order.
  virtual std::vector<Answer> answer(std::span<const std::vector<std::int32_t>> prompts,
                                     const AnswerOptions& options) = 0;
  // One summed log-probability a continuation, in order.
  virtual std::vector<double> score(std::span<const Continuation> continuations) = 0;
};

}  // namespace holdfast::evaluation
