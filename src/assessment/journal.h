// The journal: everything that happened in a run, written when it happened (docs/formats/journal.md draws the tables).
//
// Invariants  1. A wave is there with all its answers and verdicts, or not at all.
//             2. A training step is recorded once; a step done again after a restart must give the same loss, bit for
//             bit.
//             3. A journal belongs to one plan and one set of inputs for good.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "assessment/database.h"
#include "base/directory_lock.h"
#include "evaluation/benchmark.h"
#include "evaluation/judge.h"
#include "evaluation/judges/answer_judge.h"
#include "evaluation/judges/endpoint_judge.h"

namespace holdfast::assessment {

struct CellKey {
  std::string arm;  // "base": the untouched model
  std::int64_t seed = 0, step = 0;
};

struct StoredVerdict {
  std::string judge;
  evaluation::Verdict verdict;
  std::optional<std::string> output{};  // what the judge said, where it speaks
};

struct StoredAnswer {
  std::int64_t position = 0;  // of the item in its benchmark
  std::vector<std::int32_t> prompt_ids, ids;
  std::string text;
  bool is_truncated = false;
  std::vector<double> logprobs;  // choice: one an ending
  std::int64_t tokens = 0;       // generated, or scored
  std::vector<StoredVerdict> verdicts;
};

struct WaveKey {
  CellKey cell;
  std::string benchmark;
  std::int64_t sample = 0, number = 0;
};

struct StepRecord {
  std::int64_t step = 0;
  double loss = 0, grad_norm = 0, learning_rate = 0;
  std::int64_t tokens = 0, target_tokens = 0;
};

struct StoredItem {
  std::string id, category;
};

// What the untouched model was asked.
struct StoredPrompt {
  std::string item;
  std::vector<std::int32_t> ids;
};

struct PhaseRecord {
  std::string phase, arm;
  double seconds = 0;
  std::int64_t tokens = 0;
  double flops = 0;
  std::int64_t peak_memory_bytes = 0;
  // Unknown in a journal of an older schema.
  std::optional<double> device_seconds{};  // of the processor's threads, all together
  std::optional<double> energy_joules{};   // also where the machine does not tell
  std::optional<std::int64_t> computed_tokens{}, output_tokens{};
};

// A verdict that is still to be found: of an answer, at its place among the answer's verdicts.
struct Unjudged {
  std::int64_t answer = 0, place = 0;
};

// One line of items.csv and what results are counted from.
struct ItemRow {
  CellKey cell;
  std::int64_t sample = 0, position = 0;
  std::string benchmark, item, category, judge;
  evaluation::Verdict verdict;
  int gold = -1;
  std::optional<double> logprob;
  std::int64_t tokens = 0;
};

// An answer's text beside what one judge says of it.
struct JudgedText {
  CellKey cell;
  std::string benchmark, judge, text;
  evaluation::Outcome outcome = evaluation::Outcome::kUnscored;
};

// How many answers of two cells to the same items of a benchmark differ in any bit.
struct Likeness {
  std::string benchmark;
  std::int64_t n = 0, differing = 0;
};

class Journal {
 public:
  // Makes a journal in `directory`, or opens the one there, whose schema becomes this program's.  `identity`: what
  // must not differ between the two.
  // Throws Error(kBadInput) naming what differs when the directory belongs to another plan.
  // Holds the directory until it is destroyed: a second process gets Error(kMachine).
  static Journal open(const std::filesystem::path& directory, const nlohmann::ordered_json& identity);
  // Opens the one there, for reading.  Throws Error(kBadFile) when there is none, or something else.
  static Journal open_existing(const std::filesystem::path& directory);
  // "place (there X, here Y)" for each thing in which the journal there differs from `identity`; empty when it belongs
  // to it, or when there is none.
  static std::vector<std::string> differences(const std::filesystem::path& directory,
                                              const nlohmann::ordered_json& identity);

  // Opens the one there for more verdicts.  Throws Error(kBadFile) when there is none.
  static Journal open_for_judging(const std::filesystem::path& directory);

  bool is_resumed() const { return is_resumed_; }
  nlohmann::ordered_json identity() const;
  std::int64_t num_resumes() const;

