#include "assessment/runner_arms.h"

#include <algorithm>
#include <optional>

#include "assessment/costs.h"
#include "assessment/ledger.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/memory.h"
#include "training/trainer.h"

namespace holdfast::assessment {
namespace {

using evaluation::Kind;

void check_stop() {
  if (const int signal = requested_stop(); signal != 0)
    throw Interrupted(signal, "interrupted; what was finished is in the journal, the same command goes on from there");
}

model::Adapter fresh_adapter(const model::Decoder& decoder, const ArmRun& run) {
  checkpoint::AdapterConfig config;
  config.rank = run.arm->rank;
  config.alpha = run.arm->alpha;
  config.target_modules = run.arm->targets;
  return model::Adapter::fresh(decoder.config(), config, static_cast<std::uint64_t>(run.seed));
}

// Items that are put to a model together by cells that wait at the same time.  More share a pass no better, and an
// interrupted run waits for them.
constexpr std::int64_t kJointRows = 256;

std::string work_of(const ArmPlan& arm) { return "arm " + arm.name; }

}  // namespace

bool is_measured_at(const LoadedBenchmark& one, Place place) {
  if (one.is_held_out) return place == Place::kBase || place == Place::kConfirmation;
  if (place == Place::kConfirmation) return false;
  return place != Place::kCheckpoint || one.plan->at == "all";
}

// A run that is trained, with the checkpoint that it trains to next.
struct ArmRunner::Training {
  ArmRun run;
  model::Adapter adapter;
  Rows rows{};
  std::optional<training::Trainer> trainer{};
  std::size_t next_checkpoint = 0;
  std::int64_t checkpoint() const { return run.checkpoints[next_checkpoint]; }
  Waiting waiting() const { return {run.cell(checkpoint()), run.place(checkpoint()), run.account(), &adapter}; }
  bool is_done() const { return next_checkpoint == run.checkpoints.size(); }
};

ArmRunner::ArmRunner(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks, Journal& journal,
                     LiveView& progress, std::filesystem::path cache, std::string what)
    : plan_(plan),
      benchmarks_(benchmarks),
      journal_(journal),
      progress_(progress),
      cache_(std::move(cache)),
      what_(std::move(what)),
      rows_([this](const std::string& path) { return subject().load_rows(path); }) {}

Subject& ArmRunner::subject() {
  if (subject_ == nullptr) {
    progress_.phase("loading the model");
    subject_ = std::make_unique<Subject>(plan_, benchmarks_, cache_);
    journal_.record_phase(CostMeter::of_process().take("load", what_));
    if (what_ == "base" || journal_.cost_basis().is_null())
      journal_.set_cost_basis(cost_basis(plan_, subject_->decoder().config()));
  }
  return *subject_;
}

// Log-likelihoods are the same every time: one sample says all.
std::int64_t ArmRunner::samples_of(const LoadedBenchmark& one) const {
  return one.benchmark.kind == Kind::kChoice ? 1 : plan_.generation.samples;
}

// Guesses of what a unit costs beside the others: an answer 1, a scored item half, a training row three quarters.
void ArmRunner::expect(Place place, const std::string& name) {
  for (const LoadedBenchmark& one : benchmarks_) {
    if (!is_measured_at(one, place)) continue;
    progress_.expect(one.benchmark.name,
                     static_cast<double>(one.benchmark.items.size()) * static_cast<double>(samples_of(one)),
                     one.benchmark.kind == Kind::kChoice ? 0.5 : 1, name);
    if (one.benchmark.kind == Kind::kRefusal) progress_.count_refusals_of(one.benchmark.name);
  }
}

void ArmRunner::expect(const std::vector<ArmRun>& runs) {
  for (const ArmRun& run : runs) {
    for (const std::int64_t checkpoint : run.checkpoints) expect(run.place(checkpoint), run.name);
    const ArmPlan& arm = *run.arm;
    progress_.expect(work_of(arm), static_cast<double>(run.checkpoints.back()),
                     arm.tokens_per_step > 0 ? static_cast<double>(arm.tokens_per_step) / 60
                                             : 0.75 * static_cast<double>(arm.rows_per_step),
                     run.name);
  }
}

// Calls visit(benchmark, sample, wave) for every wave there is, in plan order, while it gives true.
template <typename Visit>
bool ArmRunner::each_wave(Visit&& visit) {
  for (const LoadedBenchmark& one : benchmarks_) {
    const std::int64_t size = plan_.generation.wave;
    const std::int64_t waves = (static_cast<std::int64_t>(one.benchmark.items.size()) + size - 1) / size;
    for (std::int64_t sample = 0; sample < samples_of(one); ++sample) {
      for (std::int64_t wave = 0; wave < waves; ++wave) {
        if (!visit(one, sample, wave)) return false;
      }
    }
  }
  return true;
}

std::int64_t ArmRunner::rows_of(const LoadedBenchmark& one, std::int64_t wave) const {
  const auto items = static_cast<std::int64_t>(one.benchmark.items.size());
  return std::min(plan_.generation.wave, items - wave * plan_.generation.wave);
}

void ArmRunner::measure(std::span<const Waiting> cells) {
  if (cells.empty()) return;
  for (const Waiting& one : cells) journal_.add_cell(one.cell);
  each_wave([&](const LoadedBenchmark& one, std::int64_t sample, std::int64_t number) {
    const std::int64_t rows = rows_of(one, number);
    std::vector<Waiting> waiting;
    for (const Waiting& cell : cells) {
      if (!is_measured_at(one, cell.place)) continue;
      if (journal_.has_wave({cell.cell, one.benchmark.name, sample, number})) {
        progress_.skip(static_cast<double>(rows), one.benchmark.name, cell.cell.arm);
      } else {
        waiting.push_back(cell);
      }
    }
    const auto most = static_cast<std::size_t>(std::max<std::int64_t>(1, kJointRows / rows));
    for (std::size_t begin = 0; begin < waiting.size(); begin += most)
      measure_wave(one, sample, number, std::span(waiting).subspan(begin, std::min(most, waiting.size() - begin)));
    return true;
  });
}

void ArmRunner::measure_wave(const LoadedBenchmark& one, std::int64_t sample, std::int64_t number,
                             std::span<const Waiting> cells) {
  check_stop();
  Subject& model = subject();
  const CellKey& first = cells.front().cell;
  progress_.phase("measuring " + first.arm + " at step " + std::to_string(first.step) +
                      (cells.size() == 1 ? "" : ", and " + std::to_string(cells.size() - 1) + " beside it"),
                  " on " + one.benchmark.name);
  std::vector<Asked> asked;
  for (const Waiting& cell : cells) asked.push_back({cell.account, cell.adapter});
  const auto begin = static_cast<std::size_t>(number * plan_.generation.wave);
  const std::size_t end = std::min(one.benchmark.items.size(), begin + static_cast<std::size_t>(plan_.generation.wave));
  const std::vector<WaveResult> results = model.measure(one, begin, end, sample, asked);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const CellKey& cell = cells[i].cell;
    journal_.commit_wave({cell, one.benchmark.name, sample, number}, results[i].answers, results[i].costs);
    for (const PhaseRecord& cost : results[i].costs) progress_.spent(cost.tokens, cost.seconds);
    progress_.wave_done(cell, one.benchmark.name, results[i].answers);
    progress_.advance(static_cast<double>(end - begin), one.benchmark.name, cell.arm);
  }
}

