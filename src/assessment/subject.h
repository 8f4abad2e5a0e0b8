// The model that is measured: decoder, tokenizer and chat template, and how a wave of items is put to it.
//
// Invariant: what a wave gives depends on plan, items and adapter alone, never on when it runs.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "assessment/inputs.h"
#include "assessment/journal.h"
#include "assessment/plan.h"
#include "assessment/request_encoder.h"
#include "generation/prefix_tree.h"
#include "model/adapter.h"
#include "model/decoder.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"
#include "text/tokenizer_config.h"
#include "training/dataset.h"

namespace holdfast::assessment {

struct WaveResult {
  std::vector<StoredAnswer> answers;
  std::vector<PhaseRecord> costs;
};

// Who is asked: the model with an adapter (null: untouched), and whose cost that is.
struct Asked {
  std::string account;
  const model::Adapter* adapter = nullptr;
};

class Subject {
 public:
  // `plan` must outlive it.  Throws Error where a benchmark asks questions and the model has no chat template.
  // `cache`: model/decoder.h.
  Subject(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks, const std::filesystem::path& cache = {});

  model::Decoder& decoder() { return *decoder_; }
  training::Dataset load_rows(const std::string& path) const;

  // Items begin .. end of a benchmark, answered or scored, and judged: one result for each of those who are asked,
  // which share the passes through the base.  Each gets the bits that it gets alone.
  std::vector<WaveResult> measure(const LoadedBenchmark& one, std::size_t begin, std::size_t end, std::int64_t sample,
                                  std::span<const Asked> asked);
  // Gives the memory back that answers and scores have left for the next ones; training needs it.
  void forget_beginnings() { tree_.reset(); }

 private:
  std::vector<WaveResult> answer_wave(const LoadedBenchmark& one, std::size_t begin, std::size_t end,
                                      std::int64_t sample, std::span<const Asked> asked);
  std::vector<WaveResult> score_wave(const LoadedBenchmark& one, std::size_t begin, std::size_t end,
                                     std::span<const Asked> asked);
  generation::PrefixTree& tree();
  RequestEncoder encoder() const;

  const Plan& plan_;
  text::Tokenizer tokenizer_;
  text::TokenizerConfig config_;
  std::optional<text::ChatTemplate> chat_;
  std::unique_ptr<model::Decoder> decoder_;
  std::unique_ptr<generation::PrefixTree> tree_;  // null: nothing has been measured since the last training
};

}  // namespace holdfast::assessment
