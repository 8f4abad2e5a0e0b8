// train
#include <ATen/Parallel.h>

#include <cstdio>
#include <filesystem>
#include <iostream>

#include "assessment/live_view.h"
#include "base/digests.h"
#include "base/error.h"
#include "base/gguf.h"
#include "base/hash.h"
#include "base/interrupt.h"
#include "checkpoint/weights.h"
#include "commands.h"
#include "device/step.h"
#include "option_checks.h"
#include "text/tokenizer_config.h"
#include "training/run_directory.h"
#include "training/trainer.h"

namespace holdfast::apps {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

struct TrainFlags {
  std::string data, out, init_adapter, schedule = "constant", order = "seeded", activations = "auto";
  std::vector<std::string> targets = {"all-linear"};
  std::int64_t rank = 8, steps = 0, save_every = 0, keep_checkpoints = 0;
  double alpha = 16, epochs = 0;
  bool resumes = false;
  training::TrainOptions options;
};

training::Dataset load_rows(const Common& common, const TrainFlags& flags, const model::Decoder& decoder,
                            assessment::LiveView& view) {
  const auto tokenizer = text::Tokenizer::from_directory(common.model);
  const auto config = text::read_tokenizer_config(common.model);
  std::optional<text::ChatTemplate> chat;
  if (config.chat_template) chat.emplace(text::ChatTemplate::from_directory(common.model));
  training::DatasetOptions options;
  options.max_length = std::min<std::int64_t>(options.max_length, decoder.config().max_positions);
  options.render.date = common.template_date;
  if (const auto eos = tokenizer.token_to_id(config.token("eos_token")); eos) options.eos_id = *eos;
  view.phase("reading the rows");
  auto dataset = training::load_dataset(flags.data, tokenizer, chat ? &*chat : nullptr, options);
  view.clear();
  if (dataset.num_cut > 0)
    std::cerr << dataset.num_cut << " rows were longer than " << options.max_length << " tokens and were cut\n";
  if (dataset.num_without_targets > 0)
    std::cerr << dataset.num_without_targets << " rows without an answer were left out\n";
  return dataset;
}

model::Adapter first_adapter(const Common& common, const TrainFlags& flags, const model::Decoder& decoder) {
  if (!flags.init_adapter.empty()) return model::Adapter::load(decoder.config(), flags.init_adapter);
  checkpoint::AdapterConfig config;
  config.rank = flags.rank;
  config.alpha = flags.alpha;
  config.target_modules = flags.targets;
  config.base_model = common.model;
  return model::Adapter::fresh(decoder.config(), config, common.seed);
}

// Of token ids and targets: stands for the file, the tokenizer and the chat template together.
std::string hash_rows(const training::Dataset& dataset) {
  Sha256 hash;
  for (const training::TrainingRow& row : dataset.rows) {
    const std::uint64_t size = row.ids.size();
    hash.update({reinterpret_cast<const char*>(&size), sizeof size});
    hash.update({reinterpret_cast<const char*>(row.ids.data()), size * sizeof row.ids[0]});
    hash.update({reinterpret_cast<const char*>(row.is_target.data()), size});
  }
  return hash.hex();
}

// All that changes the result, under the names of the options.
ordered_json identity_of(const Common& common, const TrainFlags& flags, const model::Decoder& decoder,
                         const training::Dataset& dataset, Digests& digests) {
  const auto& options = flags.options;
  std::string weights;
  const checkpoint::Weights files(common.model);
  for (const auto& file : files.files()) weights += digests.sha256(file);
  // A GGUF file holds its own.
  const std::string config = find_gguf(common.model) ? "" : sha256_path(fs::path(common.model) / "config.json");
  ordered_json identity = {{"model", sha256(weights + config)},
                           {"precision", model::precision_name(decoder.precision())},
                           {"data", hash_rows(dataset)}};
  if (flags.init_adapter.empty()) {
    identity.update({{"rank", flags.rank}, {"alpha", flags.alpha}, {"targets", flags.targets}});
  } else {
    const fs::path from = flags.init_adapter;
    identity["init-adapter"] =
        sha256(sha256_path(from / "adapter_config.json") + sha256_path(from / "adapter_model.safetensors"));
  }
  identity.update({{"lr", options.learning_rate},
                   {"schedule", flags.schedule},
                   {"warmup-steps", options.warmup_steps},
                   {"weight-decay", options.adamw.weight_decay},
                   {"max-grad-norm", options.max_grad_norm},
                   {"order", flags.order}});
  if (options.tokens_per_step > 0) {
    identity["tokens-per-step"] = options.tokens_per_step;
  } else {
    identity["rows-per-step"] = options.rows_per_step;
  }
  if (options.router_aux_loss > 0) identity["router-aux-loss"] = options.router_aux_loss;
  if (common.device != "cpu") identity["device"] = common.device;
  identity.update({{"seed", common.seed}, {"steps", options.total_steps}, {"threads", at::get_num_threads()}});
  return identity;
}

// ", step 12 of 40, loss 1.2345": of the step before, where there is one.
std::string step_text(const training::Trainer& trainer, std::int64_t total, const std::optional<double>& loss) {
  char text[80];
  if (loss)
    std::snprintf(text, sizeof text, ", step %lld of %lld, loss %.4f", static_cast<long long>(trainer.num_steps() + 1),
                  static_cast<long long>(total), *loss);
  else
    std::snprintf(text, sizeof text, ", step %lld of %lld", static_cast<long long>(trainer.num_steps() + 1),
                  static_cast<long long>(total));
  return text;
}

void run_steps(training::RunDirectory& directory, training::Trainer& trainer, const TrainFlags& flags,
               assessment::LiveView& view) {
  const std::int64_t total = flags.options.total_steps;
  view.expect("steps", static_cast<double>(total - trainer.num_steps()), 1);
  stop_on_signals();
  std::optional<double> loss;
  while (trainer.num_steps() < total) {
    if (const int signal = requested_stop(); signal != 0) {
      if (trainer.num_steps() > 0) directory.save_checkpoint(trainer, flags.keep_checkpoints);
      throw Interrupted(signal, "interrupted after step " + std::to_string(trainer.num_steps()) +
                                    "; the same command with --resume goes on from there");
    }
    view.phase("training", step_text(trainer, total, loss));
    const auto report = trainer.step();
    directory.log(report);
    loss = report.loss;
    view.spent(report.tokens, report.seconds);
    view.advance(1, "steps");
    if (flags.save_every > 0 && report.step % flags.save_every == 0)
      directory.save_checkpoint(trainer, flags.keep_checkpoints);
  }
  view.clear();
}

// Null on the processor.  Elsewhere the adapter is moved too.
std::unique_ptr<device::Step> step_on_device(const Common& common, const model::Decoder& decoder,
                                             std::int64_t pack_tokens, model::Adapter& adapter) {
  const at::Device place = device::parse_device(common.device);
  if (place.is_cpu()) return nullptr;
  HOLDFAST_CHECK(
      kBadInput, !common.deterministic, "[device] found --deterministic and --device ", common.device,
      ", expected one of the two: attention's gradients are summed in no fixed order there; try --device cpu");
  const std::int64_t spare = device::spare_bytes(decoder, place, pack_tokens, adapter.flat().numel());
  auto step = std::make_unique<device::Step>(decoder, place, at::kBFloat16, spare);
  adapter = adapter.on(place);
  std::cerr << "training on " << common.device << " in bf16; " << step->num_kept_layers() << " of "
            << decoder.config().num_layers << " layers stay widened\n";
  return step;
}

void train(const Common& common, TrainFlags flags) {
  apply_common(common, /*runs_on_devices=*/true);
  HOLDFAST_CHECK(kBadInput, (flags.steps > 0) != (flags.epochs > 0), "[train] found --steps ", flags.steps,
                 " and --epochs ", flags.epochs, ", expected one of the two; try --steps 100");
  HOLDFAST_CHECK(kBadInput, flags.order == "seeded" || flags.order == "file", "[train] found --order ", flags.order,
                 ", expected seeded or file");
  auto& options = flags.options;
  options.schedule = training::parse_schedule(flags.schedule);
  options.order = flags.order == "file" ? training::RowOrder::kFile : training::RowOrder::kSeeded;
  options.activations = training::parse_activations(flags.activations);
  options.offload_directory = flags.out;
  options.seed = common.seed;
  training::RunDirectory directory(flags.out, flags.resumes);
  const fs::path cache = cache_directory(common, fs::path(flags.out) / "cache");
  auto decoder = load_decoder(common, model::Precision::kNf4, cache);
  assessment::LiveView view({.command = "train", .is_shown = !common.quiet});
  const training::Dataset dataset = load_rows(common, flags, decoder, view);
  auto adapter = first_adapter(common, flags, decoder);
  options.total_steps = flags.steps > 0 ? flags.steps : training::steps_of_epochs(dataset, options, flags.epochs);
  const auto step = step_on_device(common, decoder, options.pack_tokens, adapter);
  training::Trainer trainer(decoder, adapter, dataset, options, step.get());
  Digests digests(cache.empty() ? fs::path() : cache / "digests.json");
  const ordered_json identity = identity_of(common, flags, decoder, dataset, digests);
  if (!directory.begin(identity, trainer)) {
    if (!common.quiet) std::cerr << "found the run finished: nothing to do\n";
    return;
  }
  digests.save();
  decoder.write_cache();
  if (flags.resumes && !common.quiet) std::cerr << "going on after step " << trainer.num_steps() << '\n';
  run_steps(directory, trainer, flags, view);
  directory.finish(adapter);
}

}  // namespace