// The step up to which a run can be trained, as far as is known.
std::int64_t ArmRunner::last_step_of(const ArmRun& run) const {
  for (const auto& one : journal_.divergences()) {
    if (one["arm"] == run.name && one["seed"] == run.seed) return one["step"].get<std::int64_t>() - 1;
  }
  return run.checkpoints.back();
}

bool ArmRunner::is_measured(const ArmRun& run) {
  const std::int64_t last = last_step_of(run);
  return std::all_of(run.checkpoints.begin(), run.checkpoints.end(), [&](std::int64_t checkpoint) {
    const CellKey cell = run.cell(checkpoint);
    journal_.add_cell(cell);
    if (checkpoint > last) return true;  // there is nothing to measure
    return each_wave([&](const LoadedBenchmark& one, std::int64_t sample, std::int64_t number) {
      return !is_measured_at(one, run.place(checkpoint)) ||
             journal_.has_wave({cell, one.benchmark.name, sample, number});
    });
  });
}

void ArmRunner::run(const std::vector<ArmRun>& runs, const std::optional<Untouched>& untouched) {
  std::vector<ArmRun> controls, untrained, trained;
  for (const ArmRun& one : runs)
    (one.checkpoints.back() > 0 ? trained : one.arm->kind == "no-op" ? controls : untrained).push_back(one);
  std::vector<Waiting> first;
  if (untouched) first.push_back({untouched->cell, untouched->place, untouched->cell.arm, nullptr});
  measure_untrained(untrained, std::move(first));
  measure_untrained(controls, {});
  std::vector<std::unique_ptr<Training>> waiting;
  for (const ArmRun& one : trained) {
    if (auto training = begin(one)) waiting.push_back(std::move(training));
  }
  train_all(std::move(waiting));
}

