#include "training/trainer.h"

#include <charconv>
#include <chrono>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/files.h"
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
  HOLDFAST_CHECK(kBadInput, options.router_aux_loss == 0 || step == nullptr, "[train] found an auxiliary loss of ",
                 options.router_aux_loss, " for routers and a device, expected one of the two; try --device cpu");
  HOLDFAST_CHECK(kBadInput, options.router_aux_loss == 0 || decoder.config().moe.num_experts > 0,
                 "[train] found an auxiliary loss of ", options.router_aux_loss, " for routers and a model of family '",
                 decoder.config().family, "', expected a model with experts; try without it");
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
  const auto start = std::chrono::steady_clock::now();
  StepReport report;
  report.step = step_ + 1;

  const std::int64_t dealt_before = sequence_.dealt();
  const std::vector<const TrainingRow*> rows = deal_rows(dataset_, options_, sequence_);
  for (const TrainingRow* row : rows) {
    report.tokens += static_cast<std::int64_t>(row->ids.size());
    report.target_tokens += row->num_targets();
  }

  // Forward and backward, pack by pack, everything scaled by the targets of the whole step.
  gradient_.flat().zero_();
  double loss_sum = 0, aux_sum = 0;
  std::vector<at::Tensor> device_losses;  // read when all packs are on their way
  for (const auto& pack : pack_rows(rows, options_.pack_tokens)) {
    model::TokenBatch batch;
    std::vector<Target> targets;
    for (const std::size_t index : pack) {
      const TrainingRow& row = *rows[index];
      for (std::size_t i = 1; i < row.ids.size(); ++i) {
        if (row.is_target[i]) targets.push_back({batch.size() + static_cast<std::int64_t>(i) - 1, row.ids[i]});
      }
      batch.add(row.ids);
    }
    const double scale = 1.0 / static_cast<double>(report.target_tokens);
    if (device_step_ != nullptr) {
      device_losses.push_back(device_step_->run(batch, device_targets(targets), scale, adapter_, gradient_));
      continue;
    }
    model::Activations kept;
    const at::Tensor hidden = decoder_.forward(batch, &adapter_, nullptr, &kept);
    const LossResult loss = cross_entropy(decoder_, hidden, targets, scale, true);
    loss_sum += loss.sum;
    if (options_.router_aux_loss > 0) {
      const double share = static_cast<double>(batch.size()) / static_cast<double>(report.tokens);
      aux_sum += share * model::router_loss(decoder_.config(), kept, options_.router_aux_loss * share);
    }
    decoder_.backward(loss.dhidden, batch, adapter_, kept, gradient_);
  }

  for (const at::Tensor& loss : device_losses) loss_sum += loss.item<double>();
  report.loss = loss_sum / static_cast<double>(report.target_tokens);
  if (options_.router_aux_loss > 0) report.aux_loss = aux_sum;
  report.grad_norm = clip_gradient(gradient_.flat(), options_.max_grad_norm);
  report.learning_rate =
      options_.learning_rate * schedule_factor(options_.schedule, step_, options_.warmup_steps, options_.total_steps);
  if (!std::isfinite(report.loss) || !std::isfinite(report.grad_norm)) {
    sequence_.seek(dealt_before);
    fail(ErrorKind::kBadInput, "[train] found loss ", report.loss, " and gradient norm ", report.grad_norm, " at step ",
         report.step, ", expected finite numbers; try a smaller learning rate");
  }
  const profile::Phase phase("optimizer");
  optimizer_.step(adapter_.flat(), gradient_.flat(), report.learning_rate);
  ++step_;
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

void Trainer::save(const std::filesystem::path& directory) const {
  std::filesystem::path part = directory;
  part += ".part";
  adapter_.save(part);
  checkpoint::write_safetensors(part / "optimizer.safetensors",
                                {{"first_moment", optimizer_.first_moment.cpu()},
                                 {"second_moment", optimizer_.second_moment.cpu()},
                                 {"parameters", adapter_.flat().cpu()}},
                                {{"step", std::to_string(step_)}, {"rows_dealt", std::to_string(sequence_.dealt())}});
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
  adapter_.flat().copy_(parameters);
  optimizer_.first_moment.copy_(first);
  optimizer_.second_moment.copy_(second);
  optimizer_.num_steps = step_ = step;
  sequence_.seek(dealt);
}

}  // namespace holdfast::training
