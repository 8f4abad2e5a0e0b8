#include "training/trainer.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/profile.h"
#include "checkpoint/safetensors.h"
#include "model/router_loss.h"
#include "training/loss.h"

namespace holdfast::training {

std::vector<std::vector<std::size_t>> pack_rows(const std::vector<const TrainingRow*>& rows, std::int64_t pack_tokens) {
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return rows[a]->ids.size() > rows[b]->ids.size(); });
  struct Pack {
    std::vector<std::size_t> rows;
    std::int64_t room;
  };
  std::vector<Pack> packs;
  for (const std::size_t row : order) {
    const auto size = static_cast<std::int64_t>(rows[row]->ids.size());
    Pack* best = nullptr;
    for (Pack& pack : packs) {
      if (pack.room >= size && (best == nullptr || pack.room < best->room)) best = &pack;
    }
    if (best == nullptr) best = &packs.emplace_back(Pack{{}, pack_tokens});
    best->rows.push_back(row);
    best->room -= size;
  }
  std::vector<std::vector<std::size_t>> result;
  for (Pack& pack : packs) result.push_back(std::move(pack.rows));
  return result;
}

std::vector<const TrainingRow*> deal_rows(const Dataset& dataset, const TrainOptions& options, RowSequence& sequence) {
  std::vector<const TrainingRow*> rows;
  std::int64_t tokens = 0;
  const auto has_room = [&] {
    if (options.tokens_per_step == 0) return static_cast<std::int64_t>(rows.size()) < options.rows_per_step;
    const auto next = static_cast<std::int64_t>(dataset.rows[sequence.peek()].ids.size());
    return rows.empty() || tokens + next <= options.tokens_per_step;
  };
  while (has_room()) {
    rows.push_back(&dataset.rows[sequence.next()]);
    tokens += static_cast<std::int64_t>(rows.back()->ids.size());
  }
  return rows;
}

std::int64_t steps_of_epochs(const Dataset& dataset, const TrainOptions& options, double epochs) {
  // A product such as 1.1 * 10 lies a rounding above the whole number that is meant.
  const double wanted = epochs * static_cast<double>(dataset.rows.size()) * (1 - 1e-12);
  RowSequence sequence(dataset.rows.size(), options.order, options.seed);
  std::int64_t steps = 0;
  while (static_cast<double>(sequence.dealt()) < wanted) {
    deal_rows(dataset, options, sequence);
    ++steps;
  }
  return steps;
}

ActivationChoice parse_activations(std::string_view word) {
  if (word == "auto") return ActivationChoice::kAuto;
  if (word == "keep") return ActivationChoice::kKeep;
  if (word == "recompute") return ActivationChoice::kRecompute;
  if (word == "offload") return ActivationChoice::kOffload;
  fail(ErrorKind::kBadInput, "[train] found activations '", word, "', expected auto, keep, recompute or offload");
}

Trainer::Trainer(model::Decoder& decoder, model::Adapter& adapter, const Dataset& dataset, TrainOptions options,
                 device::Step* step)
    : decoder_(decoder),
      adapter_(adapter),
      gradient_(adapter.zeros_like()),
      dataset_(dataset),
      options_(options),
      optimizer_(adapter.flat().numel(), adapter.flat().options(), options.adamw),
      sequence_(dataset.rows.size(), options.order, options.seed),
      device_step_(step) {
  HOLDFAST_CHECK(
      kBadInput, options.activations == ActivationChoice::kAuto || step == nullptr,
      "[train] found a choice of activations and a device, expected one of the two: a device keeps them all; "
      "try --device cpu");
  HOLDFAST_CHECK(kBadInput, options.router_aux_loss == 0 || step == nullptr, "[train] found an auxiliary loss of ",
                 options.router_aux_loss, " for routers and a device, expected one of the two; try --device cpu");
  HOLDFAST_CHECK(kBadInput, options.router_aux_loss == 0 || decoder.config().moe.num_experts > 0,
                 "[train] found an auxiliary loss of ", options.router_aux_loss, " for routers and a model of family '",
                 decoder.config().family, "', expected a model with experts; try without it");
  if (options_.activations == ActivationChoice::kOffload)
    activation_file_ = std::make_shared<model::ActivationFile>(options_.offload_directory);
  if (options_.activation_bytes == 0) {
    const std::int64_t available = available_memory_bytes();
    // A quarter stays for what lives beside the activations, and for others.
    options_.activation_bytes = available == 0 ? std::numeric_limits<std::int64_t>::max() : available / 4 * 3;
  }
}