// With the cells that wait already, and as many adapters at a time as memory has room for.
void ArmRunner::measure_untrained(const std::vector<ArmRun>& runs, std::vector<Waiting> cells) {
  std::vector<std::unique_ptr<Training>> loaded;
  std::int64_t bytes = 0;
  const std::int64_t room = available_memory_bytes() / 4;
  for (const ArmRun& run : runs) {
    auto one = begin(run);
    if (one == nullptr) continue;
    bytes += static_cast<std::int64_t>(one->adapter.flat().nbytes());
    if (!cells.empty() && bytes > room) {
      measure(cells);
      cells.clear();
      loaded.clear();
      bytes = static_cast<std::int64_t>(one->adapter.flat().nbytes());
    }
    cells.push_back(one->waiting());
    loaded.push_back(std::move(one));
  }
  measure(cells);
}

// What the view expected of a run behind a step.
void ArmRunner::skip(const ArmRun& run, std::int64_t after) {
  each_wave([&](const LoadedBenchmark& one, std::int64_t, std::int64_t number) {
    for (const std::int64_t checkpoint : run.checkpoints) {
      if (checkpoint > after && is_measured_at(one, run.place(checkpoint)))
        progress_.skip(static_cast<double>(rows_of(one, number)), one.benchmark.name, run.name);
    }
    return true;
  });
  const std::int64_t steps = run.checkpoints.back() - std::max<std::int64_t>(0, after);
  progress_.skip(static_cast<double>(steps), work_of(*run.arm), run.name);
}

// The loss was no number at a step: what was measured before it stands, and nothing comes after.
void ArmRunner::give_up(Training& training, std::int64_t step, const PhaseRecord& cost) {
  const ArmRun& run = training.run;
  journal_.add_divergence(run.name, run.seed, step, cost);
  progress_.clear();
  log_warning("[assess] the training of " + run.name + ", seed " + std::to_string(run.seed) + ", diverged at step " +
              std::to_string(step) + ": the loss or its gradient is no number (learning rate " +
              nlohmann::json(run.arm->lr).dump() + "); nothing of it is measured from there on");
  skip(run, step - 1);
  training.next_checkpoint = run.checkpoints.size();
}

// Null where nothing is left to do.
std::unique_ptr<ArmRunner::Training> ArmRunner::begin(const ArmRun& run) {
  if (is_measured(run)) {
    skip(run);
    return nullptr;
  }
  const model::Decoder& decoder = subject().decoder();
  model::Adapter adapter =
      run.arm->adapter.empty() ? fresh_adapter(decoder, run) : model::Adapter::load(decoder.config(), run.arm->adapter);
  return std::unique_ptr<Training>(new Training{run, std::move(adapter)});
}

