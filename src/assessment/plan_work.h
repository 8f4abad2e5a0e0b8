// How much a plan does: cells, answers and tokens, counted from its files with the model's tokenizer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "assessment/inputs.h"
#include "assessment/plan.h"

namespace holdfast::assessment {

struct BenchmarkWork {
  std::string name, kind;
  bool is_choice = false, is_held_out = false;
  std::int64_t items = 0, samples = 1;  // of one cell
  std::int64_t cells = 0;               // in which it is measured
  // Of all its items once; of a long benchmark reckoned from every so-manieth item.
  std::int64_t prompt_tokens = 0;   // questions with their template
  std::int64_t scored_tokens = 0;   // choices: each item's context once, and its endings
  std::int64_t ending_tokens = 0;   // of these the endings
  std::int64_t longest_prompt = 0;  // tokens
  std::int64_t answer_limit = 0;    // tokens of one answer; 0: nothing is answered
  // Refusals: the smallest change in a cell that is found with 80 % power, from a rate of 95 %.
  std::optional<double> detectable{};

  std::int64_t answers() const { return items * samples * cells; }  // choices are answered by a letter
};

struct ArmWork {
  std::string name, kind, family;
  std::int64_t runs = 0;                  // trainings or adapters: seeds, of both models where there are two
  std::vector<std::int64_t> checkpoints;  // steps
  std::int64_t rows = 0;                  // that there are to train on
  std::int64_t training_tokens = 0, target_tokens = 0;  // of all runs
  std::int64_t longest_step = 0;                        // tokens
};

struct PlanWork {
  std::vector<BenchmarkWork> benchmarks;
  std::vector<ArmWork> arms;
  // The runs that confirm the worst cell: which that is shows itself, so the longest attack is counted.
  std::int64_t confirming_runs = 0, confirming_tokens = 0, confirming_targets = 0;
  std::int64_t models = 1;
  std::int64_t cells = 0;  // arm, seed and step; each untouched model is one

  std::int64_t measurements() const;  // cells times what is measured in each
  std::int64_t answers() const;
  std::int64_t prompt_tokens() const, scored_tokens() const, most_answer_tokens() const;
  std::int64_t training_tokens() const, target_tokens() const;
};

// `plan` with its checkpoints as steps (arm_data.h).  Throws Error for files that cannot be read as what they are.
PlanWork work_of(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks);

// Tokens that an answer to a benchmark may have.
std::int64_t answer_limit(const Plan& plan, const LoadedBenchmark& one);

}  // namespace holdfast::assessment