std::vector<model::Keeping> Trainer::keeping_of(std::int64_t tokens) const {
  const auto layers = static_cast<std::size_t>(decoder_.config().num_layers);
  switch (options_.activations) {
    case ActivationChoice::kAuto:
      return model::plan_keeping(decoder_.config(), tokens, options_.activation_bytes, model::Keeping::kRecompute);
    case ActivationChoice::kKeep:
      return {};
    case ActivationChoice::kRecompute:
      return std::vector(layers, model::Keeping::kRecompute);
    case ActivationChoice::kOffload:
      break;
  }
  return std::vector(layers, model::Keeping::kOffload);
}

namespace {

device::Targets device_targets(const std::vector<Target>& targets) {
  device::Targets lists;
  for (const Target& target : targets) {
    lists.rows.push_back(target.row);
    lists.tokens.push_back(target.token);
  }
  return lists;
}

}  // namespace

StepReport Trainer::step() {
  Trainer* const alone[] = {this};
  const StepReport report = step_together(alone).front();
  HOLDFAST_CHECK(kBadInput, !report.has_diverged(), "[train] found loss ", report.loss, " and gradient norm ",
                 report.grad_norm, " at step ", report.step, " (learning rate ", options_.learning_rate, ", rank ",
                 adapter_.config().rank, ", seed ", options_.seed,
                 "), expected finite numbers; try a smaller learning rate");
  return report;
}

std::vector<StepReport> Trainer::step_together(std::span<Trainer* const> trainers) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<Work> works;
  std::int64_t pack_tokens = 0, tokens = 0;
  for (Trainer* trainer : trainers) {
    HOLDFAST_ASSERT(&trainer->decoder_ == &trainers[0]->decoder_);
    HOLDFAST_ASSERT(trainers.size() == 1 ||
                    (trainer->options_.router_aux_loss == 0 && trainer->device_step_ == nullptr));
    works.push_back(trainer->begin_step());
    pack_tokens = std::max(pack_tokens, trainer->options_.pack_tokens);
    tokens += works.back().report.tokens;
  }
  // A gradient is a sum over the packs of its run, in their order, whatever else is in the batch.
  std::vector<std::size_t> next(trainers.size(), 0);
  for (;;) {
    std::vector<PackOf> packs;
    std::int64_t batch_tokens = 0;
    for (std::size_t i = 0; i < trainers.size(); ++i) {
      if (next[i] == works[i].packs.size()) continue;
      std::int64_t size = 0;
      for (const std::size_t row : works[i].packs[next[i]])
        size += static_cast<std::int64_t>(works[i].rows[row]->ids.size());
      if (!packs.empty() && batch_tokens + size > pack_tokens) continue;
      batch_tokens += size;
      packs.push_back({trainers[i], &works[i], next[i]++});
    }
    if (packs.empty()) break;
    run_packs(packs);
  }

  for (std::size_t i = 0; i < trainers.size(); ++i) trainers[i]->measure_step(works[i]);
  std::vector<StepReport> reports;
  for (std::size_t i = 0; i < trainers.size(); ++i) {
    if (works[i].report.has_diverged())
      trainers[i]->sequence_.seek(works[i].dealt_before);
    else
      trainers[i]->finish_step(works[i]);
    reports.push_back(works[i].report);
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (StepReport& report : reports)
    report.seconds =
        seconds * static_cast<double>(report.tokens) / static_cast<double>(std::max<std::int64_t>(1, tokens));
  return reports;
}

Trainer::Work Trainer::begin_step() {
  Work work;
  work.report.step = step_ + 1;
  work.dealt_before = sequence_.dealt();
  work.rows = deal_rows(dataset_, options_, sequence_);
  for (const TrainingRow* row : work.rows) {
    work.report.tokens += static_cast<std::int64_t>(row->ids.size());
    work.report.target_tokens += row->num_targets();
  }
  work.packs = pack_rows(work.rows, options_.pack_tokens);
  gradient_.flat().zero_();
  return work;
}