// As many at a time as memory has room for; which ones changes nothing in the results.
void ArmRunner::train_all(std::vector<std::unique_ptr<Training>> waiting) {
  while (!waiting.empty()) {
    std::vector<std::unique_ptr<Training>> group;
    std::int64_t bytes = 0;
    const std::int64_t room = available_memory_bytes() / 4;
    while (!waiting.empty()) {
      const Training& next = *waiting.front();
      constexpr std::int64_t kCopies = 4;  // weights, gradient and two moments
      bytes += kCopies * static_cast<std::int64_t>(next.adapter.flat().nbytes());
      const bool must_be_alone = next.run.arm->router_aux_loss > 0;
      if (!group.empty() && (must_be_alone || bytes > room)) break;
      group.push_back(std::move(waiting.front()));
      waiting.erase(waiting.begin());
      if (must_be_alone) break;
    }
    train_group(group);
  }
}

void ArmRunner::train_group(const std::vector<std::unique_ptr<Training>>& group) {
  for (const auto& one : group) {
    one->rows = load_rows(*one->run.arm, one->run.seed);
    one->trainer.emplace(subject().decoder(), one->adapter, *one->rows, train_options(*one->run.arm, one->run.seed));
  }
  for (;;) {
    std::vector<Training*> active;
    std::vector<Waiting> cells;
    for (const auto& one : group) {
      while (!one->is_done() && one->trainer->num_steps() == one->checkpoint()) {
        cells.push_back(one->waiting());
        ++one->next_checkpoint;
      }
      if (!one->is_done()) active.push_back(one.get());
    }
    measure(cells);
    if (active.empty()) return;
    train_step(active);
  }
}

Rows ArmRunner::load_rows(const ArmPlan& arm, std::int64_t seed) {
  Rows rows = rows_.rows(arm, seed);
  const training::Dataset& dataset = *rows;
  if (seed == arm.seeds.front() && (dataset.num_cut > 0 || dataset.num_without_targets > 0)) {
    progress_.clear();
    log_warning("[assess] the data of " + arm.name + ": " + std::to_string(dataset.num_cut) +
                " rows too long for the model were cut, " + std::to_string(dataset.num_without_targets) +
                " rows without an answer left out");
  }
  return rows;
}

void ArmRunner::train_step(const std::vector<Training*>& active) {
  check_stop();
  subject().forget_beginnings();
  const Training& first = *active.front();
  progress_.phase("training " + first.run.name,
                  ", step " + std::to_string(first.trainer->num_steps() + 1) + " of " +
                      std::to_string(first.run.checkpoints.back()) +
                      (active.size() == 1 ? "" : ", and " + std::to_string(active.size() - 1) + " beside it"));
  std::vector<training::Trainer*> trainers;
  for (Training* one : active) trainers.push_back(&*one->trainer);
  const auto reports = training::Trainer::step_together(trainers);
  std::vector<std::pair<std::string, PhaseTokens>> worked;
  for (std::size_t i = 0; i < active.size(); ++i)
    worked.push_back({active[i]->run.account(), {reports[i].tokens, reports[i].tokens, reports[i].target_tokens}});
  const auto costs = CostMeter::of_process().take_shared("train", worked);
  for (std::size_t i = 0; i < active.size(); ++i) {
    const training::StepReport& r = reports[i];
    if (r.has_diverged()) {
      give_up(*active[i], r.step, costs[i]);
      continue;
    }
    const ArmRun& run = active[i]->run;
    journal_.commit_step(run.name, run.seed, {r.step, r.loss, r.grad_norm, r.learning_rate, r.tokens, r.target_tokens},
                         costs[i]);
    progress_.spent(r.tokens, costs[i].seconds);
    progress_.advance(1, work_of(*run.arm), run.name);
  }
}

}  // namespace holdfast::assessment
