#include "assessment/arm_data.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "checkpoint/hf_config.h"
#include "training/mixture.h"

namespace holdfast::assessment {

training::DatasetOptions dataset_options(const Plan& plan, const text::Tokenizer& tokenizer,
                                         const text::TokenizerConfig& config, std::int64_t max_positions) {
  training::DatasetOptions options;
  options.max_length = std::min<std::int64_t>(options.max_length, max_positions);
  options.render.date = plan.model.template_date;
  if (const auto eos = tokenizer.token_to_id(config.token("eos_token")); eos) options.eos_id = *eos;
  return options;
}

training::TrainOptions train_options(const ArmPlan& arm, std::int64_t seed) {
  training::TrainOptions options;
  options.learning_rate = arm.lr;
  options.schedule = training::parse_schedule(arm.schedule);
  options.warmup_steps = arm.warmup_steps;
  options.total_steps = arm.steps;
  options.adamw.weight_decay = arm.weight_decay;
  options.max_grad_norm = arm.max_grad_norm;
  options.router_aux_loss = arm.router_aux_loss;
  options.rows_per_step = arm.rows_per_step;
  options.tokens_per_step = arm.tokens_per_step;
  options.order = arm.order == "file" ? training::RowOrder::kFile : training::RowOrder::kSeeded;
  options.seed = static_cast<std::uint64_t>(seed);
  return options;
}

Rows RowFiles::load(const std::string& path) {
  Rows& known = files_[path];
  if (known == nullptr) known = std::make_shared<const training::Dataset>(read_(path));
  return known;
}

Rows RowFiles::rows(const ArmPlan& arm, std::int64_t seed) {
  if (arm.mixture.empty() && arm.data_rows == 0) return load(arm.data);
  std::vector<training::MixturePart> parts;
  for (const DataPart& part : arm.mixture) parts.push_back({part.path, *load(part.path), part.weight});
  if (arm.mixture.empty()) parts.push_back({arm.data, *load(arm.data), 1});
  return std::make_shared<const training::Dataset>(
      training::draw_mixture(std::move(parts), arm.data_rows, static_cast<std::uint64_t>(seed)));
}

RowReader::RowReader(const Plan& plan)
    : tokenizer_(text::Tokenizer::from_directory(plan.model.path)), files_([this](const std::string& path) {
        return training::load_dataset(path, tokenizer_, chat_ ? &*chat_ : nullptr, options_);
      }) {
  const auto config = text::read_tokenizer_config(plan.model.path);
  if (config.chat_template) chat_.emplace(text::ChatTemplate::from_directory(plan.model.path));
  options_ = dataset_options(plan, tokenizer_, config, checkpoint::read_config(plan.model.path).max_positions);
}

std::vector<std::int64_t> tokens_by_step(const ArmPlan& arm, std::int64_t seed, const training::Dataset& dataset) {
  const training::TrainOptions options = train_options(arm, seed);
  training::RowSequence sequence(dataset.rows.size(), options.order, options.seed);
  std::vector<std::int64_t> sums;
  std::int64_t tokens = 0;
  for (std::int64_t step = 0; step < arm.steps; ++step) {
    for (const training::TrainingRow* row : training::deal_rows(dataset, options, sequence))
      tokens += static_cast<std::int64_t>(row->ids.size());
    sums.push_back(tokens);
  }
  return sums;
}

namespace {

// The first step at which every seed has trained so many tokens; nothing where one never has.
std::optional<std::int64_t> step_of_tokens(const std::vector<std::vector<std::int64_t>>& sums, std::int64_t tokens) {
  std::int64_t step = 1;
  for (const auto& one : sums) {
    const auto found = std::lower_bound(one.begin(), one.end(), tokens);
    if (found == one.end()) return std::nullopt;
    step = std::max(step, 1 + static_cast<std::int64_t>(found - one.begin()));
  }
  return step;
}

}  // namespace

Plan with_token_checkpoints(const Plan& plan) {
  const auto has_tokens = [](const ArmPlan& arm) { return !arm.checkpoint_tokens.empty(); };
  if (std::none_of(plan.arms.begin(), plan.arms.end(), has_tokens)) return plan;
  Plan resolved = plan;
  RowReader reader(plan);
  std::map<std::string, std::int64_t> most;                 // tokens that an arm of a family trains
  std::map<std::string, std::set<std::int64_t>> unreached;  // checkpoints that no arm of a family has reached
  for (const ArmPlan& arm : plan.arms)
    unreached[arm.family].insert(arm.checkpoint_tokens.begin(), arm.checkpoint_tokens.end());
  for (ArmPlan& arm : resolved.arms) {
    if (!has_tokens(arm)) continue;
    std::vector<std::vector<std::int64_t>> sums;
    for (const std::int64_t seed : arm.seeds) {
      sums.push_back(tokens_by_step(arm, seed, *reader.rows(arm, seed)));
      most[arm.family] = std::max(most[arm.family], sums.back().back());
    }
    std::set<std::int64_t> steps(arm.checkpoints.begin(), arm.checkpoints.end());
    for (const std::int64_t tokens : arm.checkpoint_tokens) {
      const auto step = step_of_tokens(sums, tokens);
      if (!step) continue;
      steps.insert(*step);
      unreached[arm.family].erase(tokens);
    }
    arm.checkpoints.assign(steps.begin(), steps.end());
  }
  for (const auto& [family, tokens] : unreached) {
    HOLDFAST_CHECK(kBadInput, tokens.empty(), "[plan] found checkpoint_tokens ", *tokens.begin(), " of the arm '",
                   family, "', expected at most ", most[family], ", the tokens that it trains; try more steps");
  }
  return resolved;
}

}  // namespace holdfast::assessment