// Everything is scaled by the targets of the run's whole step.
void Trainer::run_packs(std::span<const PackOf> packs) {
  model::Decoder& decoder = packs[0].trainer->decoder_;
  model::TokenBatch batch;
  std::vector<Target> targets;
  std::vector<const model::Adapter*> adapters;
  std::vector<model::Adapter*> gradients;
  for (const auto& [trainer, work, pack] : packs) {
    const std::size_t run = adapters.size();
    const double weight = 1.0 / static_cast<double>(work->report.target_tokens);
    for (const std::size_t index : work->packs[pack]) {
      const TrainingRow& row = *work->rows[index];
      for (std::size_t i = 1; i < row.ids.size(); ++i) {
        if (row.is_target[i])
          targets.push_back({batch.size() + static_cast<std::int64_t>(i) - 1, row.ids[i], weight, run});
      }
      batch.add(row.ids, 0, static_cast<std::int64_t>(run));
    }
    adapters.push_back(&trainer->adapter_);
    gradients.push_back(&trainer->gradient_);
  }
  Trainer& first = *packs[0].trainer;
  if (first.device_step_ != nullptr) {
    Work& work = *packs[0].work;
    const double scale = 1.0 / static_cast<double>(work.report.target_tokens);
    work.device_losses.push_back(
        first.device_step_->run(batch, device_targets(targets), scale, first.adapter_, first.gradient_));
    return;
  }
  model::Activations kept;
  kept.keeping = first.keeping_of(batch.size());
  kept.file = first.activation_file_;
  if (kept.file) kept.file->clear();
  const model::AdapterSet set{std::span<const model::Adapter* const>(adapters)};
  const at::Tensor hidden = decoder.forward(batch, set, nullptr, &kept);
  const LossResult loss = cross_entropy(decoder, hidden, targets, 1, true);
  for (std::size_t run = 0; run < loss.sums.size(); ++run) packs[run].work->loss_sum += loss.sums[run];
  if (const double aux = packs[0].trainer->options_.router_aux_loss; aux > 0) {
    Work& work = *packs[0].work;
    const double share = static_cast<double>(batch.size()) / static_cast<double>(work.report.tokens);
    work.aux_sum += share * model::router_loss(decoder.config(), kept, aux * share);
  }
  decoder.backward(loss.dhidden, batch, set, kept, gradients);
}

void Trainer::measure_step(Work& work) {
  StepReport& report = work.report;
  for (const at::Tensor& loss : work.device_losses) work.loss_sum += loss.item<double>();
  report.loss = work.loss_sum / static_cast<double>(report.target_tokens);
  if (options_.router_aux_loss > 0) report.aux_loss = work.aux_sum;
  report.grad_norm = clip_gradient(gradient_.flat(), options_.max_grad_norm);
  report.learning_rate =
      options_.learning_rate * schedule_factor(options_.schedule, step_, options_.warmup_steps, options_.total_steps);
}

void Trainer::finish_step(Work& work) {
  const profile::Phase phase("optimizer");
  optimizer_.step(adapter_.flat(), gradient_.flat(), work.report.learning_rate);
  ++step_;
}

namespace {

std::string digest_of(std::initializer_list<at::Tensor> tensors) {
  Sha256 hash;
  for (const at::Tensor& tensor : tensors)
    hash.update({static_cast<const char*>(tensor.const_data_ptr()),
                 static_cast<std::size_t>(tensor.numel()) * tensor.element_size()});
  return hash.hex();
}

}  // namespace

void Trainer::save(const std::filesystem::path& directory) const {
  std::filesystem::path part = directory;
  part += ".part";
  adapter_.save(part);
  const at::Tensor first = optimizer_.first_moment.cpu(), second = optimizer_.second_moment.cpu(),
                   parameters = adapter_.flat().cpu();
  checkpoint::write_safetensors(part / "optimizer.safetensors",
                                {{"first_moment", first}, {"second_moment", second}, {"parameters", parameters}},
                                {{"step", std::to_string(step_)},
                                 {"rows_dealt", std::to_string(sequence_.dealt())},
                                 {"sha256", digest_of({first, second, parameters})}});
  rename_directory(part, directory);
}

void Trainer::load(const std::filesystem::path& directory) {
  const checkpoint::SafetensorsFile file(directory / "optimizer.safetensors");
  const auto tensor = [&](const char* name) {
    HOLDFAST_CHECK(kBadFile, file.contains(name) && file.shape(name) == adapter_.flat().sizes().vec(), "[train] ",
                   directory.string(), ": found optimizer state of another adapter, expected '", name, "' of ",
                   adapter_.flat().numel(), " parameters; try the options of the run that wrote it");
    return file.tensor(name);
  };
  const auto number = [&](const char* key) {
    std::int64_t value = -1;
    if (const auto found = file.metadata().find(key); found != file.metadata().end())
      std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
    HOLDFAST_CHECK(kBadFile, value >= 0, "[train] ", directory.string(), "/optimizer.safetensors: found no '", key,
                   "' in its metadata, expected a whole number; was the file written by this program?");
    return value;
  };
  const at::Tensor parameters = tensor("parameters"), first = tensor("first_moment"), second = tensor("second_moment");
  const std::int64_t step = number("step"), dealt = number("rows_dealt");
  const auto digest = file.metadata().find("sha256");
  HOLDFAST_CHECK(
      kBadFile, digest != file.metadata().end() && digest->second == digest_of({first, second, parameters}), "[train] ",
      directory.string(),
      "/optimizer.safetensors: found numbers that do not give their checksum, expected those that were written");
  adapter_.flat().copy_(parameters);
  optimizer_.first_moment.copy_(first);
  optimizer_.second_moment.copy_(second);
  optimizer_.num_steps = step_ = step;
  sequence_.seek(dealt);
}

}  // namespace holdfast::training
