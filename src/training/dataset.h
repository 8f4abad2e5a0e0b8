// Training rows: conversations become token ids and a mark on each token that is a target.
//
// Only answers are targets, except in plain text, where every token but the first is.  A conversation is rendered by
// the model's chat template; an answer is what the rendering gains over the rendering of the turns before it with the
// generation prompt, found by token count; docs/formats/training_data.md says what happens where a template renders
// the same turns differently.  A prompt/completion row of plain strings is not rendered: completion and
// end-of-sequence token follow the prompt.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace holdfast::training {

struct TrainingRow {
  std::vector<std::int32_t> ids;
  std::vector<std::uint8_t> is_target;  // [ids.size()]; the first token never is: nothing predicts it
  std::int64_t num_targets() const;
};

struct DatasetOptions {
  std::int64_t max_length = 2048;  // longer rows are cut at their end
  text::RenderOptions render;
  std::int32_t eos_id = -1;  // ends plain text; -1: nothing is appended
};

struct Dataset {
  std::vector<TrainingRow> rows;
  std::int64_t num_cut = 0;              // rows longer than max_length
  std::int64_t num_without_targets = 0;  // rows left out because nothing in them is a target
};

// `chat` may be null where no row needs it.  Throws Error(kBadInput) naming file and line.
Dataset load_dataset(const std::filesystem::path& path, const text::Tokenizer& tokenizer,
                     const text::ChatTemplate* chat, const DatasetOptions& options = {});

enum class RowOrder { kFile, kSeeded };

// Deals row numbers epoch after epoch, reshuffled each epoch when seeded.  The state is the number dealt so far.
// REQUIRES: num_rows > 0.
class RowSequence {
 public:
  RowSequence(std::size_t num_rows, RowOrder order, std::uint64_t seed);
  std::size_t peek();  // what next() will deal
  std::size_t next();
  std::int64_t dealt() const { return dealt_; }
  void seek(std::int64_t dealt);  // as if `dealt` rows had been dealt since the beginning

 private:
  void shuffle_epoch();
  std::vector<std::size_t> permutation_;
  RowOrder order_;
  std::uint64_t seed_;
  std::int64_t dealt_ = 0;
};

}  // namespace holdfast::training
