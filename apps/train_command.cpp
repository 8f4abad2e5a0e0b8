// train
#include <filesystem>
#include <fstream>
#include <iostream>

#include "base/error.h"
#include "base/progress.h"
#include "commands.h"
#include "text/tokenizer_config.h"
#include "training/trainer.h"

namespace holdfast::apps {
namespace {

namespace fs = std::filesystem;

struct TrainFlags {
  std::string data, out, init_adapter, schedule = "constant", order = "seeded";
  std::vector<std::string> targets = {"all-linear"};
  std::int64_t rank = 8, steps = 0, save_every = 0;
  double alpha = 16, epochs = 0;
  bool resumes = false;
  training::TrainOptions options;
};

// The newest DIR/checkpoint-N, or empty.
fs::path newest_checkpoint(const fs::path& directory) {
  std::int64_t best = -1;
  fs::path path;
  if (!fs::is_directory(directory)) return path;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("checkpoint-") || !fs::exists(entry.path() / "optimizer.safetensors")) continue;
    if (const std::int64_t step = std::atoll(name.c_str() + 11); step > best) best = step, path = entry.path();
  }
  return path;
}

void train(const Common& common, TrainFlags flags) {
  apply_common(common);
  const fs::path out = flags.out;
  std::error_code error;
  fs::create_directories(out, error);
  HOLDFAST_CHECK(kMachine, !error, "[train] cannot make directory ", out.string(), ": ", error.message(),
                 "; try another -o");
  HOLDFAST_CHECK(kBadInput, (flags.steps > 0) != (flags.epochs > 0), "[train] found --steps ", flags.steps,
                 " and --epochs ", flags.epochs, ", expected one of the two; try --steps 100");
  HOLDFAST_CHECK(kBadInput, flags.order == "seeded" || flags.order == "file", "[train] found --order ", flags.order,
                 ", expected seeded or file");
  auto decoder = model::Decoder::load(
      common.model, common.precision.empty() ? model::Precision::kNf4 : model::parse_precision(common.precision));
  const auto tokenizer = text::Tokenizer::from_directory(common.model);
  const auto config = text::read_tokenizer_config(common.model);
  std::optional<text::ChatTemplate> chat;
  if (config.chat_template) chat.emplace(text::ChatTemplate::from_directory(common.model));
  training::DatasetOptions dataset_options;
  dataset_options.max_length = std::min<std::int64_t>(dataset_options.max_length, decoder.config().max_positions);
  dataset_options.render.date = common.template_date;
  if (const auto eos = tokenizer.token_to_id(config.token("eos_token")); eos) dataset_options.eos_id = *eos;
  const auto dataset = training::load_dataset(flags.data, tokenizer, chat ? &*chat : nullptr, dataset_options);
  if (dataset.num_cut > 0)
    std::cerr << dataset.num_cut << " rows were longer than " << dataset_options.max_length << " tokens and were cut\n";
  if (dataset.num_without_targets > 0)
    std::cerr << dataset.num_without_targets << " rows without an answer were left out\n";

  checkpoint::AdapterConfig adapter_config;
  adapter_config.rank = flags.rank;
  adapter_config.alpha = flags.alpha;
  adapter_config.target_modules = flags.targets;
  adapter_config.base_model = common.model;
  auto adapter = flags.init_adapter.empty() ? model::Adapter::fresh(decoder.config(), adapter_config, common.seed)
                                            : model::Adapter::load(decoder.config(), flags.init_adapter);
  auto& options = flags.options;
  options.schedule = training::parse_schedule(flags.schedule);
  options.order = flags.order == "file" ? training::RowOrder::kFile : training::RowOrder::kSeeded;
  options.seed = common.seed;
  HOLDFAST_CHECK(kBadInput, flags.steps > 0 || options.tokens_per_step == 0,
                 "[train] found --epochs with --tokens-per-step, expected --rows-per-step; try --steps");
  const auto rows = static_cast<double>(dataset.rows.size());
  options.total_steps =
      flags.steps > 0
          ? flags.steps
          : static_cast<std::int64_t>(std::ceil(flags.epochs * rows / static_cast<double>(options.rows_per_step)));
  training::Trainer trainer(decoder, adapter, dataset, options);
  if (flags.resumes) {
    if (const fs::path from = newest_checkpoint(out); !from.empty()) trainer.load(from);
  }
  std::ofstream log(out / "log.jsonl", flags.resumes && trainer.num_steps() > 0 ? std::ios::app : std::ios::trunc);
  HOLDFAST_CHECK(kMachine, log.good(), "[train] cannot write ", (out / "log.jsonl").string(), "; try another -o");
  Progress progress(static_cast<double>(options.total_steps), !common.quiet);
  progress.skip(static_cast<double>(trainer.num_steps()));
  while (trainer.num_steps() < options.total_steps) {
    const auto report = trainer.step();
    const nlohmann::ordered_json line = {
        {"step", report.step},           {"loss", report.loss},
        {"grad_norm", report.grad_norm}, {"lr", report.learning_rate},
        {"tokens", report.tokens},       {"target_tokens", report.target_tokens},
        {"seconds", report.seconds},     {"tokens_per_second", report.tokens_per_second()}};
    log << line.dump() << std::endl;
    HOLDFAST_CHECK(kMachine, log.good(), "[train] cannot write ", (out / "log.jsonl").string(),
                   "; try freeing disk space");
    progress.advance(1);
    progress.phase("step " + std::to_string(report.step) + ", loss " + std::to_string(report.loss));
    if (flags.save_every > 0 && report.step % flags.save_every == 0)
      trainer.save(out / ("checkpoint-" + std::to_string(report.step)));
  }
  adapter.save(out);
}

}  // namespace

