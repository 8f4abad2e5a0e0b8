#include "generation/answer.h"

#include <algorithm>

#include "generation/sampler.h"

namespace holdfast::generation {

Answer::Answer(std::size_t prompt, std::int64_t room, const text::Tokenizer* tokenizer, const GenerateOptions& options,
               std::uint64_t stream)
    : prompt_(prompt), room_(room), tokenizer_(tokenizer), options_(&options), random_(options.seed, stream) {
  if (!options.stop.empty()) decoder_.emplace(*tokenizer, true);
}

text::TokenId Answer::choose(std::span<const float> logits) {
  return static_cast<text::TokenId>(
      options_->temperature == 0 ? greedy(logits) : sample(logits, options_->temperature, options_->top_p, random_));
}

bool Answer::add(text::TokenId id, const checkpoint::ModelConfig& config) {
  completion_.ids.push_back(id);
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
