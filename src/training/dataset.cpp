#include "training/dataset.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "text/conversations.h"

namespace holdfast::training {
namespace {

using text::Conversation;

TrainingRow plain_text(const std::string& text, const text::Tokenizer& tokenizer, std::int32_t eos_id) {
  TrainingRow row;
  row.ids = tokenizer.encode(text);
  if (eos_id >= 0 && (row.ids.empty() || row.ids.back() != eos_id)) row.ids.push_back(eos_id);
  row.is_target.assign(row.ids.size(), 1);
  return row;
}

TrainingRow prompt_and_completion(const std::string& prompt, const std::string& completion,
                                  const text::Tokenizer& tokenizer, std::int32_t eos_id) {
  TrainingRow row = plain_text(prompt + completion, tokenizer, eos_id);
  const std::size_t prompt_length = std::min(tokenizer.encode(prompt).size(), row.ids.size());
  std::fill_n(row.is_target.begin(), prompt_length, 0);
  return row;
}

TrainingRow conversation(const nlohmann::ordered_json& messages, const text::Tokenizer& tokenizer,
                         const text::ChatTemplate& chat, text::RenderOptions options) {
  options.add_generation_prompt = false;
  TrainingRow row;
  row.ids = tokenizer.encode(chat.render(messages, options), false);
  row.is_target.assign(row.ids.size(), 0);
  nlohmann::ordered_json before = nlohmann::ordered_json::array();
  for (const auto& message : messages) {
    if (message.at("role") == "assistant") {
      options.add_generation_prompt = true;
      const std::size_t begin = tokenizer.encode(chat.render(before, options), false).size();
      options.add_generation_prompt = false;
      nlohmann::ordered_json through = before;
      through.push_back(message);
      const std::size_t end = tokenizer.encode(chat.render(through, options), false).size();
      for (std::size_t i = begin; i < std::min(end, row.ids.size()); ++i) row.is_target[i] = 1;
    }
    before.push_back(message);
  }
  return row;
}

TrainingRow to_row(const Conversation& source, const text::Tokenizer& tokenizer, const text::ChatTemplate* chat,
                   const DatasetOptions& options, const std::filesystem::path& path) {
  if (source.is_plain_text) {
    return source.completion ? prompt_and_completion(source.text, *source.completion, tokenizer, options.eos_id)
                             : plain_text(source.text, tokenizer, options.eos_id);
  }
  HOLDFAST_CHECK(kBadInput, chat != nullptr, "[train] ", path.string(), ":", source.line,
                 ": found a conversation but the model has no chat template; expected one in tokenizer_config.json; "
                 "try rows of {\"prompt\", \"completion\"} or {\"text\"}");
  return conversation(source.messages, tokenizer, *chat, options.render);
}

}  // namespace

std::int64_t TrainingRow::num_targets() const { return std::count(is_target.begin(), is_target.end(), 1); }

Dataset load_dataset(const std::filesystem::path& path, const text::Tokenizer& tokenizer,
                     const text::ChatTemplate* chat, const DatasetOptions& options) {
  Dataset dataset;
  for (const Conversation& source : text::read_conversations(path)) {
    TrainingRow row = to_row(source, tokenizer, chat, options, path);
    if (static_cast<std::int64_t>(row.ids.size()) > options.max_length) {
      row.ids.resize(options.max_length);
      row.is_target.resize(options.max_length);
      ++dataset.num_cut;
    }
    if (!row.is_target.empty()) row.is_target[0] = 0;
    if (row.num_targets() == 0) {
      ++dataset.num_without_targets;
      continue;
    }
    dataset.rows.push_back(std::move(row));
  }
  HOLDFAST_CHECK(kBadInput, !dataset.rows.empty(), "[train] ", path.string(),
                 ": found no row with an answer, expected at least one; try checking the file's columns");
  return dataset;
}

RowSequence::RowSequence(std::size_t num_rows, RowOrder order, std::uint64_t seed)
    : permutation_(num_rows), order_(order), seed_(seed) {
  HOLDFAST_ASSERT(num_rows > 0);
  std::iota(permutation_.begin(), permutation_.end(), std::size_t{0});
}

void RowSequence::begin_epoch() {
  if (order_ == RowOrder::kFile) return;
  std::iota(permutation_.begin(), permutation_.end(), std::size_t{0});
  const auto epoch = static_cast<std::uint64_t>(dealt_) / permutation_.size();
  Random(seed_, 1 + epoch).shuffle(std::span<std::size_t>(permutation_));
}

std::size_t RowSequence::next() {
  const std::size_t place = static_cast<std::size_t>(dealt_) % permutation_.size();
  if (place == 0) begin_epoch();
  ++dealt_;
  return permutation_[place];
}

void RowSequence::skip(std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) next();
}

}  // namespace holdfast::training