  // Adds what is not there yet.
  void add_items(const std::vector<evaluation::Benchmark>& benchmarks);
  void add_cell(const CellKey& cell);

  bool has_wave(const WaveKey& key) const;
  // Both commit what was done and what it cost in one transaction.
  void commit_wave(const WaveKey& key, const std::vector<StoredAnswer>& answers, const std::vector<PhaseRecord>& costs);
  // A step that is there already must be the same; its cost is added: the work was done again.
  void commit_step(const std::string& arm, std::int64_t seed, const StepRecord& step, const PhaseRecord& cost);
  // A training whose loss or gradient was no number at a step, which it therefore did not take, and what that cost.
  void add_divergence(const std::string& arm, std::int64_t seed, std::int64_t step, const PhaseRecord& cost);
  // [{"arm", "seed", "step"}], by arm and seed; null: none.
  nlohmann::ordered_json divergences() const;
  void record_phase(const PhaseRecord& phase);
  // The calibration that rates are corrected by, as calibration.json has it; null: none.
  void set_calibration(const nlohmann::ordered_json& calibration);
  nlohmann::ordered_json calibration() const;
  // What the run was on, and what its costs are projected to (docs/formats/results.md); null: unknown.
  void set_cost_basis(const nlohmann::ordered_json& basis);
  nlohmann::ordered_json cost_basis() const;
  // Of each arm's data and each benchmark, how many items stand in the data; null: unknown.
  void set_overlap(const nlohmann::ordered_json& overlap);
  nlohmann::ordered_json overlap() const;
  void mark_finished();
  bool is_finished() const;

  std::vector<CellKey> cells() const;
  // Makes every answer of these benchmarks one that the judge has not judged yet, and `identity` the journal's.
  void add_judge(const std::string& judge, const std::vector<std::string>& benchmarks,
                 const nlohmann::ordered_json& identity);
  // In plan order, at most `most` of them behind the answer `behind` (0: from the first on).  With `again` also those
  // at which the judge has failed.
  std::vector<Unjudged> unjudged(const std::string& judge, bool again, std::int64_t behind, std::int64_t most) const;
  std::int64_t num_unjudged(const std::string& judge, bool again) const;
  // Throws Error(kBadFile) where the prompt is needed and the journal, of an older schema, does not hold it.
  std::vector<evaluation::Question> questions(const std::vector<Unjudged>& list, bool needs_prompt) const;
  // All in one transaction.
  void commit_verdicts(const std::vector<Unjudged>& places, const std::vector<StoredVerdict>& verdicts,
                       const PhaseRecord& cost);

  // What a judge's endpoint was asked, and what came back.
  void record_call(const std::string& judge, const evaluation::JudgeCall& call);
  std::vector<std::string> call_responses(const std::string& judge, const std::string& request_sha256) const;
  double spent_usd(const std::string& judge) const;

  // In plan order: cell, benchmark, sample, item, judge.  One row at a time: a run may hold very many.
  void each_row(const std::function<void(const ItemRow&)>& visit) const;
  std::vector<ItemRow> rows() const;
  // A benchmark's items by position.
  std::vector<StoredItem> items(const std::string& benchmark) const;
  // Of a benchmark, in its order; empty where the run does not have it.
  std::vector<StoredPrompt> prompts(const std::string& benchmark) const;
  // Of each benchmark that both cells have answers of: prompt, tokens, text and log-probabilities are compared.
  std::vector<Likeness> likenesses(const CellKey& first, const CellKey& second) const;
  // Answers to requests with each judge's outcome, in plan order.
  void each_judged(const std::function<void(const JudgedText&)>& visit) const;
  std::vector<StepRecord> steps(const std::string& arm, std::int64_t seed) const;
  std::vector<PhaseRecord> phases() const;  // summed by phase and arm
  std::int64_t longest_answer() const;      // tokens of a prompt and its answer; 0: nothing was generated

 private:
  Journal(const std::filesystem::path& directory, Access access);
  std::int64_t cell_id(const CellKey& cell) const;
  std::int64_t benchmark_id(const std::string& name) const;
  void put_verdict(std::int64_t answer, std::int64_t place, const StoredVerdict& stored);
  DirectoryLock lock_;
  Database database_;
  bool is_resumed_ = false;
};

}  // namespace holdfast::assessment