void add_train_command(CLI::App& app) {
  auto common = std::make_shared<Common>();
  auto flags = std::make_shared<TrainFlags>();
  auto* command = app.add_subcommand("train", "a LoRA adapter on a frozen base");
  command->footer(
      "The directory gets adapter_config.json and adapter_model.safetensors (PEFT's format) when training ends, "
      "log.jsonl\n(a line a step), run.json (the options) and checkpoint-N.  A directory that holds a run is never "
      "overwritten: --resume goes on\nwith it, to the same bytes as an unbroken run, and refuses other options; with a "
      "constant schedule, more steps make a\nfinished run longer.  Standard error says how far it is (not with "
      "--quiet): "
      "on a terminal in place, elsewhere in a line every\nten seconds.  Ctrl-C and SIGTERM end the step, save a "
      "checkpoint and exit with 130 or 143; a second one exits at once.");
  add_common(*command, *common);
  command->add_option("--precision", common->precision, "of the base: nf4 (default), bf16 or fp32");
  add_streaming(*command, *common);
  add_cache(*command, *common, "DIR/cache");
  command->add_option("--template-date", common->template_date, "the date that templates see, YYYY-MM-DD");
  command->add_option("--data", flags->data, "JSONL or JSON rows")->required();
  command->add_option("-o,--output", flags->out, "directory for adapter and log")->required();
  auto* init = command->add_option("--init-adapter", flags->init_adapter,
                                   "PEFT adapter to start from (its rank, alpha and targets)");
  command->add_option("--rank", flags->rank, "of the low-rank matrices (default: 8)")
      ->check(whole_number(1))
      ->excludes(init);
  command->add_option("--alpha", flags->alpha, "their product counts alpha / rank times (default: 16)")
      ->check(number_above_zero())
      ->excludes(init);
  command->add_option("--targets", flags->targets, "all-linear (default), or names such as q_proj,v_proj")
      ->delimiter(',')
      ->excludes(init);
  command->add_option("--lr", flags->options.learning_rate, "learning rate of AdamW (default: 2e-4)")
      ->check(number_from_zero());
  command->add_option("--schedule", flags->schedule,
                      "constant (default), linear or cosine, down to 0 at the last step");
  command
      ->add_option("--warmup-steps", flags->options.warmup_steps, "steps in which the rate rises from 0 (default: 0)")
      ->check(whole_number(0));
  command->add_option("--weight-decay", flags->options.adamw.weight_decay, "of AdamW (default: 0)")
      ->check(number_from_zero());
  command
      ->add_option("--max-grad-norm", flags->options.max_grad_norm,
                   "gradients are clipped to this norm; 0: no clipping (default: 1)")
      ->check(number_from_zero());
  command
      ->add_option("--router-aux-loss", flags->options.router_aux_loss,
                   "of models with experts: this times the routers' load-balancing loss is trained on too (0: not)")
      ->check(number_from_zero());
  command->add_option("--activations", flags->activations,
                      "between the passes: keep, recompute (half as much arithmetic again), offload (to a file in the "
                      "directory), or auto: keep what memory holds, recompute the rest; the result is the same");
  command->add_option("--order", flags->order, "seeded (default: shuffled every epoch) or file");
  auto* rows =
      command->add_option("--rows-per-step", flags->options.rows_per_step, "rows of data in a step (default: 8)")
          ->check(whole_number(1));
  command->add_option("--tokens-per-step", flags->options.tokens_per_step, "rows are added to a step while they fit")
      ->check(whole_number(1))
      ->excludes(rows);
  auto* steps = command->add_option("--steps", flags->steps, "optimiser steps; or --epochs")->check(whole_number(1));
  command->add_option("--epochs", flags->epochs, "times that each row is used, such as 0.5 or 3")
      ->check(number_above_zero())
      ->excludes(steps);
  command->add_option("--save-every", flags->save_every, "steps between DIR/checkpoint-N")->check(whole_number(1));
  command
      ->add_option("--keep-checkpoints", flags->keep_checkpoints,
                   "only the newest so many, at least two so that one that is damaged does no harm (default: all)")
      ->check(CLI::Range(2, 1 << 30));
  command->add_flag("--resume", flags->resumes,
                    "go on from the newest DIR/checkpoint-N (from the start where there is none)");
  command->callback([=] { train(*common, *flags); });
}

}  // namespace holdfast::apps
