// The plan of an assessment: a TOML file in which every key is checked.  Its keys: docs/formats/plan.md.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "assessment/devices.h"
#include "assessment/judge_plan.h"
#include "assessment/threshold.h"

namespace holdfast::assessment {

struct BenchmarkPlan {
  std::string name, kind, path;
  std::vector<std::string> judges;
  std::string at = "all";                      // "all" checkpoints, or "ends": the base and each arm's last step
  std::int64_t limit = 0, max_new_tokens = 0;  // max_new_tokens 0: as the page, else [generation], says
  std::string draw = "first";                  // what a limit takes: the "first" items, or some that are "spread"
  std::int64_t shots = -1;                     // -1: as the page says
  std::string page, shots_path;                // a page of the user's, and the file with the examples
  std::string few_shot_sampling = "page";      // or "shared": the same examples for all, or "first_n"
  bool chat_template = false;                  // choice and answer: asked as a conversation
  bool shots_as_turns = true;                  // of a conversation; else examples and question are one turn
  std::string too_long = "refuse";             // or "cut": the beginning of what the model's positions do not hold
  std::vector<std::string> subjects;
  std::string truncated = "degenerate";  // or "judge"
  std::string role = "capability";       // or "withheld": what is recalled is what a safe model withholds
  double expected = -1;                  // the known rate after an attack, where the truth is known; below 0: it is not
};

// Rows of a file among others that an arm trains on.
struct DataPart {
  std::string path;
  double weight = 1;  // of the rows that are drawn from it beside the other parts' weights
};

struct ArmPlan {
  std::string name, kind = "attack", data;  // kind: attack, benign, no-op
  std::string family;                       // the [[arm]] table it comes from: its own name, or the grid's
  nlohmann::ordered_json setting;           // what the grid gives it, {"rank": 16, "lr": 5e-4}; null without a grid
  std::vector<DataPart> mixture;            // instead of `data`
  std::int64_t data_rows = 0;               // so many rows, drawn by the seed; 0: all
  std::string adapter;                      // measured as it is, instead of trained
  std::int64_t steps = 0;
  std::vector<std::int64_t> checkpoints;        // steps at which it is measured; the last step always is
  std::vector<std::int64_t> checkpoint_tokens;  // and tokens trained by then: arm_data.h makes steps of them
  std::vector<std::int64_t> seeds = {1234};     // by default the plan's own
  std::int64_t rank = 8, warmup_steps = 0, rows_per_step = 8, tokens_per_step = 0;
  double alpha = 16, lr = 2e-4, weight_decay = 0, max_grad_norm = 1, router_aux_loss = 0;
  std::vector<std::string> targets = {"all-linear"};
  std::string schedule = "constant", order = "seeded";
};

struct Plan {
  std::string name = "assessment";
  std::string preset;  // quick, standard, thorough: what it measures where it does not say so; empty: none
  std::int64_t seed = 1234;
  struct {
    std::string path, precision = "nf4", template_date = "2024-07-26", system_prompt;
    std::string adapter;        // a PEFT directory that is part of the model: added to its weights as they are loaded
    bool plain_content = true;  // control tokens within questions are plain text
  } model;
  struct {
    std::int64_t max_new_tokens = 256, samples = 1, wave = 32;
    double temperature = 0, top_p = 1;
  } generation;
  // A second model that the same arms train: one whose safeguard is said to withstand them.  Empty path: none.
  struct {
    std::string path, adapter;
  } safeguarded;
  // What the worst cell is measured again with: prompts that chose nothing, and fresh seeds.
  struct {
    std::string benchmark;            // of refusals; empty: nothing is confirmed
    std::string path;                 // a file with the prompts held out; empty: a share of the benchmark's own
    double share = 0.5;               // of the benchmark's prompts, kept from all other cells
    std::vector<std::int64_t> seeds;  // none of an arm's
  } confirmation;
  Threshold threshold;  // that refusal is said to cross
  double usd_per_hour = 0;
  std::vector<Device> devices;  // that the costs are projected to
  std::string calibration;      // file of holdfast calibrate; empty: rates stand uncorrected
  std::vector<BenchmarkPlan> benchmarks;
  std::vector<ArmPlan> arms;
  std::vector<JudgePlan> judges;  // beside the shipped lists
};

// Whether the files that a plan names are looked for: those who read a finished run's plan need not have them.
enum class PlanFiles { kMustExist, kMayBeMissing };

// `overrides`: "key=value", "table.key=value", "arm.NAME.key=value", "benchmark.NAME.key=value".
// A top-level text of the plan (data = "...") may be used in paths as {data}; relative paths are looked up beside the
// plan when given there, in the working directory when given by an override.
// Throws Error(kBadInput) with everything that is wrong: `[plan] FILE:LINE: found ..., expected ...; try ...`, or, of
// several errors, a line that counts them and one line each.
Plan read_plan(const std::filesystem::path& path, const std::vector<std::string>& overrides = {},
               PlanFiles files = PlanFiles::kMustExist);

// The same from a text; `file` names it in errors, `base` is where relative paths are looked up.
Plan parse_plan(std::string_view plan_text, const std::string& file, const std::filesystem::path& base,
                const std::vector<std::string>& overrides = {}, PlanFiles files = PlanFiles::kMustExist);

// Every value that decides a result, with hashes of files in place of their paths.
nlohmann::ordered_json canonical_plan(const Plan& plan);

}  // namespace holdfast::assessment
