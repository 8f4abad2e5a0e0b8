// Fine-tunes a LoRA adapter on a frozen base: rows, packs, forward, loss, backward, clip, step.
//
// loss of a step = summed token loss / target tokens, over all its rows, however they are packed.
// With router_aux_loss, training minimises loss + router_aux_loss * aux: the routers' auxiliary loss
// (model/router_loss.h) of each pack, averaged over the packs by their tokens.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "device/step.h"
#include "model/adapter.h"
#include "model/decoder.h"
#include "training/dataset.h"
#include "training/optimizer.h"

namespace holdfast::training {

// What happens to activations between the passes (model/activation_policy.h).  kAuto keeps what memory holds and
// recomputes the rest.
enum class ActivationChoice { kAuto, kKeep, kRecompute, kOffload };
// "auto", "keep", "recompute", "offload".  Throws Error(kBadInput) for another word.
ActivationChoice parse_activations(std::string_view word);

struct TrainOptions {
  double learning_rate = 2e-4;
  Schedule schedule = Schedule::kConstant;
  std::int64_t warmup_steps = 0;
  std::int64_t total_steps = 1;  // what linear and cosine schedules end at
  AdamWOptions adamw = {};
  double max_grad_norm = 1;          // 0: no clipping
  std::int64_t rows_per_step = 8;    // used when tokens_per_step is 0
  std::int64_t tokens_per_step = 0;  // rows are added while they fit, at least one
  std::int64_t pack_tokens = 2048;   // tokens that run through the model together
  ActivationChoice activations = ActivationChoice::kAuto;
  std::int64_t activation_bytes = 0;  // that kAuto may keep; 0: most of what is free when the trainer is made
  std::filesystem::path offload_directory = std::filesystem::temp_directory_path();
  double router_aux_loss = 0;  // of models with experts
  RowOrder order = RowOrder::kSeeded;
  std::uint64_t seed = 1234;
};

struct StepReport {
  std::int64_t step = 0;  // from 1
  double loss = 0, grad_norm = 0, learning_rate = 0;
  std::optional<double> aux_loss;  // where it is trained on
  std::int64_t tokens = 0, target_tokens = 0;
  double seconds = 0;
  // Loss or gradient is no number: the step was not taken, and no later one can be.
  bool has_diverged() const { return !std::isfinite(loss) || !std::isfinite(grad_norm); }
  double tokens_per_second() const { return seconds > 0 ? static_cast<double>(tokens) / seconds : 0; }
};

class Trainer {
 public:
  // All references must outlive the trainer; it changes `adapter` in place.
  // Throws Error(kBadInput) for an auxiliary loss of a model without experts.
  // `step` non-null: packs run on its device, on which the adapter must be, and the optimizer's step too.
  Trainer(model::Decoder& decoder, model::Adapter& adapter, const Dataset& dataset, TrainOptions options,
          device::Step* step = nullptr);

  // One optimizer step.  Throws Error(kBadInput) when loss or gradient is not finite; the adapter is then unchanged.
  StepReport step();
  // One step of each run in shared passes over the base: packs of different runs run together, at most one of each run
  // and no more tokens than the largest pack_tokens, and every run gets the bits that step() gives it.  The reports
  // share the seconds by tokens.  A run that has_diverged() is unchanged, the others take their step. REQUIRES:
  // different trainers of one decoder, none with an auxiliary loss unless it is alone.
  static std::vector<StepReport> step_together(std::span<Trainer* const> trainers);
  std::int64_t num_steps() const { return step_; }

  // Adapter weights, optimizer state and the place in the data, in a directory of its own that appears whole or not at
  // all; load() goes on from there.
  void save(const std::filesystem::path& directory) const;
  void load(const std::filesystem::path& directory);

 private:
  // A step on its way: its rows, and how they are packed.
  struct Work {
    StepReport report;
    std::int64_t dealt_before = 0;
    std::vector<const TrainingRow*> rows;
    std::vector<std::vector<std::size_t>> packs;
    double loss_sum = 0, aux_sum = 0;
    std::vector<at::Tensor> device_losses;  // read when all packs are on their way
  };
  Work begin_step();
  // Forward and backward of one pack of each of these runs.
  struct PackOf {
    Trainer* trainer;
    Work* work;
    std::size_t pack;
  };
  // For a batch of so many tokens.
  std::vector<model::Keeping> keeping_of(std::int64_t tokens) const;
  static void run_packs(std::span<const PackOf> packs);
  // Throws where numbers are not finite; then finish_step changes the adapter.
  void measure_step(Work& work);
  void finish_step(Work& work);

  model::Decoder& decoder_;
  model::Adapter& adapter_;
  model::Adapter gradient_;
  const Dataset& dataset_;
  TrainOptions options_;
  AdamW optimizer_;
  RowSequence sequence_;
  std::shared_ptr<model::ActivationFile> activation_file_;  // where activations are offloaded
  std::int64_t step_ = 0;
  device::Step* device_step_;
};

// Deals the rows of one step.
std::vector<const TrainingRow*> deal_rows(const Dataset& dataset, const TrainOptions& options, RowSequence& sequence);

// The steps after which each row has been dealt `epochs` times (of a fraction of an epoch, that share of the rows).
// The last step may reach into the next epoch.
std::int64_t steps_of_epochs(const Dataset& dataset, const TrainOptions& options, double epochs);

// The rows of one step in packs of at most `pack_tokens` (a longer row is a pack of its own), longest rows first, each
// in the fullest pack that still has room (best-fit decreasing).  Returns indices into `rows`.
std::vector<std::vector<std::size_t>> pack_rows(const std::vector<const TrainingRow*>& rows, std::int64_t pack_tokens);

}  // namespace holdfast::training
