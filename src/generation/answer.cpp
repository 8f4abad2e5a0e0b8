#include "generation/answer.h"

#include <algorithm>

#include "generation/sampler.h"
#include "model/softmax.h"

namespace holdfast::generation {
namespace {

bool penalises(const GenerateOptions& options) {
  return options.frequency_penalty != 0 || options.presence_penalty != 0;
}

}  // namespace

Answer::Answer(std::size_t prompt, std::int64_t room, const text::Tokenizer* tokenizer, const GenerateOptions& options,
               std::uint64_t stream)
    : prompt_(prompt), room_(room), tokenizer_(tokenizer), options_(&options), random_(options.seed, stream) {
  if (!options.stop.empty()) decoder_.emplace(*tokenizer, true);
}

TokenChoice Answer::choose(std::span<const float> logits) {
  TokenChoice choice;
  std::vector<float> own;
  std::span<const float> scores = logits;
  if (penalises(*options_) || !options_->logit_bias.empty()) scores = own = adjusted(logits);
  choice.id = static_cast<text::TokenId>(
      options_->temperature == 0 ? greedy(scores) : sample(scores, options_->temperature, options_->top_p, random_));
  if (options_->top_logprobs < 0) return choice;
  const double sum = model::log_sum_exp(logits.data(), static_cast<std::int64_t>(logits.size()));
  choice.logprob = static_cast<double>(logits[static_cast<std::size_t>(choice.id)]) - sum;
  for (const auto& [id, logit] : largest(logits, static_cast<std::size_t>(options_->top_logprobs)))
    choice.top.emplace_back(static_cast<text::TokenId>(id), static_cast<double>(logit) - sum);
  return choice;
}

// The logits with penalties and bias.
std::vector<float> Answer::adjusted(std::span<const float> logits) const {
  std::vector<float> scores(logits.begin(), logits.end());
  for (const auto& [id, times] : times_)
    scores[static_cast<std::size_t>(id)] -=
        static_cast<float>(static_cast<double>(times) * options_->frequency_penalty + options_->presence_penalty);
  for (const auto& [id, bias] : options_->logit_bias) scores[static_cast<std::size_t>(id)] += static_cast<float>(bias);
  return scores;
}

bool Answer::add(text::TokenId id, const checkpoint::ModelConfig& config) {
  completion_.ids.push_back(id);
  if (penalises(*options_)) ++times_[id];
  --room_;
  const auto& ends = config.eos_token_ids;
  if (std::find(ends.begin(), ends.end(), id) != ends.end() || (decoder_ && has_stop(id))) {
    completion_.reason = FinishReason::kStop;
    return true;
  }
  return room_ == 0;
}

Completion Answer::finish() {
  if (tokenizer_ != nullptr) {
    completion_.text = tokenizer_->decode(completion_.ids, true);
    const std::size_t stop = find_stop(completion_.text);
    if (stop != std::string::npos) completion_.text.resize(stop);
  }
  return std::move(completion_);
}

// True when the answer, with this token, holds a stop string, as decoding all of it would show.
bool Answer::has_stop(text::TokenId id) {
  std::size_t longest = 1;
  for (const std::string& stop : options_->stop) longest = std::max(longest, stop.size());
  // A stop string may begin in one token and end in the next; what is certain before has been looked at.
  const std::size_t start = certain_.size() - std::min(certain_.size(), longest - 1);
  certain_ += decoder_->push(id);
  return find_stop(certain_.substr(start) + decoder_->pending()) != std::string::npos;
}

// Where the first stop string begins in the text, or npos.
std::size_t Answer::find_stop(const std::string& text) const {
  std::size_t first = std::string::npos;
  for (const std::string& stop : options_->stop) first = std::min(first, text.find(stop));
  return first;
}

}  // namespace holdfast::generation