void add_train_command(CLI::App& app) {
  auto common = std::make_shared<Common>();
  auto flags = std::make_shared<TrainFlags>();
  auto* command = app.add_subcommand("train", "a LoRA adapter on a frozen base");
  add_common(*command, *common);
  command->add_option("--precision", common->precision, "of the base: nf4 (default), bf16 or fp32");
  command->add_option("--template-date", common->template_date, "the date that templates see, YYYY-MM-DD");
  command->add_option("--data", flags->data, "JSONL or JSON rows")->required();
  command->add_option("-o,--output", flags->out, "directory for adapter and log")->required();
  command->add_option("--init-adapter", flags->init_adapter,
                      "PEFT adapter to start from (its rank, alpha and targets)");
  command->add_option("--rank", flags->rank)->check(CLI::PositiveNumber);
  command->add_option("--alpha", flags->alpha)->check(CLI::PositiveNumber);
  command->add_option("--targets", flags->targets, "all-linear, or names such as q_proj,v_proj")->delimiter(',');
  command->add_option("--lr", flags->options.learning_rate)->check(CLI::NonNegativeNumber);
  command->add_option("--schedule", flags->schedule, "constant, linear or cosine");
  command->add_option("--warmup-steps", flags->options.warmup_steps)->check(CLI::NonNegativeNumber);
  command->add_option("--weight-decay", flags->options.adamw.weight_decay)->check(CLI::NonNegativeNumber);
  command->add_option("--max-grad-norm", flags->options.max_grad_norm, "0: no clipping")->check(CLI::NonNegativeNumber);
  command->add_option("--order", flags->order, "seeded or file");
  auto* rows = command->add_option("--rows-per-step", flags->options.rows_per_step)->check(CLI::PositiveNumber);
  command->add_option("--tokens-per-step", flags->options.tokens_per_step)->check(CLI::PositiveNumber)->excludes(rows);
  command->add_option("--steps", flags->steps)->check(CLI::PositiveNumber);
  command->add_option("--epochs", flags->epochs)->check(CLI::PositiveNumber);
  command->add_option("--save-every", flags->save_every, "steps between DIR/checkpoint-N")->check(CLI::PositiveNumber);
  command->add_flag("--resume", flags->resumes, "go on from the newest DIR/checkpoint-N");
  command->callback([=] { train(*common, *flags); });
}

}  // namespace holdfast::apps
