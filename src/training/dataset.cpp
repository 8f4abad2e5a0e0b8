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
  std::vector<std::int32_t> before = tokenizer.encode(prompt);
  if (eos_id >= 0 && !before.empty() && before.back() == eos_id) before.pop_back();  // the tokenizer's own ending
  std::fill_n(row.is_target.begin(), std::min(before.size(), row.ids.size()), 0);
  return row;
}

using Ids = std::vector<std::int32_t>;

std::size_t common_length(const Ids& a, const Ids& b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

TrainingRow conversation(const nlohmann::ordered_json& messages, const text::Tokenizer& tokenizer,
                         const text::ChatTemplate& chat, text::RenderOptions options) {
  const auto render = [&](const nlohmann::ordered_json& turns, bool opens_answer) {
    options.add_generation_prompt = opens_answer;
    return chat.render(turns, options);
  };
  const auto encode = [&](const std::string& text) { return tokenizer.encode(text, false); };
  const std::string whole = render(messages, false);
  TrainingRow row;
  row.ids = encode(whole);
  row.is_target.assign(row.ids.size(), 0);
  nlohmann::ordered_json turns = nlohmann::ordered_json::array();
  for (const auto& message : messages) {
    const bool is_answer = message.at("role") == "assistant";
    std::size_t begin = 0;
    if (is_answer) {
      const std::string prompt = render(turns, true);
      const Ids ids = encode(prompt);
      if (whole.starts_with(prompt)) {
        begin = ids.size();
      } else if (!turns.empty() && whole.starts_with(render(turns, false))) {
        begin = common_length(ids, row.ids);  // the template opens an answer with more than it keeps of one
      } else {
        begin = row.ids.size();  // later turns change how the earlier ones read: nothing here is an answer for sure
      }
    }
    turns.push_back(message);
    if (is_answer && begin < row.ids.size()) {
      const std::string through = render(turns, false);
      const Ids ids = encode(through);
      const std::size_t end = whole.starts_with(through) ? ids.size() : common_length(ids, row.ids);
      for (std::size_t i = begin; i < std::min(end, row.ids.size()); ++i) row.is_target[i] = 1;
    }
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
  try {
    return conversation(source.messages, tokenizer, *chat, options.render);
  } catch (const Error& error) {  // what the template refuses
    fail(error.kind(), "[train] ", path.string(), ":", source.line,
         ": found a conversation that cannot be rendered: ", error.what());
  }
}

}  // namespace

std::int64_t TrainingRow::num_targets() const {
  // Nothing stands before the first token to predict it from.
  return is_target.empty() ? 0 : std::count(is_target.begin() + 1, is_target.end(), 1);
}

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

void RowSequence::shuffle_epoch() {
  if (order_ == RowOrder::kFile) return;
  std::iota(permutation_.begin(), permutation_.end(), std::size_t{0});
  const auto epoch = static_cast<std::uint64_t>(dealt_) / permutation_.size();
  Random(seed_, 1 + epoch).shuffle(std::span<std::size_t>(permutation_));
}

std::size_t RowSequence::peek() {
  const std::size_t place = static_cast<std::size_t>(dealt_) % permutation_.size();
  if (place == 0) shuffle_epoch();
  return permutation_[place];
}

std::size_t RowSequence::next() {
  const std::size_t row = peek();
  ++dealt_;
  return row;
}

void RowSequence::seek(std::int64_t dealt) {
  dealt_ = dealt;
  shuffle_epoch();
}

}  // namespace holdfast::training
