// What an arm trains on: the rows of its file, some of them, or a mixture; and the steps at which so many tokens have
// been trained.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "assessment/plan.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"
#include "text/tokenizer_config.h"
#include "training/dataset.h"
#include "training/trainer.h"

namespace holdfast::assessment {

// How rows become token ids for a model that takes so many positions.
training::DatasetOptions dataset_options(const Plan& plan, const text::Tokenizer& tokenizer,
                                         const text::TokenizerConfig& config, std::int64_t max_positions);

training::TrainOptions train_options(const ArmPlan& arm, std::int64_t seed);

// Shared by the arms and seeds that train on them.
using Rows = std::shared_ptr<const training::Dataset>;

// The rows of files, each file read and made token ids once, however many arms and seeds train on it.
class RowFiles {
 public:
  using Reader = std::function<training::Dataset(const std::string& path)>;
  explicit RowFiles(Reader read) : read_(std::move(read)) {}
  Rows load(const std::string& path);
  // Of an arm and seed.  Throws Error(kBadInput) where they are too few.
  Rows rows(const ArmPlan& arm, std::int64_t seed);
  void clear() { files_.clear(); }

 private:
  Reader read_;
  std::map<std::string, Rows> files_;
};

// Reads training rows as a model's tokenizer and template make them, without the model; each file once.
class RowReader {
 public:
  // `plan` must outlive it.
  explicit RowReader(const Plan& plan);
  RowReader(const RowReader&) = delete;
  RowReader& operator=(const RowReader&) = delete;
  Rows load(const std::string& path) { return files_.load(path); }
  Rows rows(const ArmPlan& arm, std::int64_t seed) { return files_.rows(arm, seed); }

 private:
  text::Tokenizer tokenizer_;
  std::optional<text::ChatTemplate> chat_;
  training::DatasetOptions options_;
  RowFiles files_;
};

// Tokens that an arm's first `steps` steps train with a seed, step by step: the sum through each.
std::vector<std::int64_t> tokens_by_step(const ArmPlan& arm, std::int64_t seed, const training::Dataset& dataset);

// The plan with checkpoints in place of its arms' checkpoint_tokens: of each number of tokens the first step at which
// every seed has trained at least so many.  A cell of a grid that trains fewer leaves it out.
// Throws Error(kBadInput) where another arm, or every cell of a grid, trains fewer.
Plan with_token_checkpoints(const Plan& plan);

}  // namespace holdfast::assessment
