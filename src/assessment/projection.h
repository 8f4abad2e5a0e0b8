// What the work of an assessment would take on another device, and with another model: seconds, memory, money.
//
//   seconds of a phase = operations / (share x peak of the device)
// where share is the part of its own machine's peak that the phase reached in this run.  Answers grow a token a step,
// all of a wave together, and a step reads every weight: generating takes the longer of its operations and of
//   tokens / wave x bytes of the weights / (share x bandwidth of the device).
// Operations, of n tokens through a model: 2 products forward and 2 back for training on a frozen base, and three of
// the adapter; products of the head where a token is a target, is chosen or is read.  Attention is left out: it adds 4
// % at 2,000 tokens to a 7B.  Every projection lists what it assumes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "assessment/devices.h"
#include "assessment/model_sizes.h"

namespace holdfast::assessment {

// Tokens that were computed; what a prefix tree had already counts once.
struct Work {
  std::int64_t training_tokens = 0, target_tokens = 0;
  std::int64_t prompt_tokens = 0, generated_tokens = 0;
  std::int64_t scored_tokens = 0, read_tokens = 0;  // of contexts and endings; of endings
  std::int64_t judge_tokens = 0;                    // of a local judge, which stays the same model
  double judge_flops = 0, judge_usd = 0;            // of a local judge; what endpoints were paid
  std::int64_t rank = 8, pack_tokens = 2048;        // of adapters and packs that are trained
  std::int64_t wave = 32, answer_tokens = 512;      // sequences answered together; of one, with its prompt
};

// What part of the peak a phase reached, 0 to 1.  Absent: not measured.
struct PeakShares {
  std::optional<double> train{}, generate{}, score{}, judge{};
};

struct Projection {
  std::string model, device, as_of;
  bool fits = false;                                            // one device holds it
  std::int64_t memory_bytes = 0;                                // the more of training and answering
  std::optional<double> train{}, generate{}, score{}, judge{};  // seconds; absent where not measured or it does not fit
  std::optional<double> seconds{};                              // of all
  std::optional<double> train_usd{}, usd{};                     // absent where the device has no price
  std::optional<double> tokens_for_200_usd{};                   // that could be trained on
  std::vector<std::string> assumptions{};                       // in words and numbers
};

// Operations of each phase.
double training_flops(const ModelSize& size, const Work& work);
double generating_flops(const ModelSize& size, const Work& work);
double scoring_flops(const ModelSize& size, const Work& work);

Projection project(const ModelSize& size, const Device& device, const Work& work, const PeakShares& shares);

nlohmann::ordered_json projection_json(const Projection& projection);

}  // namespace holdfast::assessment
